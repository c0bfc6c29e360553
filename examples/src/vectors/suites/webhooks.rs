//! The suites webhook and target.

use std::net::IpAddr;

use amp_core::Timestamp;
use amp_core::webhook::{Scheme, Target, WebhookSecret, verify};
use serde_json::Value;

use super::{Input, Outcome, Refusal, output};

pub(super) fn webhook(input: Input<'_>) -> Outcome {
    let refusal = |error: amp_core::webhook::WebhookError| match error.field() {
        Some("X-AMP-Timestamp") => Refusal::of(error.code(), "timestamp"),
        Some("X-AMP-Signature") => Refusal::of(error.code(), "signature"),
        Some(field) => Refusal::of(error.code(), field),
        None => Refusal::new(error.code()),
    };
    let scheme = match input.optional_text("scheme")? {
        None | Some("standard") => Scheme::Standard,
        Some("maestro") => Scheme::Maestro,
        Some(_) => return Err(Refusal::of("invalid_field", "scheme")),
    };
    let secrets = secrets(input)?
        .into_iter()
        .map(WebhookSecret::deployed)
        .collect::<Result<Vec<_>, _>>()
        .map_err(refusal)?;
    let now: Timestamp = input.text("now")?.parse().map_err(|_| Refusal::of("invalid_field", "now"))?;
    let body = input.bytes()?;
    verify(headers(input)?, &body, &secrets, now, scheme).map_err(refusal)?;
    Ok(output([("valid", true.into())]))
}

/// The secret, and others that the receiver knows.
fn secrets<'a>(input: Input<'a>) -> Result<Vec<&'a str>, Refusal> {
    let others = input.list("other_secrets")?.unwrap_or_default();
    let others =
        others.iter().map(|secret| secret.as_str().ok_or(Refusal::of("invalid_field", "other_secrets")));
    [Ok(input.text("secret")?)].into_iter().chain(others).collect()
}

/// The two headers, where the case has them, and those that stand beside them.
fn headers<'a>(input: Input<'a>) -> Result<Vec<(&'a str, &'a str)>, Refusal> {
    let stated = [("X-AMP-Timestamp", "timestamp"), ("X-AMP-Signature", "signature")];
    let mut headers = Vec::new();
    for (header, member) in stated {
        headers.extend(input.optional_text(member)?.map(|value| (header, value)));
    }
    for header in input.list("more_headers")?.unwrap_or_default() {
        let header = Input(header);
        headers.push((header.text("name")?, header.text("value")?));
    }
    Ok(headers)
}

pub(super) fn target(input: Input<'_>) -> Outcome {
    let resolved = input.list("resolved")?.ok_or_else(|| Refusal::of("missing_field", "resolved"))?;
    // What is no address is nothing to connect to.
    let resolved: Option<Vec<IpAddr>> =
        resolved.iter().map(|address| address.as_str().and_then(|address| address.parse().ok())).collect();
    let admitted =
        Target::parse(input.text("url")?).and_then(|target| target.admit(&resolved.unwrap_or_default()));
    Ok(output([("allowed", Value::Bool(admitted.is_ok()))]))
}
