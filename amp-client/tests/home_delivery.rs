//! Mail between the agents of one home, and whose keys the home vouches for.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)]
#![allow(clippy::std_instead_of_core, missing_docs)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use amp_client::envelope::{SecurityPlacement, Status, StoredMessage};
use amp_client::receive::KeySource;
use amp_client::{
    Address, AgentHome, Draft, Home, Identity, LocalDelivery, Profile, SignedMessage, Timestamp,
};

fn now() -> Timestamp {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

fn home() -> (tempfile::TempDir, Home, AgentHome, AgentHome) {
    let root = tempfile::tempdir().unwrap();
    let home = Home::open(root.path()).unwrap();
    let alice = home.create_agent("alice", "acme").unwrap();
    let bob = home.create_agent("bob", "acme").unwrap();
    (root, home, alice, bob)
}

fn signed(from: &AgentHome, to: &str, text: &str) -> SignedMessage {
    let to = Address::parse_with(to, Profile::Deployed).unwrap();
    let draft = Draft::request(to, "Hello", text).from(from.address());
    draft.sign(&from.identity().unwrap(), now()).unwrap()
}

fn files(agent: &AgentHome, directory: &str) -> Vec<PathBuf> {
    let inbox = agent.path().join("messages/inbox").join(directory);
    let mut files: Vec<_> = fs::read_dir(inbox).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

// rule: HOME-7
#[test]
fn a_message_lies_where_the_deployed_client_looks_for_it() {
    let (_root, home, alice, bob) = home();
    let message = signed(&alice, "bob@acme.aimaestro.local", "Are you there?");
    assert_eq!(home.deliver_local(&message).unwrap(), LocalDelivery::Delivered);

    let files = files(&bob, "alice_acme_aimaestro_local");
    assert_eq!(files.len(), 1, "and no temporary file is left: {files:?}");
    assert_eq!(files[0].file_name().unwrap().to_str().unwrap(), format!("{}.json", message.id()));
    let stored = StoredMessage::decode(&fs::read(&files[0]).unwrap()).unwrap();
    assert_eq!(stored.message().to_json(), message.to_json(), "byte for byte as signed");
    assert_eq!(stored.local().status(), Status::Unread);
    assert!(stored.local().received_at().is_some());
    assert!(stored.claimed_security().is_none(), "what it is worth is for the recipient to say");
    stored.into_message().verify(alice.identity().unwrap().verifying_key()).unwrap();
}

#[test]
fn delivering_twice_leaves_one_message() {
    let (_root, home, alice, bob) = home();
    let message = signed(&alice, "bob@acme.aimaestro.local", "once");
    assert_eq!(home.deliver_local(&message).unwrap(), LocalDelivery::Delivered);
    // Another program has read it meanwhile.
    let file = files(&bob, "alice_acme_aimaestro_local").remove(0);
    let mut stored = StoredMessage::decode(&fs::read(&file).unwrap()).unwrap();
    stored.mark_read(now());
    fs::write(&file, stored.to_json(SecurityPlacement::TopLevel)).unwrap();

    assert_eq!(home.deliver_local(&message).unwrap(), LocalDelivery::WasThere);
    let again = StoredMessage::decode(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(again.local().status(), Status::Read, "what lies there stays as it is");
    assert_eq!(files(&bob, "alice_acme_aimaestro_local").len(), 1);
}

// rule: HOME-7
#[test]
fn a37_a_message_whose_name_is_taken_gets_another_and_neither_is_lost() {
    let (_root, home, alice, bob) = home();
    let message = signed(&alice, "bob@acme.aimaestro.local", "mine");
    let directory = bob.path().join("messages/inbox/alice_acme_aimaestro_local");
    fs::create_dir_all(&directory).unwrap();
    for path in [&directory, directory.parent().unwrap()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let taken = directory.join(format!("{}.json", message.id()));
    fs::write(&taken, "{\"somebody\":\"else\"}").unwrap();
    fs::set_permissions(&taken, fs::Permissions::from_mode(0o644)).unwrap();

    assert_eq!(home.deliver_local(&message).unwrap(), LocalDelivery::Delivered);
    assert_eq!(home.deliver_local(&message).unwrap(), LocalDelivery::WasThere);
    assert_eq!(fs::read_to_string(&taken).unwrap(), "{\"somebody\":\"else\"}");
    let files = files(&bob, "alice_acme_aimaestro_local");
    assert_eq!(files.len(), 2);
    let other = files.iter().find(|file| **file != taken).unwrap();
    assert!(other.extension().is_some_and(|extension| extension == "json"));
    assert_eq!(StoredMessage::decode(&fs::read(other).unwrap()).unwrap().message().text(), "mine");
}

#[test]
fn addresses_that_the_deployed_client_calls_local_are_one_agents() {
    let (_root, home, _, bob) = home();
    for (address, is_bob) in [
        ("bob@acme.aimaestro.local", true),
        ("bob@acme.local", true),
        ("BOB@ACME.aimaestro.local", true),
        ("bob@default.local", false),
        ("bob@other.aimaestro.local", false),
        ("bob@acme.example.local", false),
        ("bob@acme.crabmail.ai", false),
        ("bob@acme.aimaestro.local.evil.example", false),
    ] {
        let found = home.agent_at(&Address::parse_with(address, Profile::Deployed).unwrap()).unwrap();
        let expected = is_bob.then(|| bob.path().to_path_buf());
        assert_eq!(found.map(|found| found.path().to_path_buf()), expected, "{address}");
    }
    let alice = home.agent("alice").unwrap().unwrap();
    let message = signed(&alice, "carol@acme.aimaestro.local", "nobody");
    assert_eq!(home.deliver_local(&message).unwrap(), LocalDelivery::NoSuchAgent);
}

// rule: HOME-8
#[test]
fn a16_the_home_vouches_for_the_keys_of_its_own_local_addresses_only() {
    let (_root, home, alice, _) = home();
    let own = home.local_key(alice.address()).unwrap().unwrap();
    assert_eq!(own.source(), KeySource::Resolved);
    assert_eq!(own.key(), alice.identity().unwrap().verifying_key());

    for address in ["alice@acme.crabmail.ai", "alice@other.aimaestro.local", "carol@acme.aimaestro.local"] {
        assert!(home.local_key(&address.parse().unwrap()).unwrap().is_none(), "{address}");
    }

    // An agent that states an address of the wide world gets no key for it.
    let config = alice.path().join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("alice@acme.aimaestro.local", "alice@acme.crabmail.ai")).unwrap();
    assert!(home.local_key(&"alice@acme.crabmail.ai".parse().unwrap()).unwrap().is_none());
}

// rule: HOME-8
#[test]
fn a16_a_home_that_is_open_to_others_vouches_for_nobody() {
    let (_root, home, alice, _) = home();
    fs::set_permissions(alice.path(), fs::Permissions::from_mode(0o770)).unwrap();
    assert!(home.local_key(alice.address()).is_err());
    fs::set_permissions(alice.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let public = alice.path().join("keys/public.pem");
    fs::set_permissions(&public, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(home.local_key(alice.address()).is_err());

    // A key that is not the agent's own.
    fs::write(&public, Identity::from_seed(&[66; 32]).verifying_key().to_pem()).unwrap();
    fs::set_permissions(&public, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(home.local_key(alice.address()).is_err());
}
