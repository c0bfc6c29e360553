//! What a program answers to a case, as a value and as a line, and whether that is what the case expects.

use serde_json::{Map, Value, json};

/// The code by which a program says that it does not have a suite. With a field it is about that field: a sealed message
/// names a suite too, its algorithms.
pub const UNSUPPORTED_SUITE: &str = "unsupported_suite";

/// The answer to a case.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an operation succeeds or fails")]
pub enum Answer {
    /// What came of the operation.
    Output(Map<String, Value>),
    /// The operation failed.
    Refusal(Refusal),
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The protocol's code, such as `invalid_field`.
    pub code: String,
    /// The field at fault, where there is one.
    pub field: Option<String>,
}

impl Refusal {
    /// A failure that no single field is to blame for.
    #[must_use]
    pub fn new(code: &str) -> Self {
        Self { code: code.to_owned(), field: None }
    }

    /// A failure because of `field`.
    #[must_use]
    pub fn of(code: &str, field: &str) -> Self {
        Self { code: code.to_owned(), field: Some(field.to_owned()) }
    }
}

impl Answer {
    /// Whether the program does not have the suite.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Refusal(refusal) if refusal.code == UNSUPPORTED_SUITE && refusal.field.is_none())
    }

    /// The failure's code. Verification that fails may say so as an output: `{"valid":false,"error":"<code>"}`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refusal(refusal) => Some(&refusal.code),
            Self::Output(output) if output.get("valid") == Some(&Value::Bool(false)) => {
                output.get("error").and_then(Value::as_str)
            }
            Self::Output(_) => None,
        }
    }

    /// The answer as a JSON object without an id: what a line holds, and what a failed case is shown with.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Output(output) => json!({ "output": output }),
            Self::Refusal(Refusal { code, field: None }) => json!({ "error": code }),
            Self::Refusal(Refusal { code, field: Some(field) }) => json!({ "error": code, "field": field }),
        }
    }

    /// The answer as a line, without the line feed.
    #[must_use]
    pub fn to_line(&self, id: &Value) -> String {
        let mut line = self.to_json();
        if let Value::Object(members) = &mut line {
            members.insert("id".to_owned(), id.clone());
        }
        line.to_string()
    }

    /// Reads a line that answers the case `id`.
    ///
    /// # Errors
    /// What is wrong with the line, as a sentence.
    pub fn from_line(line: &[u8], id: &str) -> Result<Self, String> {
        let line: Value = serde_json::from_slice(line).map_err(|_| "the answer is not JSON".to_owned())?;
        if line.get("id").and_then(Value::as_str) != Some(id) {
            return Err("the answer has another id than the case".to_owned());
        }
        match (line.get("output"), line.get("error")) {
            (Some(Value::Object(output)), None) => Ok(Self::Output(output.clone())),
            (None, Some(Value::String(code))) => {
                let field = line.get("field").and_then(Value::as_str).map(str::to_owned);
                Ok(Self::Refusal(Refusal { code: code.clone(), field }))
            }
            _ => Err("the answer holds neither an output object nor an error code, or both".to_owned()),
        }
    }
}

/// Whether an answer is what a case expects: the members that are present, and only these.
///
/// ```
/// use amp_examples::vectors::{Answer, Refusal, holds};
/// use serde_json::json;
/// let answer = Answer::Refusal(Refusal::new("signature_invalid"));
/// assert!(holds(&json!({"error": "signature_invalid"}), &answer));
/// assert!(holds(&json!({"error": true}), &answer));
/// assert!(holds(&json!({"valid": false}), &answer), "for whatever reason");
/// assert!(!holds(&json!({"valid": true}), &answer));
/// ```
#[must_use]
pub fn holds(expect: &Value, answer: &Answer) -> bool {
    let Some(expect) = expect.as_object().filter(|expect| !expect.is_empty()) else { return false };
    if let Some(code) = expect.get("error") {
        return failure_holds(code, expect.get("field"), answer);
    }
    match answer {
        Answer::Output(output) => expect.iter().all(|(name, value)| member_holds(name, value, output)),
        Answer::Refusal(_) => expect.get("valid") == Some(&Value::Bool(false)),
    }
}

/// Whether an output has what is expected of one member: the same value, or of what a scan found, these and none of those.
fn member_holds(name: &str, expected: &Value, output: &Map<String, Value>) -> bool {
    let found = |category: &Value| {
        output.get("categories").and_then(Value::as_array).map(|all| all.contains(category))
    };
    match (name, expected) {
        ("categories", Value::Array(wanted)) => wanted.iter().all(|category| found(category) == Some(true)),
        ("none_of", Value::Array(unwanted)) => unwanted.iter().all(|category| found(category) == Some(false)),
        _ => same(expected, output.get(name).unwrap_or(&Value::Null)),
    }
}

fn failure_holds(code: &Value, field: Option<&Value>, answer: &Answer) -> bool {
    let Some(got) = answer.code() else { return false };
    let code_holds = match code {
        Value::Bool(wanted) => *wanted,
        Value::String(wanted) => wanted == got,
        _ => false,
    };
    let field_holds = field.is_none_or(|wanted| match answer {
        Answer::Refusal(refusal) => wanted.as_str() == refusal.field.as_deref(),
        Answer::Output(output) => Some(wanted) == output.get("field"),
    });
    code_holds && field_holds
}

/// Equality of JSON values, in which `1` and `1.0` are one number: programs write it in both ways. Fractions may differ
/// in what rounding does to them.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64().zip(b.as_f64()).is_some_and(near),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn near((a, b): (f64, f64)) -> bool {
    let are_whole = a.fract() == 0.0 && b.fract() == 0.0;
    if are_whole { a == b } else { (a - b).abs() <= 1e-9 * a.abs().max(b.abs()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(value: Value) -> Answer {
        let Value::Object(output) = value else { panic!("{value} is no object") };
        Answer::Output(output)
    }

    #[test]
    fn only_the_members_that_are_expected_are_compared() {
        let answer = output(json!({"name": "a", "scope": "b", "count": 2}));
        assert!(holds(&json!({"name": "a"}), &answer));
        assert!(holds(&json!({"name": "a", "count": 2.0}), &answer));
        let score = output(json!({"score": 2.0 / 9.0 * 300.0}));
        assert!(holds(&json!({"score": 66.666_666_666_666_66}), &score));
        assert!(!holds(&json!({"score": 66.6666}), &score));
        assert!(!holds(&json!({"name": "a", "scope": "c"}), &answer));
        assert!(!holds(&json!({"name": "a", "tenant": "b"}), &answer));
        assert!(!holds(&json!({}), &answer), "a case that expects nothing proves nothing");
    }

    #[test]
    fn an_output_is_no_error_and_an_error_is_no_output() {
        assert!(!holds(&json!({"error": true}), &output(json!({"canonical": "{}"}))));
        assert!(!holds(&json!({"canonical": "{}"}), &Answer::Refusal(Refusal::new("invalid_json"))));
        assert!(!holds(&json!({"error": "too_deep"}), &Answer::Refusal(Refusal::new("invalid_json"))));
        assert!(!holds(&json!({"error": false}), &Answer::Refusal(Refusal::new("invalid_json"))));
    }

    #[test]
    fn a_verification_that_fails_meets_both_styles() {
        let invalid = output(json!({"valid": false, "error": "signature_invalid"}));
        for expect in [json!({"valid": false}), json!({"error": "signature_invalid"}), json!({"error": true})]
        {
            assert!(holds(&expect, &invalid), "{expect}");
        }
        assert!(!holds(&json!({"error": "signature_missing"}), &invalid));
        assert!(!holds(&json!({"error": true}), &output(json!({"valid": false}))), "it names no code");
        assert!(!holds(&json!({"valid": false}), &output(json!({"valid": true}))));
    }

    #[test]
    fn the_field_is_compared_when_it_is_expected() {
        let answer = Answer::Refusal(Refusal::of("missing_field", "envelope.to"));
        assert!(holds(&json!({"error": "missing_field", "field": "envelope.to"}), &answer));
        assert!(!holds(&json!({"error": "missing_field", "field": "envelope.from"}), &answer));
    }

    #[test]
    fn a_suite_that_a_message_names_is_not_one_that_the_program_lacks() {
        let lacking = Answer::Refusal(Refusal::new(UNSUPPORTED_SUITE));
        let refused = Answer::Refusal(Refusal::of(UNSUPPORTED_SUITE, "payload.context.sealed.suite"));
        assert!(lacking.is_unsupported() && !refused.is_unsupported());
        assert!(holds(&json!({"error": UNSUPPORTED_SUITE}), &refused));
    }

    #[test]
    fn a_scan_may_find_more_than_is_expected_but_none_of_what_is_not() {
        let answer = output(json!({"flagged": true, "categories": ["tool_abuse", "encoding_tricks"]}));
        assert!(holds(&json!({"flagged": true, "categories": ["tool_abuse"]}), &answer));
        assert!(holds(&json!({"categories": [], "none_of": ["role_manipulation"]}), &answer));
        assert!(!holds(&json!({"categories": ["tool_abuse", "role_manipulation"]}), &answer));
        assert!(!holds(&json!({"none_of": ["encoding_tricks"]}), &answer));
        assert!(!holds(&json!({"none_of": ["tool_abuse"]}), &output(json!({"flagged": true}))));
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        for answer in [
            output(json!({"match": true})),
            Answer::Refusal(Refusal::new("too_deep")),
            Answer::Refusal(Refusal::of("missing_field", "envelope.to")),
        ] {
            let line = answer.to_line(&json!("x-1"));
            assert_eq!(Answer::from_line(line.as_bytes(), "x-1"), Ok(answer));
            assert!(Answer::from_line(line.as_bytes(), "x-2").is_err());
        }
    }

    #[test]
    fn a_line_that_answers_nothing_is_refused() {
        for line in [
            "",
            "running 1 test",
            "[]",
            r#"{"id":"x"}"#,
            r#"{"id":"x","output":1}"#,
            r#"{"id":"x","error":true}"#,
            r#"{"id":"x","output":{},"error":"too_deep"}"#,
        ] {
            assert!(Answer::from_line(line.as_bytes(), "x").is_err(), "{line}");
        }
    }
}
