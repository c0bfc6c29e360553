//! The library's side of `tests/interop/jq-openssl.sh`: signs what that script sends, one message a line.
//!
//! ```text
//! jq_bridge key              the signer's public key, PEM (a throwaway key, its seed is 32 bytes 07)
//! jq_bridge sign DIALECT     drafts on stdin, signed messages on stdout
//! ```
//!
//! A draft is an object of texts: `subject`, `text`, `type`, and perhaps `priority`, `context` and `attachment` (the last
//! two hold JSON). `"answers":true` makes it an answer. Each line of output is `yes` or `no` (whether the library says
//! that the dialect agrees), a tab and the message.
#![expect(clippy::disallowed_methods, reason = "a program: it reads its arguments and input")]

use core::error::Error;
use std::process::ExitCode;
use std::{env, io};

use amp_address::Address;
use amp_crypto::Identity;
use amp_envelope::{Dialect, Draft, Message, MessageType, Timestamp};
use serde_json::Value;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match *arguments {
        ["key"] => {
            print!("{}", alice().verifying_key().to_pem());
            Ok(())
        }
        ["sign", dialect] => sign_lines(dialect),
        _ => Err("see the head of this file for the operations".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn sign_lines(dialect: &str) -> Outcome<()> {
    let dialect: Dialect = dialect.parse()?;
    for line in io::stdin().lines() {
        println!("{}", sign(&serde_json::from_str(&line?)?, dialect)?);
    }
    Ok(())
}

fn sign(case: &Value, dialect: Dialect) -> Outcome<String> {
    let text = |name: &str| case.get(name).and_then(Value::as_str);
    let (subject, body) = (text("subject").unwrap_or_default(), text("text").unwrap_or_default());
    let mut draft =
        if case.get("answers").is_some() { question(subject)?.reply(body) } else { request(subject)? };
    draft = draft.text(body).from(&"alice@acme.crabmail.ai".parse()?);
    if let Some(name) = text("type") {
        draft = draft.message_type(name.parse::<MessageType>()?);
    }
    if let Some(priority) = text("priority") {
        draft = draft.priority(priority.parse()?);
    }
    if let Some(json) = text("context") {
        draft = draft.context_json(json)?;
    }
    if let Some(json) = text("attachment") {
        draft = draft.attachment_json(json)?;
    }
    let agrees = draft.portability()?.agreeing_dialects().any(|agreeing| agreeing == dialect);
    let signed = draft.sign_with_nonce(&alice(), now()?, [9; 16])?;
    Ok(format!("{}\t{}", if agrees { "yes" } else { "no" }, signed.to_json()))
}

fn request(subject: &str) -> Outcome<Draft> {
    Ok(Draft::request("bob@acme.crabmail.ai".parse()?, subject, ""))
}

/// A verified message from bob to alice.
fn question(subject: &str) -> Outcome<amp_envelope::Verified<Message>> {
    let (bob, from): (_, Address) = (Identity::from_seed(&[8; 32]), "bob@acme.crabmail.ai".parse()?);
    let draft = Draft::request("alice@acme.crabmail.ai".parse()?, subject, "Well?").from(&from);
    let message = Message::decode(draft.sign_with_nonce(&bob, now()?, [9; 16])?.to_json().as_bytes())?;
    Ok(message.verify(bob.verifying_key())?)
}

fn alice() -> Identity {
    Identity::from_seed(&[7; 32])
}

fn now() -> Outcome<Timestamp> {
    Ok("2026-01-31T10:00:00Z".parse()?)
}
