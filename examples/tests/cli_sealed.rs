//! Sealed mail at the command line: what is sealed, shown, answered and downloaded, and what a provider keeps of it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)]
#![allow(clippy::std_instead_of_core, missing_docs)]

mod terminal;

use std::fs;
use std::path::Path;

use amp_client::crypto::seal::{DecryptionKey, EncryptionKey};
use amp_client::{Draft, Home, Loopback, Timestamp};
use serde_json::Value;
use terminal::Terminal;

const TEXT: &str = "Carol earns 4,200.";

/// A provider that keeps what it has in a directory, and two agents there: their addresses.
async fn two_agents(directory: &Path) -> (Loopback, Terminal, [String; 2]) {
    let provider = Loopback::builder().without_limits().directory(directory).start().await.unwrap();
    let terminal = Terminal::new();
    terminal.register(&provider.url(), &["alice", "bob"]).await;
    let mut addresses = Vec::new();
    for name in ["alice", "bob"] {
        let who = terminal.json(name, &["identity"]).await.one();
        addresses.push(who["registrations"][0]["address"].as_str().unwrap().to_owned());
    }
    (provider, terminal, addresses.try_into().unwrap())
}

/// Whether a text stands in any file below a directory.
fn holds(directory: &Path, text: &str) -> bool {
    let mut entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.any(|path| {
        let found = |bytes: Vec<u8>| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if path.is_dir() { holds(&path, text) } else { found(fs::read(&path).unwrap()) }
    })
}

#[tokio::test]
async fn what_is_sealed_is_read_by_both_ends_and_by_no_provider() {
    let kept = tempfile::tempdir().unwrap();
    let (_provider, terminal, [_, bob]) = two_agents(kept.path()).await;
    let file = terminal.home.path().join("salaries.csv");
    fs::write(&file, "name,salary\nCarol,4200\n").unwrap();
    let send = ["send", &bob, "Salaries", TEXT, "--type", "x-payroll", "--context", r#"{"team": "ops"}"#];
    let send = [&send[..], &["--attach", file.to_str().unwrap(), "--seal"]].concat();
    let sent = terminal.json("alice", &send).await.one();
    assert_eq!(sent["sealed"], true);
    let id = sent["id"].as_str().unwrap();
    let fetched = terminal.json("bob", &["fetch"]).await.json();
    assert_eq!((&fetched[0]["sealed"], &fetched[0]["trust"]), (&true.into(), &"verified".into()));
    assert_eq!(terminal.json("bob", &["inbox"]).await.one()["sealed"], true);
    assert_eq!(terminal.json("alice", &["inbox", "--sent"]).await.one()["sealed"], true);

    let key =
        Home::open(terminal.home.path()).unwrap().agent("bob").unwrap().unwrap().verifying_key().unwrap();
    let key_id = EncryptionKey::of(&key).unwrap().id().to_string();
    let read = terminal.json("bob", &["read", id]).await.one();
    let own = terminal.json("alice", &["read", id, "--sent"]).await.one();
    for shown in [&read, &own] {
        assert_eq!(
            (shown["text"].as_str(), shown["type"].as_str()),
            (Some(TEXT), Some("x-payroll")),
            "{shown}"
        );
        assert_eq!(shown["attachments"][0]["filename"], "salaries.csv", "{shown}");
        assert_eq!((&shown["sealed"], &shown["unopened"]), (&true.into(), &Value::Null));
        assert_eq!(shown["sealed_to"].as_str(), Some(&*key_id));
    }
    let page = terminal.run(&["--agent", "bob", "read", id]).await.succeeded().out;
    assert!(page.contains(&format!("\nsealed   to {key_id}\n")), "{page}");

    let listed = terminal.json("bob", &["attachments", id]).await.one();
    assert_eq!((listed["filename"].as_str(), listed["size"].as_u64()), (Some("salaries.csv"), Some(23)));
    let to = terminal.home.path().join("downloads");
    let get = ["attachments", id, "--get", "salaries.csv", "--to", to.to_str().unwrap()];
    let got = terminal.json("bob", &get).await.one();
    assert_eq!(fs::read_to_string(got["path"].as_str().unwrap()).unwrap(), "name,salary\nCarol,4200\n");

    terminal.json("alice", &["send", &bob, "Hello", "Are you there?", "--plain"]).await.one();
    assert!(holds(kept.path(), "Are you there?"), "what is not sealed is found");
    for hidden in ["Carol", "4,200", "x-payroll", "ops\"", "salaries", "text/csv"] {
        assert!(!holds(kept.path(), hidden), "the provider has {hidden}");
    }
}

#[tokio::test]
async fn what_was_sealed_is_answered_sealed_unless_told_otherwise() {
    let kept = tempfile::tempdir().unwrap();
    let (_provider, terminal, [_, bob]) = two_agents(kept.path()).await;
    let sent = terminal.json("alice", &["send", &bob, "Salaries", TEXT, "--seal"]).await.one();
    let id = sent["id"].as_str().unwrap();
    terminal.json("bob", &["fetch"]).await.json();
    let reply = terminal.json("bob", &["reply", id, "Thank you."]).await.one();
    assert_eq!(reply["sealed"], true);
    assert_eq!(terminal.json("bob", &["reply", id, "Thank you.", "--plain"]).await.one()["sealed"], false);
    // Once sealed, mail stays so.
    assert_eq!(terminal.json("alice", &["send", &bob, "More", "Also, Dave."]).await.one()["sealed"], true);
    terminal.json("alice", &["fetch"]).await.json();
    let answer = terminal.json("alice", &["read", reply["id"].as_str().unwrap()]).await.one();
    assert_eq!((answer["text"].as_str(), answer["in_reply_to"].as_str()), (Some("Thank you."), Some(id)));

    let both = terminal.json("alice", &["send", &bob, "Salaries", TEXT, "--seal", "--plain"]).await;
    assert_eq!(both.code, 2, "{both:?}");
}

#[tokio::test]
async fn a_card_that_was_accepted_lets_mail_be_sealed() {
    let kept = tempfile::tempdir().unwrap();
    let (_provider, terminal, [_, bob]) = two_agents(kept.path()).await;
    assert_eq!(terminal.json("alice", &["send", &bob, "Hello", "Plain."]).await.one()["sealed"], false);
    let card = terminal.run(&["--agent", "bob", "card"]).await.succeeded().out;
    assert_eq!(serde_json::from_str::<Value>(&card).unwrap()["address"].as_str(), Some(&*bob));
    let file = terminal.home.path().join("bob.card");
    fs::write(&file, &card).unwrap();
    let accepted = terminal.json("alice", &["card", "--accept", file.to_str().unwrap()]).await.one();
    assert_eq!(accepted["address"].as_str(), Some(&*bob));
    assert_eq!(terminal.json("alice", &["send", &bob, "Hello", TEXT]).await.one()["sealed"], true);

    // A card that its owner did not sign so counts for nothing.
    let forged = card.replace("sealed:v1", "sealed:v9");
    assert_ne!(forged, card);
    let outcome = terminal.run_with(&["--json", "--agent", "alice", "card", "--accept", "-"], &forged).await;
    assert_eq!(outcome.code, 4, "{outcome:?}");
}

#[tokio::test]
async fn mail_for_a_key_that_is_not_held_is_shown_as_closed() {
    let terminal = Terminal::new();
    for name in ["alice", "bob"] {
        terminal.run(&["init", name]).await.succeeded();
    }
    let home = Home::open(terminal.home.path()).unwrap();
    let [alice, bob] = ["alice", "bob"].map(|name| home.agent(name).unwrap().unwrap());
    let other = DecryptionKey::from_bytes(&[7; 32]).encryption_key();
    let now = Timestamp::try_from(std::time::SystemTime::now()).unwrap();
    let draft = Draft::request(bob.address().clone(), "Salaries", TEXT).from(alice.address()).seal_to(&other);
    let signed = draft.sign(&alice.identity().unwrap(), now).unwrap();
    home.deliver_local(&signed).unwrap();

    let line = terminal.json("bob", &["inbox"]).await.one();
    assert_eq!((&line["sealed"], &line["trust"]), (&true.into(), &"verified".into()));
    let id = line["id"].as_str().unwrap();
    let read = terminal.json("bob", &["read", id]).await.one();
    assert_eq!((read["sealed"].as_bool(), read["unopened"].as_str()), (Some(true), Some("key_not_held")));
    assert_eq!(read["sealed_to"].as_str(), Some(&*other.id().to_string()));
    assert!(!read.to_string().contains(TEXT) && read["attachments"].as_array().unwrap().is_empty());
    let page = terminal.run(&["--agent", "bob", "read", id]).await.succeeded().out;
    assert!(page.contains("\nsealed   not opened  key_not_held  to SHA256:"), "{page}");
}

#[tokio::test]
async fn mail_stays_readable_after_the_signing_key_was_replaced() {
    let kept = tempfile::tempdir().unwrap();
    let (_provider, terminal, [_, bob]) = two_agents(kept.path()).await;
    let sent = terminal.json("alice", &["send", &bob, "Salaries", TEXT, "--seal"]).await.one();
    let id = sent["id"].as_str().unwrap();
    // What waits was sealed to the former key, and so was what is stored.
    terminal.json("bob", &["keys", "rotate"]).await.one();
    terminal.json("bob", &["fetch"]).await.json();
    terminal.json("alice", &["keys", "rotate"]).await.one();
    assert_eq!(terminal.json("bob", &["read", id]).await.one()["text"], TEXT);
    assert_eq!(terminal.json("alice", &["read", id, "--sent"]).await.one()["text"], TEXT);
}

// rule: SEAL-16
#[tokio::test]
async fn what_another_program_put_into_the_mailbox_stays_readable_without_its_key() {
    let terminal = Terminal::new();
    for name in ["alice", "bob"] {
        terminal.run(&["init", name]).await.succeeded();
    }
    // Within a home a message is a file that its sender puts there.
    terminal.json("alice", &["send", "bob", "One", TEXT, "--seal"]).await.one();
    let fetched = terminal.json("bob", &["fetch"]).await.json();
    let id = fetched[0]["id"].as_str().unwrap();
    terminal.run(&["--agent", "bob", "keys", "rotate"]).await.succeeded();
    let keys = Home::open(terminal.home.path()).unwrap().agent("bob").unwrap().unwrap().path().join("keys");
    let former = |name: &str| name.starts_with("former-");
    let mut gone = 0;
    for entry in fs::read_dir(&keys).unwrap().map(|entry| entry.unwrap()) {
        if former(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path()).unwrap();
            gone += 1;
        }
    }
    assert_eq!(gone, 1);
    let read = terminal.json("bob", &["read", id]).await.one();
    assert_eq!((read["text"].as_str(), &read["unopened"]), (Some(TEXT), &Value::Null), "{read}");
}

#[tokio::test]
async fn two_agents_of_one_home_seal_again_when_a_person_has_compared_the_new_key() {
    let terminal = Terminal::new();
    for name in ["alice", "bob"] {
        terminal.run(&["init", name]).await.succeeded();
    }
    assert_eq!(terminal.json("alice", &["send", "bob", "One", TEXT, "--seal"]).await.one()["sealed"], true);
    terminal.run(&["--agent", "bob", "keys", "rotate"]).await.succeeded();
    terminal.json("bob", &["send", "alice", "Two", TEXT]).await.one();
    terminal.run(&["--agent", "alice", "fetch"]).await;
    let send = ["--agent", "alice", "send", "bob", "Three", TEXT];
    assert_ne!(terminal.run(&send).await.code, 0);

    let found = terminal.json("alice", &["resolve", "bob"]).await.one();
    assert_eq!(found["pin"], "conflict");
    let fingerprint = found["fingerprint"].as_str().unwrap();
    let confirmed = terminal.json("alice", &["resolve", "bob", "--confirm", fingerprint]).await.one();
    assert_eq!(confirmed["pin"], "confirmed");
    assert_eq!(terminal.json("alice", &["send", "bob", "Three", TEXT]).await.one()["sealed"], true);
    let fetched = terminal.json("bob", &["fetch"]).await.json();
    assert!(fetched.iter().any(|message| message["subject"] == "Three"), "{fetched:?}");
}

#[tokio::test]
async fn a52_no_command_prints_what_opens_a_sealed_message() {
    let kept = tempfile::tempdir().unwrap();
    let (_provider, terminal, [_, bob]) = two_agents(kept.path()).await;
    let file = terminal.home.path().join("a.txt");
    fs::write(&file, "abc").unwrap();
    let send = ["send", &bob, "Salaries", TEXT, "--attach", file.to_str().unwrap(), "--seal"];
    let sent = terminal.json("alice", &send).await.one();
    let id = sent["id"].as_str().unwrap().to_owned();
    let mut printed = sent.to_string();
    for (agent, command) in [
        ("bob", vec!["fetch"]),
        ("bob", vec!["inbox", "--all"]),
        ("bob", vec!["read", &id]),
        ("bob", vec!["read", &id, "--raw"]),
        ("bob", vec!["attachments", &id]),
        ("bob", vec!["attachments", &id, "--get-all"]),
        ("bob", vec!["reply", &id, "Thank you."]),
        ("bob", vec!["card"]),
        ("alice", vec!["inbox", "--sent"]),
        ("alice", vec!["read", &id, "--sent"]),
    ] {
        for form in [&["--agent", agent][..], &["--agent", agent, "--json"]] {
            let outcome = terminal.run(&[form, &command].concat()).await.succeeded();
            printed.push_str(&(outcome.out + &outcome.err));
        }
    }
    let secrets = secrets(terminal.home.path());
    assert!(secrets.len() >= 3, "sent, received, answered: {}", secrets.len());
    for secret in secrets {
        assert!(!printed.contains(&secret), "a secret is printed");
        assert!(!holds(kept.path(), &secret), "a secret travelled");
    }
}

/// The secrets that are kept beside messages.
fn secrets(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(secrets(&path));
        } else if let Ok(Ok(file)) =
            fs::read_to_string(&path).map(|text| serde_json::from_str::<Value>(&text))
        {
            found.extend(file["local"]["sealed_secret"].as_str().map(str::to_owned));
        }
    }
    found
}
