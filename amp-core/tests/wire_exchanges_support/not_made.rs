//! Recorded requests that the client's types do not make, most of them broken on purpose: why not, and what a provider
//! says of them.

/// A request that is not made.
pub(crate) struct NotMade {
    name: &'static str,
    /// The code with which a provider refuses it; none when it takes what no client of ours sends.
    pub(crate) code: Option<&'static str>,
    pub(crate) reason: &'static str,
}

pub(crate) fn not_made(name: &str) -> Option<&'static NotMade> {
    // The same request was recorded for several configurations of the provider.
    let name = name.strip_prefix("strict: ").unwrap_or(name);
    NOT_MADE.iter().find(|other| other.name == name)
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    NOT_MADE.iter().map(|row| row.name)
}

const fn refused(name: &'static str, code: &'static str, reason: &'static str) -> NotMade {
    NotMade { name, code: Some(code), reason }
}

const fn read_only(name: &'static str, reason: &'static str) -> NotMade {
    NotMade { name, code: None, reason }
}

const UNSIGNED: &str = "a message is signed";
const HEADERS: &str = "a delivery names its provider, the time and the signature";
const SHORT: &str = "a message goes to a full address: what the sender signs is sent as it is";
const ONE_KEY: &str = "a key is written as PEM";
const JSON: &str = "a body is a JSON object";

#[rustfmt::skip]
const NOT_MADE: &[NotMade] = &[
    refused("PATCH me metadata.amp overwrites the provider record", "invalid_field", "the member is the provider's own"),
    refused("federation injection text unsigned", "signature_missing", UNSIGNED),
    refused("federation missing X-AMP-Provider", "missing_header", HEADERS),
    refused("federation no timestamp", "missing_field", "an envelope has a time"),
    refused("federation only X-AMP-Provider header", "missing_header", HEADERS),
    refused("federation: id burnt by 404, attempt 1", "missing_header", HEADERS),
    refused("federation: id burnt by 404, attempt 2", "missing_header", HEADERS),
    refused("headers on 400", "missing_field", "a message says whom it is for"),
    refused("pending limit=-1", "invalid_field", "a limit is not negative"),
    refused("rate limit (61st) full headers", "signature_missing", UNSIGNED),
    refused("register err: JSON null", "invalid_request", JSON),
    refused("register err: base64 raw public key", "invalid_field", ONE_KEY),
    refused("register err: hex public key", "invalid_field", ONE_KEY),
    refused("register err: invalid agent_id (ignored?)", "invalid_field", "an agent's own id is a UUID"),
    read_only("register err: key_algorithm ed25519 lowercase", "an algorithm is written as it is registered"),
    refused("register err: malformed JSON", "invalid_request", JSON),
    refused("register err: name 64 chars", "invalid_field", "a name has at most 63 characters"),
    refused("rotate-keys RSA", "invalid_field", "the stated algorithm is the key's own"),
    read_only("rotate-keys hex key", ONE_KEY),
    refused("rotate-keys missing key", "missing_field", "a rotation names the new key"),
    refused("rotate-keys missing proof", "missing_field", "the old key vouches for the new one"),
    refused("route >1MB content-length -> 413", "request_too_large", "a body has at most 1 MiB"),
    read_only("route body.from spoof ignored", "who sends is the provider's to say"),
    refused("route empty message", "signature_missing", UNSIGNED),
    refused("route lowercase bearer", "signature_missing", UNSIGNED),
    refused("route malformed JSON", "invalid_request", JSON),
    refused("route missing payload", "missing_field", "a message has a payload"),
    refused("route missing subject", "missing_field", "a message has a subject"),
    refused("route no auth", "signature_missing", UNSIGNED),
    refused("route raw key without Bearer", "unauthorized", "a key stands behind `Bearer`"),
    refused("route signature not base64", "signature_invalid", "a signature is base64"),
    refused("route signature \"\" (empty)", "signature_missing", UNSIGNED),
    refused("route signature only in X-AMP-Signature header", "signature_missing", UNSIGNED),
    refused("route subject 300 chars", "invalid_field", "a subject has at most 256 characters"),
    refused("route to short name", "invalid_field", SHORT),
    refused("route unsigned", "signature_missing", UNSIGNED),
    refused("route via X-Forwarded-From: unknown host", "invalid_field", SHORT),
    refused("route while bob on ws, to short name (no push)", "invalid_field", SHORT),
    refused("route while bob on ws, unsigned", "signature_missing", UNSIGNED),
];
