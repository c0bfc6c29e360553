//! Sealed mail: the wire format, computed once more from its description, and the example that the description shows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod sealed_support;

use amp_crypto::Identity;
use amp_crypto::hmac_sha256;
use amp_crypto::seal::{DecryptionKey, EncryptionKey, Suite};
use amp_envelope::{Draft, SignedMessage};
use sealed_support::{ALICE, BOB, address, bytes_of, now};
use serde_json::Value;

const INNER: &str = r#"{"message":"Meet me at the old pier.","type":"request"}"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seven() -> Identity {
    Identity::from_seed(&[7; 32])
}

fn eight() -> Identity {
    Identity::from_seed(&[8; 32])
}

fn example(suite: Suite) -> SignedMessage {
    Draft::request(address(BOB), "Harbour", "Meet me at the old pier.")
        .from(&address(ALICE))
        .seal_to(&EncryptionKey::of(eight().verifying_key()).unwrap())
        .sealing_suite(suite)
        .sealing_randomness([9; 32])
        .sign_with_nonce(&seven(), now(), [10; 16])
        .unwrap()
}

fn prefixed(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

fn info() -> Vec<u8> {
    let key = seven();
    let key = key.verifying_key().ed25519_bytes().unwrap();
    [b"amp-sealed-v1".as_slice(), &prefixed(&[ALICE, BOB]), key].concat()
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let hex = hmac_sha256(key, parts).to_hex();
    (0..32).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// RFC 9180, section 4: `LabeledExtract` and `LabeledExpand`, for lengths up to that of the hash.
fn extract(suite_id: &[u8], salt: &[u8], label: &str, ikm: &[u8]) -> Vec<u8> {
    hmac(salt, &[b"HPKE-v1", suite_id, label.as_bytes(), ikm])
}

fn expand(suite_id: &[u8], prk: &[u8], label: &str, info: &[u8], length: usize) -> Vec<u8> {
    let length_bytes = u16::try_from(length).unwrap().to_be_bytes();
    let parts = [&length_bytes, b"HPKE-v1".as_slice(), suite_id, label.as_bytes(), info, &[1]];
    hmac(prk, &parts)[..length].to_vec()
}

/// RFC 9180, section 5.1, mode base.
fn key_and_nonce(aead_id: [u8; 2], nonce_length: usize, shared_secret: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let id = [b"HPKE".as_slice(), &[0x00, 0x20, 0x00, 0x01], &aead_id].concat();
    let context =
        [vec![0], extract(&id, b"", "psk_id_hash", b""), extract(&id, b"", "info_hash", &info())].concat();
    let secret = extract(&id, shared_secret, "secret", b"");
    (expand(&id, &secret, "key", &context, 32), expand(&id, &secret, "base_nonce", &context, nonce_length))
}

fn described(suite: Suite, aead_id: [u8; 2], nonce_length: usize) -> String {
    let signed = example(suite);
    let payload: Value = serde_json::from_str(signed.payload().raw()).unwrap();
    let member = |name: &str| payload["context"]["sealed"][name].as_str().unwrap().to_owned();
    let secret = bytes_of(signed.shared_secret().unwrap().to_base64url().expose());
    let (key, nonce) = key_and_nonce(aead_id, nonce_length, &secret);
    format!(
        "suite          {suite}\naad            {}\nepk            {}\nshared_secret  {}\nkey            {}\nbase_nonce     {}\nct             {}\n",
        hex(&prefixed(&[suite.as_str(), &member("kid")])),
        member("epk"),
        hex(&secret),
        hex(&key),
        hex(&nonce),
        member("ct"),
    )
}

#[test]
fn the_described_example_is_what_is_written() {
    // rule: SEAL-1, SEAL-9, SEAL-10
    let bobs = DecryptionKey::of(&eight());
    let key = EncryptionKey::of(eight().verifying_key()).unwrap();
    let seven_key = seven();
    let text = format!(
        "sender key     {}\nopening key    {}\nsealed to      {key}\nkid            {}\ninfo           {}\nplaintext      {INNER}, and 1 space\n",
        hex(seven_key.verifying_key().ed25519_bytes().unwrap()),
        hex(bobs.to_bytes().expose()),
        key.id(),
        hex(&info()),
    );
    let suites = [(Suite::ChaCha20Poly1305, [0x00, 0x03], 12), (Suite::XChaCha20Poly1305, [0x58, 0x43], 24)];
    let page = include_str!("../../docs/protocol/sealed.md");
    for block in suites.map(|(suite, aead_id, nonce)| described(suite, aead_id, nonce)).iter().chain([&text])
    {
        assert!(page.contains(block.as_str()), "the page does not say:\n{block}");
    }
    let signed = example(Suite::ChaCha20Poly1305);
    let payload = format!("{}\n", signed.payload().raw());
    assert!(page.contains(&payload), "the page does not say:\n{payload}");
}
