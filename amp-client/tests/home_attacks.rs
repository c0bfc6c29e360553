//! Attacks on the home directory: what others could have put there, and names that lead out of it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)]
#![allow(clippy::std_instead_of_core, missing_docs)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use amp_client::identity::RegistrationRecord;
use amp_client::store::{StoreError, StoreErrorKind};
use amp_client::{AgentHome, Error, ErrorKind, Home, Identity};
use proptest::prelude::*;

fn home() -> (tempfile::TempDir, Home, AgentHome) {
    let root = tempfile::tempdir().unwrap();
    let home = Home::open(root.path().join("home")).unwrap();
    let agent = home.create_agent("alice", "acme").unwrap();
    (root, home, agent)
}

fn open_to(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn is_unsafe(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<StoreError>());
    source.is_some_and(|source| source.kind() == StoreErrorKind::Unsafe)
}

// rule: HOME-2
#[test]
fn a41_a_private_key_that_others_may_read_is_refused() {
    let (_root, _, agent) = home();
    let key = agent.path().join("keys/private.pem");
    for mode in [0o640, 0o604, 0o660, 0o644, 0o610, 0o666, 0o777] {
        open_to(&key, mode);
        let error = agent.identity().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key, "{mode:o}");
        assert!(error.to_string().contains(&format!("{mode:o}")), "{error}");
    }
    open_to(&key, 0o400);
    agent.identity().unwrap();
}

// rule: HOME-2
#[test]
fn a41_a_registration_that_others_may_read_is_refused() {
    let (_root, _, agent) = home();
    let record = RegistrationRecord::new(
        "crabmail.ai".parse().unwrap(),
        "alice@acme.crabmail.ai".parse().unwrap(),
        "https://api.crabmail.ai/v1",
        "amp_live_sk_7f53efb3fb6588af".parse().unwrap(),
        "2026-01-31T10:00:00Z".parse().unwrap(),
    );
    agent.save_registration(&record.unwrap()).unwrap();
    let file = agent.path().join("registrations/crabmail.ai.json");
    open_to(&file, 0o640);
    let error = agent.registrations().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert!(!format!("{error} {error:?}").contains("amp_live"));
}

// rule: HOME-4
#[test]
fn a41_a_key_path_in_the_configuration_leads_nowhere() {
    let (root, home, agent) = home();
    let own = agent.identity().unwrap();
    let elsewhere = root.path().join("elsewhere.pem");
    let mallory = Identity::from_seed(&[66; 32]);
    fs::write(&elsewhere, mallory.to_pkcs8_pem().expose()).unwrap();
    open_to(&elsewhere, 0o600);
    let config = agent.path().join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    let inside = agent.path().join("keys/private.pem");
    let changed = text.replace(inside.to_str().unwrap(), elsewhere.to_str().unwrap());
    assert_ne!(text, changed);
    fs::write(&config, changed).unwrap();

    let again = home.agent("alice").unwrap().unwrap();
    assert_eq!(again.identity().unwrap().verifying_key(), own.verifying_key());
}

// rule: HOME-4
#[test]
fn a41_another_key_in_the_place_of_the_own_one_is_noticed() {
    let (_root, home, agent) = home();
    let mallory = Identity::from_seed(&[66; 32]);
    fs::write(agent.path().join("keys/private.pem"), mallory.to_pkcs8_pem().expose()).unwrap();
    let again = home.agent("alice").unwrap().unwrap();
    assert_eq!(again.identity().unwrap_err().kind(), ErrorKind::Key);
}

// rule: HOME-2
#[test]
fn a41_a_home_into_which_others_may_write_is_refused() {
    let (_root, home, agent) = home();
    for path in [home.path().to_path_buf(), home.path().join("agents"), agent.path().to_path_buf()] {
        for mode in [0o770, 0o702, 0o777, 0o1777] {
            open_to(&path, mode);
            let opened = Home::open(home.path()).and_then(|home| home.agent("alice"));
            assert!(is_unsafe(&opened.unwrap_err()), "{} {mode:o}", path.display());
        }
        open_to(&path, 0o755);
        assert!(Home::open(home.path()).unwrap().agent("alice").unwrap().is_some());
    }
    let keys = agent.path().join("keys");
    open_to(&keys, 0o777);
    assert!(is_unsafe(&agent.identity().unwrap_err()));
}

// rule: HOME-2
#[test]
fn a41_a_home_of_another_user_is_refused() {
    let (_root, home, agent) = home();
    // Only a privileged user can give a directory away, so only there can this be tried.
    if std::os::unix::fs::chown(home.path(), Some(12_345), None).is_err() {
        return;
    }
    assert!(is_unsafe(&Home::open(home.path()).unwrap_err()));
    std::os::unix::fs::chown(home.path(), Some(0), None).unwrap();
    let key = agent.path().join("keys/private.pem");
    std::os::unix::fs::chown(&key, Some(12_345), None).unwrap();
    assert!(is_unsafe(&agent.identity().unwrap_err()));
}

// rule: HOME-3
#[test]
fn a38_links_and_other_nodes_in_the_place_of_the_key_are_refused() {
    let (root, _, agent) = home();
    let key = agent.path().join("keys/private.pem");
    let aside = root.path().join("aside.pem");
    fs::rename(&key, &aside).unwrap();

    symlink(&aside, &key).unwrap();
    assert!(is_unsafe(&agent.identity().unwrap_err()), "a symbolic link");
    fs::remove_file(&key).unwrap();

    fs::hard_link(&aside, &key).unwrap();
    assert!(is_unsafe(&agent.identity().unwrap_err()), "a hard link");
    fs::remove_file(&key).unwrap();

    fs::create_dir(&key).unwrap();
    assert!(is_unsafe(&agent.identity().unwrap_err()), "a directory");
    fs::remove_dir(&key).unwrap();

    let status = std::process::Command::new("mkfifo").arg("-m").arg("600").arg(&key).status();
    if status.is_ok_and(|status| status.success()) {
        assert!(is_unsafe(&agent.identity().unwrap_err()), "a pipe, which nobody writes");
        fs::remove_file(&key).unwrap();
    }

    fs::write(&key, vec![b'-'; 100_000]).unwrap();
    open_to(&key, 0o600);
    let error = agent.identity().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store, "too large to be a key: {error}");
}

// rule: HOME-3
#[test]
fn a38_a_directory_of_an_agent_that_is_a_link_out_of_the_home_is_not_followed() {
    let (root, home, _) = home();
    let foreign = Home::of_agent(root.path().join("foreign")).unwrap();
    foreign.create_agent("eve", "acme").unwrap();
    symlink(foreign.path(), home.path().join("agents/eve")).unwrap();
    assert!(is_unsafe(&home.agent("eve").unwrap_err()));
    assert_eq!(home.agents().unwrap().len(), 1);
}

// rule: HOME-5
#[test]
fn a58_names_that_lead_elsewhere_name_no_agent() {
    let (root, home, _) = home();
    fs::create_dir(root.path().join("out")).unwrap();
    for name in [
        "",
        ".",
        "..",
        "../out",
        "a/b",
        "/etc",
        "a\\b",
        "a\0b",
        "a.b",
        "a:b",
        "alice/",
        "alice\n",
        "al ice",
        "älice",
        "\u{202e}alice",
        "a\u{1b}[31m",
    ] {
        let error = home.agent(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setup, "{name:?}");
        assert!(!error.to_string().contains('\u{1b}'));
        assert!(home.create_agent(name, "acme").is_err(), "{name:?}");
    }
    for scope in ["", "..", "../x", "a/b", "a b", "a_b/"] {
        assert!(home.create_agent("bob", scope).is_err(), "{scope:?}");
    }
}

// rule: HOME-5
#[test]
fn a58_an_index_that_leads_out_of_the_home_is_not_followed() {
    let (root, home, _) = home();
    let outside = Home::of_agent(root.path().join("outside")).unwrap();
    outside.create_agent("eve", "acme").unwrap();
    for directory in ["../../outside", "..", ".", "", "/", "a/../../../outside"] {
        let index = format!(r#"{{"eve":"{directory}"}}"#);
        fs::write(home.path().join("agents/.index.json"), index).unwrap();
        assert!(home.agent("eve").unwrap().is_none(), "{directory}");
    }
    let absolute = format!(r#"{{"eve":"{}"}}"#, outside.path().display());
    fs::write(home.path().join("agents/.index.json"), absolute).unwrap();
    assert!(home.agent("eve").unwrap().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a58_whatever_the_name_nothing_is_made_outside_of_the_home(
        name in ".{0,40}|[./\\\\a-z]{1,12}",
        scope in "[./a-z:-]{0,12}",
    ) {
        let root = tempfile::tempdir().unwrap();
        let home = Home::open(root.path().join("home")).unwrap();
        let made = home.create_agent(&name, &scope);
        let names: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        prop_assert_eq!(names, ["home"]);
        if let Ok(agent) = made {
            prop_assert_eq!(agent.path().parent().unwrap(), home.path().join("agents"));
        }
    }
}
