//! The registered suite against another implementation of HPKE, both ways, with `info` and `aad` written out anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

use amp_crypto::{
    Identity,
    seal::{self, Binding, Ciphertext, DecryptionKey, EncryptionKey, Suite},
};
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_open, single_shot_seal,
};

type Cipher = ChaCha20Poly1305;
type Kdf = HkdfSha256;
type Dh = X25519HkdfSha256;

const FROM: &str = "alice@acme.crabmail.ai";
const TO: &str = "bob@example.crabmail.ai";
const SUITE: &str = "X25519-HKDF-SHA256-ChaCha20Poly1305";

fn alice() -> Identity {
    Identity::from_seed(&[7; 32])
}

fn binding() -> Binding {
    Binding::new(FROM, TO, alice().verifying_key()).unwrap()
}

fn info() -> Vec<u8> {
    let sender = alice();
    let parts: [&[u8]; 6] = [
        b"amp-sealed-v1",
        &[0, 22],
        FROM.as_bytes(),
        &[0, 23],
        TO.as_bytes(),
        sender.verifying_key().ed25519_bytes().unwrap(),
    ];
    parts.concat()
}

fn aad(to: &EncryptionKey) -> Vec<u8> {
    let kid = to.id().to_string();
    assert_eq!((SUITE.len(), kid.len()), (35, 51));
    [&[0, 35], SUITE.as_bytes(), &[0, 51], kid.as_bytes()].concat()
}

/// A key of its own, and an Ed25519 key mapped.
fn recipients() -> [DecryptionKey; 2] {
    [DecryptionKey::from_bytes(&[42; 32]), DecryptionKey::of(&Identity::from_seed(&[8; 32]))]
}

// rule: SEAL-10
#[test]
fn another_hpke_opens_what_is_sealed() {
    for key in recipients() {
        let to = key.encryption_key();
        let private = <Dh as Kem>::PrivateKey::from_bytes(key.to_bytes().expose()).unwrap();
        for length in [0, 1, 300, 70_000] {
            let plaintext = vec![0x61; length];
            let sealed = seal::seal(Suite::ChaCha20Poly1305, &to, &binding(), &plaintext, &[9; 32]).unwrap();
            let enc = <Dh as Kem>::EncappedKey::from_bytes(sealed.epk()).unwrap();
            let opened = single_shot_open::<Cipher, Kdf, Dh>(
                &OpModeR::Base,
                &private,
                &enc,
                &info(),
                sealed.ct(),
                &aad(&to),
            );
            assert_eq!(opened.unwrap(), plaintext);
        }
    }
}

// rule: SEAL-10
#[test]
fn what_another_hpke_seals_is_opened() {
    for key in recipients() {
        let to = key.encryption_key();
        let public = <Dh as Kem>::PublicKey::from_bytes(to.as_bytes()).unwrap();
        for length in [0, 1, 300, 70_000] {
            let plaintext = vec![0x62; length];
            let (enc, ct) =
                single_shot_seal::<Cipher, Kdf, Dh>(&OpModeS::Base, &public, &info(), &plaintext, &aad(&to))
                    .unwrap();
            let epk: [u8; 32] = enc.to_bytes().into();
            let ciphertext = Ciphertext::new(Suite::ChaCha20Poly1305, to.id(), &epk, &ct).unwrap();
            let opened = seal::open(&ciphertext, &key, &binding()).unwrap();
            assert_eq!(opened.plaintext(), plaintext);
            let again = seal::open_with(&ciphertext, opened.secret(), &binding()).unwrap();
            assert_eq!(again.expose(), plaintext);
        }
    }
}

/// A sender who writes another key's id, and binds it, is no reason to open with this key.
// rule: SEAL-11
#[test]
fn a_key_opens_nothing_that_names_another_key() {
    let [key, other] = recipients().map(|key| (key.encryption_key(), key));
    let public = <Dh as Kem>::PublicKey::from_bytes(key.0.as_bytes()).unwrap();
    let (enc, ct) =
        single_shot_seal::<Cipher, Kdf, Dh>(&OpModeS::Base, &public, &info(), b"Hello", &aad(&other.0))
            .unwrap();
    let epk: [u8; 32] = enc.to_bytes().into();
    let ciphertext = Ciphertext::new(Suite::ChaCha20Poly1305, other.0.id(), &epk, &ct).unwrap();
    for (_, key) in [key, other] {
        assert_eq!(seal::open(&ciphertext, &key, &binding()).unwrap_err().code(), "not_opened");
    }
}

#[test]
fn a_private_key_is_derived_as_another_hpke_derives_it() {
    let (private, public) = <Dh as Kem>::derive_keypair(&[5; 32]);
    let bytes: [u8; 32] = private.to_bytes().into();
    assert_eq!(
        DecryptionKey::from_bytes(&bytes).encryption_key().as_bytes().as_slice(),
        public.to_bytes().as_slice()
    );
}

/// Made once with pyhpke 0.6.5 over OpenSSL, toward the key of the Ed25519 seed of 32 bytes 08.
// rule: SEAL-10
#[test]
fn what_a_python_hpke_sealed_is_opened() {
    let unhex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let key = DecryptionKey::of(&Identity::from_seed(&[8; 32]));
    let binding =
        Binding::new("alice@acme.crabmail.ai", "bob@acme.crabmail.ai", alice().verifying_key()).unwrap();
    let epk = unhex("79376296ae3a760976d145c3b22a6c63c278efe7a33998c3b81b3a34aa9d6d60");
    let ct = unhex("c9472a40d6e3d8664bf4be31169c1714340a1058bf988b194e5eec");
    let kid = key.encryption_key().id();
    let sealed =
        Ciphertext::new(Suite::ChaCha20Poly1305, kid, epk.as_slice().try_into().unwrap(), &ct).unwrap();
    assert_eq!(seal::open(&sealed, &key, &binding).unwrap().plaintext(), b"from pyhpke");
}
