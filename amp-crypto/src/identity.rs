//! An agent's private key: made, loaded, stored, signed with.

use core::fmt;

use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha512};
use zeroize::{ZeroizeOnDrop, Zeroizing};

#[cfg(feature = "getrandom")]
use crate::RandomnessError;
use crate::{
    ContextError, DidKey, Fingerprint, KeyError, SecretBytes, SecretText, Signature, SigningContext,
    VerifyingKey, ed25519::Ed25519Key, pem, pkcs8,
};

/// An Ed25519 private key. Zeroized on drop; cannot be cloned, printed or serialized.
///
/// ```
/// use amp_crypto::{Identity, SigningContext};
///
/// let alice = Identity::from_seed(&[7; 32]); // `Identity::generate()` with the feature `getrandom`
/// let restored = Identity::from_pkcs8_pem(alice.to_pkcs8_pem().expose())?;
/// assert_eq!(restored.verifying_key(), alice.verifying_key());
///
/// // Only bytes of one of the protocol's contexts are signed.
/// assert!(alice.sign(SigningContext::Message, b"anything at all").is_err());
/// # Ok::<(), amp_crypto::KeyError>(())
/// ```
///
/// ```compile_fail,E0277
/// println!("{}", amp_crypto::Identity::from_seed(&[7; 32]));
/// ```
///
/// ```compile_fail,E0599
/// let copy = amp_crypto::Identity::from_seed(&[7; 32]).clone();
/// ```
#[derive(ZeroizeOnDrop)]
pub struct Identity {
    signing: SigningKey,
    #[zeroize(skip)]
    verifying: VerifyingKey,
}

impl Identity {
    /// A new key from the operating system's randomness.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, which current ones never report once they run;
    /// [`try_generate`](Self::try_generate) returns that as an error.
    #[cfg(feature = "getrandom")]
    #[must_use]
    #[expect(clippy::expect_used, reason = "no input leads here, and no key may be made without randomness")]
    pub fn generate() -> Self {
        Self::try_generate().expect("the operating system's randomness")
    }

    /// A new key from the operating system's randomness, or the news that there is none.
    ///
    /// # Errors
    /// [`RandomnessError`] when the operating system has no randomness to give.
    #[cfg(feature = "getrandom")]
    pub fn try_generate() -> Result<Self, RandomnessError> {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|_| RandomnessError)?;
        Ok(Self::from_seed(&seed))
    }

    /// The key of a 32-byte seed (RFC 8032's private key). Every seed is a key; the seed is the secret.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let verifying = VerifyingKey::of_ed25519(Ed25519Key::of(&signing));
        Self { signing, verifying }
    }

    /// Reads a PEM block `PRIVATE KEY` (PKCS#8), as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// [`KeyError`] for any other text, an encrypted key, or a public key in the file that is not the private key's.
    pub fn from_pkcs8_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_pkcs8_der(&pem::decode(text, pem::PRIVATE)?)
    }

    /// Reads PKCS#8 in strict DER, version 1, or version 2 with its public key.
    ///
    /// # Errors
    /// [`KeyError`] for anything else, or a public key in the file that is not the private key's.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let file = pkcs8::parse(der)?;
        let identity = Self::from_seed(file.seed);
        let own = identity.signing.verifying_key();
        match file.public {
            Some(stated) if stated != own.as_bytes() => Err(KeyError::PublicKeyMismatch),
            _ => Ok(identity),
        }
    }

    /// The private key as PKCS#8 PEM, version 1, which every OpenSSL since 1.1.1 reads.
    #[must_use]
    pub fn to_pkcs8_pem(&self) -> SecretText {
        SecretText::new(pem::encode(self.to_pkcs8_der().expose(), pem::PRIVATE))
    }

    /// The private key as the 48 bytes of PKCS#8 DER, version 1.
    #[must_use]
    pub fn to_pkcs8_der(&self) -> SecretBytes {
        SecretBytes::new(pkcs8::encode(self.signing.as_bytes()))
    }

    /// The public key.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The public key's fingerprint, as it is written.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.verifying.fingerprint()
    }

    /// The public key's `did:key`.
    #[must_use]
    pub fn did(&self) -> DidKey {
        DidKey::of_ed25519(&self.verifying)
    }

    /// The scalar of the key, not yet clamped: the first half of the seed's SHA-512 (RFC 8032, section 5.1.5).
    pub(crate) fn x25519_scalar(&self) -> Zeroizing<[u8; 32]> {
        let digest: Zeroizing<[u8; 64]> = Zeroizing::new(Sha512::digest(self.signing.as_bytes()).into());
        let mut scalar = Zeroizing::new([0; 32]);
        scalar.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
        scalar
    }

    /// Signs bytes of this context. There is no way to sign bytes that belong to none.
    ///
    /// # Errors
    /// [`ContextError`] when the bytes are not in the context's grammar, and in [`SigningContext::RotationPem`] and
    /// [`SigningContext::RotationDer`], which are verified but never written.
    pub fn sign(&self, context: SigningContext, bytes: &[u8]) -> Result<Signature, ContextError> {
        if context.is_verify_only() {
            return Err(ContextError::VerifyOnly(context));
        }
        if !context.accepts(bytes) {
            return Err(ContextError::NotInContext(context));
        }
        Ok(Signature::from_array(self.signing.sign(bytes).to_bytes()))
    }
}

/// Shows the public key's fingerprint and nothing else.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint())
    }
}
