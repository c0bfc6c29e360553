//! What is printed parses to the same value, for each type with a text that no other test covers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_address::Profile;
use amp_envelope::{
    AfpRef, AttachmentId, Dialect, IdempotencyKey, MessageType, PayloadHash, Priority, QuarantineId,
    ScanStatus, Sha256Digest, Status, Timestamp,
};
use proptest::prelude::*;

#[test]
fn every_name_of_a_closed_list_reads_back() {
    for priority in Priority::ALL {
        assert_eq!(priority.to_string().parse(), Ok(priority));
    }
    for dialect in Dialect::ALL {
        assert_eq!(dialect.to_string().parse(), Ok(dialect));
    }
    for status in ScanStatus::ALL {
        assert_eq!(status.to_string().parse(), Ok(status));
    }
    for status in [Status::Unread, Status::Read, Status::Archived] {
        assert_eq!(status.to_string().parse(), Ok(status));
    }
}

proptest! {
    #[test]
    fn ids_that_this_library_assigns_read_back(seconds in 0_i64..=253_402_300_799, random: [u8; 8], more: [u8; 16]) {
        let now = Timestamp::from_unix_seconds(seconds).unwrap();
        let attachment = AttachmentId::from_parts(now, random);
        prop_assert_eq!(AttachmentId::parse(attachment.as_str()).unwrap(), attachment);
        let held = QuarantineId::from_parts(now, random);
        prop_assert_eq!(QuarantineId::parse(held.as_str()).unwrap(), held);
        let key = IdempotencyKey::from_random(more);
        prop_assert_eq!(IdempotencyKey::parse(key.as_str()).unwrap(), key);
    }

    #[test]
    fn a_message_type_prints_as_it_was_read(text in "[a-z]{1,8}(:[a-z._-]{1,8})?|[ -~]{0,20}") {
        let read = MessageType::read(&text);
        prop_assert_eq!(read.as_str(), &text);
        prop_assert_eq!(&MessageType::read(read.as_str()), &read);
        if read.is_well_formed() {
            prop_assert_eq!(read.to_string().parse::<MessageType>().unwrap(), read);
        }
    }

    #[test]
    fn a_reference_into_a_space_prints_as_it_was_read(text in "afp://[a-z0-9-]{1,10}/[A-Za-z0-9._/-]{1,20}") {
        if let Ok(reference) = text.parse::<AfpRef>() {
            prop_assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn digests_and_payload_hashes_read_back(bytes: [u8; 32]) {
        let digest = Sha256Digest::from_bytes(bytes);
        prop_assert_eq!(digest.to_string().parse::<Sha256Digest>().unwrap(), digest);
        let upper = format!("sha256:{}", digest.to_string().trim_start_matches("sha256:").to_uppercase());
        prop_assert_eq!(Sha256Digest::parse_with(&upper, Profile::Deployed).unwrap(), digest);

        let payload = format!("{{\"type\":\"t\",\"message\":\"{bytes:?}\"}}");
        let hash = PayloadHash::of(payload.as_bytes(), Dialect::Jcs).unwrap();
        prop_assert_eq!(PayloadHash::from_base64(&hash.to_base64()).unwrap(), hash);
    }
}
