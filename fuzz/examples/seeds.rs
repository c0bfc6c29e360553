//! Writes the inputs of the project's test vectors as seeds: `cargo run --example seeds -- DIRECTORY`, then one
//! directory a target in it.

use std::fs;
use std::path::{Path, PathBuf};

use amp_crypto::{Identity, VerifyingKey};
use serde_json::Value;

type Fault = Box<dyn std::error::Error>;

fn main() -> Result<(), Fault> {
    let out = PathBuf::from(std::env::args().nth(1).ok_or("where to?")?);
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    for directory in [vectors.join("own"), vectors] {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let file: Value = serde_json::from_slice(&fs::read(path)?)?;
            let suite = file["suite"].as_str().unwrap_or_default().to_owned();
            for case in file["cases"].as_array().into_iter().flatten() {
                seed(&out, &suite, case)?;
            }
        }
    }
    patterns(&out)?;
    keys(&out)?;
    threads(&out)?;
    cards(&out)?;
    identities(&out)?;
    grants(&out)?;
    sealed(&out)?;
    edits(&out)
}

fn seed(out: &Path, suite: &str, case: &Value) -> Result<(), Fault> {
    let id = case["id"].as_str().unwrap_or_default();
    let input = &case["input"];
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    let lines = |names: &[&str]| names.iter().map(|name| text(name)).collect::<Vec<_>>().join("\n");
    match suite {
        "address" | "expand" => {
            let providers = input["known_providers"].as_array().into_iter().flatten();
            let providers: Vec<_> = providers.filter_map(Value::as_str).collect();
            let own = if text("own").is_empty() { "eve@team.acme.crabmail.ai" } else { text("own") };
            let all = [text("text"), own, &providers.join("\n")].join("\n");
            write(out, "address", id, all.as_bytes())
        }
        "same-tenant" => write(out, "address", id, lines(&["a", "b"]).as_bytes()),
        "pattern" => write(out, "pattern", id, lines(&["pattern", "address"]).as_bytes()),
        "filename" => write(out, "filename", id, text("text").as_bytes()),
        "scan" => write(out, "scan", id, text("text").as_bytes()),
        "wrap" => write(out, "wrap", id, ["Hello", &lines(&["sender", "text"])].join("\n").as_bytes()),
        "id" => write(out, "timestamp", id, text("text").as_bytes()),
        "key" => write(out, "key_import", id, text("public_key").as_bytes()),
        "rotation" => write(out, "key_import", id, text("proof").as_bytes()),
        "canonical" => write(out, "canonicalize", id, &raw(input)),
        "decode" => write(out, "decode", id, &raw(input)),
        "card" => write(out, "card", id, &[&[0xff], &raw(input)[..]].concat()),
        "aid-identity" => write(out, "aid", id, &[&[0xff], &raw(input)[..]].concat()),
        "aid-proof" => write(out, "aid", id, &[&[0xfc], text("proof").as_bytes()].concat()),
        "policy" => write(out, "admission", id, &[&[0xff], input.to_string().as_bytes()].concat()),
        "verify" => {
            write(out, "decode", id, &raw(input))?;
            write(out, "verify", id, &[&[0xff, 0], &raw(input)[..]].concat())
        }
        "sealed" => {
            write(out, "decode", id, &raw(input))?;
            let Ok(message) = serde_json::from_slice::<Value>(&raw(input)) else { return Ok(()) };
            write(out, "sealed_open", id, &[&[0xff], message["payload"].to_string().as_bytes()].concat())?;
            let inner = case["expect"]["payload"].to_string();
            write(out, "sealed_open", &format!("{id}-inner"), &[&[0xfe], inner.as_bytes()].concat())
        }
        _ => Ok(()),
    }
}

/// The text, or the bytes that the base64 stands for.
fn raw(input: &Value) -> Vec<u8> {
    if let Some(text) = input["raw"].as_str() {
        return text.as_bytes().to_vec();
    }
    let digit = |c: u8| {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|d| *d == c)
    };
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_usize, 0);
    for value in input["raw_b64"].as_str().unwrap_or_default().bytes().filter_map(digit) {
        (bits, count) = (bits << 6 | value, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

/// Sets of several patterns, which one vector does not hold.
fn patterns(out: &Path) -> Result<(), Fault> {
    let put = |name: &str, lines: &[&str]| write(out, "pattern", name, lines.join("\n").as_bytes());
    put("ending", &["bob@acme.crabmail.ai", "xbob@acme.crabmail.ai", "*@acme.crabmail.ai"])?;
    put("nested", &["*@*.b.c", "*@*.a.b.c", "x@y.a.b.c", "*@y.a.b.c", "*@*", "z@q.b.c", "x@a.b.c"])?;
    put("deployed", &["*@acme.local", "bob@acme.local", "*@*.acme.local", "eve@x.acme.local"])
}

/// Binary and private forms, of which the vectors hold none. The keys are of published seeds.
fn keys(out: &Path) -> Result<(), Fault> {
    let alice = Identity::from_seed(&[7; 32]);
    let key = alice.verifying_key();
    let put = |name: &str, bytes: &[u8]| write(out, "key_import", name, bytes);
    put("pkcs8-pem", alice.to_pkcs8_pem().expose().as_bytes())?;
    put("pkcs8-der", alice.to_pkcs8_der().expose())?;
    put("spki-der", &key.to_spki_der())?;
    put("raw", key.ed25519_bytes().ok_or("an Ed25519 key")?)?;
    put("did", key.did().ok_or("an Ed25519 key")?.to_string().as_bytes())?;
    put("fingerprint", key.fingerprint().to_string().as_bytes())?;
    // Version 2, with the public key under its tag.
    let mut second = alice.to_pkcs8_der().expose().to_vec();
    second.extend([&[0x81, 0x21, 0x00], &key.ed25519_bytes().ok_or("an Ed25519 key")?[..]].concat());
    (second[1], second[4]) = (0x51, 1);
    put("pkcs8-v2-der", &second)?;
    for pem in [P256, RSA] {
        let other = VerifyingKey::from_pem(pem)?;
        put(other.algorithm().as_str(), pem.as_bytes())?;
        put(&format!("{}-der", other.algorithm().as_str()), &other.to_spki_der())?;
    }
    for (n, text) in CONTEXTS.iter().enumerate() {
        put(&format!("context-{n}"), text.as_bytes())?;
    }
    Ok(())
}

const CONTEXTS: [&str; 6] = [
    "alice@acme.crabmail.ai|bob@acme.crabmail.ai|a|b|c|normal|msg_1_a|4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=",
    "amp-agent-card-v1\n{\"address\":\"alice@acme.crabmail.ai\"}",
    "{\"aid_version\":\"1.0\"}",
    "aid-token-exchange\n1738231200\nhttps://issuer.example",
    "aid-registration-status\n1738231200\nhttps://issuer.example/status",
    "1738231200.{\"envelope\":{}}",
];

const P256: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE22L4/tUgnlomGRjwDGYTVeFP+EbC\n\
    4510I6630eEi6aXN7Md1JINo/KluWvMV20AsquS2leIeOipp1XX+bN3isQ==\n\
    -----END PUBLIC KEY-----\n";
const RSA: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr8XgJpg94iyjZW4P1d7p\n\
    wyGQIZbuEmsMeaxPC8XwmcwW6/XuAYqXZC6PY5xFDXu6T43ZLuF7bjkw5oDFqj5d\n\
    p+m53eXbuoVzT2e/kxgZO+SD33LmW0MMLoidR2oVypFCsT+2KsYo6O6KBDWhSWRQ\n\
    9/QQb0QLQzq80TLvnxmj5aF9dmFvoOj1uWt1QDElxESAut3VPQpenFqf5dhCi5mW\n\
    b+mTYY97kPoQfr1XxMBtTCFZ83bsG4ZMDa+tL8yy5rlx5ZvoJIm248tM1NKF6Upz\n\
    R9l8pVctc9MYJfm9zGJJcxZxn/SOUkFL/VRFKGNDC1I/MVs/R310ZkBtS2YeAJzF\n\
    gQIDAQAB\n\
    -----END PUBLIC KEY-----\n";

fn threads(out: &Path) -> Result<(), Fault> {
    let put = |name: &str, bytes: &[[u8; 4]]| write(out, "thread", name, bytes.as_flattened());
    put("none", &[])?;
    put("chain", &[[1, 0xff, 0, 1], [2, 1, 0, 2], [3, 2, 0, 3]])?;
    put("missing", &[[2, 1, 0, 2], [3, 1, 0, 3]])?;
    put("circle", &[[1, 3, 0, 3], [2, 1, 0, 1], [3, 2, 0, 2], [4, 1, 0, 0]])?;
    put("itself", &[[1, 1, 0x90, 1], [2, 1, 0, 2]])?;
    put("twice", &[[1, 0xff, 9, 2], [1, 2, 0, 1], [1, 0xff, 0, 1], [2, 1, 0xd8, 1]])?;
    put(
        "spellings",
        &[[1, 0xff, 14, 1], [1, 0xff, 15, 1], [2, 1, 0xe0, 1], [3, 1, 0xf8, 1], [4, 1, 0xc0, 1]],
    )?;
    let star: Vec<_> = (0..60).map(|n| [n, if n == 0 { 0xff } else { 0 }, 0, n]).collect();
    put("star", &star)
}

/// Which message, how it is read, and the edits: what to do, where, with what.
fn edits(out: &Path) -> Result<(), Fault> {
    let put = |name: &str, bytes: &[u8]| write(out, "verify", name, bytes);
    for message in (0..100_u8).step_by(7) {
        for how in [0, 1, 2, 4] {
            put(&format!("as-it-is-{message}-{how}"), &[message, how])?;
            put(&format!("edited-{message}-{how}"), &[message, how, message % 8, message, 1, message])?;
        }
    }
    put("draft", b"\xfe\0Lunch?\nAt noon?\n{\"where\": \"here\", \"n\": [1.5e3, -0, 1e20]}")
}

/// What a card is made of, what the fuzzer signs, edits, and the records.
fn cards(out: &Path) -> Result<(), Fault> {
    let put = |name: &str, bytes: &[u8]| write(out, "card", name, bytes);
    put("made", b"\xfeAlice\nhttps://api.crabmail.ai/v1\ngithub:code_review\nx-team\n{\"floor\": 3.0}")?;
    put(
        "signed",
        b"\xfd{\"capabilities\":[\"a:b\"],\"id\":\"a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d\",\"x\":[1.5,null]}",
    )?;
    put("sealed", b"\xfd{\"encryption_key\":\"x25519:3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\"}")?;
    put(
        "short-lived",
        b"\xfd{\"expires_at\":\"2026-03-01T00:00:01Z\",\"issued_at\":\"2026-03-01T00:01:00Z\"}",
    )?;
    for card in 0..20_u8 {
        put(&format!("as-it-is-{card}"), &[card])?;
        put(&format!("edited-{card}"), &[card, card, card.wrapping_mul(13), 0x22, 3, 5, card])?;
    }
    let registration = br#"{"provider":"crabmail.ai","api_url":"https://api.crabmail.ai/v1","address":"alice@acme.crabmail.ai","apiKey":"amp_live_sk_7f53efb3","registered_at":"2026-01-31T10:00:00Z"}"#;
    put("registration", &[&b"\xff"[..], registration].concat())?;
    let (old, new) = (Identity::from_seed(&[7; 32]), Identity::from_seed(&[8; 32]));
    let body = format!(
        "{{\"new_public_key\":\"{}\",\"proof\":\"{}\"}}",
        new.verifying_key().to_hex().ok_or("an Ed25519 key")?,
        old.prove_rotation(new.verifying_key())?.to_base64()
    );
    put("rotation", &[&b"\xff"[..], body.as_bytes()].concat())?;
    let flat = format!("{{\"address\":\"alice@acme.local\",\"fingerprint\":\"{}\"}}", old.fingerprint());
    put("identity", &[&b"\xff"[..], flat.as_bytes()].concat())
}

/// What a document is made of, what the fuzzer signs and edits, scopes, and what servers answer.
fn identities(out: &Path) -> Result<(), Fault> {
    let put = |name: &str, bytes: &[u8]| write(out, "aid", name, bytes);
    put("made", b"\xfe86400\nAlice \xc3\xa9")?;
    put("made-long", b"\xfe15897600\nAlice")?;
    put(
        "signed",
        b"\xfd{\"alias\":\"a\\u007fb\",\"x\":[1.5,null,1e-7],\"expires_at\":\"2027-01-01T00:00:00Z\"}",
    )?;
    put("scopes", b"\xfbfiles:read files:write\nfiles:read")?;
    put("wider", b"\xfbfiles:read\nfiles:read admin")?;
    for n in 0..30_u8 {
        put(&format!("as-it-is-{n}"), &[n])?;
        put(&format!("edited-{n}"), &[n, n, n.wrapping_mul(13), 0x22, 3, 5, n])?;
        put(&format!("proof-{n}"), &[0xfc, n % 4, n.wrapping_mul(8), 0x41])?;
    }
    let answers = [
        r#"{"access_token":"eyJ0","token_type":"Bearer","expires_in":3600,"scope":"a b","agent_address":"a@b.c.d"}"#,
        r#"{"error":"agent_suspended","error_description":"ask"}"#,
        r#"{"active":true,"sub":"agent:1","scope":"a b","agent_status":"active","exp":1796083200,"iat":1711407600}"#,
        r#"{"data":{"id":"17","attributes":{"status":"active"}}}"#,
    ];
    for (n, answer) in answers.iter().enumerate() {
        put(&format!("answer-{n}"), &[&b"\xff"[..], answer.as_bytes()].concat())?;
    }
    Ok(())
}

/// A manifest, an audit event, an intent, and steps: what is done, to which pair, how much later, for how long.
fn grants(out: &Path) -> Result<(), Fault> {
    let put = |name: &str, bytes: &[u8]| write(out, "admission", name, bytes);
    put(
        "manifest",
        b"\xff{\"capabilities\":[{\"id\":\"x-a/b\",\"title\":\"t\",\"input_schema\":{\"a\": 1}}]}",
    )?;
    put("audit", b"\xff{\"event\":\"x\",\"api_key\":\"amp_live_sk_1\",\"n\":[1.50,{\"token\":{}}]}")?;
    put("intent", b"\xfe  \r\nMay I?\x1b[2J\nmore")?;
    for step in 0..6_u8 {
        for next in 0..6_u8 {
            put(&format!("steps-{step}-{next}"), &[0, 0, 1, 1, 0, step, 1, 1, 5, next, 1, 9, 0, 0, 1, 1, 0])?;
        }
    }
    Ok(())
}

/// What is inside a sealed payload and should not be, drafts, edits to sealed messages, and to sealed files.
fn sealed(out: &Path) -> Result<(), Fault> {
    let put = |name: &str, bytes: &[u8]| write(out, "sealed_open", name, bytes);
    put("nested", b"\xfe{\"type\":\"sealed:v1\",\"message\":\"\"}")?;
    put("amp", b"\xfe {\"message\":\"a\",\"type\":\"b\",\"context\":{\"amp\":null}}\n\t ")?;
    put(
        "file",
        b"\xfe{\"type\":\"a\",\"message\":\"\",\"attachments\":[{\"id\":\"att_1_a\",\"sealed\":{}}]}",
    )?;
    put("draft", b"\xfdLunch?\nAt noon?\n{\"where\": \"here\", \"n\": [1.5e3, -0, 1e20]}")?;
    put("draft-long", &[&b"\xfdLunch?\n"[..], &[b'x'; 3000]].concat())?;
    for n in 0..12_u8 {
        put(&format!("as-it-is-{n}"), &[n, n / 4])?;
        put(&format!("edited-{n}"), &[n, 0, n, n.wrapping_mul(23), 0x22, 3, 5, n])?;
    }
    let put = |name: &str, bytes: &[u8]| write(out, "sealed_stream", name, bytes);
    put("foreign", &[&[0xff, 0, 0, 9], &[9; 26][..]].concat())?;
    put("content", b"\xfe\x01\x02Hello, world\0\0")?;
    for file in 0..13_u8 {
        put(&format!("as-it-is-{file}"), &[file])?;
        for what in 0..8_u8 {
            put(&format!("edited-{file}-{what}"), &[file, what, 1, 2, file, 7, 0, 16, 7])?;
        }
    }
    Ok(())
}

fn write(out: &Path, target: &str, name: &str, bytes: &[u8]) -> Result<(), Fault> {
    let directory = out.join(target);
    fs::create_dir_all(&directory)?;
    fs::write(directory.join(name.replace(['/', '\\'], "_")), bytes)?;
    Ok(())
}
