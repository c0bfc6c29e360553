//! Others who seal to a key: the same texts, one seal and one open each. Keys are parsed beforehand, as ours are.

use std::hint::black_box;

use crypto_box::aead::OsRng;
use dryoc::classic::crypto_box::{crypto_box_seal, crypto_box_seal_open};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS};

use crate::measure::Subject;
use crate::seal::Plaintexts;

/// Added by a sealed box: the ephemeral key and a tag.
const BOX_BYTES: usize = 48;
/// As long as what our messages are bound to.
const INFO: [u8; 120] = [b'i'; 120];
const AAD: [u8; 92] = [b'a'; 92];

pub fn subjects(plaintexts: &Plaintexts) -> Vec<Subject<'_>> {
    vec![dryoc(plaintexts), libsodium(plaintexts), crypto_box(plaintexts), hpke(plaintexts), age(plaintexts)]
}

fn dryoc(plaintexts: &Plaintexts) -> Subject<'_> {
    let publics: Vec<[u8; 32]> = plaintexts
        .secrets
        .iter()
        .map(|secret| x25519_dalek::x25519(*secret, x25519_dalek::X25519_BASEPOINT_BYTES))
        .collect();
    Subject::new("dryoc-sealed-box", move |n| {
        let text = &plaintexts.texts[n];
        let mut sealed = vec![0; text.len() + BOX_BYTES];
        crypto_box_seal(&mut sealed, text, &publics[n]).expect("sealed");
        let mut opened = vec![0; text.len()];
        crypto_box_seal_open(&mut opened, &sealed, &publics[n], &plaintexts.secrets[n]).expect("opened");
        black_box(opened);
    })
}

fn libsodium(plaintexts: &Plaintexts) -> Subject<'_> {
    use libsodium_rs::crypto_box::{PublicKey, SecretKey, open_sealed_box, seal_box};
    libsodium_rs::ensure_init().expect("libsodium");
    let keys: Vec<(PublicKey, SecretKey)> = plaintexts
        .secrets
        .iter()
        .map(|secret| {
            let public = x25519_dalek::x25519(*secret, x25519_dalek::X25519_BASEPOINT_BYTES);
            (PublicKey::from_bytes(&public).expect("a key"), SecretKey::from_bytes(secret).expect("a key"))
        })
        .collect();
    Subject::new("libsodium-sealed-box", move |n| {
        let (public, secret) = &keys[n];
        let sealed = seal_box(&plaintexts.texts[n], public).expect("sealed");
        black_box(open_sealed_box(&sealed, public, secret).expect("opened"));
    })
}

fn crypto_box(plaintexts: &Plaintexts) -> Subject<'_> {
    let keys: Vec<crypto_box::SecretKey> =
        plaintexts.secrets.iter().map(|secret| crypto_box::SecretKey::from(*secret)).collect();
    let publics: Vec<crypto_box::PublicKey> = keys.iter().map(crypto_box::SecretKey::public_key).collect();
    Subject::new("crypto_box-seal", move |n| {
        let sealed = publics[n].seal(&mut OsRng, &plaintexts.texts[n]).expect("sealed");
        black_box(keys[n].unseal(&sealed).expect("opened"));
    })
}

/// The stock suite, with as much bound as we bind.
fn hpke(plaintexts: &Plaintexts) -> Subject<'_> {
    type Kem = X25519HkdfSha256;
    let keys: Vec<<Kem as hpke::Kem>::PrivateKey> = plaintexts
        .secrets
        .iter()
        .map(|secret| <Kem as hpke::Kem>::PrivateKey::from_bytes(secret).expect("a key"))
        .collect();
    let publics: Vec<<Kem as hpke::Kem>::PublicKey> = keys.iter().map(Kem::sk_to_pk).collect();
    Subject::new("hpke", move |n| {
        let text = &plaintexts.texts[n];
        let (enc, sealed) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeS::Base,
            &publics[n],
            &INFO,
            text,
            &AAD,
        )
        .expect("sealed");
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeR::Base,
            &keys[n],
            &enc,
            &INFO,
            &sealed,
            &AAD,
        );
        black_box(opened.expect("opened"));
    })
}

fn age(plaintexts: &Plaintexts) -> Subject<'_> {
    let keys: Vec<age::x25519::Identity> =
        plaintexts.texts.iter().map(|_| age::x25519::Identity::generate()).collect();
    let publics: Vec<age::x25519::Recipient> = keys.iter().map(age::x25519::Identity::to_public).collect();
    Subject::new("age", move |n| {
        let sealed = age::encrypt(&publics[n], &plaintexts.texts[n]).expect("sealed");
        black_box(age::decrypt(&keys[n], &sealed).expect("opened"));
    })
}
