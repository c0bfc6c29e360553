//! One message sealed to one recipient, and opened again: HPKE's single-shot base mode (sealed messages, RFC 9180).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{
    Binding, DecryptionKey, EncryptionKey, SealError, SharedSecret, Suite,
    binding::associated_data,
    primitive::{Aead, ChaCha, TAG, XChaCha},
    schedule::{self, Schedule, Secret},
};
use crate::{Fingerprint, SecretBytes, hmac_sha256};

/// Keeps the ephemeral key's derivation apart from every other use of the same randomness.
const EPHEMERAL: &[u8] = b"amp-sealed-v1 ephemeral";

/// Seals a plaintext to a recipient. The length of the plaintext shows: pad it before.
///
/// The randomness must come from a secure generator, be secret, and be used once. It is mixed with everything that is
/// sealed, so that giving the same 32 bytes for two different messages does not repeat a key: that the same message was
/// sealed twice can be seen, and no more. Bytes that somebody can guess are another matter: with them each guess of the
/// text can be tried.
///
/// ```
/// use amp_crypto::{Identity, seal::{self, Binding, DecryptionKey, EncryptionKey, Suite}};
///
/// let (alice, bob) = (Identity::from_seed(&[7; 32]), Identity::from_seed(&[8; 32]));
/// let binding = Binding::new("alice@acme.crabmail.ai", "bob@acme.crabmail.ai", alice.verifying_key())?;
/// let randomness = [9; 32]; // of the operating system
///
/// let sealed = seal::seal(
///     Suite::default(),
///     &EncryptionKey::of(bob.verifying_key())?,
///     &binding,
///     b"Hello",
///     &randomness,
/// )?;
/// let opened = seal::open(&sealed.ciphertext(), &DecryptionKey::of(&bob), &binding)?;
/// assert_eq!(opened.plaintext(), b"Hello");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Errors
/// [`SealError::PlaintextLength`] beyond 256 GiB; [`SealError::Randomness`] for zeros, which are a buffer that nobody
/// filled.
pub fn seal(
    suite: Suite,
    recipient: &EncryptionKey,
    binding: &Binding,
    plaintext: &[u8],
    randomness: &[u8; 32],
) -> Result<Sealed, SealError> {
    if *randomness == [0; 32] {
        return Err(SealError::Randomness);
    }
    let ikm = ephemeral_ikm(suite, recipient, binding, plaintext, randomness);
    let (epk, shared) =
        schedule::encap(&schedule::derive_scalar(&ikm), recipient).ok_or(SealError::EphemeralKey)?;
    let kid = recipient.id();
    let aad = associated_data(suite, &kid);
    let length = plaintext.len().checked_add(TAG).ok_or(SealError::PlaintextLength)?;
    let mut ct = Vec::with_capacity(length);
    ct.extend_from_slice(plaintext);
    let Some(tag) = encrypt(suite, &shared, binding.info(), &aad, &mut ct) else {
        ct.zeroize();
        return Err(SealError::PlaintextLength);
    };
    ct.extend_from_slice(&tag);
    Ok(Sealed { suite, kid, epk: EncryptionKey::of_base(epk), ct, secret: SharedSecret::of(&shared) })
}

/// HMAC over suite, recipient, binding and plaintext, keyed with the randomness.
fn ephemeral_ikm(
    suite: Suite,
    recipient: &EncryptionKey,
    binding: &Binding,
    plaintext: &[u8],
    randomness: &[u8; 32],
) -> Secret<32> {
    let info: [u8; 32] = Sha256::digest(binding.info()).into();
    let digest: Secret<32> = Zeroizing::new(Sha256::digest(plaintext).into());
    // All parts have a fixed length.
    let parts: [&[u8]; 5] = [EPHEMERAL, &suite.hpke_id(), recipient.as_bytes(), &info, digest.as_slice()];
    Zeroizing::new(hmac_sha256(randomness, &parts).into_bytes())
}

/// Opens a message with the recipient's key.
///
/// # Errors
/// [`SealError::NotOpened`], whatever was wrong: another key, sender, recipient, suite, or a changed ciphertext.
pub fn open(
    ciphertext: &Ciphertext<'_>,
    key: &DecryptionKey,
    binding: &Binding,
) -> Result<Opened, SealError> {
    let recipient = key.encryption_key();
    if ciphertext.kid != recipient.id() {
        return Err(SealError::NotOpened);
    }
    let shared =
        schedule::decap(ciphertext.epk.as_bytes(), key.scalar(), &recipient).ok_or(SealError::NotOpened)?;
    let plaintext = open_shared(ciphertext, &shared, binding)?;
    Ok(Opened { plaintext, secret: SharedSecret::of(&shared) })
}

/// Opens a message with the shared secret that was kept of it.
///
/// The secret must come from where nobody else can write: a sender who could put another in its place might have made
/// a ciphertext that opens under both. With the recipient's key at hand, [`open`] leaves no such choice.
///
/// # Errors
/// [`SealError::NotOpened`], as [`open`].
pub fn open_with(
    ciphertext: &Ciphertext<'_>,
    secret: &SharedSecret,
    binding: &Binding,
) -> Result<SecretBytes, SealError> {
    open_shared(ciphertext, &secret.to_secret(), binding)
}

fn open_shared(
    ciphertext: &Ciphertext<'_>,
    shared: &Secret<32>,
    binding: &Binding,
) -> Result<SecretBytes, SealError> {
    let (body, tag) = ciphertext.ct.split_last_chunk::<TAG>().ok_or(SealError::NotOpened)?;
    let aad = associated_data(ciphertext.suite, &ciphertext.kid);
    let mut buffer = Vec::from(body);
    if decrypt(ciphertext.suite, shared, binding.info(), &aad, &mut buffer, tag) {
        Ok(SecretBytes::new(buffer))
    } else {
        Err(SealError::NotOpened)
    }
}

pub(super) fn encrypt(
    suite: Suite,
    shared: &Secret<32>,
    info: &[u8],
    aad: &[u8],
    buffer: &mut [u8],
) -> Option<[u8; TAG]> {
    fn with<A: Aead<Nonce = [u8; N]>, const N: usize>(
        schedule: &Schedule<N>,
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Option<[u8; TAG]> {
        A::with_key(&schedule.key).seal_in_place(&schedule.base_nonce, aad, buffer)
    }
    match suite {
        Suite::XChaCha20Poly1305 => {
            with::<XChaCha, 24>(&schedule::key_schedule(suite, shared, info), aad, buffer)
        }
        Suite::ChaCha20Poly1305 => {
            with::<ChaCha, 12>(&schedule::key_schedule(suite, shared, info), aad, buffer)
        }
    }
}

pub(super) fn decrypt(
    suite: Suite,
    shared: &Secret<32>,
    info: &[u8],
    aad: &[u8],
    buffer: &mut [u8],
    tag: &[u8; TAG],
) -> bool {
    fn with<A: Aead<Nonce = [u8; N]>, const N: usize>(
        schedule: &Schedule<N>,
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; TAG],
    ) -> bool {
        A::with_key(&schedule.key).open_in_place(&schedule.base_nonce, aad, buffer, tag)
    }
    match suite {
        Suite::XChaCha20Poly1305 => {
            with::<XChaCha, 24>(&schedule::key_schedule(suite, shared, info), aad, buffer, tag)
        }
        Suite::ChaCha20Poly1305 => {
            with::<ChaCha, 12>(&schedule::key_schedule(suite, shared, info), aad, buffer, tag)
        }
    }
}

/// A message as it was sealed, and the shared secret that opens it for its sender.
pub struct Sealed {
    suite: Suite,
    kid: Fingerprint,
    epk: EncryptionKey,
    ct: Vec<u8>,
    secret: SharedSecret,
}

impl Sealed {
    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The id of the recipient's key.
    #[must_use]
    pub const fn kid(&self) -> Fingerprint {
        self.kid
    }

    /// The ephemeral public key, HPKE's `enc`.
    #[must_use]
    pub const fn epk(&self) -> &[u8; 32] {
        self.epk.as_bytes()
    }

    /// The ciphertext: as many bytes as the plaintext and a tag of 16.
    #[must_use]
    pub fn ct(&self) -> &[u8] {
        &self.ct
    }

    /// What opens this message again.
    #[must_use]
    pub const fn secret(&self) -> &SharedSecret {
        &self.secret
    }

    /// The parts that travel, as a recipient reads them.
    #[must_use]
    pub fn ciphertext(&self) -> Ciphertext<'_> {
        Ciphertext { suite: self.suite, kid: self.kid, epk: self.epk, ct: &self.ct }
    }

    /// The ciphertext and what opens it.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, SharedSecret) {
        (self.ct, self.secret)
    }
}

/// A sealed message as it was received.
#[derive(Clone, Copy)]
pub struct Ciphertext<'a> {
    suite: Suite,
    kid: Fingerprint,
    epk: EncryptionKey,
    ct: &'a [u8],
}

impl<'a> Ciphertext<'a> {
    /// Takes the parts: suite, id of the recipient's key, ephemeral key, and ciphertext with its tag.
    ///
    /// ```
    /// use amp_crypto::{Fingerprint, seal::{Ciphertext, SealError, Suite}};
    ///
    /// let kid = Fingerprint::parse("Vkdap1RjR0wChd9dvyvKtz2mUTWIOem3dIGy6rEHcIw=").unwrap();
    /// let small_order = [0; 32];
    /// let refused = Ciphertext::new(Suite::default(), kid, &small_order, &[0; 64]);
    /// assert_eq!(refused.unwrap_err(), SealError::EphemeralKey);
    /// ```
    ///
    /// # Errors
    /// [`SealError::EphemeralKey`] when the ephemeral key is of small order or not canonical.
    pub fn new(suite: Suite, kid: Fingerprint, epk: &[u8; 32], ct: &'a [u8]) -> Result<Self, SealError> {
        let epk = EncryptionKey::from_bytes(*epk).map_err(|_| SealError::EphemeralKey)?;
        Ok(Self { suite, kid, epk, ct })
    }

    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The id of the key that it was sealed to.
    #[must_use]
    pub const fn kid(&self) -> Fingerprint {
        self.kid
    }
}

/// Shows the suite, the key's id and the ciphertext's length in bytes.
impl fmt::Debug for Ciphertext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ciphertext({}, {}, {} bytes)", self.suite, self.kid, self.ct.len())
    }
}

/// Shows the suite, the key's id and the ciphertext's length in bytes.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}, {}, {} bytes)", self.suite, self.kid, self.ct.len())
    }
}

/// A message's plaintext, zeroized on drop, and the shared secret that opens this one message again.
#[derive(Debug)]
pub struct Opened {
    plaintext: SecretBytes,
    secret: SharedSecret,
}

impl Opened {
    /// The plaintext, with its padding.
    #[must_use]
    pub fn plaintext(&self) -> &[u8] {
        self.plaintext.expose()
    }

    /// What opens this message again.
    #[must_use]
    pub const fn secret(&self) -> &SharedSecret {
        &self.secret
    }

    /// Both.
    #[must_use]
    pub fn into_parts(self) -> (SecretBytes, SharedSecret) {
        (self.plaintext, self.secret)
    }
}
