//! X25519 of dalek and the ciphers of RustCrypto: Rust alone, on every target.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use chacha20poly1305::{
    AeadInOut, ChaCha20Poly1305, KeyInit, XChaCha20Poly1305,
    aead::{Nonce, inout::InOutBuf},
};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{Aead, TAG};

/// X25519 (RFC 7748). The scalar is clamped here. The caller refuses a result of zeros.
pub(in crate::seal) fn x25519(scalar: &[u8; 32], point: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let shared = StaticSecret::from(*scalar).diffie_hellman(&PublicKey::from(*point));
    Zeroizing::new(shared.to_bytes())
}

/// X25519 with the base point.
pub(in crate::seal) fn x25519_base(scalar: &[u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(*scalar)).to_bytes()
}

/// Both with one scalar: the base point's multiple, then the other's. The caller refuses a second of zeros.
pub(in crate::seal) fn x25519_base_and(
    scalar: &[u8; 32],
    point: &[u8; 32],
) -> ([u8; 32], Zeroizing<[u8; 32]>) {
    (x25519_base(scalar), x25519(scalar, point))
}

macro_rules! aead {
    ($cipher:ident, $nonce:literal) => {
        impl Aead for $cipher {
            type Nonce = [u8; $nonce];

            fn with_key(key: &[u8; 32]) -> Self {
                Self::new(key.into())
            }

            fn seal_in_place(&self, nonce: &Self::Nonce, aad: &[u8], buffer: &mut [u8]) -> Option<[u8; TAG]> {
                let nonce: &Nonce<Self> = nonce.into();
                self.encrypt_inout_detached(nonce, aad, InOutBuf::from(buffer)).ok().map(Into::into)
            }

            fn open_in_place(
                &self,
                nonce: &Self::Nonce,
                aad: &[u8],
                buffer: &mut [u8],
                tag: &[u8; TAG],
            ) -> bool {
                let nonce: &Nonce<Self> = nonce.into();
                self.decrypt_inout_detached(nonce, aad, InOutBuf::from(buffer), tag.into()).is_ok()
            }
        }
    };
}

/// ChaCha20-Poly1305 (RFC 8439).
pub(in crate::seal) type ChaCha = ChaCha20Poly1305;
/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha).
pub(in crate::seal) type XChaCha = XChaCha20Poly1305;

aead!(ChaCha, 12);
aead!(XChaCha, 24);
