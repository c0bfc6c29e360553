//! The suites key and rotation.

use amp_core::{KeyError, Signature, VerifyingKey};
use serde_json::Value;

use super::{Input, Outcome, Refusal, output};

pub(super) fn key(input: Input<'_>) -> Outcome {
    let key = read(input, "public_key")?;
    Ok(output([
        ("fingerprint", key.fingerprint().to_string().into()),
        ("did", key.did().map_or(Value::Null, |did| did.to_string().into())),
        ("hex", key.to_hex().map_or(Value::Null, Into::into)),
    ]))
}

pub(super) fn rotation(input: Input<'_>) -> Outcome {
    let (old, new) = (read(input, "old_key")?, read(input, "new_key")?);
    let proof = Signature::from_base64(input.text("proof")?);
    let proof = proof.map_err(|error| Refusal::of(error.code(), "proof"))?;
    Ok(match old.verify_rotation(&new, &proof) {
        Ok(_) => output([("valid", true.into())]),
        Err(error) => output([("valid", false.into()), ("error", error.code().into())]),
    })
}

pub(super) fn read(input: Input<'_>, name: &str) -> Result<VerifyingKey, Refusal> {
    VerifyingKey::parse(input.text(name)?).map_err(|error: KeyError| Refusal::of(error.code(), name))
}
