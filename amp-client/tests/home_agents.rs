//! The agents of a home: their files, as the deployed clients write and read them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)]
#![allow(clippy::std_instead_of_core, missing_docs)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use amp_client::connection::PreparedRotation;
use amp_client::envelope::JsonValue;
use amp_client::identity::RegistrationRecord;
use amp_client::{ErrorKind, Home, Identity, Timestamp};

fn now() -> Timestamp {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

fn private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn registration(provider: &str, key: &str) -> RegistrationRecord {
    let address = format!("alice@acme.{provider}").parse().unwrap();
    let api = format!("https://api.{provider}/v1");
    RegistrationRecord::new(provider.parse().unwrap(), address, &api, key.parse().unwrap(), now()).unwrap()
}

/// What `amp-init.sh` and `amp-register.sh` leave behind.
fn deployed_agent(agents: &Path, uuid: &str, name: &str, key: &Identity) {
    let directory = agents.join(uuid);
    fs::create_dir_all(directory.join("keys")).unwrap();
    fs::create_dir_all(directory.join("registrations")).unwrap();
    private(&directory.join("keys/private.pem"), key.to_pkcs8_pem().expose());
    fs::write(directory.join("keys/public.pem"), key.verifying_key().to_pem()).unwrap();
    let spki = amp_client::crypto::Fingerprint::of_spki_der(key.verifying_key());
    let config = format!(
        r#"{{
  "version": "1.1",
  "agent": {{
    "name": "{name}",
    "tenant": "default",
    "address": "{name}@default.aimaestro.local",
    "fingerprint": "{spki}",
    "createdAt": "2026-01-30T09:00:00Z"
  }},
  "provider": {{
    "domain": "aimaestro.local",
    "maestro_url": "http://localhost:23000"
  }}
}}
"#
    );
    fs::write(directory.join("config.json"), config).unwrap();
    let registration = format!(
        r#"{{"provider":"crabmail.ai","apiUrl":"https://api.crabmail.ai/v1","routeUrl":"","agentName":"{name}",
"tenant":"acme","address":"{name}@acme.crabmail.ai","shortAddress":"","apiKey":"amp_live_sk_0123456789abcdef",
"providerAgentId":"a7","fingerprint":"{spki}","registeredAt":"2026-01-30T09:00:01Z"}}"#
    );
    private(&directory.join("registrations/crabmail.ai.json"), &registration);
}

#[test]
fn an_agent_keeps_its_key_and_is_found_by_name_and_by_id() {
    let root = tempfile::tempdir().unwrap();
    let home = Home::open(root.path().join("new")).unwrap();
    assert!(home.agent("alice").unwrap().is_none());
    assert!(home.default_agent().unwrap().is_none());

    let made = home.create_agent("Alice", "acme").unwrap();
    assert_eq!(made.address().as_str(), "alice@acme.aimaestro.local");
    let id = made.record().id().unwrap();
    for found in [home.agent("alice"), home.agent("ALICE"), home.agent(id.as_str()), home.default_agent()] {
        let found = found.unwrap().unwrap();
        assert_eq!(found.path(), made.path());
        assert_eq!(found.identity().unwrap().verifying_key(), made.identity().unwrap().verifying_key());
    }
    assert_eq!(home.create_agent("alice", "acme").unwrap_err().kind(), ErrorKind::Setup);

    home.create_agent("bob", "acme").unwrap();
    assert_eq!(home.agents().unwrap().len(), 2);
    assert_eq!(home.default_agent().unwrap_err().kind(), ErrorKind::Setup);
}

// rule: HOME-2
#[test]
fn the_files_of_a_new_agent_are_those_of_the_deployed_clients() {
    let root = tempfile::tempdir().unwrap();
    let home = Home::open(root.path()).unwrap();
    let agent = home.create_agent("alice", "acme").unwrap();
    let path = agent.path();
    assert_eq!(path.parent().unwrap(), root.path().join("agents"));

    for (file, expected) in [
        ("keys", 0o700),
        ("keys/private.pem", 0o600),
        ("messages/inbox", 0o700),
        ("messages/sent", 0o700),
        ("attachments", 0o700),
        ("registrations", 0o700),
    ] {
        assert_eq!(mode(&path.join(file)), expected, "{file}");
    }
    let pem = fs::read_to_string(path.join("keys/private.pem")).unwrap();
    assert!(
        pem.starts_with("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI"),
        "PKCS#8, as OpenSSL writes it"
    );

    let config = fs::read(path.join("config.json")).unwrap();
    let config = JsonValue::read_object(&config).unwrap();
    let own = config.get("agent").unwrap();
    for (member, expected) in
        [("name", "alice"), ("tenant", "acme"), ("address", "alice@acme.aimaestro.local")]
    {
        assert_eq!(own.get(member).unwrap().as_str().unwrap(), expected);
    }
    assert!(own.get("fingerprint").unwrap().as_str().unwrap().starts_with("SHA256:"));

    let index = fs::read(root.path().join("agents/.index.json")).unwrap();
    let index = JsonValue::read_object(&index).unwrap();
    let directory = index.get("alice").unwrap().as_str().unwrap().into_owned();
    assert_eq!(path.file_name().unwrap().to_str().unwrap(), directory);
    assert!(fs::read_to_string(path.join("IDENTITY.md")).unwrap().contains("alice@acme.aimaestro.local"));
}

// rule: HOME-6
#[test]
fn what_the_deployed_client_set_up_is_read_and_survives_being_written() {
    let root = tempfile::tempdir().unwrap();
    let agents = root.path().join("agents");
    let key = Identity::from_seed(&[7; 32]);
    let uuid = "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d";
    deployed_agent(&agents, uuid, "alice", &key);
    fs::write(agents.join(".index.json"), format!(r#"{{"alice":"{uuid}","other":{{"kept":1.50}}}}"#))
        .unwrap();
    symlink(uuid, agents.join("alice")).unwrap();

    let home = Home::open(root.path()).unwrap();
    let alice = home.agent("alice").unwrap().unwrap();
    assert_eq!(alice.identity().unwrap().verifying_key(), key.verifying_key());
    assert_eq!(alice.registrations().unwrap()[0].address().as_str(), "alice@acme.crabmail.ai");
    assert_eq!(home.agents().unwrap().len(), 1, "the link leads to a directory that is listed");

    home.create_agent("bob", "default").unwrap();
    let index = fs::read_to_string(agents.join(".index.json")).unwrap();
    assert!(index.contains(&format!(r#""alice": "{uuid}""#)), "{index}");
    assert!(index.contains(r#""other": {"kept":1.50}"#), "{index}");
}

#[test]
fn an_agent_is_found_by_a_link_and_by_the_older_directory_name() {
    let root = tempfile::tempdir().unwrap();
    let agents = root.path().join("agents");
    deployed_agent(&agents, "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d", "alice", &Identity::from_seed(&[7; 32]));
    symlink("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d", agents.join("alice")).unwrap();
    deployed_agent(&agents, "bob", "bob", &Identity::from_seed(&[8; 32]));
    let home = Home::open(root.path()).unwrap();
    for name in ["alice", "bob"] {
        assert_eq!(home.agent(name).unwrap().unwrap().address().name(), name);
    }
}

#[test]
fn a_home_of_one_agent_lies_at_its_root_and_finds_the_agents_beside_it() {
    let root = tempfile::tempdir().unwrap();
    let alone = Home::of_agent(root.path().join("alone")).unwrap();
    let agent = alone.create_agent("alice", "acme").unwrap();
    assert_eq!(agent.path(), alone.path());
    assert!(alone.path().join("config.json").is_file());
    // There is room for one.
    let second = alone.create_agent("bob", "acme").unwrap();
    assert!(second.path().starts_with(alone.path().join("agents")));

    let family = Home::open(root.path().join("family")).unwrap();
    let carol = family.create_agent("carol", "acme").unwrap();
    let dave = family.create_agent("dave", "acme").unwrap();
    let of_carol = Home::of_agent(carol.path()).unwrap();
    assert_eq!(of_carol.default_agent().unwrap().unwrap().path(), carol.path());
    assert_eq!(of_carol.agent("dave").unwrap().unwrap().path(), dave.path());
    assert_eq!(of_carol.agents().unwrap().len(), 2);
}

// rule: HOME-6
#[test]
fn an_older_identity_file_is_migrated_and_its_key_stays() {
    let root = tempfile::tempdir().unwrap();
    let key = Identity::from_seed(&[7; 32]);
    fs::create_dir(root.path().join("keys")).unwrap();
    private(&root.path().join("keys/private.pem"), key.to_pkcs8_pem().expose());
    let file = format!(
        r#"{{"name":"alice","tenant":"acme","address":"alice@acme.aimaestro.local","fingerprint":"{}","x":1}}"#,
        key.fingerprint()
    );
    fs::write(root.path().join("identity.json"), file).unwrap();

    let agent = Home::of_agent(root.path()).unwrap().default_agent().unwrap().unwrap();
    assert_eq!(agent.identity().unwrap().verifying_key(), key.verifying_key());
    let config = fs::read(root.path().join("config.json")).unwrap();
    let config = JsonValue::read_object(&config).unwrap();
    assert_eq!(config.get("version").unwrap().as_str().unwrap(), "1.1");
    assert!(config.get("x").is_some());
    assert!(root.path().join("identity.json").exists());
}

// rule: HOME-9
#[test]
fn the_identity_text_follows_the_registrations() {
    let root = tempfile::tempdir().unwrap();
    let agent = Home::open(root.path()).unwrap().create_agent("alice", "acme").unwrap();
    let text = || fs::read_to_string(agent.path().join("IDENTITY.md")).unwrap();
    assert!(!text().contains("crabmail.ai"));

    agent.save_registration(&registration("crabmail.ai", "amp_live_sk_first_key")).unwrap();
    agent.save_registration(&registration("other.example", "amp_live_sk_other_key")).unwrap();
    assert!(text().contains("alice@acme.crabmail.ai") && text().contains("alice@acme.other.example"));
    assert!(!text().contains("amp_live_sk"), "no key is in it");
    let file = agent.path().join("registrations/crabmail.ai.json");
    assert_eq!(mode(&file), 0o600);

    agent.save_registration(&registration("crabmail.ai", "amp_live_sk_second_key")).unwrap();
    let records = agent.registrations().unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].api_key().expose(), "amp_live_sk_second_key");

    assert!(agent.remove_registration(&"crabmail.ai".parse().unwrap()).unwrap());
    assert!(!agent.remove_registration(&"crabmail.ai".parse().unwrap()).unwrap());
    assert!(!text().contains("crabmail.ai"));
}

#[test]
fn a_registration_that_is_none_does_not_hide_the_others() {
    let root = tempfile::tempdir().unwrap();
    let agent = Home::open(root.path()).unwrap().create_agent("alice", "acme").unwrap();
    agent.save_registration(&registration("crabmail.ai", "amp_live_sk_first_key")).unwrap();
    private(&agent.path().join("registrations/broken.example.json"), "{\"provider\":");
    private(&agent.path().join("registrations/notes.txt"), "mine");
    assert_eq!(agent.registrations().unwrap().len(), 1);
}

#[test]
fn of_many_that_make_one_agent_at_once_one_succeeds() {
    let root = tempfile::tempdir().unwrap();
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let home = Home::open(root.path()).unwrap();
                scope.spawn(move || home.create_agent("alice", "acme").is_ok())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|made| *made).count()
    });
    assert_eq!(made, 1);
    assert_eq!(Home::open(root.path()).unwrap().agents().unwrap().len(), 1);
}

fn rotating(root: &Path) -> (Home, amp_client::AgentHome, Identity, Vec<PreparedRotation>) {
    let home = Home::open(root).unwrap();
    let agent = home.create_agent("alice", "acme").unwrap();
    let old = agent.identity().unwrap();
    let record = registration("crabmail.ai", "amp_live_sk_first_key").with_fingerprint(&old.fingerprint());
    agent.save_registration(&record).unwrap();
    let new = Identity::from_seed(&[9; 32]);
    let address = "alice@acme.crabmail.ai".parse().unwrap();
    let prepared = vec![PreparedRotation::new(&address, &old, &new, now()).unwrap()];
    (home, agent, new, prepared)
}

// rule: HOME-10
#[test]
fn a_change_of_key_is_kept_until_it_is_decided() {
    let root = tempfile::tempdir().unwrap();
    let (home, mut agent, new, prepared) = rotating(root.path());
    let old = agent.identity().unwrap();
    assert!(agent.finish_rotation(new.verifying_key()).is_err());
    agent.keep_rotation(&new, &prepared).unwrap();
    assert_eq!(agent.keep_rotation(&new, &prepared).unwrap_err().kind(), ErrorKind::Setup);

    // After a restart in the middle, both keys are there.
    let mut again = home.agent("alice").unwrap().unwrap();
    let kept = again.kept_rotation().unwrap().unwrap();
    assert_eq!(kept.identity.verifying_key(), new.verifying_key());
    assert_eq!(kept.prepared, prepared);
    assert_eq!(again.identity().unwrap().verifying_key(), old.verifying_key());

    again.finish_rotation(new.verifying_key()).unwrap();
    for agent in [again, home.agent("alice").unwrap().unwrap()] {
        assert_eq!(agent.identity().unwrap().verifying_key(), new.verifying_key());
        assert_eq!(&agent.verifying_key().unwrap(), new.verifying_key());
        agent.registrations().unwrap()[0].check_key(new.verifying_key()).unwrap();
        assert!(agent.kept_rotation().unwrap().is_none());
    }
}

#[test]
fn a_change_of_key_that_came_to_nothing_leaves_the_old_key() {
    let root = tempfile::tempdir().unwrap();
    let (home, agent, new, prepared) = rotating(root.path());
    let old = agent.identity().unwrap();
    agent.keep_rotation(&new, &prepared).unwrap();
    agent.drop_rotation().unwrap();
    assert!(agent.kept_rotation().unwrap().is_none());
    assert!(agent.path().join("keys/next.pem").exists(), "the request may still take effect");
    assert_eq!(
        home.agent("alice").unwrap().unwrap().identity().unwrap().verifying_key(),
        old.verifying_key()
    );
    agent.keep_rotation(&new, &prepared).unwrap();
}

#[test]
fn a_crash_after_the_new_key_took_its_place_is_completed_when_the_agent_is_read() {
    let root = tempfile::tempdir().unwrap();
    let (home, agent, new, prepared) = rotating(root.path());
    agent.keep_rotation(&new, &prepared).unwrap();
    let keys = agent.path().join("keys");
    fs::rename(keys.join("next.pem"), keys.join("private.pem")).unwrap();

    let again = home.agent("alice").unwrap().unwrap();
    assert_eq!(again.identity().unwrap().verifying_key(), new.verifying_key());
    assert_eq!(&again.verifying_key().unwrap(), new.verifying_key());
    again.registrations().unwrap()[0].check_key(new.verifying_key()).unwrap();
    assert!(!keys.join("rotations.json").exists());
}

// rule: HOME-10
#[test]
fn whatever_a_crash_left_of_a_change_of_key_is_completed() {
    for written in 0..8_u8 {
        let root = tempfile::tempdir().unwrap();
        let (home, agent, new, prepared) = rotating(root.path());
        agent.keep_rotation(&new, &prepared).unwrap();
        let keys = agent.path().join("keys");
        fs::rename(keys.join("next.pem"), keys.join("private.pem")).unwrap();
        // Each of the other files has been written, or has not.
        if written & 1 != 0 {
            fs::write(keys.join("public.pem"), new.verifying_key().to_pem()).unwrap();
        }
        if written & 2 != 0 {
            let record = agent.record().clone().with_key(new.verifying_key());
            fs::write(agent.path().join("config.json"), record.to_json()).unwrap();
        }
        if written & 4 != 0 {
            let record = agent.registrations().unwrap().remove(0).with_fingerprint(&new.fingerprint());
            agent.save_registration(&record).unwrap();
        }

        let again = home.agent("alice").unwrap().unwrap();
        assert_eq!(again.identity().unwrap().verifying_key(), new.verifying_key(), "{written}");
        assert_eq!(&again.verifying_key().unwrap(), new.verifying_key(), "{written}");
        again.registrations().unwrap()[0].check_key(new.verifying_key()).unwrap();
        assert!(again.kept_rotation().unwrap().is_none());
    }
}

// rule: HOME-1
#[test]
fn whoever_reads_while_another_writes_sees_the_old_registration_or_the_new_one() {
    let root = tempfile::tempdir().unwrap();
    let agent = Home::open(root.path()).unwrap().create_agent("alice", "acme").unwrap();
    agent.save_registration(&registration("crabmail.ai", "amp_live_sk_0")).unwrap();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..100 {
                let key = format!("amp_live_sk_{}", "x".repeat(number));
                agent.save_registration(&registration("crabmail.ai", &key)).unwrap();
            }
            is_done.store(true, std::sync::atomic::Ordering::Release);
        });
        while !is_done.load(std::sync::atomic::Ordering::Acquire) {
            let records = agent.registrations().unwrap();
            assert_eq!(records.len(), 1);
            assert!(records[0].api_key().expose().starts_with("amp_live_sk_"));
        }
    });
    let left: Vec<_> = fs::read_dir(agent.path().join("registrations")).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file is left");
}

#[test]
fn an_only_agent_that_cannot_be_read_is_not_overlooked() {
    let root = tempfile::tempdir().unwrap();
    let home = Home::open(root.path()).unwrap();
    let agent = home.create_agent("alice", "acme").unwrap();
    fs::write(agent.path().join("config.json"), "{").unwrap();
    assert!(home.agents().unwrap().is_empty());
    for error in [home.default_agent().unwrap_err(), home.agent("alice").unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Store, "{error}");
    }
}

#[test]
fn an_agent_in_a_directory_that_was_given_to_it_has_its_id_and_is_found_by_the_others() {
    let root = tempfile::tempdir().unwrap();
    let agents = root.path().join("agents");
    let uuid = "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d";
    // As the deployed clients leave it before an agent is made.
    fs::create_dir_all(agents.join(uuid).join("keys")).unwrap();
    fs::create_dir_all(agents.join(uuid).join("messages/inbox")).unwrap();
    let alone = Home::of_agent(agents.join(uuid)).unwrap();
    let agent = alone.create_agent("alice", "acme").unwrap();
    assert_eq!(agent.record().id().unwrap().as_str(), uuid);
    let family = Home::open(root.path()).unwrap();
    assert_eq!(family.agent("alice").unwrap().unwrap().path(), agents.join(uuid));
    assert!(fs::read_to_string(agents.join(".index.json")).unwrap().contains(uuid));
}

#[test]
fn a_directory_that_the_deployed_provider_has_begun_is_no_agent_and_is_completed() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::open(directory.path()).unwrap();
    let bob = home.create_agent("bob", "acme").unwrap();
    let agents = directory.path().join("agents");
    // As AI Maestro 0.36 leaves it: a record without address and key, and an index that names it.
    let begun =
        [("alice", "b69bc65f-06fb-48b0-890b-122674aaeb19"), ("bob", "4f04b916-5c4c-4cbe-8ae2-9458709d4b75")];
    for (name, id) in begun {
        fs::create_dir_all(agents.join(id).join("messages/inbox")).unwrap();
        fs::create_dir_all(agents.join(id).join("keys")).unwrap();
        let config = format!(r#"{{"version":"amp/0.1","agent":{{"name":"{name}","id":"{id}"}}}}"#);
        fs::write(agents.join(id).join("config.json"), config).unwrap();
    }
    let index = format!(r#"{{"alice":"{}","bob":"{}"}}"#, begun[0].1, begun[1].1);
    fs::write(agents.join(".index.json"), index).unwrap();

    assert_eq!(home.agents().unwrap().len(), 1);
    assert_eq!(home.default_agent().unwrap().unwrap().path(), bob.path());
    assert_eq!(home.agent("bob").unwrap().unwrap().path(), bob.path());
    assert!(home.agent("alice").unwrap().is_none());
    assert!(home.create_agent("bob", "acme").is_err());

    let alice = home.create_agent("alice", "acme").unwrap();
    assert_eq!(alice.path(), agents.join(begun[0].1));
    assert_eq!(home.agent("alice").unwrap().unwrap().record().id().unwrap().as_str(), begun[0].1);
    alice.identity().unwrap();

    // A record that says who it is and cannot be read is damaged, and not passed over.
    fs::write(alice.path().join("config.json"), r#"{"agent":{"address":"alice@acme.aimaestro.local"}}"#)
        .unwrap();
    assert!(home.agent("alice").is_err());
}

#[test]
fn a_registration_made_while_a_change_of_key_waits_keeps_its_key() {
    let root = tempfile::tempdir().unwrap();
    let (old, new) = (Identity::from_seed(&[2; 32]), Identity::from_seed(&[3; 32]));
    let mut agent = Home::open(root.path()).unwrap().create_agent_with("alice", "acme", &old).unwrap();
    agent.save_registration(&registration("crabmail.ai", "amp_live_sk_0011223344556677")).unwrap();
    let prepared =
        PreparedRotation::new(&"alice@acme.crabmail.ai".parse().unwrap(), &old, &new, now()).unwrap();
    agent.keep_rotation(&new, &[prepared]).unwrap();
    // Another program registers elsewhere, with the key in force.
    let later =
        registration("other.org", "amp_live_sk_8899aabbccddeeff").with_fingerprint(&old.fingerprint());
    agent.save_registration(&later).unwrap();
    agent.finish_rotation(new.verifying_key()).unwrap();

    let records = agent.registrations().unwrap();
    let of = |name: &str| records.iter().find(|one| one.provider().as_str() == name).unwrap();
    assert!(of("crabmail.ai").check_key(new.verifying_key()).is_ok());
    assert!(
        of("other.org").check_key(old.verifying_key()).is_ok(),
        "it is said to have a key that it has not"
    );
    // And it stays there when the key changes once more.
    let third = Identity::from_seed(&[4; 32]);
    let prepared =
        PreparedRotation::new(&"alice@acme.crabmail.ai".parse().unwrap(), &new, &third, now()).unwrap();
    agent.keep_rotation(&third, &[prepared]).unwrap();
    let other = agent.finish_rotation(new.verifying_key());
    assert!(other.is_ok(), "it is finished already, and the next one is not touched");
    assert_eq!(agent.identity().unwrap().verifying_key(), new.verifying_key());
    assert_eq!(agent.finish_rotation(old.verifying_key()).unwrap_err().kind(), ErrorKind::Setup);
    agent.finish_rotation(third.verifying_key()).unwrap();
    let keys = fs::read_dir(agent.path().join("keys")).unwrap();
    let keys: Vec<String> = keys.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    let is_kept = |key: &Identity| keys.iter().any(|kept| kept == key.to_pkcs8_pem().expose());
    assert!(is_kept(&old) && is_kept(&third), "the only key that other.org knows is gone");
}

#[test]
fn the_registration_of_another_address_is_not_written_over() {
    let root = tempfile::tempdir().unwrap();
    let agent = Home::open(root.path()).unwrap().create_agent("alice", "acme").unwrap();
    agent.save_registration(&registration("crabmail.ai", "amp_live_sk_0011223344556677")).unwrap();
    let key = "amp_live_sk_8899aabbccddeeff".parse().unwrap();
    let (address, api) = ("alice@evil.crabmail.ai".parse().unwrap(), "https://evil.example/v1");
    let other = RegistrationRecord::new("crabmail.ai".parse().unwrap(), address, api, key, now()).unwrap();
    assert_eq!(agent.save_registration(&other).unwrap_err().kind(), ErrorKind::Setup);
    assert_eq!(agent.registrations().unwrap()[0].api_key().expose(), "amp_live_sk_0011223344556677");
}

/// The names of an agent's former keys.
fn former_files(agent: &amp_client::AgentHome) -> Vec<std::path::PathBuf> {
    let keys = fs::read_dir(agent.path().join("keys")).unwrap().map(|entry| entry.unwrap().path());
    keys.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("former-")).collect()
}

// rule: HOME-11
#[test]
fn the_key_that_was_replaced_is_kept_for_its_stated_time() {
    let root = tempfile::tempdir().unwrap();
    let (home, mut agent, new, prepared) = rotating(root.path());
    let old = agent.identity().unwrap();
    assert!(agent.former_keys().unwrap().is_empty());
    agent.keep_rotation(&new, &prepared).unwrap();
    let before = Timestamp::try_from(std::time::SystemTime::now()).unwrap();
    agent.finish_rotation(new.verifying_key()).unwrap();

    let former = home.agent("alice").unwrap().unwrap().former_keys().unwrap();
    assert_eq!(former.len(), 1);
    assert_eq!(former[0].identity.verifying_key(), old.verifying_key());
    let days = former[0].until.duration_since(before).unwrap().as_secs().div_ceil(24 * 60 * 60);
    assert_eq!(days, 200);
    assert_eq!(mode(&former_files(&agent)[0]), 0o600);
    assert_eq!(agent.identity().unwrap().verifying_key(), new.verifying_key(), "it signs nothing");
}

// rule: HOME-12
#[test]
fn a_former_key_is_gone_when_its_time_is_over() {
    let root = tempfile::tempdir().unwrap();
    let (home, mut agent, new, prepared) = rotating(root.path());
    agent.keep_rotation(&new, &prepared).unwrap();
    agent.finish_rotation(new.verifying_key()).unwrap();
    let kept = former_files(&agent).remove(0);
    let name = kept.file_name().unwrap().to_str().unwrap();
    let over = kept.with_file_name(format!("{}-until-20260101T000000Z.pem", &name[..23]));
    fs::rename(kept, &over).unwrap();
    assert!(home.agent("alice").unwrap().unwrap().former_keys().unwrap().is_empty());
    assert!(!over.exists());
    assert_eq!(agent.identity().unwrap().verifying_key(), new.verifying_key());
}

// rule: HOME-11
#[test]
fn a_crash_before_the_new_key_took_its_place_loses_no_key() {
    let root = tempfile::tempdir().unwrap();
    let (home, mut agent, new, prepared) = rotating(root.path());
    let old = agent.identity().unwrap();
    agent.keep_rotation(&new, &prepared).unwrap();
    agent.finish_rotation(new.verifying_key()).unwrap();
    // As it was when the former key had been written, and nothing else.
    let keys = agent.path().join("keys");
    fs::rename(keys.join("private.pem"), keys.join("next.pem")).unwrap();
    private(&keys.join("private.pem"), old.to_pkcs8_pem().expose());
    fs::write(
        agent.path().join("config.json"),
        agent.record().clone().with_key(old.verifying_key()).to_json(),
    )
    .unwrap();
    let again = PreparedRotation::new(&"alice@acme.crabmail.ai".parse().unwrap(), &old, &new, now()).unwrap();
    private(&keys.join("rotations.json"), &format!("{{\"rotations\":[{}]}}", again.to_json()));

    let mut again = home.agent("alice").unwrap().unwrap();
    assert_eq!(again.identity().unwrap().verifying_key(), old.verifying_key());
    again.finish_rotation(new.verifying_key()).unwrap();
    assert_eq!(again.identity().unwrap().verifying_key(), new.verifying_key());
    let former = again.former_keys().unwrap();
    assert_eq!(former.len(), 1, "two files of one key count as one");
    assert_eq!(former[0].identity.verifying_key(), old.verifying_key());
}

// rule: HOME-2
#[test]
fn a_former_key_that_others_may_read_opens_nothing_and_hides_no_other() {
    let root = tempfile::tempdir().unwrap();
    let (_, mut agent, new, prepared) = rotating(root.path());
    agent.keep_rotation(&new, &prepared).unwrap();
    agent.finish_rotation(new.verifying_key()).unwrap();
    let keys = agent.path().join("keys");
    let open = keys.join("former-0011223344556677-until-21000101T000000Z.pem");
    fs::write(&open, Identity::from_seed(&[5; 32]).to_pkcs8_pem().expose()).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    private(&keys.join("former-8899aabbccddeeff-until-21000101T000000Z.pem"), "no key");
    private(&keys.join("former-notes.pem"), "mine");
    assert_eq!(agent.former_keys().unwrap().len(), 1);
    assert!(open.exists() && keys.join("former-notes.pem").exists());
}

// rule: HOME-12
#[test]
fn what_a_killed_process_left_half_written_beside_the_keys_is_swept_up() {
    let root = tempfile::tempdir().unwrap();
    let agent = Home::open(root.path()).unwrap().create_agent("alice", "acme").unwrap();
    let keys = agent.path().join("keys");
    let (old, young) = (format!(".amp-{:032x}.tmp", 7), format!(".amp-{:032x}.tmp", 8));
    for name in [&old, &young] {
        private(&keys.join(name), "-----BEGIN PRIVATE KEY-----");
    }
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
    fs::File::options().write(true).open(keys.join(&old)).unwrap().set_modified(hour_ago).unwrap();
    agent.former_keys().unwrap();
    assert!(!keys.join(old).exists() && keys.join(young).exists(), "somebody may be writing it");
    agent.identity().unwrap();
}

// rule: HOME-12
#[test]
fn a_key_that_no_registration_was_left_with_any_more_has_an_end() {
    let root = tempfile::tempdir().unwrap();
    let (home, mut agent, new, prepared) = rotating(root.path());
    let old = agent.identity().unwrap();
    agent.keep_rotation(&new, &prepared).unwrap();
    let later =
        registration("other.org", "amp_live_sk_8899aabbccddeeff").with_fingerprint(&old.fingerprint());
    agent.save_registration(&later).unwrap();
    agent.finish_rotation(new.verifying_key()).unwrap();
    let previous = || {
        let keys = fs::read_dir(agent.path().join("keys")).unwrap().map(|entry| entry.unwrap().file_name());
        keys.filter(|name| name.to_str().unwrap().starts_with("previous-")).count()
    };
    assert_eq!(previous(), 1);
    agent.remove_registration(&"crabmail.ai".parse().unwrap()).unwrap();
    assert_eq!(previous(), 1, "another one has it");
    agent.remove_registration(&"other.org".parse().unwrap()).unwrap();
    assert_eq!(previous(), 0);
    let former = home.agent("alice").unwrap().unwrap().former_keys().unwrap();
    assert!(former.iter().any(|former| former.identity.verifying_key() == old.verifying_key()));
}
