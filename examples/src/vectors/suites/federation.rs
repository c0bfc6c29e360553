//! The suites federation and txt.

use amp_core::Timestamp;
use amp_core::federation::{TxtRecord, verify_forward_signature};

use super::{Input, Outcome, Refusal, keys, output};

pub(super) fn federation(input: Input<'_>) -> Outcome {
    let key = keys::read(input, "provider_key")?;
    let now: Timestamp = input.text("now")?.parse().map_err(|_| Refusal::of("invalid_field", "now"))?;
    let (timestamp, signature) = (input.text("timestamp")?, input.text("signature")?);
    let verified = verify_forward_signature(&key, timestamp, signature, &input.bytes()?, now);
    verified.map_err(|refusal| match refusal.field() {
        Some("X-AMP-Timestamp") => Refusal::of(refusal.code(), "timestamp"),
        Some("X-AMP-Signature") => Refusal::of(refusal.code(), "signature"),
        _ => Refusal::new(refusal.code()),
    })?;
    Ok(output([("valid", true.into())]))
}

pub(super) fn txt(input: Input<'_>) -> Outcome {
    let record = TxtRecord::parse(input.text("record")?).map_err(|error| match error.field() {
        Some(field) => Refusal::of(error.code(), field),
        None => Refusal::new(error.code()),
    })?;
    Ok(output([
        ("endpoint", record.endpoint().into()),
        ("pubkey", record.pubkey().into()),
        ("capabilities", record.capabilities().collect()),
    ]))
}
