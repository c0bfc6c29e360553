//! RFC 7748, sections 5.2 and 6.1: X25519.

use super::{array, unhex};
use crate::seal::primitive::{x25519, x25519_base, x25519_base_and};

#[test]
fn the_two_products_of_rfc_7748_come_out() {
    for (scalar, point, product) in [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ] {
        assert_eq!(x25519(&array(scalar), &array(point)).as_slice(), unhex(product));
    }
}

#[test]
fn the_iterations_of_rfc_7748_come_out() {
    let mut scalar: [u8; 32] = [0; 32];
    scalar[0] = 9;
    let mut point = scalar;
    for round in 1..=1000 {
        (scalar, point) = (*x25519(&scalar, &point), scalar);
        if round == 1 {
            assert_eq!(
                scalar.as_slice(),
                unhex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")
            );
        }
    }
    assert_eq!(scalar.as_slice(), unhex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
}

#[test]
fn the_key_agreement_of_rfc_7748_comes_out() {
    let alice: [u8; 32] = array("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    let bob: [u8; 32] = array("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    let shared = unhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    let to_alice = array("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    let to_bob = array("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    assert_eq!(x25519_base(&alice), to_alice);
    assert_eq!(x25519_base(&bob), to_bob);
    assert_eq!(x25519(&alice, &to_bob).as_slice(), shared);
    let (own, agreed) = x25519_base_and(&bob, &to_alice);
    assert_eq!((own, agreed.as_slice()), (to_bob, shared.as_slice()));
}
