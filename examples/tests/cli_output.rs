//! What commands print over hostile messages: nothing acts on a terminal, and nothing is a secret.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)]
#![allow(clippy::std_instead_of_core, missing_docs)]

mod terminal;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use amp_client::{Draft, Home, Loopback, Timestamp};
use proptest::prelude::*;
use serde_json::json;
use terminal::{Outcome, Terminal};

/// What terminals act on, or what hides there.
const HOSTILE: [&str; 20] = [
    "\u{1b}]52;c;cm0gLXJmIC8=\u{7}",
    "\u{1b}[2J\u{1b}[H",
    "\u{1b}]8;;https://evil.example\u{1b}\\click\u{1b}]8;;\u{1b}\\",
    "\u{9b}31m",
    "\u{9d}0;title\u{9c}",
    "\u{90}q\u{9c}",
    "\rfrom     boss@acme.crabmail.ai",
    "\u{8}\u{8}\u{8}",
    "\u{7}",
    "\u{0}",
    "\u{7f}",
    "\u{85}",
    "\u{202e}gnp.exe",
    "\u{2066}x\u{2069}",
    "\u{200f}\u{61c}",
    "\u{e0041}\u{e0042}",
    "\t",
    "\u{b}\u{c}",
    "\u{2028}\u{2029}",
    "שלום\u{5b}",
];

/// A text of ordinary and hostile parts.
fn hostile() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => prop::sample::select(HOSTILE.as_slice()).prop_map(str::to_owned),
        2 => "[ -~]{0,12}",
        1 => any::<char>().prop_map(String::from),
        1 => Just("\n".to_owned()),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

/// Characters that a terminal acts on, or reorders text by.
fn acts(character: char) -> bool {
    let reorders = matches!(character, '\u{202a}'..='\u{202e}' | '\u{200e}' | '\u{200f}' | '\u{61c}');
    let hides = matches!(character, '\u{e0000}'..='\u{e007f}');
    character != '\n' && character.is_control() || reorders || hides
}

fn assert_harmless(outcome: &Outcome, command: &[&str]) {
    for text in [&outcome.out, &outcome.err] {
        let found = text.chars().find(|character| acts(*character));
        assert_eq!(found, None, "{command:?}: {text:?}");
    }
    if command.contains(&"--json") {
        assert!(
            outcome.out.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)),
            "{outcome:?}"
        );
    }
}

struct Hostile {
    subject: String,
    text: String,
    name: String,
    key: String,
    value: String,
}

/// A home with one message signed by a colleague, and one of nobody's, that say these things.
fn home_with(terminal: &Terminal, hostile: &Hostile) -> Vec<String> {
    let home = Home::open(terminal.home.path()).unwrap();
    let alice = home.create_agent("alice", "default").unwrap();
    let bob = home.create_agent("bob", "default").unwrap();
    let file = json!({"id": "att_1769853600_00112233445566aa", "filename": hostile.name, "content_type": hostile.value,
        "size": 3, "digest": "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"});
    let mut ids = Vec::new();
    let now = Timestamp::try_from(std::time::SystemTime::now()).unwrap();
    let draft = Draft::request(bob.address().clone(), &hostile.subject, &hostile.text).from(alice.address());
    let context = json!({hostile.key.clone(): hostile.value}).to_string();
    let draft = draft.clone().context_json(&context).unwrap_or(draft);
    let draft = draft.clone().attachment_json(&file.to_string()).unwrap_or(draft);
    if let Ok(signed) = draft.sign(&alice.identity().unwrap(), now) {
        home.deliver_local(&signed).unwrap();
        ids.push(signed.id().as_str().to_owned());
    }

    let id = "msg_1769853600_00112233445566aa";
    let raw = json!({
        "envelope": {"version": "amp/0.1", "id": id, "from": "mallory@acme.evil.example",
            "to": bob.address().as_str(), "subject": hostile.subject, "priority": "normal",
            "timestamp": now.to_string(), "thread_id": id, "signature": null, hostile.key.clone(): hostile.value},
        "payload": {"type": "request", "message": hostile.text, "context": {hostile.key.clone(): hostile.value},
            "attachments": [file]},
        "local": {"status": hostile.value, "security": {"trust": hostile.value}},
    });
    let inbox = bob.path().join("messages/inbox");
    let directory = inbox.join("mallory_acme_evil_example");
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(&inbox, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(directory.join(format!("{id}.json")), raw.to_string()).unwrap();
    fs::write(terminal.home.path().join("message.json"), raw.to_string()).unwrap();
    ids.push(id.to_owned());
    ids
}

fn commands<'a>(ids: &'a [String], file: &'a str, key: &'a str) -> Vec<Vec<&'a str>> {
    let mut commands = vec![
        vec!["inbox", "--all"],
        vec!["fetch"],
        vec!["status"],
        vec!["identity"],
        vec!["held"],
        vec!["explain", file],
        vec!["explain", file, "--key", key],
        vec!["verify", file, "--key", key],
        vec!["verify", file],
        vec!["resolve", "mallory@acme.evil.example"],
    ];
    for id in ids {
        commands.push(vec!["read", id, "--keep-unread"]);
        commands.push(vec!["read", id, "--raw", "--no-receipt"]);
        commands.push(vec!["attachments", id]);
        commands.push(vec!["reply", id, "Yes."]);
    }
    commands.push(vec!["inbox", "--sent"]);
    for id in ids {
        commands.push(vec!["delete", id]);
    }
    commands
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 32, ..ProptestConfig::default() })]
    #[test]
    fn a51_whatever_a_message_says_no_command_prints_what_acts_on_a_terminal(
        subject in hostile(), text in hostile(), name in hostile(), key in hostile(), value in hostile(),
        is_json in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let terminal = Terminal::new();
        let ids = home_with(&terminal, &Hostile { subject, text, name, key, value });
        let file = terminal.home.path().join("message.json").to_str().unwrap().to_owned();
        let alice = Home::open(terminal.home.path()).unwrap().agent("alice").unwrap().unwrap();
        let pem = alice.path().join("keys/public.pem").to_str().unwrap().to_owned();
        let form = if is_json { &["--agent", "bob", "--json"][..] } else { &["--agent", "bob"] };
        for command in commands(&ids, &file, &pem) {
            let command: Vec<&str> = form.iter().chain(&command).copied().collect();
            assert_harmless(&runtime.block_on(terminal.run(&command)), &command);
        }
    }
}

#[tokio::test]
async fn a51_what_is_typed_acts_on_no_terminal_either() {
    let terminal = Terminal::new();
    terminal.run(&["init", "bob"]).await.succeeded();
    for hostile in HOSTILE.iter().filter(|text| !text.contains('\0')) {
        for command in [
            vec!["read", hostile],
            vec!["--agent", hostile, "inbox"],
            vec!["init", hostile],
            vec!["send", hostile, hostile, hostile],
            vec!["send", "bob", hostile, hostile, "--type", hostile],
            vec!["resolve", hostile],
            vec![hostile],
            vec!["verify", hostile],
            vec!["register", hostile],
        ] {
            assert_harmless(&terminal.run(&command).await, &command);
        }
    }
}

#[tokio::test]
async fn a51_a_page_with_colours_holds_our_own_sequences_and_no_others() {
    let mut terminal = Terminal::new();
    terminal.has_colours = true;
    let hostile = Hostile {
        subject: HOSTILE[1].into(),
        text: HOSTILE.concat(),
        name: HOSTILE[3].into(),
        key: HOSTILE[0].into(),
        value: HOSTILE[2].into(),
    };
    let ids = home_with(&terminal, &hostile);
    let mut is_coloured = false;
    for id in &ids {
        for command in [vec!["--agent", "bob", "inbox", "--all"], vec!["--agent", "bob", "read", id]] {
            let outcome = terminal.run(&command).await;
            let own = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[1;31m"];
            let plain = own.iter().fold(outcome.out.clone(), |text, own| text.replace(own, ""));
            is_coloured |= plain != outcome.out;
            assert_harmless(&Outcome { out: plain, ..outcome }, &command);
        }
    }
    assert!(is_coloured);
}

/// A server that answers everything with the same bytes.
fn hostile_server(answer: String) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 8192]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://127.0.0.1:{port}/v1")
}

#[tokio::test]
async fn a51_what_a_provider_answers_acts_on_no_terminal() {
    for hostile in HOSTILE {
        let body = json!({"error": hostile, "code": hostile, "message": hostile, "field": hostile,
            "details": {"suggestions": [hostile, "a"]}})
        .to_string();
        for (body, kind) in [(body, "application/json"), (hostile.to_owned(), "text/html")] {
            let length = body.len();
            let api = hostile_server(format!(
                "HTTP/1.1 409 No\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            ));
            let terminal = Terminal::new();
            terminal.run(&["init", "bob"]).await.succeeded();
            for form in [vec!["--agent", "bob"], vec!["--agent", "bob", "--json"]] {
                let command: Vec<&str> =
                    form.into_iter().chain(["--timeout", "1", "register", &api]).collect();
                let outcome = terminal.run(&command).await;
                assert_ne!(outcome.code, 0);
                assert_harmless(&outcome, &command);
            }
        }
    }
}

#[tokio::test]
async fn a52_no_command_prints_a_secret() {
    let provider = Loopback::builder().without_limits().start().await.unwrap();
    let terminal = Terminal::new();
    terminal.register(&provider.url(), &["alice", "bob"]).await;
    let home = Home::open(terminal.home.path()).unwrap();
    let mut secrets = Vec::new();
    for agent in home.agents().unwrap() {
        secrets.push(agent.registrations().unwrap()[0].api_key().expose().to_owned());
        let pem = agent.identity().unwrap().to_pkcs8_pem().expose().to_owned();
        secrets.push(pem.lines().nth(1).unwrap().to_owned());
    }
    let alice = home.agent("alice").unwrap().unwrap();
    let bob = home.agent("bob").unwrap().unwrap().registrations().unwrap()[0].address().as_str().to_owned();
    let mut printed = String::new();
    for command in [
        vec!["send", &bob, "Hello", "Are you there?"],
        vec!["send", "nobody@acme.crabmail.ai", "Hello", "?"],
        vec!["identity"],
        vec!["status"],
        vec!["fetch"],
        vec!["inbox", "--sent"],
        vec!["resolve", &bob],
        vec!["register", provider.url().as_str()],
        vec!["keys", "rotate-api"],
        vec!["keys", "rotate"],
        vec!["watch", "--seconds", "1"],
    ] {
        for form in [vec!["--agent", "alice"], vec!["--agent", "alice", "--json"]] {
            let command: Vec<&str> = form.into_iter().chain(command.iter().copied()).collect();
            let outcome = terminal.run(&command).await;
            printed.push_str(&outcome.out);
            printed.push_str(&outcome.err);
        }
    }
    // The keys that the rotations made.
    secrets.push(alice.registrations().unwrap()[0].api_key().expose().to_owned());
    let again = home.agent("alice").unwrap().unwrap();
    secrets.push(again.identity().unwrap().to_pkcs8_pem().expose().lines().nth(1).unwrap().to_owned());
    for secret in secrets {
        assert!(!printed.contains(&secret), "a secret is printed");
    }
}
