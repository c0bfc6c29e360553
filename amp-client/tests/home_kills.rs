//! Processes that are killed while they change an agent's key: the agent keeps a key, and it is the one it says it has.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)]
#![allow(clippy::std_instead_of_core, missing_docs)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use amp_client::connection::PreparedRotation;
use amp_client::identity::RegistrationRecord;
use amp_client::{Home, Identity, Timestamp};

const DIRECTORY: &str = "AMP_TEST_KILLED_IN";
const CHANGED: &str = "changed a key";
const KILLS: u64 = 40;

fn now() -> Timestamp {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

/// What the killed processes do: one change of key after the other, without end.
#[test]
fn a_process_that_changes_keys_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let mut agent = Home::open(Path::new(&directory)).unwrap().agent("alice").unwrap().unwrap();
    let address = "alice@acme.crabmail.ai".parse().unwrap();
    loop {
        let kept = agent.kept_rotation().unwrap();
        let new = kept.map_or_else(Identity::generate, |kept| kept.identity);
        if agent.kept_rotation().unwrap().is_none() {
            let prepared = PreparedRotation::new(&address, &agent.identity().unwrap(), &new, now()).unwrap();
            agent.keep_rotation(&new, &[prepared]).unwrap();
        }
        agent.finish_rotation(new.verifying_key()).unwrap();
        println!("{CHANGED} {}", new.fingerprint());
    }
}

// rule: HOME-10, HOME-11
#[test]
fn whenever_a_process_is_killed_the_agent_has_the_key_that_it_says_it_has() {
    let root = tempfile::tempdir().unwrap();
    let home = Home::open(root.path()).unwrap();
    let agent = home.create_agent("alice", "acme").unwrap();
    let registration = RegistrationRecord::new(
        "crabmail.ai".parse().unwrap(),
        "alice@acme.crabmail.ai".parse().unwrap(),
        "https://api.crabmail.ai/v1",
        "amp_live_sk_7f53efb3fb6588af".parse().unwrap(),
        now(),
    );
    let registration = registration.unwrap().with_fingerprint(&agent.identity().unwrap().fingerprint());
    agent.save_registration(&registration).unwrap();

    let mut made_keys = vec![agent.identity().unwrap().fingerprint().to_string()];
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_that_changes_keys_until_it_is_killed", "--nocapture"])
            .env(DIRECTORY, root.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It has begun, and is killed at another place each time.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = |line: String| {
            let made = line.split_once(CHANGED).map(|(_, key)| key.trim().to_owned());
            made.map(|key| made_keys.push(key)).is_some()
        };
        assert!(lines.any(|line| printed(line.unwrap())));
        std::thread::sleep(Duration::from_micros(kill * 797 % 20_011));
        child.kill().unwrap();
        child.wait().unwrap();
        lines.for_each(|line| {
            printed(line.unwrap());
        });

        let agent = home.agent("alice").unwrap().unwrap();
        let key = agent.identity().unwrap().verifying_key().clone();
        assert_eq!(agent.verifying_key().unwrap(), key);
        agent.registrations().unwrap()[0].check_key(&key).unwrap();
        // No key that was in force is lost: mail may be sealed to each of them. The oldest of very many are given up.
        let former = agent.former_keys().unwrap();
        let is_kept = |made: &String| {
            let keys = former.iter().map(|former| &former.identity).map(Identity::fingerprint);
            keys.chain([key.fingerprint()]).any(|kept| kept.to_string() == *made)
        };
        assert!(made_keys.len() > 500 || made_keys.iter().all(is_kept), "{}", made_keys.len());
        if let Some(kept) = agent.kept_rotation().unwrap() {
            assert_eq!(kept.prepared[0].record().new_key(), kept.identity.verifying_key());
            assert_eq!(*kept.prepared[0].record().old_key(), key);
        }
    }
}
