//! The suite sealed.

use amp_core::crypto::seal::DecryptionKey;
use amp_core::envelope::OpeningKeys;
use amp_core::{Identity, Message, Timestamp};
use serde_json::Value;

use super::messages::refusal;
use super::{Input, Outcome, Refusal, keys, output};

/// The message is decoded, verified under the sender's key, and opened: each may be what fails.
pub(super) fn sealed(input: Input<'_>) -> Outcome {
    let keys = opening_keys(input.text("recipient_secret")?)?;
    let message = Message::decode(&input.bytes()?).map_err(refusal)?;
    let sender = keys::read(input, "sender_key")?;
    let verified = message.verify(&sender).map_err(|unverified| refusal(*unverified.error()))?;
    let opened = verified.open(&keys, Timestamp::UNIX_EPOCH).map_err(|unopened| Refusal {
        code: unopened.error().code().as_str().to_owned(),
        field: unopened.error().field().map(str::to_owned),
    })?;
    let payload: Value =
        serde_json::from_str(opened.payload().raw()).map_err(|_| Refusal::new("invalid_json"))?;
    Ok(output([("payload", payload)]))
}

/// The text may be the seed of an Ed25519 key or an X25519 key: which one is meant, the message's key id says.
fn opening_keys(secret: &str) -> Result<OpeningKeys, Refusal> {
    let bytes: [u8; 32] = bytes_of(secret).ok_or_else(|| Refusal::of("invalid_field", "recipient_secret"))?;
    let keys = OpeningKeys::new().with_identity(&Identity::from_seed(&bytes));
    Ok(keys.with_key(DecryptionKey::from_bytes(&bytes)))
}

fn bytes_of(hex: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = hex.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(bytes)
}
