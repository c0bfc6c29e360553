//! The suites aid-identity and aid-proof.

use amp_core::Timestamp;
use amp_core::identity::{AidDocument, AidError, Issuer, TokenProof};

use super::{Input, Outcome, Refusal, keys, output};

pub(super) fn identity(input: Input<'_>) -> Outcome {
    let now = now(input)?;
    judged(AidDocument::decode(&input.bytes()?).and_then(|document| document.verify(now)))
}

pub(super) fn proof(input: Input<'_>) -> Outcome {
    let (key, now) = (keys::read(input, "public_key")?, now(input)?);
    let issuer: Result<Issuer, _> = input.text("issuer")?.parse();
    let proof = input.text("proof")?;
    judged(issuer.and_then(|issuer| TokenProof::verify(&key, proof, &issuer, now)))
}

fn now(input: Input<'_>) -> Result<Timestamp, Refusal> {
    input.text("now")?.parse().map_err(|_| Refusal::of("invalid_field", "now"))
}

fn judged<T>(verified: Result<T, AidError>) -> Outcome {
    match verified {
        Ok(_) => Ok(output([("valid", true.into())])),
        // A refusal meets `{"valid":false}` too; it carries the field, which an output does not.
        Err(error) => Err(match error.field() {
            Some(field) => Refusal::of(error.code(), field),
            None => Refusal::new(error.code()),
        }),
    }
}
