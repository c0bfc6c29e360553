//! The clock of the machine, and randomness for pauses.

use std::time::SystemTime;

use amp_core::Timestamp;

/// The time now. A clock that stands outside of the years that a timestamp can say is taken for the epoch: what is signed
/// or judged then is refused for its time, and nothing else happens.
pub(crate) fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or_else(|_| epoch())
}

#[expect(clippy::expect_used, reason = "second 0 is in 1970, which a timestamp can say")]
fn epoch() -> Timestamp {
    Timestamp::from_unix_seconds(0).expect("the epoch")
}

/// 64 bits for the pauses between attempts. Without randomness from the operating system all clients pause alike.
pub(crate) fn seed() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        Err(_) => 0,
    }
}
