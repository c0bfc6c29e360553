//! Signing contexts: a signature made in one is worth nothing in another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_crypto::{ContextError, Identity, Signature, SigningContext, VerifyError};
use proptest::prelude::*;

const HASH: &str = "4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=";

/// One real text of each context, in the order of `SigningContext::ALL`.
fn samples() -> [Vec<u8>; 9] {
    let new = Identity::from_seed(&[2; 32]);
    let key = new.verifying_key();
    [
        format!("alice@acme.crabmail.ai|bob@acme.crabmail.ai|Hello|normal||{HASH}").into_bytes(),
        key.to_hex().unwrap().into_bytes(),
        key.to_pem().into_bytes(),
        key.to_spki_der(),
        b"amp-agent-card-v1\n{\"address\":\"alice@acme.crabmail.ai\",\"amp_agent_card\":\"1.0\"}".to_vec(),
        b"{\"address\":\"alice@acme.crabmail.ai\",\"aid_version\":\"1.0\"}".to_vec(),
        b"aid-token-exchange\n1706648400\nhttps://auth.example.test".to_vec(),
        b"aid-registration-status\n1706648400\nhttps://auth.example.test/agent_registrations/7/status"
            .to_vec(),
        b"1706648400.{\"envelope\":{},\"payload\":{}}".to_vec(),
    ]
}

/// Signs in a context, or reads the recorded signature where the context is never written.
fn signed(context: SigningContext, bytes: &[u8]) -> (Identity, Signature) {
    let identity = Identity::from_pkcs8_pem(include_str!("data/openssl/ed25519.key.pem")).unwrap();
    let signature = match context {
        SigningContext::RotationPem => Signature::from_base64(include_str!("data/rotation-pem.sig")),
        SigningContext::RotationDer => Signature::from_base64(include_str!("data/rotation-der.sig")),
        _ => Ok(identity.sign(context, bytes).unwrap()),
    };
    (identity, signature.unwrap())
}

// rule: KEY-20, KEY-21
#[test]
fn a01_a_signature_of_one_context_verifies_in_no_other() {
    let samples = samples();
    let (mut held, mut refused) = (0, 0);
    for (context, bytes) in SigningContext::ALL.into_iter().zip(&samples) {
        let (identity, signature) = signed(context, bytes);
        for other in SigningContext::ALL {
            let result = identity.verifying_key().verify(other, bytes, &signature);
            if other == context {
                assert_eq!(result, Ok(()), "{context:?}");
                held += 1;
            } else {
                assert_eq!(result, Err(VerifyError::NotInContext(other)), "{context:?} in {other:?}");
                assert_eq!(VerifyError::NotInContext(other).code(), "signature_invalid");
                refused += 1;
            }
        }
    }
    assert_eq!((held, refused), (9, 72));
}

// rule: KEY-20
#[test]
fn a01_bytes_of_one_context_cannot_be_signed_in_another() {
    let identity = Identity::from_seed(&[1; 32]);
    for (context, bytes) in SigningContext::ALL.into_iter().zip(&samples()) {
        for other in SigningContext::ALL.into_iter().filter(|other| *other != context) {
            assert!(identity.sign(other, bytes).is_err(), "{context:?} in {other:?}");
        }
    }
}

#[test]
fn a01_bytes_of_no_context_cannot_be_signed() {
    let identity = Identity::from_seed(&[1; 32]);
    for bytes in [&b""[..], b"hello", &[7; 32], b"{}", b"alice|bob|Hello|normal||x", &[0x30; 44]] {
        for context in SigningContext::ALL {
            assert!(identity.sign(context, bytes).is_err(), "{bytes:?} in {context:?}");
        }
    }
}

// rule: KEY-23
#[test]
fn a01_pem_and_der_rotations_are_never_written() {
    let identity = Identity::from_seed(&[1; 32]);
    let samples = samples();
    for (context, bytes) in
        [(SigningContext::RotationPem, &samples[2]), (SigningContext::RotationDer, &samples[3])]
    {
        assert!(context.accepts(bytes));
        assert_eq!(identity.sign(context, bytes), Err(ContextError::VerifyOnly(context)));
    }
}

// rule: KEY-22
#[test]
fn a01_a_sender_outside_the_address_grammar_is_neither_signed_nor_verified() {
    let identity = Identity::from_seed(&[1; 32]);
    let (_, signature) = signed(SigningContext::RotationHex, &samples()[1]);
    let long_label = format!("a@{}.example.test", "l".repeat(64));
    let long_name = format!("{}@acme.example.test", "n".repeat(64));
    let long_whole = format!("a@{}.test", vec!["l".repeat(60); 5].join("."));
    for from in [
        "",
        "alice",
        "alice@",
        "@acme.example.test",
        "alice@acme",
        "alice@.acme.test",
        "alice@acme..test",
        "alice@acme.test.",
        "al ice@acme.test",
        "alice@ac me.test",
        "alice@acme.te\nst",
        "ali.ce@acme.test",
        "alice@@acme.test",
        "alice@acme@test.io",
        "{alice@acme.test",
        "1706648400.{@acme.test",
        "älice@acme.test",
        "alice@ącme.test",
        "amp-agent-card-v1\n@acme.test",
        "alice\0@acme.test",
        &long_label,
        &long_name,
        &long_whole,
    ] {
        let string = format!("{from}|bob@acme.crabmail.ai|Hello|normal||{HASH}");
        let refusal = identity.sign(SigningContext::Message, string.as_bytes()).unwrap_err();
        assert_eq!(refusal.code(), "ambiguous_signing_string", "{from:?}");
        let result = identity.verifying_key().verify(SigningContext::Message, string.as_bytes(), &signature);
        assert_eq!(result, Err(VerifyError::NotInContext(SigningContext::Message)), "{from:?}");
    }
}

// rule: KEY-21
#[test]
fn a01_near_misses_belong_to_one_context_at_most() {
    let near = [
        format!("amp-agent-card-v1@acme.test|bob@acme.test|x|normal||{HASH}"),
        format!("aid-token-exchange@acme.test|bob@acme.test|x|normal||{HASH}"),
        format!("1706648400@acme.test|bob@acme.test|.{{}}|normal||{HASH}"),
        format!("{}@acme.test|b@acme.test|x|normal||{HASH}", "a".repeat(63)),
        format!("0@acme.test|b@acme.test|-----BEGIN PUBLIC KEY-----|normal||{HASH}"),
        "amp-agent-card-v1\n{\"aid_version\":\"1.0\"}".to_owned(),
        "1706648400.{\"aid_version\":\"1.0\"}".to_owned(),
        "{\"aid_version\":\"1.0\",\"x\":\"a@b.c|d|e|normal||4Z\"}".to_owned(),
        "a".repeat(64),
        "1".repeat(64),
    ];
    for text in &near {
        let owners = SigningContext::ALL.iter().filter(|context| context.accepts(text.as_bytes())).count();
        assert_eq!(owners, 1, "{text:?}");
    }
}

#[test]
fn a_subject_may_hold_bars_and_line_feeds() {
    for subject in ["", "a|b", "||||", "line\nline", "naïve", "-----BEGIN PUBLIC KEY-----"] {
        let string = format!("alice@acme.crabmail.ai|bob|{subject}|normal|msg_1_a|{HASH}");
        assert!(SigningContext::Message.accepts(string.as_bytes()), "{subject:?}");
    }
}

#[test]
fn a_signing_string_ends_in_the_base64_of_32_bytes() {
    let front = "alice@acme.crabmail.ai|bob@acme.crabmail.ai|Hello|normal||";
    for hash in [
        "",
        "x",
        "4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg",
        "4Z_XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=",
        "4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdh=",
        "4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=\n",
        "4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkd==",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ] {
        assert!(!SigningContext::Message.accepts(format!("{front}{hash}").as_bytes()), "{hash:?}");
    }
    assert!(
        !SigningContext::Message
            .accepts(b"alice@acme.crabmail.ai|bob|Hello||4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=")
    );
    let mut broken = format!("{front}{HASH}").into_bytes();
    broken[50] = 0xff;
    assert!(!SigningContext::Message.accepts(&broken));
}

#[test]
fn a_signing_string_names_a_recipient_and_a_priority() {
    for (to, priority, accepted) in [("bob", "normal", true), ("", "normal", false), ("bob", "", false)] {
        let string = format!("alice@acme.crabmail.ai|{to}|Hello|{priority}||{HASH}");
        assert_eq!(SigningContext::Message.accepts(string.as_bytes()), accepted, "{string}");
    }
}

#[test]
fn a_rotated_pem_begins_with_its_first_line() {
    let pem = String::from_utf8(samples()[2].clone()).unwrap();
    assert!(SigningContext::RotationPem.accepts(pem.as_bytes()));
    assert!(SigningContext::RotationPem.accepts(pem.trim_end().as_bytes()));
    assert!(!SigningContext::RotationPem.accepts(format!("\n{pem}").as_bytes()));
    assert!(!SigningContext::RotationPem.accepts(pem.replace("PUBLIC", "PRIVATE").as_bytes()));
}

#[test]
fn the_deployed_aid_document_is_read_in_any_member_order_and_layout() {
    let accepted = [
        "{\"aid_version\":\"1.0\"}",
        "{\n  \"address\": \"a@b.c\",\n  \"nested\": {\"x\": [1, \"}\"]},\n  \"aid_version\" : \"1.0\"\n}\n",
        "{\"quote\":\"\\\\\\\"{\",\"aid_version\":\"1.0\"}",
    ];
    let refused = [
        "{}",
        "{\"nested\":{\"aid_version\":\"1.0\"}}",
        "{\"text\":\"aid_version\"}",
        "[\"aid_version\"]",
        " {\"aid_version\":\"1.0\"}",
        "{\"aid_version\":\"1.0\"",
        "{\"a\":\"\\\"aid_version\\\":\"}",
        "{\"aid_version",
    ];
    for text in accepted {
        assert!(SigningContext::AidDocument.accepts(text.as_bytes()), "{text}");
    }
    for text in refused {
        assert!(!SigningContext::AidDocument.accepts(text.as_bytes()), "{text}");
    }
}

#[test]
fn stamps_are_digits_and_nothing_else() {
    for stamp in ["", "+1706648400", "-1", "1706648400 ", "1e9", "0x10", "17066484001706648400", "\u{664}"] {
        let proof = format!("aid-token-exchange\n{stamp}\nhttps://auth.example.test");
        assert!(!SigningContext::AidTokenExchange.accepts(proof.as_bytes()), "{stamp:?}");
        let forward = format!("{stamp}.{{}}");
        assert!(!SigningContext::Federation.accepts(forward.as_bytes()), "{stamp:?}");
    }
    let long_url = format!("https://{}", "a".repeat(2041));
    for url in ["", "ftp://a", "https://a b", "https://a\n", "https://é", &long_url] {
        let proof = format!("aid-token-exchange\n1706648400\n{url}");
        assert!(!SigningContext::AidTokenExchange.accepts(proof.as_bytes()), "{url:?}");
    }
}

// rule: KEY-20
#[test]
fn a01_the_diagnosis_of_other_bytes_accepts_nothing_that_is_in_a_context() {
    for (context, bytes) in SigningContext::ALL.into_iter().zip(&samples()) {
        let (identity, signature) = signed(context, bytes);
        assert!(!identity.verifying_key().verifies_outside_contexts(bytes, &signature), "{context:?}");
    }
    let signer = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let key = Identity::from_seed(&[7; 32]).verifying_key().clone();
    let short = format!("alice|bob@acme.crabmail.ai|Hello|normal||{HASH}");
    let signature = ed25519_dalek::Signer::sign(&signer, short.as_bytes());
    let signature = Signature::from_bytes(&signature.to_bytes()).unwrap();
    assert!(key.verifies_outside_contexts(short.as_bytes(), &signature));
    assert!(!key.verifies_outside_contexts(&short.as_bytes()[1..], &signature));
}

/// Pieces that the grammars are made of, so that random joins come close to several of them.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let key = Identity::from_seed(&[2; 32]).verifying_key().clone();
    let mut pieces: Vec<Vec<u8>> = samples().into();
    pieces.extend([key.to_hex().unwrap().into_bytes(), key.to_spki_der(), key.to_pem().trim_end().into()]);
    for text in [
        "amp-agent-card-v1",
        "aid-token-exchange",
        "aid-registration-status",
        "1706648400",
        "alice@acme.test",
        "https://a.test",
        "{",
        "}",
        "|",
        "@",
        "\n",
        ".",
        "\"aid_version\":",
        "normal",
        HASH,
        "a",
        "0",
        "-",
        "30",
        "-----BEGIN PUBLIC KEY-----",
        "-----END PUBLIC KEY-----",
    ] {
        pieces.push(text.as_bytes().to_vec());
    }
    prop_oneof![8 => prop::sample::select(pieces), 1 => prop::collection::vec(any::<u8>(), 0..4)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    // rule: KEY-21
    #[test]
    fn a01_no_bytes_are_in_two_contexts(pieces in prop::collection::vec(piece(), 0..12)) {
        let bytes = pieces.concat();
        let owners: Vec<_> = SigningContext::ALL.iter().filter(|context| context.accepts(&bytes)).collect();
        prop_assert!(owners.len() <= 1, "{:?} in {:?}", bytes, owners);
    }

    // rule: KEY-21
    #[test]
    fn a01_a_changed_sample_is_in_its_own_context_or_in_none(
        sample in 0_usize..9, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut bytes = samples()[sample].clone();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        for (index, context) in SigningContext::ALL.into_iter().enumerate() {
            prop_assert!(index == sample || !context.accepts(&bytes), "{:?} in {:?}", bytes, context);
        }
    }
}
