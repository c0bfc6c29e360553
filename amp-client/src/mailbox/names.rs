//! Where a message lies: names from validated ids and addresses, as the deployed client makes them (local mailbox).

use alloc::format;
use alloc::string::String;

use amp_core::address::Address;
use amp_core::envelope::MessageId;
use sha2::{Digest, Sha256};

use crate::store::MessageKey;

/// A directory's name is at most this long, which leaves room for what tells two apart.
const DIRECTORY_MAX_BYTES: usize = 200;

/// How many other names are tried for a message whose own is taken.
pub(super) const OTHER_NAMES: u32 = 8;

/// Hex digits that tell apart what the deployed naming confuses.
const MARK_DIGITS: usize = 12;

/// The directory of an address: `@` and `.` become `_`, what is neither letter, digit, `_` nor `-` is left out.
///
/// Different addresses may share one.
pub(super) fn directory_of(address: &Address) -> String {
    let kept = address.as_str().chars().filter_map(|sign| match sign {
        '@' | '.' => Some('_'),
        sign if sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-') => Some(sign),
        _ => None,
    });
    kept.take(DIRECTORY_MAX_BYTES).collect()
}

/// Where a message of, or to, an address lies, unless something else does.
pub(super) fn own_name(peer: &Address, id: &MessageId) -> String {
    format!("{}/{}", directory_of(peer), file_of(id))
}

/// The file of a message. In the oldest mailboxes it lies in the folder itself.
pub(super) fn file_of(id: &MessageId) -> String {
    format!("{id}.json")
}

/// Where it lies when its own name is taken: in a directory beside, where the deployed client looks too.
pub(super) fn other_name(key: &MessageKey, attempt: u32) -> String {
    let mut digest = Sha256::new();
    digest.update(key.content());
    digest.update(attempt.to_be_bytes());
    digest.update(key.peer().as_str());
    digest.update([b'\n']);
    digest.update(key.id().as_str());
    let digest: [u8; 32] = digest.finalize().into();
    let mark: String = digest.iter().take(MARK_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{mark}/{}.json", directory_of(key.peer()), key.id())
}

/// All names that a message may get, its own first.
pub(super) fn names_of(key: &MessageKey) -> impl Iterator<Item = String> + '_ {
    let own = core::iter::once_with(|| own_name(key.peer(), key.id()));
    own.chain((0..OTHER_NAMES).map(|attempt| other_name(key, attempt)))
}

/// Whether a file of this name may hold a message of, or to, this address: in the address's directory, in one beside it,
/// or in none, as the oldest clients have it.
pub(super) fn is_place_of(name: &str, peer: &Address, id: &MessageId) -> bool {
    let (directory, file) = name.split_once('/').map_or((None, name), |(dir, file)| (Some(dir), file));
    if file.strip_suffix(".json") != Some(id.as_str()) {
        return false;
    }
    let Some(directory) = directory else { return true };
    let Some(rest) = directory.strip_prefix(directory_of(peer).as_str()) else { return false };
    rest.is_empty() || rest.strip_prefix('-').is_some_and(is_mark)
}

fn is_mark(text: &str) -> bool {
    text.len() == MARK_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What a file is called until it is whole. No client reads names that begin with a dot.
pub(super) fn unfinished_name(file: &str) -> String {
    format!(".{file}{UNFINISHED}")
}

/// Whether a name is one of [`unfinished_name`].
pub(super) fn is_unfinished(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(UNFINISHED)
}

const UNFINISHED: &str = ".amp-unfinished";

#[cfg(test)]
mod tests {
    use super::*;
    use amp_core::address::Profile;
    use proptest::prelude::*;

    fn address(text: &str) -> Address {
        Address::parse_with(text, Profile::Deployed).unwrap()
    }

    fn key(from: &str, id: &str) -> MessageKey {
        MessageKey::from_parts(address(from), MessageId::parse_with(id, Profile::Deployed).unwrap(), [7; 16])
    }

    #[test]
    fn directories_are_named_as_the_deployed_client_names_them() {
        assert_eq!(directory_of(&address("alice@acme.crabmail.ai")), "alice_acme_crabmail_ai");
        assert_eq!(directory_of(&address("my-agent@default.local")), "my-agent_default_local");
    }

    // rule: MAIL-5
    #[test]
    fn a37_senders_that_share_a_directory_have_a_name_each() {
        let one = key("alice_acme@x.y.io", "msg_1_ab12");
        let other = key("alice@acme.x.y.io", "msg_1_ab12");
        assert_eq!(own_name(one.peer(), one.id()), own_name(other.peer(), other.id()));
        assert_ne!(other_name(&one, 0), other_name(&other, 0));
        assert!(names_of(&one).all(|name| is_place_of(&name, one.peer(), one.id())));
    }

    #[test]
    fn a_message_is_not_expected_in_another_senders_directory() {
        let one = key("alice@acme.crabmail.ai", "msg_1_ab12");
        for place in ["bob_acme_crabmail_ai/msg_1_ab12.json", "alice_acme_crabmail_ai-x/msg_1_ab12.json"] {
            assert!(!is_place_of(place, one.peer(), one.id()), "{place}");
        }
        assert!(!is_place_of("alice_acme_crabmail_ai/msg_1_ab13.json", one.peer(), one.id()));
        assert!(is_place_of("msg_1_ab12.json", one.peer(), one.id()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        // rule: MAIL-4
        #[test]
        fn a58_no_address_and_no_id_leads_out_of_the_mailbox(from in "\\PC{1,80}", id in "\\PC{1,130}") {
            let (Ok(peer), Ok(id)) = (
                Address::parse_with(&from, Profile::Deployed),
                MessageId::parse_with(&id, Profile::Deployed),
            ) else { return Ok(()) };
            stays_inside(&MessageKey::from_parts(peer, id, [1; 16]))?;
        }

        #[test]
        fn a58_names_made_of_valid_parts_are_two_plain_components(
            name in "[a-z0-9][a-z0-9_-]{0,40}", scope in "[a-z0-9]{1,20}", id in "[A-Za-z0-9][A-Za-z0-9_-]{3,127}",
        ) {
            let peer = Address::parse_with(&alloc::format!("{name}@{scope}.crabmail.ai"), Profile::Deployed);
            let (Ok(peer), Ok(id)) = (peer, MessageId::parse_with(&id, Profile::Deployed)) else { return Ok(()) };
            stays_inside(&MessageKey::from_parts(peer, id, [1; 16]))?;
        }
    }

    fn stays_inside(key: &MessageKey) -> Result<(), TestCaseError> {
        for name in names_of(key) {
            let (directory, file) = name.split_once('/').unwrap();
            for part in [directory, file] {
                prop_assert!(!part.is_empty() && part.len() <= 255 && !part.starts_with('.'));
                prop_assert!(part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)));
            }
            prop_assert!(!directory.contains('.') && file.matches('.').count() == 1);
        }
        Ok(())
    }
}
