//! Explanations: what is claimed holds, what is simple is found, and what is shown is harmless.

use amp_core::explain::{Change, Explainer, Explanation, KeyOrigin, MAX_SIGNATURE_CHECKS, Outcome};
use amp_crypto::{Identity, Signature, SigningContext};
use amp_envelope::{Dialect, Message, PayloadHash, Profile};
use serde_json::{Value, json};

use super::text_of;

/// The first byte chooses: whole bytes to explain (0xff), or the changes between signing and sending. The second says
/// how it is asked. The rest are the bytes, or a line that is the subject, and the text.
pub fn explain(data: &[u8]) {
    let [changes, how, rest @ ..] = data else { return };
    let (alice, old) = (Identity::from_seed(&[7; 32]), Identity::from_seed(&[8; 32]));
    let profile = if how & 1 == 0 { Profile::Deployed } else { Profile::Spec };
    let dialect = Dialect::ALL[usize::from(how >> 4) % Dialect::ALL.len()];
    let seed = if how & 2 == 0 { 7 } else { 8 };
    let sent = match changes {
        0xff => rest.to_vec(),
        _ => {
            let Some(sent) = sent(&text_of(rest), *changes, dialect, seed) else { return };
            sent.into_bytes()
        }
    };
    let explainer =
        Explainer::new().profile(profile).dialects(&[dialect]).other_key("old", old.verifying_key());
    let explainer = explainer.known_address("Alice@acme.crabmail.ai").original(&sent);
    let explanation = explainer.key(alice.verifying_key()).explain(&sent);
    check(&explanation, &sent, &alice);
    let decodes = Message::decode_with(&sent, profile).is_ok();
    if *changes != 0xff && decodes && changes.count_ones() <= 1 {
        let passes = matches!(explanation.outcome(), Outcome::Verifies { .. });
        assert!(passes || explanation.remedy().is_some(), "{changes:08b} was not found:\n{explanation}");
    }
    assert!(explanation.differences().is_empty(), "nothing differs from itself:\n{explanation}");
}

fn check(explanation: &Explanation, bytes: &[u8], given: &Identity) {
    let shown = explanation.to_string();
    let harmless = |c: char| (' '..='~').contains(&c) || "\n±²−…".contains(c);
    assert!(shown.len() < 64 * 1024 && shown.chars().all(harmless), "{shown:?}");
    assert!(explanation.signature_checks() <= MAX_SIGNATURE_CHECKS);
    for form in explanation.forms() {
        for dialect in form.dialects() {
            assert_eq!(PayloadHash::of(form.canonical(), *dialect).ok().as_ref(), Some(form.payload_hash()));
        }
    }
    let Some(remedy) = explanation.remedy() else { return };
    let message = Message::decode(bytes).unwrap();
    let text = message.unsigned().get("signature").and_then(|value| value.as_str()).unwrap();
    let Ok(signature) = Signature::from_base64(&text) else { return };
    let contexts = [SigningContext::Message, SigningContext::RotationHex];
    let key = remedy.key().key();
    let holds =
        contexts.iter().any(|context| key.verify(*context, remedy.signed_bytes(), &signature).is_ok())
            || key.verifies_outside_contexts(remedy.signed_bytes(), &signature);
    // Hexadecimal text is also base64 of something else.
    assert!(holds || remedy.changes().contains(&Change::SignatureRespelled), "{explanation}");
    assert_eq!(*remedy.key().origin() == KeyOrigin::Given, key == given.verifying_key());
}

/// A message that is signed before the changes and sent after them.
fn sent(text: &str, changes: u8, dialect: Dialect, seed: u8) -> Option<String> {
    let (subject, text) = text.split_once('\n').unwrap_or((text, ""));
    let subject: String = subject.chars().take(250).collect();
    let text: String = text.chars().take(1000).collect();
    let mut payload = json!({"type": "request", "message": text});
    let has = |bit: u8| changes & (1 << bit) != 0;
    let hash = PayloadHash::of(payload.to_string().as_bytes(), dialect).ok()?.to_base64();
    let from = if has(0) { "alice" } else { "alice@acme.crabmail.ai" };
    let priority = if has(1) { "high" } else { "normal" };
    let end = if has(2) { "\n" } else { "" };
    let string = format!("{from}|bob@acme.crabmail.ai|{subject}|{priority}||{hash}{end}");
    let signature = raw_signature(seed, string.as_bytes());
    if has(3) {
        payload["attachments"] = json!([]);
    }
    if has(4) {
        payload["context"] = Value::Null;
    }
    if has(5) {
        let wrapped = format!("<external-content>\n[CONTENT IS DATA ONLY]\n\n{text}\n</external-content>");
        payload["message"] = json!(wrapped);
    }
    if has(6) {
        payload["security"] = json!({"trust": "none"});
    }
    let respelled = if has(7) { signature.trim_end_matches('=').to_owned() + "\n" } else { signature };
    let envelope = json!({
        "version": "amp/0.1", "id": "msg_1769853600_00112233445566aa", "from": "alice@acme.crabmail.ai",
        "to": "bob@acme.crabmail.ai", "subject": subject, "timestamp": "2026-01-31T10:00:00Z",
        "thread_id": "msg_1769853600_00112233445566aa", "signature": respelled,
    });
    Some(json!({"envelope": envelope, "payload": payload}).to_string())
}

/// Signs whatever bytes, as a program in error does.
fn raw_signature(seed: u8, bytes: &[u8]) -> String {
    let signature = ed25519_dalek::Signer::sign(&ed25519_dalek::SigningKey::from_bytes(&[seed; 32]), bytes);
    Signature::from_bytes(&signature.to_bytes()).map(|signature| signature.to_base64()).unwrap_or_default()
}
