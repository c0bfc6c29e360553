//! HPKE in base mode: the KEM DHKEM(X25519, HKDF-SHA256) and the key schedule (RFC 9180, sections 4.1, 5.1, 7.1.3).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use hkdf::{Hkdf, HkdfExtract};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{EncryptionKey, Suite, primitive};

/// Secret bytes of a length known at compile time.
pub(super) type Secret<const N: usize> = Zeroizing<[u8; N]>;

/// `suite_id` inside the KEM: `KEM` and 0x0020.
const KEM_ID: [u8; 5] = [b'K', b'E', b'M', 0x00, 0x20];
const VERSION: &[u8] = b"HPKE-v1";
const BASE_MODE: u8 = 0;

/// The functions LabeledExtract and LabeledExpand under one `suite_id`.
struct Labeled<'a> {
    suite_id: &'a [u8],
}

impl Labeled<'_> {
    fn extract(&self, salt: &[u8], label: &[u8], ikm: &[u8]) -> Secret<32> {
        let mut extract = HkdfExtract::<Sha256>::new(Some(salt));
        for part in [VERSION, self.suite_id, label, ikm] {
            extract.input_ikm(part);
        }
        Zeroizing::new(extract.finalize().0.into())
    }

    /// What follows the mode in `key_schedule_context`: the hashes of no PSK identifier and of `info`.
    fn context_hashes(&self, info: &[u8]) -> (Secret<32>, Secret<32>) {
        (self.extract(b"", b"psk_id_hash", b""), self.extract(b"", b"info_hash", info))
    }

    #[expect(clippy::expect_used, reason = "HKDF-SHA256 takes a key of 32 bytes and gives up to 8160")]
    fn expand<const N: usize>(&self, prk: &Secret<32>, label: &[u8], info: &[&[u8]]) -> Secret<N> {
        const { assert!(N <= 255) };
        let length = [0, u8::try_from(N).unwrap_or(u8::MAX)];
        let mut parts: [&[u8]; 8] = [&length, VERSION, self.suite_id, label, &[], &[], &[], &[]];
        for (part, of_info) in parts.iter_mut().skip(4).zip(info) {
            *part = of_info;
        }
        let mut out = Zeroizing::new([0; N]);
        Hkdf::<Sha256>::from_prk(prk.as_slice())
            .expect("32 bytes")
            .expand_multi_info(&parts, out.as_mut_slice())
            .expect("at most 255 bytes");
        out
    }
}

/// The private half of DeriveKeyPair of section 7.1.3, not yet clamped.
pub(super) fn derive_scalar(ikm: &[u8; 32]) -> Secret<32> {
    let kem = Labeled { suite_id: &KEM_ID };
    kem.expand(&kem.extract(b"", b"dkp_prk", ikm), b"sk", &[])
}

/// Encap with an ephemeral scalar that was made already: HPKE's `enc`, and the shared secret. Nothing for a
/// Diffie-Hellman result of zeros.
pub(super) fn encap(ephemeral: &Secret<32>, recipient: &EncryptionKey) -> Option<([u8; 32], Secret<32>)> {
    let (epk, dh) = primitive::x25519_base_and(ephemeral, recipient.as_bytes());
    let shared = extract_and_expand(&contributory(dh)?, &epk, recipient);
    Some((epk, shared))
}

/// Decap. Nothing for a Diffie-Hellman result of zeros.
pub(super) fn decap(epk: &[u8; 32], scalar: &[u8; 32], recipient: &EncryptionKey) -> Option<Secret<32>> {
    let dh = contributory(primitive::x25519(scalar, epk))?;
    Some(extract_and_expand(&dh, epk, recipient))
}

/// Both sides have a part in the result (RFC 9180, section 7.1.4).
fn contributory(dh: Secret<32>) -> Option<Secret<32>> {
    if bool::from(dh.ct_eq(&[0; 32])) { None } else { Some(dh) }
}

fn extract_and_expand(dh: &Secret<32>, epk: &[u8; 32], recipient: &EncryptionKey) -> Secret<32> {
    let kem = Labeled { suite_id: &KEM_ID };
    let prk = kem.extract(b"", b"eae_prk", dh.as_slice());
    kem.expand(&prk, b"shared_secret", &[epk, recipient.as_bytes()])
}

/// The key and nonce of a message's first and only sealing.
pub(super) struct Schedule<const N: usize> {
    pub(super) key: Secret<32>,
    pub(super) base_nonce: Secret<N>,
}

/// KeySchedule in base mode, without a PSK. `N` is the AEAD's nonce length.
pub(super) fn key_schedule<const N: usize>(suite: Suite, shared: &Secret<32>, info: &[u8]) -> Schedule<N> {
    let suite_id = suite.hpke_id();
    let labeled = Labeled { suite_id: &suite_id };
    let (psk_id_hash, info_hash) = labeled.context_hashes(info);
    let context: [&[u8]; 3] = [&[BASE_MODE], psk_id_hash.as_slice(), info_hash.as_slice()];
    let secret = labeled.extract(shared.as_slice(), b"secret", b"");
    Schedule {
        key: labeled.expand(&secret, b"key", &context),
        base_nonce: labeled.expand(&secret, b"base_nonce", &context),
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::rfc9180;
    use super::*;

    // rule: SEAL-4
    #[test]
    fn an_exchange_that_gives_zeros_is_refused_by_itself() {
        let point = [0; 32];
        let own = EncryptionKey::of_base(primitive::x25519_base(&[0x55; 32]));
        assert!(decap(&point, &[0x55; 32], &own).is_none());
        assert!(encap(&Zeroizing::new([0x55; 32]), &EncryptionKey::of_base(point)).is_none());
    }

    #[test]
    fn the_context_and_secret_of_rfc_9180_come_out() {
        let suite_id = Suite::ChaCha20Poly1305.hpke_id();
        let labeled = Labeled { suite_id: &suite_id };
        let (psk_id_hash, info_hash) = labeled.context_hashes(&rfc9180::bytes("info"));
        let context = [&[BASE_MODE], psk_id_hash.as_slice(), info_hash.as_slice()].concat();
        assert_eq!(context, rfc9180::bytes("key_schedule_context"));
        let secret = labeled.extract(&rfc9180::bytes("shared_secret"), b"secret", b"");
        assert_eq!(secret.as_slice(), rfc9180::bytes("secret"));
    }
}
