//! Published test vectors, held against the schedule and the primitives below the public API, whichever backend gives
//! them.

mod rfc7748;
pub(super) mod rfc9180;
mod wycheproof;
mod xchacha;

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).try_into().unwrap()
}
