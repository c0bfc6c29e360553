//! The suite risk.

use amp_core::guards::RiskCounts;
use serde_json::{Number, Value};

use super::{Input, Outcome, Refusal, output};

pub(super) fn risk(input: Input<'_>) -> Outcome {
    let count = |name: &str| -> Result<u32, Refusal> {
        let number = input.0.get(name).ok_or_else(|| Refusal::of("missing_field", name))?;
        let count = number.as_u64().and_then(|count| u32::try_from(count).ok());
        count.ok_or_else(|| Refusal::of("invalid_field", name))
    };
    let score =
        RiskCounts::new(count("blocked")?, count("quarantined")?, count("flagged")?, count("total")?).score();
    let number = Number::from_f64(score.as_f64()).map_or(Value::Null, Value::Number);
    Ok(output([("score", number), ("level", score.level().as_str().into())]))
}
