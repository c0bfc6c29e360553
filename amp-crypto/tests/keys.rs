//! Keys: what is read, what is written, what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_crypto::{
    DidKey, Fingerprint, FingerprintForm, Identity, KeyAlgorithm, KeyError, MacTag, Signature,
    SignatureError, VerifyingKey, hmac_sha256,
};

const HEX: &str = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n-----END PUBLIC KEY-----\n";
const DID: &str = "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd";

fn key() -> VerifyingKey {
    VerifyingKey::from_hex(HEX).unwrap()
}

// rule: KEY-1
#[test]
fn every_form_of_a_key_reads_to_the_same_key() {
    for text in [
        PEM,
        HEX,
        &HEX.to_uppercase(),
        DID,
        "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
        "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg",
        "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg",
        "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
        &format!("\r\n  {HEX}\n"),
    ] {
        assert_eq!(VerifyingKey::parse(text), Ok(key()), "{text}");
    }
    assert_eq!(key().to_pem(), PEM);
    assert_eq!(key().to_hex().as_deref(), Some(HEX));
    assert_eq!(key().did().unwrap().to_string(), DID);
    assert_eq!(VerifyingKey::from_spki_der(&key().to_spki_der()), Ok(key()));
}

// rule: KEY-3
#[test]
fn pem_is_read_with_the_line_ends_and_widths_that_are_found() {
    let body = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    for text in [
        PEM.replace('\n', "\r\n"),
        PEM.trim_end().to_owned(),
        PEM.replace('\n', "  \n"),
        format!("\n\n{PEM}\n\n"),
        format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----", &body[..20], &body[20..]),
        format!("-----BEGIN PUBLIC KEY-----\n\n{body}\n\n-----END PUBLIC KEY-----\n"),
        format!("-----BEGIN PUBLIC KEY----- {body} -----END PUBLIC KEY-----"),
    ] {
        assert_eq!(VerifyingKey::parse(&text), Ok(key()), "{text:?}");
    }
}

// rule: KEY-3
#[test]
fn pem_is_refused_when_anything_else_is_in_it() {
    let body = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    let (begin, end) = ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----");
    for text in [
        format!("{PEM}{PEM}"),
        format!("{PEM}x"),
        format!("{begin}\nComment: x\n\n{body}\n{end}\n"),
        format!("{begin}{body}\n{end}\n"),
        format!("{begin}\n{}\n{end}\n", body.trim_end_matches('=')),
        format!("{begin}\n{body}\n"),
        format!("{begin}\n{body}\n-----END PRIVATE KEY-----\n"),
        format!("{begin}\n{body}\n----END PUBLIC KEY-----\n"),
        format!("{begin}\n{end}\n"),
        format!("{begin}\n{body}\u{a0}\n{end}\n"),
        format!("{begin}\n{}\n{end}\n", body.replace("bg=", "bh=")),
    ] {
        assert_eq!(VerifyingKey::parse(&text), Err(KeyError::MalformedPem), "{text:?}");
    }
    assert_eq!(VerifyingKey::parse(&format!("text before\n{PEM}")), Err(KeyError::UnrecognizedForm));
    let label = KeyError::WrongPemLabel { expected: "PUBLIC KEY" };
    assert_eq!(VerifyingKey::parse(&PEM.replace("PUBLIC", "RSA PUBLIC")), Err(label));
    assert_eq!(VerifyingKey::parse(Identity::from_seed(&[7; 32]).to_pkcs8_pem().expose()), Err(label));
    assert_eq!(VerifyingKey::parse(&format!("{begin}\n{}\n{end}", "A".repeat(9000))), Err(KeyError::TooLong));
}

// rule: KEY-4
#[test]
fn a12_der_has_one_spelling() {
    let der = key().to_spki_der();
    let mut long_form = der.clone();
    long_form.splice(1..2, [0x81, 0x2a]);
    let mut indefinite = der.clone();
    indefinite[1] = 0x80;
    indefinite.extend([0, 0]);
    let mut null_parameters = der.clone();
    null_parameters.splice(0..9, [0x30, 0x2c, 0x30, 0x07, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x05, 0x00]);
    let mut unused_bits = der.clone();
    unused_bits[11] = 1;
    let trailing = [&der[..], &[0]].concat();
    for bytes in
        [&long_form, &indefinite, &null_parameters, &unused_bits, &trailing, &der[..43].to_vec(), &vec![]]
    {
        assert_eq!(VerifyingKey::from_spki_der(bytes), Err(KeyError::MalformedDer), "{bytes:02x?}");
    }
    let mut x25519 = der.clone();
    x25519[8] = 0x6e;
    assert_eq!(VerifyingKey::from_spki_der(&x25519), Err(KeyError::UnknownAlgorithm));
    let mut short = der;
    short.pop();
    (short[1], short[10]) = (0x29, 0x20);
    assert_eq!(VerifyingKey::from_spki_der(&short), Err(KeyError::WrongLength { expected: 32, actual: 31 }));
}

// rule: KEY-2
#[test]
fn keys_of_another_length_are_refused() {
    for text in ["", "00", &HEX[..62], &format!("{HEX}00"), &"A".repeat(43)[..40], "not a key", "0x03a1"] {
        assert!(VerifyingKey::parse(text).is_err(), "{text:?}");
    }
    assert_eq!(VerifyingKey::parse(&"z".repeat(64)), Err(KeyError::MalformedHex));
    assert_eq!(VerifyingKey::from_hex("00"), Err(KeyError::WrongLength { expected: 32, actual: 1 }));
    assert_eq!(VerifyingKey::parse(&"A".repeat(9000)), Err(KeyError::TooLong));
    assert_eq!(KeyError::TooLong.code(), "invalid_key");
}

// rule: KEY-5, KEY-6, KEY-7
#[test]
fn a12_weak_and_non_canonical_keys_are_refused_in_every_form() {
    let hex = |bytes: &[u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(VerifyingKey::parse(&hex(&identity)), Err(KeyError::SmallOrder));
    assert_eq!(VerifyingKey::parse(&hex(&[0; 32])), Err(KeyError::SmallOrder));
    let mut above = [0xff; 32];
    (above[0], above[31]) = (0xf0, 0x7f); // p + 3: a point of large order, written a second way
    assert_eq!(VerifyingKey::parse(&hex(&above)), Err(KeyError::NonCanonical));
    let mut off = [0; 32];
    off[0] = 2;
    assert_eq!(VerifyingKey::parse(&hex(&off)), Err(KeyError::NotAPoint));
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n";
    assert_eq!(VerifyingKey::parse(pem), Err(KeyError::SmallOrder));
    assert_eq!(
        VerifyingKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        Err(KeyError::SmallOrder)
    );
}

// rule: KEY-18
#[test]
fn a_did_has_one_spelling() {
    for (text, error) in [
        ("did:web:example.test", KeyError::MalformedDid),
        ("did:key:6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd", KeyError::MalformedDid),
        ("did:key:z", KeyError::UnsupportedCodec),
        ("did:key:z0OIl", KeyError::MalformedDid),
        ("did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd#key", KeyError::MalformedDid),
        ("did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F", KeyError::UnsupportedCodec),
        ("did:key:z16MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd", KeyError::UnsupportedCodec),
    ] {
        assert_eq!(VerifyingKey::parse(text), Err(error), "{text}");
        assert_eq!(error.code(), "invalid_key");
    }
    assert_eq!(DidKey::parse(&format!("did:key:z{}", "1".repeat(9000))), Err(KeyError::MalformedDid));
    assert_eq!(DID.parse::<DidKey>().unwrap().verifying_key(), &key());
}

// rule: KEY-19
#[test]
fn a_stated_did_must_be_the_keys_own() {
    assert_eq!(key().check_did(DID), Ok(()));
    let other = Identity::from_seed(&[7; 32]).did().to_string();
    assert_eq!(key().check_did(&other), Err(KeyError::DidMismatch));
    assert_eq!(KeyError::DidMismatch.code(), "key_mismatch");
    assert_eq!(key().check_did("did:key:zzz"), Err(KeyError::UnsupportedCodec));
}

// rule: KEY-15, KEY-16
#[test]
fn a_fingerprint_is_recognized_in_both_deployed_spellings() {
    let raw = "Vkdap1RjR0wChd9dvyvKtz2mUTWIOem3dIGy6rEHcIw";
    let hex: String = key().fingerprint().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    for text in [
        format!("SHA256:{raw}="),
        format!("SHA256:{raw}"),
        format!("{raw}="),
        raw.to_owned(),
        hex.clone(),
        hex.to_uppercase(),
        format!("SHA256:{hex}"),
    ] {
        let stated: Fingerprint = text.parse().unwrap();
        assert_eq!(stated.matches(&key()), Some(FingerprintForm::RawKey), "{text}");
        assert_eq!(stated.to_string(), format!("SHA256:{raw}="));
    }
    let spki = Fingerprint::of_spki_der(&key());
    assert_eq!(spki.matches(&key()), Some(FingerprintForm::SpkiDer));
    assert_eq!(Identity::from_seed(&[7; 32]).fingerprint().matches(&key()), None);
}

#[test]
fn text_that_is_no_fingerprint_is_refused() {
    for text in
        ["", "SHA256:", "MD5:Vkdap1RjR0wChd9dvyvKtz2mUTWIOem3dIGy6rEHcIw=", "SHA256:AAAA", &"g".repeat(64)]
    {
        assert_eq!(Fingerprint::parse(text).unwrap_err().code(), "fingerprint_mismatch", "{text}");
    }
    // Spare bits set: a second spelling of the same digest.
    assert!(Fingerprint::parse("SHA256:Vkdap1RjR0wChd9dvyvKtz2mUTWIOem3dIGy6rEHcIx=").is_err());
}

// rule: KEY-12
#[test]
fn signatures_are_read_in_four_spellings_of_base64_and_no_fifth() {
    let signature = Signature::from_bytes(&[0xfb; 64]).unwrap();
    let text = signature.to_base64();
    let url_safe = text.replace('+', "-").replace('/', "_");
    for text in [&text, text.trim_end_matches('='), &url_safe, url_safe.trim_end_matches('=')] {
        assert_eq!(Signature::from_base64(text), Ok(signature.clone()), "{text}");
    }
    let mixed = text.replacen('+', "-", 1);
    let (front, back) = text.split_at(20);
    for text in [
        "=",
        "====",
        "A",
        "A===",
        "not base64!",
        &mixed,
        &format!("{front}\n{back}"),
        &format!(" {text}"),
        &text[..87],
    ] {
        assert_eq!(Signature::from_base64(text).unwrap_err().code(), "signature_invalid", "{text}");
    }
    assert!(Signature::from_base64("").is_err());
    assert!(Signature::from_bytes(&[0; 1025]).is_err());
    assert_eq!(Signature::from_base64(&"A".repeat(1_000_000)), Err(SignatureError::Length));
}

// rule: KEY-13
#[test]
fn private_keys_are_read_from_both_versions_of_pkcs8() {
    let identity = Identity::from_seed(&[7; 32]);
    let v1 = identity.to_pkcs8_der();
    let public = identity.verifying_key().ed25519_bytes().unwrap();
    let implicit = v2(v1.expose(), &[&[0x81, 0x21, 0x00], &public[..]].concat());
    let explicit = v2(v1.expose(), &[&[0xa1, 0x23, 0x03, 0x21, 0x00], &public[..]].concat());
    for der in [v1.expose(), &implicit, &explicit] {
        assert_eq!(Identity::from_pkcs8_der(der).unwrap().verifying_key(), identity.verifying_key());
    }
    // RFC 8410, section 10.3, with attributes and a public key.
    let rfc = "-----BEGIN PRIVATE KEY-----\n\
        MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n\
        Z9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PRIVATE KEY-----\n";
    assert_eq!(
        Identity::from_pkcs8_pem(rfc).unwrap().verifying_key().to_hex().unwrap(),
        "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"
    );
}

/// A version 2 file: the version 1 file with another version, and the public key behind it.
fn v2(v1: &[u8], public: &[u8]) -> Vec<u8> {
    let mut der = [v1, public].concat();
    der[1] = u8::try_from(der.len() - 2).unwrap();
    der[4] = 1;
    der
}

// rule: KEY-13
#[test]
fn a_private_key_file_with_another_public_key_is_refused() {
    let identity = Identity::from_seed(&[7; 32]);
    let other = Identity::from_seed(&[8; 32]);
    let public = [&[0x81, 0x21, 0x00], &other.verifying_key().ed25519_bytes().unwrap()[..]].concat();
    let file = v2(identity.to_pkcs8_der().expose(), &public);
    assert_eq!(Identity::from_pkcs8_der(&file).unwrap_err(), KeyError::PublicKeyMismatch);
    let truncated = v2(identity.to_pkcs8_der().expose(), &[0x81, 0x01, 0x00]);
    assert_eq!(Identity::from_pkcs8_der(&truncated).unwrap_err(), KeyError::PublicKeyMismatch);
}

#[test]
fn broken_private_keys_are_refused() {
    let v1 = Identity::from_seed(&[7; 32]).to_pkcs8_der();
    let v1 = v1.expose();
    let changed = |at: usize, byte: u8| {
        let mut der = v1.to_vec();
        der[at] = byte;
        der
    };
    let mut v1_with_public_key = v2(v1, &[&[0x81, 0x21, 0x00], &[7; 32][..]].concat());
    v1_with_public_key[4] = 0;
    for (der, error) in [
        (changed(4, 2), KeyError::MalformedDer),
        (changed(9, 0x2a), KeyError::UnknownAlgorithm),
        (changed(11, 0x6e), KeyError::UnknownAlgorithm),
        (changed(14, 0x05), KeyError::MalformedDer),
        (changed(15, 0x1f), KeyError::MalformedDer),
        (v1[..47].to_vec(), KeyError::MalformedDer),
        (v2(v1, &[0x81, 0x00]), KeyError::MalformedDer),
        (v1_with_public_key, KeyError::MalformedDer),
        (Vec::new(), KeyError::MalformedDer),
    ] {
        assert_eq!(Identity::from_pkcs8_der(&der).unwrap_err(), error, "{der:02x?}");
    }
}

// rule: KEY-8
#[test]
fn a11_a_stated_algorithm_must_be_the_keys_own() {
    assert_eq!(key().check_algorithm(&KeyAlgorithm::from_wire("ed25519")), Ok(()));
    for name in ["RSA", "ECDSA", "none", "", "Ed448"] {
        let error = key().check_algorithm(&KeyAlgorithm::from_wire(name)).unwrap_err();
        assert_eq!((error, error.code()), (KeyError::AlgorithmMismatch, "invalid_key"), "{name}");
    }
    let hostile = KeyAlgorithm::from_wire(&format!("\u{1b}[31m\u{202e}{}", "x".repeat(500)));
    assert!(hostile.to_string().is_ascii() && !hostile.to_string().contains('\u{1b}'));
    assert!(hostile.to_string().len() <= 64 * 10);
}

// rule: KEY-8
#[cfg(not(any(feature = "p256", feature = "rsa")))]
#[test]
fn keys_of_a_feature_that_is_off_are_refused_by_its_name() {
    let read = |text| VerifyingKey::parse(text).unwrap_err().to_string();
    assert_eq!(read(include_str!("data/openssl/p256.pub.pem")), "ECDSA keys need the feature `p256`");
    assert_eq!(read(include_str!("data/openssl/rsa2048.pub.pem")), "RSA keys need the feature `rsa`");
}

#[test]
fn a_tag_is_read_from_64_hex_digits_and_compared_whole() {
    // RFC 4231, test case 2
    let tag = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
    assert_eq!(tag.to_hex(), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert!(tag.matches(&MacTag::from_hex(&tag.to_hex().to_uppercase()).unwrap()));
    assert!(!tag.matches(&hmac_sha256(b"Jefe", &[b"what do ya want for nothing!"])));
    let long_key = hmac_sha256(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"]);
    assert_eq!(long_key.to_hex(), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    for text in ["", "5b", "sha256=5b", &"g".repeat(64), &"0".repeat(63), &"0".repeat(66)] {
        assert_eq!(MacTag::from_hex(text).unwrap_err().code(), "signature_invalid");
    }
}

#[cfg(feature = "getrandom")]
#[test]
fn generated_keys_differ() {
    assert_ne!(Identity::generate().verifying_key(), Identity::try_generate().unwrap().verifying_key());
}
