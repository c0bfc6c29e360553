//! Keys, DIDs, fingerprints, signatures and contexts: one value has one spelling that is written, and reads back.

use amp_crypto::{
    DidKey, Fingerprint, FingerprintForm, Identity, KeyAlgorithm, KeyError, MacTag, Signature,
    SigningContext, VerifyingKey,
};

use super::{assert_fit_to_show, text_of};

/// The bytes are tried as every binary form, their text as every textual form.
pub fn key_import(data: &[u8]) {
    let text = text_of(data);
    public(data, &text);
    private(data, &text);
    fingerprint(&text);
    signature(data, &text);
    contexts(data);
    if let Ok(tag) = MacTag::from_hex(&text) {
        assert_eq!(tag.to_hex(), text.to_ascii_lowercase());
        assert!(MacTag::from_hex(&tag.to_hex()).is_ok_and(|again| again.matches(&tag)));
    }
    let algorithm = KeyAlgorithm::from_wire(&text);
    assert_fit_to_show(&algorithm);
    assert_eq!(KeyAlgorithm::from_wire(algorithm.as_str()), algorithm);
}

type Read = fn(&str) -> Result<VerifyingKey, KeyError>;

fn public(data: &[u8], text: &str) {
    let parsed = VerifyingKey::parse(text);
    let readers: [(Read, &str); 3] = [
        (VerifyingKey::from_pem, "-----BEGIN "),
        (VerifyingKey::from_hex, ""),
        (VerifyingKey::from_did, "did:"),
    ];
    for (read, start) in readers {
        match read(text) {
            Ok(key) => {
                assert!(text.trim_ascii().starts_with(start));
                assert_eq!(parsed.as_ref(), Ok(&key));
                well_behaved(&key);
            }
            Err(error) => assert_fit_to_show(&error),
        }
    }
    match &parsed {
        Ok(key) => well_behaved(key),
        Err(error) => assert_fit_to_show(error),
    }
    if let Ok(key) = VerifyingKey::from_hex(text) {
        assert_eq!(key.to_hex(), Some(text.to_ascii_lowercase()));
    }
    if let Ok(key) = VerifyingKey::from_spki_der(data) {
        // One key has one encoding.
        assert_eq!(key.to_spki_der(), data);
        well_behaved(&key);
    }
    if let Ok(did) = DidKey::parse(text) {
        assert_eq!(did.to_string(), text);
        assert_eq!(did.verifying_key().did().as_ref(), Some(&did));
    }
    if let Some(raw) = data.first_chunk()
        && let Ok(key) = VerifyingKey::from_ed25519_bytes(raw)
    {
        assert_eq!(key.ed25519_bytes(), Some(raw));
        well_behaved(&key);
    }
}

/// What holds for every key that was read.
fn well_behaved(key: &VerifyingKey) {
    let same = |read: Result<VerifyingKey, KeyError>| assert_eq!(read.as_ref(), Ok(key));
    same(VerifyingKey::from_pem(&key.to_pem()));
    same(VerifyingKey::parse(&key.to_pem().replace('\n', "\r\n")));
    same(VerifyingKey::from_spki_der(&key.to_spki_der()));
    assert!(key.check_algorithm(&key.algorithm()).is_ok());

    let is_ed25519 = key.algorithm() == KeyAlgorithm::Ed25519;
    let (hex, did, raw) = (key.to_hex(), key.did(), key.ed25519_bytes());
    assert_eq!([hex.is_some(), did.is_some(), raw.is_some()], [is_ed25519; 3]);
    if let (Some(hex), Some(did)) = (hex, did) {
        same(VerifyingKey::parse(&hex));
        same(VerifyingKey::parse(&did.to_string()));
        assert!(key.check_did(&did.to_string()).is_ok());
    }
    let (written, spki) = (key.fingerprint(), Fingerprint::of_spki_der(key));
    let form = if is_ed25519 { FingerprintForm::RawKey } else { FingerprintForm::SpkiDer };
    assert_eq!(written.matches(key), Some(form));
    assert_eq!(spki.matches(key), Some(FingerprintForm::SpkiDer));
    assert_eq!(written == spki, !is_ed25519);

    // Under a point of small order anybody can sign.
    assert!(!key.to_hex().is_some_and(|hex| SMALL_ORDER.contains(&hex.as_str())));
    for first in [0, 1] {
        let mut forged = [0; 64];
        forged[0] = first;
        let forged = Signature::from_bytes(&forged).unwrap();
        assert!(key.verify(SigningContext::Message, SIGNING_STRING, &forged).is_err());
    }
}

/// The eight points whose order divides the cofactor.
const SMALL_ORDER: [&str; 8] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

const SIGNING_STRING: &[u8] =
    b"alice@acme.crabmail.ai|bob@acme.crabmail.ai|Hello|normal||4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=";

fn private(data: &[u8], text: &str) {
    let identities = [Identity::from_pkcs8_der(data), Identity::from_pkcs8_pem(text)];
    for identity in identities {
        match identity {
            Ok(identity) => {
                let key = identity.verifying_key();
                let (der, pem) = (identity.to_pkcs8_der(), identity.to_pkcs8_pem());
                let seed: &[u8; 32] = der.expose().last_chunk().unwrap();
                for again in [Identity::from_pkcs8_der(der.expose()), Identity::from_pkcs8_pem(pem.expose())]
                {
                    assert_eq!(again.unwrap().verifying_key(), key);
                }
                assert_eq!(Identity::from_seed(seed).verifying_key(), key);
                well_behaved(key);
                let signature = identity.sign(SigningContext::Message, SIGNING_STRING).unwrap();
                assert!(key.verify(SigningContext::Message, SIGNING_STRING, &signature).is_ok());
            }
            Err(error) => assert_fit_to_show(&error),
        }
    }
    // A private key is not taken for a public one, nor the other way round.
    assert!(Identity::from_pkcs8_der(data).is_err() || VerifyingKey::from_spki_der(data).is_err());
}

fn fingerprint(text: &str) {
    match Fingerprint::parse(text) {
        Ok(fingerprint) => {
            let written = fingerprint.to_string();
            assert_eq!(Fingerprint::parse(&written), Ok(fingerprint));
            assert_eq!(Fingerprint::parse(written.trim_end_matches('=')), Ok(fingerprint));
        }
        Err(error) => assert_fit_to_show(&error),
    }
}

fn signature(data: &[u8], text: &str) {
    match Signature::from_base64(text) {
        Ok(signature) => {
            let written = signature.to_base64();
            assert_eq!(Signature::from_base64(&written).as_ref(), Ok(&signature));
            // Of the four spellings, each value has one.
            let standard = text.replace('-', "+").replace('_', "/");
            assert_eq!(standard.trim_end_matches('='), written.trim_end_matches('='));
        }
        Err(error) => assert_fit_to_show(&error),
    }
    if let Ok(signature) = Signature::from_bytes(data) {
        assert_eq!(signature.as_bytes(), data);
        assert_eq!(Signature::from_base64(&signature.to_base64()), Ok(signature));
    }
}

/// No bytes are in two contexts, and only bytes in a context are signed there.
fn contexts(data: &[u8]) {
    let owners = SigningContext::ALL.iter().filter(|context| context.accepts(data)).count();
    assert!(owners <= 1);
    if owners == 1 {
        let identity = Identity::from_seed(&[7; 32]);
        for context in SigningContext::ALL {
            let Ok(signature) = identity.sign(context, data) else { continue };
            assert!(context.accepts(data));
            for other in SigningContext::ALL {
                let verified = identity.verifying_key().verify(other, data, &signature);
                assert_eq!(verified.is_ok(), other == context);
            }
        }
    }
}
