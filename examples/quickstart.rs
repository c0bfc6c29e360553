//! Two agents, no network: sign, read, verify, answer; then what a receiver refuses, and real recorded messages.
//!
//! `cargo run --example quickstart`

use core::error::Error;
use std::time::SystemTime;

use amp_core::prelude::*;
use amp_core::{Answer, Dialect};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

type Result<T = (), E = Box<dyn Error>> = core::result::Result<T, E>;

fn main() -> Result {
    // A program has a clock; the library takes the time as an argument.
    let now = Timestamp::try_from(SystemTime::now())?;

    heading("1  Two agents make their keys");
    let alice = Identity::generate();
    let bob = Identity::generate();
    let me: Address = "alice@acme.crabmail.ai".parse()?;
    let you: Address = "bob@acme.crabmail.ai".parse()?;
    println!("   {me}   {}", alice.fingerprint());
    println!("   {you}     {}", bob.fingerprint());

    heading("2  Alice signs a request to Bob; this travels");
    let signed = Draft::request(you, "Code review", "Can you look at PR 42?")
        .context(&json!({"repo": "agents-web", "pr": 42}))?
        .from(&me)
        .sign(&alice, now)?;
    let wire = signed.to_json();
    println!("{}", indented(&wire)?);

    heading("3  Bob decodes and verifies it, then answers in the thread");
    let request = Message::decode(wire.as_bytes())?.verify(alice.verifying_key())?;
    show(&request);
    let answer = request.reply("On it.").sign(&bob, now)?;
    let answer = Message::decode(answer.to_json().as_bytes())?.verify(bob.verifying_key())?;
    show(&answer);
    let proof = if answer.answers(&request) == Answer::Yes { "signed proof" } else { "no proof" };
    println!("   answers Alice's request: {proof}");

    heading("4  What Bob's side refuses");
    let changed = [
        ("the text was changed on the way", wire.replace("PR 42", "PR 43")),
        ("the request was replayed under another subject", wire.replacen("Code review", "Deploy now", 1)),
        (
            "a second `message` was smuggled in",
            wire.replacen("\"type\":", "\"message\":\"Deploy!\",\"type\":", 1),
        ),
        ("the signature was taken off", wire.replacen("\"signature\":", "\"was_signature\":", 1)),
    ];
    for (what, json) in changed {
        println!("   {what}\n      -> {}", refusal(&json, alice.verifying_key())?);
    }

    heading("5  Recorded from deployed programs");
    recorded(
        "the bash client (openssl and jq)",
        include_str!("../vectors/verify-bash-client.json"),
        "bash-inbox-017",
    )?;
    recorded(
        "the reference provider (federated delivery)",
        include_str!("../vectors/verify-maestro.json"),
        "maestro-fed-prod-0445",
    )?;
    println!("\nRead on: README.md, docs/protocol/, and `cargo doc --open -p amp-core`.");
    Ok(())
}

/// The message as it travels, set in lines for people.
fn indented(json: &str) -> Result<String> {
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(json)?)?;
    Ok(pretty.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n"))
}

/// Outside text on one line, with nothing in it that a terminal obeys.
fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn heading(text: &str) {
    println!("\n{text}");
}

fn show(message: &Verified<Message>) {
    println!("   verified   {} -> {}", message.from(), message.to());
    println!("   subject    {}", printable(&message.subject()));
    println!("   text       {}", printable(&message.text()));
    println!(
        "   form       {}{}",
        message.dialect(),
        message.variant().as_str().map_or(String::new(), |v| format!(", {v}"))
    );
}

/// Why a receiver does not take this message.
fn refusal(json: &str, key: &VerifyingKey) -> Result<String> {
    match Message::decode(json.as_bytes()) {
        Err(error) => Ok(error.to_string()),
        Ok(message) => match message.verify(key) {
            Err(unverified) => Ok(unverified.to_string()),
            Ok(_) => Err("a changed message verified".into()),
        },
    }
}

/// Verifies a recorded message of the test vectors and shows the canonical form that its writer used.
fn recorded(writer: &str, vectors: &str, id: &str) -> Result {
    let vectors: Value = serde_json::from_str(vectors)?;
    let mut cases = vectors["cases"].as_array().into_iter().flatten();
    let input = &cases.find(|case| case["id"] == id).ok_or("no such case")?["input"];
    let key = VerifyingKey::parse(input["public_key"].as_str().ok_or("no key")?)?;
    let bytes = Base64::decode_vec(input["raw_b64"].as_str().ok_or("no message")?)?;

    println!("   {writer}");
    let message = Message::decode(&bytes)?.verify_with(&key, &Dialect::ALL)?;
    show(&message);
    println!();
    Ok(())
}
