//! Sealed mail: what opens a message is kept where its owner keeps it, and stands in nothing that travels or is printed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod sealed_support;

use amp_crypto::seal::{DecryptionKey, SharedSecret};
use amp_envelope::{
    Message, OpeningError, OpeningKeys, SecurityPlacement, StoredMessage, Timestamp, Verified,
};
use sealed_support::*;
use serde_json::{Value, json};

const PLACES: [SecurityPlacement; 2] = [SecurityPlacement::TopLevel, SecurityPlacement::TopLevelAndLocal];

fn until() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn stored_with_secret() -> (StoredMessage, String) {
    let signed = sign(draft(TEXT));
    let secret = signed.shared_secret().unwrap();
    let mut stored = StoredMessage::new(signed.as_message().clone(), now());
    stored.set_sealed_secret(secret);
    (stored, secret.to_base64url().expose().to_owned())
}

#[test]
fn neither_secret_nor_text_stands_in_what_travels_or_is_printed() {
    // rule: SEAL-16
    let signed = sign(draft(TEXT).context(&json!({"where": "pier 9"})).unwrap());
    let secret = signed.shared_secret().unwrap().to_base64url().expose().to_owned();
    let message = received(&signed);
    let opened = message.clone().open(&bobs_keys(), now()).unwrap();
    let unopened = message.clone().open(&OpeningKeys::new(), now()).unwrap_err();
    for text in [
        signed.to_json(),
        signed.to_route_json(),
        format!("{signed:?}"),
        format!("{:?}", draft(TEXT)),
        format!("{message:?}"),
        format!("{opened:?} {:?} {:?}", opened.payload(), opened.shared_secret()),
        format!("{unopened:?} {unopened}"),
        format!("{:?}", message.payload().sealed().unwrap()),
        opened.verified().to_json(),
        opened.into_verified().to_json(),
    ] {
        for hidden in [TEXT, "old pier", "pier 9", secret.as_str()] {
            assert!(!text.contains(hidden), "{text}");
        }
    }
}

#[test]
fn the_stored_form_keeps_the_secret_and_nothing_made_of_its_message_does() {
    // rule: SEAL-16
    let (stored, secret) = stored_with_secret();
    for place in PLACES {
        let file = stored.to_json(place);
        let local = &serde_json::from_str::<Value>(&file).unwrap()["local"];
        assert_eq!(local["sealed_secret"], json!(secret));
        let read = StoredMessage::decode(file.as_bytes()).unwrap();
        assert_eq!(read.sealed_secret().unwrap().to_base64url().expose(), secret);
        assert!(read.local().get("sealed_secret").is_none());
        assert!(!format!("{read:?} {:?}", read.local()).contains(&secret));
        assert!(!read.message().to_json().contains(&secret));
        // A reader of messages passes over what stands beside them.
        assert!(!Message::decode(file.as_bytes()).unwrap().to_json().contains(&secret));
        let opened = verify(&read.message().to_json(), alice().verifying_key())
            .open_with_secret(read.sealed_secret().unwrap())
            .unwrap();
        assert_eq!(opened.text(), TEXT);

        let mut leaving = read;
        leaving.remove_sealed_secret();
        assert!(!leaving.to_json(place).contains("sealed_secret"));
    }
}

#[test]
fn mail_stays_readable_when_its_opening_key_is_gone() {
    // rule: SEAL-12, SEAL-16
    let (former, _) = another_key();
    let signed = sign(draft(TEXT).seal_to(&former.encryption_key()));
    let keys = OpeningKeys::new().with_former(former, until());
    let opened = received(&signed).open(&keys, now()).unwrap();
    let mut stored = StoredMessage::new((**opened.verified()).clone(), now());
    stored.set_sealed_secret(opened.shared_secret());

    let read = StoredMessage::decode(stored.to_json(SecurityPlacement::TopLevel).as_bytes()).unwrap();
    let message = |stored: &StoredMessage| -> Verified<Message> {
        stored.message().clone().verify(alice().verifying_key()).unwrap()
    };
    assert!(message(&read).open(&keys, until()).is_err());
    assert_eq!(message(&read).open_with_secret(read.sealed_secret().unwrap()).unwrap().text(), TEXT);
}

#[test]
fn a_secret_that_somebody_else_noted_opens_nothing() {
    // rule: SEAL-16
    let (stored, secret) = stored_with_secret();
    let other = SharedSecret::parse(&base64url(&[3; 32])).unwrap();
    let file = stored.to_json(SecurityPlacement::TopLevel).replace(&secret, other.to_base64url().expose());
    let read = StoredMessage::decode(file.as_bytes()).unwrap();
    let message = read.message().clone().verify(alice().verifying_key()).unwrap();
    let error = *message.open_with_secret(read.sealed_secret().unwrap()).unwrap_err().error();
    assert_eq!(error, OpeningError::NotOpened);

    // What is no secret at all is kept, like every note that is not understood.
    for note in [json!("short"), json!(7), json!({"x": 1}), json!(format!("{secret}="))] {
        let mut file: Value = serde_json::from_str(&file).unwrap();
        file["local"]["sealed_secret"] = note.clone();
        let mut read = StoredMessage::decode(file.to_string().as_bytes()).unwrap();
        assert!(read.sealed_secret().is_none());
        assert_eq!(read.local().get("sealed_secret").unwrap().raw(), note.to_string());
        read.set_sealed_secret(&other);
        assert!(read.local().get("sealed_secret").is_none());
        let written: Value = serde_json::from_str(&read.to_json(SecurityPlacement::TopLevel)).unwrap();
        assert_eq!(written["local"]["sealed_secret"], json!(base64url(&[3; 32])));
    }
}

#[test]
fn opening_keys_show_their_ids() {
    // rule: SEAL-12
    let (former, id) = another_key();
    let keys = OpeningKeys::new().with_key(DecryptionKey::of(&bob())).with_former(former, until());
    let secret = base64url(&[77; 32]);
    let shown = format!("{keys:?}");
    assert_eq!(shown, format!("OpeningKeys[({:?}, None), ({id:?}, Some({:?}))]", to_bob().id(), until()));
    assert!(!shown.contains(&secret) && !keys.is_empty());
}

#[test]
fn what_was_sealed_is_not_left_in_memory_by_type() {
    fn is_zeroized<T: zeroize::ZeroizeOnDrop>() {}
    is_zeroized::<SharedSecret>();
    is_zeroized::<DecryptionKey>();
    is_zeroized::<amp_crypto::SecretBytes>();
    is_zeroized::<amp_crypto::seal::FileKey>();
}
