//! What to do about each code of the protocol, in a sentence.

/// What a person can do about a failure with this code.
pub(super) fn advice(code: &str) -> &'static str {
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
        "unportable_payload" => "rename the member that one of the programs would lose",
        _ => "",
    }
}
