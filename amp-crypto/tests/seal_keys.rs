//! Keys that messages are sealed to and opened with, their mapping from Ed25519, and lengths.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

use amp_crypto::{
    Identity, VerifyingKey,
    seal::{
        self, Binding, Ciphertext, DecryptionKey, EncryptionKey, EncryptionKeyError, FileKey, FileOpener,
        FileSealer, SealError, SharedSecret, Suite, padded_len, sealed_len,
    },
};
use curve25519_dalek::{
    MontgomeryPoint, Scalar,
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION, X25519_BASEPOINT},
};
use proptest::prelude::*;
use zeroize::ZeroizeOnDrop;

const fn wiped_on_drop<T: ZeroizeOnDrop>() {}

// rule: KEY-14
const _: () = {
    wiped_on_drop::<DecryptionKey>();
    wiped_on_drop::<SharedSecret>();
    wiped_on_drop::<FileKey>();
};

const fn sent_between_threads<T: Send + Sync + 'static>() {}
const _: () = {
    sent_between_threads::<DecryptionKey>();
    sent_between_threads::<SharedSecret>();
    sent_between_threads::<FileSealer>();
    sent_between_threads::<FileOpener>();
};

fn identity(number: u8) -> Identity {
    Identity::from_seed(&[number; 32])
}

fn binding() -> Binding {
    Binding::new("alice@acme.crabmail.ai", "bob@acme.crabmail.ai", identity(7).verifying_key()).unwrap()
}

// rule: KEY-14
#[test]
fn debug_of_sealing_secrets_shows_an_id_or_nothing() {
    let key = DecryptionKey::of(&identity(8));
    let id = key.encryption_key().id().to_string();
    assert_eq!(format!("{key:?}"), format!("DecryptionKey({id})"));
    assert_eq!(format!("{key:#?}"), format!("{key:?}"));
    let public = key.encryption_key();
    assert_eq!(format!("{public:?}"), format!("EncryptionKey({public})"));
    assert_eq!(format!("{:?}", key.to_bytes()), "SecretBytes(..)");
    let file = FileKey::from_parts(&[1; 32], &[2; 19]);
    assert_eq!(format!("{file:?}"), "FileKey(..)");
    assert_eq!(format!("{:?}", file.key()), "SecretText(..)");
    assert_eq!(format!("{:?}", FileSealer::new(&file, 9).unwrap()), "FileSealer(..)");
    assert_eq!(format!("{:?}", FileOpener::new(&file, 9).unwrap()), "FileOpener(..)");

    let sealed = seal::seal(Suite::default(), &key.encryption_key(), &binding(), b"Hello", &[9; 32]).unwrap();
    assert_eq!(format!("{:?}", sealed.secret()), "SharedSecret(..)");
    let shown = format!("(X25519-HKDF-SHA256-XChaCha20Poly1305, {id}, 21 bytes)");
    assert_eq!(format!("{sealed:?}"), format!("Sealed{shown}"));
    assert_eq!(format!("{:?}", sealed.ciphertext()), format!("Ciphertext{shown}"));
    let opened = seal::open(&sealed.ciphertext(), &key, &binding()).unwrap();
    assert_eq!(format!("{opened:?}"), "Opened { plaintext: SecretBytes(..), secret: SharedSecret(..) }");
}

#[test]
fn a_decryption_key_is_kept_as_it_is_clamped() {
    let key = DecryptionKey::from_bytes(&[0xff; 32]);
    let mut clamped = [0xff; 32];
    (clamped[0], clamped[31]) = (0xf8, 0x7f);
    assert_eq!(key.to_bytes().expose(), clamped);
    assert_eq!(DecryptionKey::from_bytes(&clamped).encryption_key(), key.encryption_key());
}

#[cfg(feature = "getrandom")]
#[test]
fn generated_keys_differ() {
    let keys = [DecryptionKey::generate(), DecryptionKey::try_generate().unwrap()];
    assert_ne!(keys[0].encryption_key(), keys[1].encryption_key());
    let files = [FileKey::generate(), FileKey::try_generate().unwrap()];
    assert_ne!(files[0].key().expose(), files[1].key().expose());
    assert_ne!(files[0].nonce().expose(), files[1].nonce().expose());
}

#[test]
fn secrets_have_one_spelling() {
    let text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    assert_eq!(SharedSecret::parse(text).unwrap().to_base64url().expose(), text);
    let nonce = "AAECAwQFBgcICQoLDA0ODxAREg";
    let key = FileKey::parse(text, nonce).unwrap();
    assert_eq!((key.key().expose(), key.nonce().expose()), (text, nonce));
    for other in ["", "AAEC", &text[1..], &format!("{text}="), &format!("{text}A"), &text.replace("h8", "h9")]
    {
        assert_eq!(SharedSecret::parse(other).unwrap_err(), SealError::SharedSecret, "{other}");
        assert!(FileKey::parse(other, nonce).is_err() && FileKey::parse(text, other).is_err(), "{other}");
    }
    assert!(FileKey::parse(nonce, text).is_err());
}

// rule: SEAL-22
#[test]
fn a_mapped_key_is_that_of_libsodium() {
    // crypto_sign_ed25519_pk_to_curve25519 and its sister for the secret key, of the seed in libsodium's own test.
    let seed = "421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee";
    let seed: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&seed[at..at + 2], 16).unwrap()).collect();
    let key = DecryptionKey::of(&Identity::from_seed(seed.as_slice().try_into().unwrap()));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(
        hex(key.to_bytes().expose()),
        "8052030376d47112be7f73ed7a019293dd12ad910b654455798b4667d73de166"
    );
    assert_eq!(
        hex(key.encryption_key().as_bytes()),
        "f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50"
    );
}

// rule: SEAL-22
#[test]
fn a_torsion_component_of_a_verifying_key_changes_no_shared_secret() {
    let scalar = DecryptionKey::of(&identity(8));
    let own = EncryptionKey::of(identity(8).verifying_key()).unwrap();
    let multiple = Scalar::from_bytes_mod_order(scalar.to_bytes().expose().try_into().unwrap());
    let clean = ED25519_BASEPOINT_POINT * multiple;
    assert_eq!(clean.to_montgomery().to_bytes(), *own.as_bytes());
    for torsion in EIGHT_TORSION {
        let bytes = (clean + torsion).compress().to_bytes();
        let mapped = EncryptionKey::of(&VerifyingKey::from_ed25519_bytes(&bytes).unwrap()).unwrap();
        // What a sender computes toward either, with any ephemeral scalar.
        let shared = |key: &EncryptionKey| MontgomeryPoint(*key.as_bytes()).mul_clamped([0x55; 32]);
        assert_eq!(shared(&mapped), shared(&own));
        assert_eq!(mapped == own, torsion == EIGHT_TORSION[0]);
    }
}

// rule: SEAL-4
#[test]
fn what_agrees_on_zeros_is_no_key_and_no_ephemeral_key() {
    let mut refused = 0;
    for torsion in EIGHT_TORSION {
        let u = torsion.to_montgomery();
        assert_eq!(u.mul_clamped([0x55; 32]).to_bytes(), [0; 32]);
        assert_eq!(EncryptionKey::from_bytes(u.to_bytes()), Err(EncryptionKeyError::SmallOrder));
        let kid = EncryptionKey::from_bytes(X25519_BASEPOINT.to_bytes()).unwrap().id();
        let error = Ciphertext::new(Suite::default(), kid, &u.to_bytes(), &[0; 64]).unwrap_err();
        assert_eq!((error, error.code()), (SealError::EphemeralKey, "invalid_key"));
        refused += 1;
    }
    assert_eq!(refused, 8);
}

/// A point of the twist is a coordinate like any other to X25519, and gives nothing away under a clamped scalar.
#[test]
fn a_key_on_the_twist_is_a_key_that_nobody_has() {
    let on_twist = (2_u8..).map(|u| {
        let mut bytes = [0; 32];
        bytes[0] = u;
        MontgomeryPoint(bytes)
    });
    let twist = on_twist.into_iter().find(|point| point.to_edwards(0).is_none()).unwrap();
    let key = EncryptionKey::from_bytes(twist.to_bytes()).unwrap();
    let sealed = seal::seal(Suite::default(), &key, &binding(), b"Hello", &[9; 32]).unwrap();
    let own = DecryptionKey::of(&identity(8));
    assert_eq!(seal::open(&sealed.ciphertext(), &own, &binding()).unwrap_err(), SealError::NotOpened);
}

#[test]
fn lengths_are_padded_to_the_published_buckets() {
    // The definition: E = floor(log2 L), S = floor(log2 E) + 1, the last E - S bits are zero.
    for (length, padded) in [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 3),
        (7, 7),
        (8, 8),
        (9, 10),
        (17, 18),
        (100, 104),
        (1000, 1024),
        (1025, 1088),
        (65_537, 67_584),
        (10_000_000_000, 10_066_329_600),
        (u64::MAX, u64::MAX),
    ] {
        assert_eq!(padded_len(length), padded, "{length}");
    }
}

#[test]
fn a_sealed_files_length_counts_a_tag_for_every_chunk() {
    let chunk = 64 * 1024;
    assert_eq!(sealed_len(0), Ok(16));
    assert_eq!(sealed_len(1), Ok(17));
    assert_eq!(sealed_len(chunk), Ok(chunk + 16));
    assert_eq!(sealed_len(chunk + 1), Ok(67_584 + 32));
    assert_eq!(sealed_len(seal::MAX_FILE_SIZE), Ok((1 << 48) + (16 << 32)));
    assert_eq!(sealed_len(seal::MAX_FILE_SIZE + 1).unwrap_err().code(), "too_large");
}

proptest! {
    // rule: SEAL-22
    #[test]
    fn both_halves_of_a_mapped_key_belong_together(seed: [u8; 32]) {
        let identity = Identity::from_seed(&seed);
        let public = EncryptionKey::of(identity.verifying_key()).unwrap();
        prop_assert_eq!(public, DecryptionKey::of(&identity).encryption_key());
        prop_assert_eq!(public, EncryptionKey::from_bytes(*public.as_bytes()).unwrap());
        prop_assert_eq!(public, public.to_string().parse().unwrap());
    }

    #[test]
    fn padding_costs_at_most_an_eighth_and_is_monotone_and_idempotent(
        bits in 0_u32..64, low: u64, step in 0_u64..1_000_000,
    ) {
        let length = low >> bits;
        let padded = padded_len(length);
        prop_assert!(padded >= length);
        prop_assert!(u128::from(padded - length) * 100 <= 12 * u128::from(length));
        prop_assert_eq!(padded_len(padded), padded);
        prop_assert!(padded_len(length.saturating_add(step)) >= padded);
    }

    #[test]
    fn text_of_any_kind_is_read_without_panic(text in ".{0,60}") {
        let _ = text.parse::<EncryptionKey>();
        let _ = SharedSecret::parse(&text);
        let _ = FileKey::parse(&text, &text);
        let _ = text.parse::<Suite>();
    }
}

#[test]
fn padding_of_every_small_length_costs_at_most_12_percent() {
    let mut last = 0;
    for length in 0..100_000 {
        let padded = padded_len(length);
        assert!(padded >= length && padded >= last && (padded - length) * 100 <= 12 * length, "{length}");
        last = padded;
    }
}
