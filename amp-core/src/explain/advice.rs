//! What to do about each code of the protocol and each reason of a receiver, in a sentence.

use crate::receive::RefusalReason;

/// What a person can do about a receiver's refusal.
pub(super) const fn about_refusal(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::Message(_) => "",
        RefusalReason::NotForMe => {
            "send it to one of the receiver's addresses, or give the receiver this address too"
        }
        RefusalReason::KeyNotFound => {
            "resolve the sender's address at your own provider: a key that travels with a message connects nothing"
        }
        RefusalReason::KeyRevoked => {
            "let the sender sign with a key that is not revoked; a revocation is not undone"
        }
        RefusalReason::KeyConflict => {
            "ask the sender on another way which key is right: a rotation proof by the known key, or a person, decides"
        }
        RefusalReason::KeyMismatch => "look up which key the address has now, and name that one",
        RefusalReason::InvalidKey => "use another key: this one is not fit for what it is offered for",
        RefusalReason::RotationTooSoon => {
            "wait a day after the last rotation, or let a person confirm the new key"
        }
        RefusalReason::Expired => "let the sender send it again with a later expires_at, or with none",
        RefusalReason::TimestampExpired => {
            "let the sender send it again: direct messages are taken for 5 minutes, relayed ones by queued_at"
        }
        RefusalReason::TimestampFuture => "set the clocks: a message may be 60 seconds ahead and no more",
        RefusalReason::ContentReplay => {
            "do nothing if it was delivered before; else let the sender sign it anew, with another nonce"
        }
        RefusalReason::IdConflict => "let the sender, or the provider, give the message an id of its own",
        RefusalReason::SenderQuota => "wait until the sender's earlier messages may be forgotten",
        RefusalReason::MemoryFull => "raise the limits, or wait until earlier messages may be forgotten",
        RefusalReason::SenderRefused => "let the recipient put the sender on the list of those who may write",
        RefusalReason::NotGranted => "let the recipient grant the sender the scope that the message needs",
        RefusalReason::SealingRequired => {
            "let the sender seal it: the host takes nothing plain from this peer"
        }
        RefusalReason::SealingRefused => {
            "let the sender send it in plain: the host takes nothing sealed from this peer"
        }
        RefusalReason::ContentBlocked => {
            "read the finding's rule; a host that knows better overrides it for that rule alone"
        }
        RefusalReason::Decided => "nothing: an entry is decided once",
    }
}

/// What a person can do about a failure with this code.
pub(super) fn about_code(code: &str) -> &'static str {
    match code {
        "duplicate_key" => "write every member once: readers disagree about which of two counts",
        "too_deep" => "nest objects and arrays at most 128 deep",
        "too_large" => "send less, or attach it: a message has at most 512 KiB of JSON and 64 KiB of text",
        "too_many_keys" => "put at most 10000 members into one object",
        "invalid_utf8" => "write UTF-8",
        "byte_order_mark" => "leave the byte order mark out",
        "lone_surrogate" => "write characters beyond U+FFFF as a pair of escapes, or as they are",
        "invalid_json" => "write JSON as RFC 8259 has it",
        "not_an_object" => "write an object in that place",
        "non_finite_number" => "write numbers that a double can hold",
        "unportable_number" => "write integers beyond 2^53 - 1 as text: programs round them differently",
        "missing_field" => "write the field",
        "invalid_field" => "write the field as the rule says",
        "ambiguous_signing_string" => "keep the character | out of every signed field but the subject",
        "unsupported_version" => "use a version of the protocol that both sides speak",
        "signature_missing" => "sign the message: an unsigned one says nothing about its sender",
        "signature_invalid" => "compare the bytes that were hashed on both sides, and the key",
        "not_opened" => "let the sender seal it anew, to the key that the recipient has now",
        "unsupported_suite" => "seal with a suite that both sides know",
        "invalid_key" => "use a key that is fit for what it is used for",
        "unportable_payload" => "rename the member that one of the programs would lose",
        _ => "",
    }
}
