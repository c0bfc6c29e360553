//! The suite card.

use amp_core::Timestamp;
use amp_core::identity::{AgentCard, CardError};

use super::{Input, Outcome, Refusal, output};

/// A card that is not to be believed is an error, whatever the reason.
pub(super) fn card(input: Input<'_>) -> Outcome {
    let now: Timestamp = input.text("now")?.parse().map_err(|_| Refusal::of("invalid_field", "now"))?;
    let card = AgentCard::decode(&input.bytes()?).map_err(refusal)?;
    let verified = card.verify(now).map_err(refusal)?;
    Ok(output([
        ("valid", true.into()),
        ("address", verified.address().as_str().into()),
        ("fingerprint", verified.fingerprint().to_string().into()),
    ]))
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn refusal(error: CardError) -> Refusal {
    Refusal { code: error.code().to_owned(), field: error.field().map(str::to_owned) }
}
