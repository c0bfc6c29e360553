//! The suite policy.

use amp_core::admission::CommunicationPolicy;
use amp_core::{Address, Profile};
use serde_json::Value;

use super::{Input, Outcome, Refusal, output};

/// What is no address names nobody, so nothing is allowed to it.
pub(super) fn policy(input: Input<'_>) -> Outcome {
    let entries = input.list("allowed_recipients")?.unwrap_or_default().iter();
    let allowed: Option<Vec<&str>> = entries.map(Value::as_str).collect();
    let allowed = allowed.ok_or_else(|| Refusal::of("invalid_field", "allowed_recipients"))?;
    let policy = CommunicationPolicy::from_parts(input.text("mode")?, allowed);
    let to = Address::parse_with(input.text("to")?, Profile::Deployed);
    let is_allowed = to.is_ok_and(|to| policy.check(&to).is_ok());
    Ok(output([("allowed", is_allowed.into())]))
}
