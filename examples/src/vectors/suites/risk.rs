//! The suite risk.

use amp_core::guards::RiskCounts;
use serde_json::{Number, Value};

use super::{Input, Outcome, Refusal, output};

pub(super) fn risk(input: Input<'_>) -> Outcome {
    let count = |name: &str| -> Result<u32, Refusal> {
        let number = input.0.get(name).ok_or_else(|| Refusal::of("missing_field", name))?;
        // `2.0` is a count as well: programs write whole numbers in both ways.
        let count = number
            .as_f64()
            .filter(|count| count.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(count));
        count.map(|count| count as u32).ok_or_else(|| Refusal::of("invalid_field", name))
    };
    let score =
        RiskCounts::new(count("blocked")?, count("quarantined")?, count("flagged")?, count("total")?).score();
    // As canonical JSON has it: a whole number without a fraction.
    let number = match score.as_f64() {
        whole if whole.fract() == 0.0 => Value::from(whole as u64),
        score => Number::from_f64(score).map_or(Value::Null, Value::Number),
    };
    Ok(output([("score", number), ("level", score.level().as_str().into())]))
}
