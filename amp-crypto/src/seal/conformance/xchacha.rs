//! draft-irtf-cfrg-xchacha, sections 2.2.1 and A.3.1, and RFC 8439, section 2.8.2.

use super::{array, unhex};
use crate::seal::primitive::{Aead, ChaCha, XChaCha};

const PLAINTEXT: &[u8] =
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
                           future, sunscreen would be it.";
const AAD: &str = "50515253c0c1c2c3c4c5c6c7";
const KEY: &str = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";

fn seals_and_opens<A: Aead>(nonce: &A::Nonce, ciphertext: &str, tag: &str) {
    let (cipher, aad) = (A::with_key(&array(KEY)), unhex(AAD));
    let mut buffer = PLAINTEXT.to_vec();
    let own = cipher.seal_in_place(nonce, &aad, &mut buffer).unwrap();
    assert_eq!(buffer, unhex(ciphertext));
    assert_eq!(own.as_slice(), unhex(tag));
    assert!(cipher.open_in_place(nonce, &aad, &mut buffer, &own));
    assert_eq!(buffer, PLAINTEXT);
}

#[test]
fn the_aead_vector_of_the_xchacha_draft_comes_out() {
    seals_and_opens::<XChaCha>(
        &array("404142434445464748494a4b4c4d4e4f5051525354555657"),
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb\
         731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452\
         2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
         21f9664c97637da9768812f615c68b13b52e",
        "c0875924c1c7987947deafd8780acf49",
    );
}

#[test]
fn the_aead_vector_of_rfc_8439_comes_out() {
    seals_and_opens::<ChaCha>(
        &array("070000004041424344454647"),
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6\
         3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36\
         92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
         3ff4def08e4b7a9de576d26586cec64b6116",
        "1ae10b594f09e26a7e902ecbd0600691",
    );
}

/// The vector of HChaCha20 seen from outside: XChaCha20-Poly1305 is ChaCha20-Poly1305 under the derived key.
#[test]
fn the_hchacha20_vector_of_the_draft_is_the_derived_key() {
    let key = array("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    let derived = array("82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc");
    let long = array("000000090000004a0000000031415927f0f1f2f3f4f5f6f7");
    let short = array("00000000f0f1f2f3f4f5f6f7");
    let (mut one, mut other) = (PLAINTEXT.to_vec(), PLAINTEXT.to_vec());
    let tag = XChaCha::with_key(&key).seal_in_place(&long, b"", &mut one).unwrap();
    assert_eq!(ChaCha::with_key(&derived).seal_in_place(&short, b"", &mut other), Some(tag));
    assert_eq!(one, other);
}
