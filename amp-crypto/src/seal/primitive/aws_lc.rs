//! X25519 and ChaCha20-Poly1305 of AWS-LC, in C and assembly. HChaCha20, which it does not have, is RustCrypto's.
//!
//! AWS-LC wipes what it frees. What it cannot do for want of memory, the portable backend does.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey},
    agreement::{PrivateKey, UnparsedPublicKey, X25519, agree},
};
use chacha20::{R20, hchacha};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Aead, TAG, portable};

/// X25519 (RFC 7748). The scalar is clamped here. The caller refuses a result of zeros.
pub(in crate::seal) fn x25519(scalar: &[u8; 32], point: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    PrivateKey::from_private_key(&X25519, scalar)
        .map_or_else(|_| portable::x25519(scalar, point), |key| agreed(&key, point))
}

/// X25519 with the base point.
pub(in crate::seal) fn x25519_base(scalar: &[u8; 32]) -> [u8; 32] {
    PrivateKey::from_private_key(&X25519, scalar)
        .ok()
        .and_then(|key| public(&key))
        .unwrap_or_else(|| portable::x25519_base(scalar))
}

/// Both with one scalar: the base point's multiple, then the other's. The caller refuses a second of zeros.
pub(in crate::seal) fn x25519_base_and(
    scalar: &[u8; 32],
    point: &[u8; 32],
) -> ([u8; 32], Zeroizing<[u8; 32]>) {
    // Reading the key is what takes the base point's multiple: once for both.
    let key = PrivateKey::from_private_key(&X25519, scalar).ok();
    let both = key.and_then(|key| Some((public(&key)?, agreed(&key, point))));
    both.unwrap_or_else(|| portable::x25519_base_and(scalar, point))
}

fn public(key: &PrivateKey) -> Option<[u8; 32]> {
    key.compute_public_key().ok()?.as_ref().try_into().ok()
}

fn agreed(key: &PrivateKey, point: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut shared = Zeroizing::new([0; 32]);
    let done = agree(key, UnparsedPublicKey::new(&X25519, point), (), |secret| {
        shared.iter_mut().zip(secret).for_each(|(to, from)| *to = *from);
        Ok(())
    });
    if done.is_err() {
        // A result of zeros is an error there.
        shared.zeroize();
    }
    shared
}

/// ChaCha20-Poly1305 (RFC 8439).
#[derive(ZeroizeOnDrop)]
pub(in crate::seal) struct ChaCha([u8; 32]);

impl ChaCha {
    fn lend(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.0).ok().map(LessSafeKey::new)
    }
}

impl Aead for ChaCha {
    type Nonce = [u8; 12];

    fn with_key(key: &[u8; 32]) -> Self {
        Self(*key)
    }

    fn seal_in_place(&self, nonce: &Self::Nonce, aad: &[u8], buffer: &mut [u8]) -> Option<[u8; TAG]> {
        let Some(key) = self.lend() else {
            return portable::ChaCha::with_key(&self.0).seal_in_place(nonce, aad, buffer);
        };
        let tag = key.seal_in_place_separate_tag(nonce.into(), Aad::from(aad), buffer);
        tag.ok()?.as_ref().try_into().ok()
    }

    fn open_in_place(&self, nonce: &Self::Nonce, aad: &[u8], buffer: &mut [u8], tag: &[u8; TAG]) -> bool {
        let Some(key) = self.lend() else {
            return portable::ChaCha::with_key(&self.0).open_in_place(nonce, aad, buffer, tag);
        };
        let opened = key.open_in_place_separate_tag(nonce.into(), Aad::from(aad), tag, buffer).is_ok();
        if !opened {
            // What is in it then is not said.
            buffer.zeroize();
        }
        opened
    }
}

/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): ChaCha20-Poly1305 under a key of the nonce's first 16 bytes.
#[derive(ZeroizeOnDrop)]
pub(in crate::seal) struct XChaCha([u8; 32]);

impl XChaCha {
    fn of_nonce(&self, nonce: &[u8; 24]) -> (ChaCha, [u8; 12]) {
        let (mut first, mut rest) = ([0; 16], [0; 12]);
        first.iter_mut().chain(rest.iter_mut().skip(4)).zip(nonce).for_each(|(to, from)| *to = *from);
        let mut subkey = hchacha::<R20>(&self.0.into(), &first.into());
        let cipher = ChaCha(subkey.into());
        subkey.as_mut_slice().zeroize();
        (cipher, rest)
    }
}

impl Aead for XChaCha {
    type Nonce = [u8; 24];

    fn with_key(key: &[u8; 32]) -> Self {
        Self(*key)
    }

    fn seal_in_place(&self, nonce: &Self::Nonce, aad: &[u8], buffer: &mut [u8]) -> Option<[u8; TAG]> {
        let (cipher, nonce) = self.of_nonce(nonce);
        cipher.seal_in_place(&nonce, aad, buffer)
    }

    fn open_in_place(&self, nonce: &Self::Nonce, aad: &[u8], buffer: &mut [u8], tag: &[u8; TAG]) -> bool {
        let (cipher, nonce) = self.of_nonce(nonce);
        cipher.open_in_place(&nonce, aad, buffer, tag)
    }
}
