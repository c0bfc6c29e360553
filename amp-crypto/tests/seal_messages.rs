//! A sealed message opens with what it is bound to, and with nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

use amp_crypto::{
    Fingerprint, Identity,
    seal::{
        Binding, Ciphertext, DecryptionKey, SealError, Sealed, SharedSecret, Suite, open, open_with,
        padded_len, seal,
    },
};
use proptest::{prelude::*, sample::Index};

const FROM: &str = "alice@acme.crabmail.ai";
const TO: &str = "bob@acme.crabmail.ai";

fn identity(number: u8) -> Identity {
    Identity::from_seed(&[number; 32])
}

fn binding() -> Binding {
    Binding::new(FROM, TO, identity(7).verifying_key()).unwrap()
}

fn bob() -> DecryptionKey {
    DecryptionKey::of(&identity(8))
}

fn sealed(suite: Suite, plaintext: &[u8]) -> Sealed {
    seal(suite, &bob().encryption_key(), &binding(), plaintext, &[9; 32]).unwrap()
}

/// Neither the recipient's key nor the shared secret that was kept opens it.
fn stays_shut(ciphertext: &Ciphertext<'_>, secret: &SharedSecret, binding: &Binding) -> bool {
    open(ciphertext, &bob(), binding).is_err_and(|error| error == SealError::NotOpened)
        && open_with(ciphertext, secret, binding).is_err_and(|error| error == SealError::NotOpened)
}

fn flip<const N: usize>(bytes: &[u8; N], bit: usize) -> [u8; N] {
    let mut changed = *bytes;
    changed[bit / 8] ^= 1 << (bit % 8);
    changed
}

// rule: SEAL-13
#[test]
fn a_buffer_of_zeros_is_no_randomness() {
    let sealed =
        |randomness| seal(Suite::default(), &bob().encryption_key(), &binding(), b"Hello", randomness);
    assert_eq!(sealed(&[0; 32]).unwrap_err(), SealError::Randomness);
    let mut nearly = [0; 32];
    nearly[31] = 1;
    assert!(sealed(&nearly).is_ok());
}

// rule: SEAL-13
#[test]
fn the_same_randomness_never_gives_two_messages_one_ephemeral_key() {
    let (own, other) = (bob().encryption_key(), DecryptionKey::of(&identity(3)).encryption_key());
    let mallory = Binding::new(FROM, TO, identity(6).verifying_key()).unwrap();
    let moved = Binding::new("alice@acme.crabmail.a", "ibob@acme.crabmail.ai", identity(7).verifying_key());
    let moved = moved.unwrap();
    let random = [9; 32];
    let messages = [
        seal(Suite::XChaCha20Poly1305, &own, &binding(), b"Hello", &random),
        seal(Suite::ChaCha20Poly1305, &own, &binding(), b"Hello", &random),
        seal(Suite::XChaCha20Poly1305, &own, &binding(), b"Hellp", &random),
        seal(Suite::XChaCha20Poly1305, &own, &binding(), b"", &random),
        seal(Suite::XChaCha20Poly1305, &other, &binding(), b"Hello", &random),
        seal(Suite::XChaCha20Poly1305, &own, &mallory, b"Hello", &random),
        seal(Suite::XChaCha20Poly1305, &own, &moved, b"Hello", &random),
        seal(Suite::XChaCha20Poly1305, &own, &binding(), b"Hello", &[10; 32]),
    ]
    .map(Result::unwrap);
    for (at, one) in messages.iter().enumerate() {
        for another in &messages[..at] {
            assert_ne!(one.epk(), another.epk());
            assert_ne!(one.secret().to_base64url().expose(), another.secret().to_base64url().expose());
        }
    }
    assert_eq!(sealed(Suite::default(), b"Hello").ct(), messages[0].ct());
}

// rule: SEAL-10
#[test]
fn a_body_moved_to_another_sender_recipient_or_key_does_not_open() {
    for suite in Suite::ALL {
        let sealed = sealed(suite, b"Hello");
        let (ciphertext, secret) = (sealed.ciphertext(), sealed.secret());
        assert!(open(&ciphertext, &bob(), &binding()).is_ok());
        for (from, to, sender) in [
            ("mallory@acme.crabmail.ai", TO, 7),
            (FROM, "carol@acme.crabmail.ai", 7),
            (TO, FROM, 7),
            (FROM, TO, 6),
            ("Alice@acme.crabmail.ai", TO, 7),
            ("", "", 7),
            // One character moved over the border between the two.
            ("alice@acme.crabmail.aib", "ob@acme.crabmail.ai", 7),
        ] {
            let other = Binding::new(from, to, identity(sender).verifying_key()).unwrap();
            assert!(stays_shut(&ciphertext, secret, &other), "{from} {to} {sender}");
        }
        let carol = DecryptionKey::of(&identity(3));
        assert_eq!(open(&ciphertext, &carol, &binding()).unwrap_err(), SealError::NotOpened);
        // With the key's id changed to the other recipient's.
        let kid = carol.encryption_key().id();
        let renamed = Ciphertext::new(suite, kid, sealed.epk(), sealed.ct()).unwrap();
        assert_eq!(open(&renamed, &carol, &binding()).unwrap_err(), SealError::NotOpened);
    }
}

// rule: SEAL-14
#[test]
fn addresses_are_bound_up_to_65535_bytes() {
    let (long, longer) = ("a".repeat(65_535), "a".repeat(65_536));
    assert!(Binding::new(&long, &long, identity(7).verifying_key()).is_ok());
    for (from, to) in [(longer.as_str(), TO), (FROM, longer.as_str())] {
        let error = Binding::new(from, to, identity(7).verifying_key()).unwrap_err();
        assert_eq!((error, error.code()), (SealError::AddressLength, "invalid_field"));
    }
}

#[cfg(feature = "p256")]
// rule: SEAL-14
#[test]
fn keys_of_other_algorithms_neither_send_nor_receive_sealed_mail() {
    use amp_crypto::{VerifyingKey, seal::EncryptionKey};

    let key = VerifyingKey::from_pem(include_str!("data/openssl/p256.pub.pem")).unwrap();
    assert_eq!(Binding::new(FROM, TO, &key).unwrap_err(), SealError::NotEd25519);
    assert_eq!(EncryptionKey::of(&key).unwrap_err().code(), "invalid_key");
}

// rule: SEAL-11
#[test]
fn every_bit_of_every_bound_field_is_bound() {
    for suite in Suite::ALL {
        let sealed = sealed(suite, b"Hello, world");
        let (kid, epk, ct, secret) = (sealed.kid(), sealed.epk(), sealed.ct(), sealed.secret());
        let mut tried = 0;
        for bit in 0..256 {
            // A changed point that is none at all is told apart, being public; any other does not open.
            if let Ok(changed) = Ciphertext::new(suite, kid, &flip(epk, bit), ct) {
                assert_eq!(open(&changed, &bob(), &binding()).unwrap_err(), SealError::NotOpened);
                tried += 1;
            }
            let other = Fingerprint::parse(
                &flip(kid.as_bytes(), bit).iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            );
            let changed = Ciphertext::new(suite, other.unwrap(), epk, ct).unwrap();
            assert!(stays_shut(&changed, secret, &binding()));
        }
        assert!(tried >= 254, "{tried}");
        for bit in 0..8 * ct.len() {
            let mut changed = ct.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = Ciphertext::new(suite, kid, epk, &changed).unwrap();
            assert!(stays_shut(&changed, secret, &binding()));
        }
        for other in Suite::ALL.into_iter().filter(|other| *other != suite) {
            assert!(stays_shut(&Ciphertext::new(other, kid, epk, ct).unwrap(), secret, &binding()));
        }
        for (at, text) in [(0, FROM), (1, TO)] {
            for bit in (0..8 * text.len()).filter(|bit| bit % 8 != 7) {
                let mut bytes = text.as_bytes().to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let changed = String::from_utf8(bytes).unwrap();
                let (from, to) = if at == 0 { (changed.as_str(), TO) } else { (FROM, changed.as_str()) };
                let other = Binding::new(from, to, identity(7).verifying_key()).unwrap();
                assert!(stays_shut(&sealed.ciphertext(), secret, &other));
            }
        }
    }
}

/// Their mapped keys are one key: the sign of x is lost on the way to X25519.
// rule: SEAL-10
#[test]
fn a_sender_is_bound_by_its_own_key_and_not_by_the_mapped_one() {
    use amp_crypto::{VerifyingKey, seal::EncryptionKey};

    let (own, negative) = {
        let identity = identity(7);
        let own = identity.verifying_key().clone();
        let negative = VerifyingKey::from_ed25519_bytes(&flip(own.ed25519_bytes().unwrap(), 255)).unwrap();
        (own, negative)
    };
    assert_eq!(EncryptionKey::of(&own), EncryptionKey::of(&negative));
    let sealed = sealed(Suite::default(), b"Hello");
    let other = Binding::new(FROM, TO, &negative).unwrap();
    assert!(stays_shut(&sealed.ciphertext(), sealed.secret(), &other));
}

#[test]
fn a_ciphertext_shorter_than_its_tag_does_not_open() {
    let sealed = sealed(Suite::default(), b"");
    assert_eq!(sealed.ct().len(), 16);
    for length in 0..16 {
        let short =
            Ciphertext::new(Suite::default(), sealed.kid(), sealed.epk(), &sealed.ct()[..length]).unwrap();
        assert!(stays_shut(&short, sealed.secret(), &binding()));
    }
}

#[test]
fn the_secret_of_one_message_opens_no_other() {
    let (one, other) = (sealed(Suite::default(), b"one"), sealed(Suite::default(), b"two"));
    assert_eq!(open_with(&one.ciphertext(), one.secret(), &binding()).unwrap().expose(), b"one");
    let error = open_with(&one.ciphertext(), other.secret(), &binding()).unwrap_err();
    assert_eq!(error, SealError::NotOpened);
}

#[test]
fn sealing_and_opening_hold_the_plaintext_once_and_little_else() {
    let (key, binding) = (bob(), binding());
    let to = key.encryption_key();
    let measure = |length: usize| {
        let plaintext = vec![b'x'; length];
        let mut sealed = None;
        let sealing = allocation_counter::measure(|| {
            sealed = seal(Suite::default(), &to, &binding, &plaintext, &[9; 32]).ok();
        });
        let sealed = sealed.unwrap();
        let opening =
            allocation_counter::measure(|| drop(open(&sealed.ciphertext(), &key, &binding).unwrap()));
        [sealing, opening].map(|measured| (measured.count_total, measured.bytes_max))
    };
    let (small, large) = (measure(0), measure(163_840));
    for ((few, bytes), (many, more)) in small.into_iter().zip(large) {
        assert!(many <= few + 1 && few <= 10, "{few} {many}");
        assert!(more <= bytes + 163_840 && bytes < 1024, "{bytes} {more}");
    }
}

/// One error and one text, whatever it was.
// rule: SEAL-11
#[test]
fn an_opening_error_says_nothing() {
    assert_eq!(SealError::NotOpened.to_string(), "the sealed message does not open");
    assert_eq!(SealError::NotOpened.code(), "not_opened");
}

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

proptest! {
    #[test]
    fn what_is_sealed_opens_for_both_sides(
        suite in suites(),
        seeds: [[u8; 32]; 2],
        (from, to) in (".{0,80}", ".{0,80}"),
        plaintext in prop::collection::vec(any::<u8>(), 0..2_000),
        randomness: [u8; 32],
    ) {
        let (alice, bob) = (Identity::from_seed(&seeds[0]), DecryptionKey::from_bytes(&seeds[1]));
        let binding = Binding::new(&from, &to, alice.verifying_key()).unwrap();
        let sealed = seal(suite, &bob.encryption_key(), &binding, &plaintext, &randomness).unwrap();
        let received = Ciphertext::new(suite, sealed.kid(), sealed.epk(), sealed.ct()).unwrap();
        let opened = open(&received, &bob, &binding).unwrap();
        prop_assert_eq!(opened.plaintext(), plaintext.as_slice());
        let kept = opened.secret().to_base64url();
        let sent = sealed.secret().to_base64url();
        prop_assert_eq!(kept.expose(), sent.expose());
        let secret = SharedSecret::parse(kept.expose()).unwrap();
        let again = open_with(&received, &secret, &binding).unwrap();
        prop_assert_eq!(again.expose(), plaintext.as_slice());
    }

    #[test]
    fn a_changed_length_or_bit_does_not_open(
        suite in suites(),
        plaintext in prop::collection::vec(any::<u8>(), 0..300),
        at: Index,
        bit in 0_u32..8,
        tail in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let sealed = sealed(suite, &plaintext);
        let mut flipped = sealed.ct().to_vec();
        flipped[at.index(sealed.ct().len())] ^= 1 << bit;
        let shortened = &sealed.ct()[..at.index(sealed.ct().len())];
        let extended = [sealed.ct(), &tail].concat();
        let prefixed = [&tail, sealed.ct()].concat();
        for ct in [&flipped, shortened, &extended, &prefixed] {
            let changed = Ciphertext::new(suite, sealed.kid(), sealed.epk(), ct).unwrap();
            prop_assert!(stays_shut(&changed, sealed.secret(), &binding()));
        }
    }

    // rule: SEAL-9
    #[test]
    fn a_padded_plaintexts_ciphertext_shows_its_bucket_alone(length in 0_usize..5_000, suite in suites()) {
        let padded = usize::try_from(padded_len(u64::try_from(length).unwrap())).unwrap();
        let mut plaintext = vec![b'x'; length];
        plaintext.resize(padded, b' ');
        prop_assert_eq!(sealed(suite, &plaintext).ct().len(), padded + 16);
    }

    #[test]
    fn any_bytes_are_refused_without_panic(
        suite in suites(), epk: [u8; 32], ct in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        if let Ok(any) = Ciphertext::new(suite, bob().encryption_key().id(), &epk, &ct) {
            prop_assert_eq!(open(&any, &bob(), &binding()).unwrap_err(), SealError::NotOpened);
        }
    }
}
