//! RFC 9180, appendix A.2.1: HPKE's base mode with the registered suite.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{array, unhex};
use crate::seal::{
    DecryptionKey, EncryptionKey, Suite,
    message::{decrypt, encrypt},
    primitive::{Aead, ChaCha},
    schedule::{self, Schedule, Secret},
};

const VECTORS: &str = include_str!("data/rfc9180.txt");

fn text(name: &str) -> &'static str {
    VECTORS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect(name)
}

pub(in crate::seal) fn bytes(name: &str) -> Vec<u8> {
    unhex(text(name))
}

fn secret(name: &str) -> Secret<32> {
    Zeroizing::new(array(text(name)))
}

fn recipient() -> DecryptionKey {
    DecryptionKey::from_bytes(&array(text("skRm")))
}

fn shared() -> Secret<32> {
    secret("shared_secret")
}

// rule: SEAL-10
#[test]
fn keys_are_derived_as_in_rfc_9180() {
    for (ikm, private, public) in [("ikmE", "skEm", "pkEm"), ("ikmR", "skRm", "pkRm")] {
        let scalar = schedule::derive_scalar(&secret(ikm));
        assert_eq!(scalar.as_slice(), bytes(private));
        assert_eq!(DecryptionKey::from_bytes(&scalar).encryption_key().as_bytes().as_slice(), bytes(public));
    }
}

#[test]
fn the_shared_secret_of_rfc_9180_comes_out_on_both_sides() {
    let to = EncryptionKey::from_bytes(array(text("pkRm"))).unwrap();
    let (epk, sent) = schedule::encap(&secret("skEm"), &to).unwrap();
    assert_eq!(epk.as_slice(), bytes("enc"));
    assert_eq!(sent, shared());
    let received = schedule::decap(&array(text("enc")), recipient().scalar(), &to).unwrap();
    assert_eq!(received, shared());
}

#[test]
fn the_key_schedule_of_rfc_9180_comes_out() {
    let schedule: Schedule<12> = schedule::key_schedule(Suite::ChaCha20Poly1305, &shared(), &bytes("info"));
    assert_eq!(schedule.key.as_slice(), bytes("key"));
    assert_eq!(schedule.base_nonce.as_slice(), bytes("base_nonce"));
}

#[test]
fn the_first_encryption_of_rfc_9180_is_made_and_opened() {
    let line = encryptions().next().unwrap();
    let [number, plaintext, aad, _, sealed] = line.as_slice() else { panic!("{line:?}") };
    assert_eq!(number, &[0, 0]);
    let suite = Suite::ChaCha20Poly1305;
    let mut buffer = plaintext.clone();
    let tag = encrypt(suite, &shared(), &bytes("info"), aad, &mut buffer).unwrap();
    assert_eq!([&buffer[..], &tag[..]].concat(), *sealed);
    assert!(decrypt(suite, &shared(), &bytes("info"), aad, &mut buffer, &tag));
    assert_eq!(buffer, *plaintext);
}

/// Messages after the first are not this protocol's; they check the cipher and the base nonce all the same.
#[test]
fn every_encryption_of_rfc_9180_is_made_under_its_nonce() {
    let mut seen = 0;
    for line in encryptions() {
        let [number, plaintext, aad, nonce, sealed] = line.as_slice() else { panic!("{line:?}") };
        let mut own: [u8; 12] = array(text("base_nonce"));
        own.iter_mut().rev().zip(number.iter().rev()).for_each(|(byte, number)| *byte ^= number);
        assert_eq!(own.as_slice(), nonce);
        let mut buffer = plaintext.clone();
        let tag = ChaCha::with_key(&array(text("key"))).seal_in_place(&own, aad, &mut buffer).unwrap();
        assert_eq!([&buffer[..], &tag[..]].concat(), *sealed);
        seen += 1;
    }
    assert_eq!(seen, 6);
}

/// Sequence number, plaintext, associated data, nonce, ciphertext.
fn encryptions() -> impl Iterator<Item = Vec<Vec<u8>>> {
    VECTORS.lines().skip_while(|line| *line != "encryptions").skip(1).map(|line| {
        let mut fields = line.split(' ');
        let number: u16 = fields.next().unwrap().parse().unwrap();
        core::iter::once(number.to_be_bytes().to_vec()).chain(fields.map(unhex)).collect()
    })
}
