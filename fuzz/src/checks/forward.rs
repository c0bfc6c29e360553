//! Forwards: whatever headers and body come, what is accepted was signed by the provider and by the sender.

use std::sync::LazyLock;

use amp_address::{KnownProviders, Provider};
use amp_core::federation::{
    Discovery, FederationMode, ForwardBody, ForwardLedger, ForwardRefusal, ForwardSeen, ForwardSight,
    KeyStanding, ProviderTrust, ReceivedForward,
};
use amp_core::wire::CarriedMessage;
use amp_crypto::{Identity, SigningContext};
use amp_envelope::{Dialect, Draft, Timestamp};

use super::{assert_fit_to_show, text_of};

/// The first byte chooses: header lines, an empty line and a body (even); a body that the fuzzer signs as the provider
/// (odd); or, from 0xf0, edits of three bytes to a forward that was accepted.
pub fn forward(data: &[u8]) {
    let [choice, rest @ ..] = data else { return };
    match choice {
        0xf0.. => edited(rest),
        choice if choice.is_multiple_of(2) => whole(rest),
        _ => signed(rest),
    }
    if let Some(seen) = ForwardSeen::from_json(rest) {
        assert_eq!(ForwardSeen::from_json(seen.to_json().as_bytes()).as_ref(), Some(&seen));
    }
}

fn now() -> Timestamp {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

fn crabmail() -> Provider {
    "crabmail.ai".parse().unwrap()
}

fn provider_key() -> Identity {
    Identity::from_seed(&[9; 32])
}

fn alice() -> Identity {
    Identity::from_seed(&[7; 32])
}

/// Headers and body.
type Sent = (Vec<(String, String)>, Vec<u8>);

/// A forward that is accepted.
static GOOD: LazyLock<Sent> = LazyLock::new(|| {
    let signed = Draft::request("bob@team.example.org".parse().unwrap(), "Hello", "Are you there?")
        .from(&"alice@acme.crabmail.ai".parse().unwrap())
        .sign_with_nonce(&alice(), now(), [3; 16])
        .unwrap();
    let body = ForwardBody::new(&CarriedMessage::from(&signed), alice().verifying_key());
    let forward = body.sign(&provider_key(), &crabmail(), now()).unwrap();
    let headers = forward.headers().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    (headers, forward.body().to_vec())
});

/// All of the stated order but recipient and scan.
fn take(headers: &[(String, String)], body: &[u8]) -> Result<ForwardSeen, ForwardRefusal> {
    let mut discovery = Discovery::new();
    let key = provider_key();
    discovery.confirm(&crabmail(), "https://api.crabmail.ai/v1", key.verifying_key(), now()).unwrap();
    let trust = ProviderTrust::new(FederationMode::Open, "example.org".parse().unwrap());
    let read = ReceivedForward::read(headers, body, now())?;
    let peer = trust.admit(read.provider(), &discovery.find(read.provider(), now()))?;
    let decoded = read.authenticate(&peer)?.decode(&KnownProviders::new())?;
    assert_eq!(decoded.message().from().provider(), "crabmail.ai");
    let proven = decoded.prove(KeyStanding::Clear, &[Dialect::Jcs])?;
    let mut ledger = ForwardLedger::bounded(4, 2);
    let ForwardSight::First(seen) = ledger.check(&proven, now())? else { panic!("nothing was seen") };
    let seen = seen.answered("{}");
    ledger.record(&seen);
    assert_eq!(ledger.check(&proven, now()), Ok(ForwardSight::Again("{}".into())));
    Ok(seen)
}

fn tried(headers: &[(String, String)], body: &[u8]) -> Option<ForwardSeen> {
    let taken = take(headers, body);
    if let Err(refusal) = &taken {
        assert_fit_to_show(refusal);
        assert!((400..=429).contains(&refusal.status()));
        assert!(refusal.to_answer().body.starts_with(br#"{"accepted":false,"error":""#));
    }
    taken.ok()
}

/// Nobody but the provider signs: no bytes are a forward, unless they are the one that was signed.
fn whole(bytes: &[u8]) {
    let split = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    let (head, body) = bytes.split_at(split);
    let headers: Vec<(String, String)> = text_of(head)
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let body = body.get(2..).unwrap_or_default();
    if tried(&headers, body).is_some() {
        assert_eq!(body, GOOD.1);
    }
}

/// The provider signs what the fuzzer writes, and still cannot speak for Alice.
fn signed(body: &[u8]) {
    let seconds = now().unix_seconds().to_string();
    let bytes = [seconds.as_bytes(), b".", body].concat();
    let Ok(signature) = provider_key().sign(SigningContext::Federation, &bytes) else { return };
    let headers = [
        ("X-AMP-Provider".to_owned(), crabmail().as_str().to_owned()),
        ("X-AMP-Timestamp".to_owned(), seconds),
        ("X-AMP-Signature".to_owned(), signature.to_base64()),
    ];
    if tried(&headers, body).is_some() {
        // The keys of the corpus' messages are not the fuzzer's: what verifies is a message that stands there.
        assert!(CarriedMessage::from_json(body).is_some() || body.len() > 512 * 1024);
    }
}

/// Edits of three bytes: what to do, where, and with what; the last fifth of places are in the headers.
fn edited(edits: &[u8]) {
    let (mut headers, mut body) = GOOD.clone();
    assert!(tried(&headers, &body).is_some());
    for edit in edits.chunks_exact(3) {
        let at = usize::from(edit[1]) * body.len().max(1) / 256;
        let at = at.min(body.len().saturating_sub(1));
        match edit[0] % 8 {
            0 if !body.is_empty() => body[at] = edit[2],
            1 => body.insert(at, edit[2]),
            2 if !body.is_empty() => drop(body.remove(at)),
            3 => {
                let header = &mut headers[usize::from(edit[1]) % 3].1;
                let letter = char::from(edit[2]);
                header.insert(
                    header.char_indices().map(|(at, _)| at).nth(usize::from(edit[1] / 3)).unwrap_or(0),
                    letter,
                );
            }
            4 => {
                let again = headers[usize::from(edit[1]) % headers.len()].clone();
                headers.push(again);
            }
            5 => headers.push(("X-AMP-Key-Revoked".to_owned(), text_of(&edit[1..]).into_owned())),
            6 => headers.push((text_of(&edit[1..]).into_owned(), "x".to_owned())),
            _ => headers[usize::from(edit[1]) % 3].0.make_ascii_lowercase(),
        }
    }
    if tried(&headers, &body).is_some() {
        assert_eq!(body, GOOD.1);
    }
}
