//! Writes vectors from what this library answers.
//!
//! What is generated proves that another implementation agrees with this one, not that either is right.

use amp_core::{Dialect, canonicalize};
use serde_json::{Map, Value, json};

use super::answer::{Answer, holds};
use super::format::{Case, FORMAT, FormatError, VectorFile};
use super::{seeds, suites};

/// The codes that the format knows. A failure under any other is expected as `true`: that there is one.
const CODES: [&str; 20] = [
    "duplicate_key",
    "too_deep",
    "too_large",
    "too_many_keys",
    "invalid_utf8",
    "byte_order_mark",
    "lone_surrogate",
    "invalid_json",
    "not_an_object",
    "non_finite_number",
    "unportable_number",
    "missing_field",
    "invalid_field",
    "ambiguous_signing_string",
    "unsupported_version",
    "signature_missing",
    "signature_invalid",
    "invalid_key",
    "unsupported_suite",
    "not_opened",
];

/// Writes a suite from inputs that this library brings along; `None` for a suite that it does not have.
///
/// ```
/// use amp_examples::vectors::{VectorFile, check, generate};
/// let file = generate("expand").unwrap();
/// assert_eq!(VectorFile::parse(file.to_json().as_bytes())?, Some(file.clone()));
/// assert!(check(&file).differing.is_empty());
/// # Ok::<(), amp_examples::vectors::FormatError>(())
/// ```
#[must_use]
pub fn generate(suite: &str) -> Option<VectorFile> {
    let inputs = seeds::inputs(suite)?;
    let cases = inputs.into_iter().zip(1..).map(|((about, input), number)| Case {
        id: format!("generated-{suite}-{number:03}"),
        about: Some(about.to_owned()),
        rule: None,
        expect: expectation(&suites::answer(suite, &input)),
        input,
    });
    let about = format!("What one implementation answers: {suite}");
    Some(VectorFile { suite: suite.to_owned(), about, cases: cases.collect() })
}

/// Writes what this library answers to the inputs of a file in the place of what the file expects.
///
/// # Errors
/// When the library does not have the file's suite.
pub fn generate_from(file: &VectorFile) -> Result<VectorFile, FormatError> {
    if !suites::SUITES.contains(&file.suite.as_str()) {
        return Err(FormatError::new("this library does not have the suite"));
    }
    let answered = |case: &Case| {
        let expect = expectation(&suites::answer(&file.suite, &case.input));
        Case { expect, ..case.clone() }
    };
    Ok(VectorFile { cases: file.cases.iter().map(answered).collect(), ..file.clone() })
}

/// How a file's expectations compare with what this library answers: the ids of the cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreement {
    /// The expectation is what the library would write.
    pub equal: Vec<String>,
    /// The expectation holds, but names less than the library would.
    pub weaker: Vec<String>,
    /// The expectation does not hold.
    pub differing: Vec<String>,
}

/// Compares a file's expectations with what this library answers.
#[must_use]
pub fn check(file: &VectorFile) -> Agreement {
    let mut agreement = Agreement::default();
    for case in &file.cases {
        let answer = suites::answer(&file.suite, &case.input);
        let ids = if expectation(&answer) == case.expect {
            &mut agreement.equal
        } else if holds(&case.expect, &answer) {
            &mut agreement.weaker
        } else {
            &mut agreement.differing
        };
        ids.push(case.id.clone());
    }
    agreement
}

/// What a case expects whose answer this is.
fn expectation(answer: &Answer) -> Value {
    match answer {
        Answer::Output(output) if output.get("valid") == Some(&Value::Bool(false)) => {
            json!({ "valid": false })
        }
        Answer::Output(output) => Value::Object(output.clone()),
        Answer::Refusal(refusal) if CODES.contains(&refusal.code.as_str()) => {
            json!({ "error": refusal.code })
        }
        Answer::Refusal(_) => json!({ "error": true }),
    }
}

impl VectorFile {
    /// The file's text: one case a line, each in canonical form, so that the same cases give the same bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let mut json = format!(
            "{{\"format\":{},\"suite\":{},\"about\":{},\"cases\":[",
            text(FORMAT),
            text(&self.suite),
            text(&self.about)
        );
        for (number, case) in self.cases.iter().enumerate() {
            json.push_str(if number == 0 { "\n" } else { ",\n" });
            json.push_str(&case.to_json());
        }
        json.push_str("\n]}\n");
        json
    }
}

impl Case {
    fn to_json(&self) -> String {
        let mut members = Map::new();
        members.insert("id".to_owned(), self.id.as_str().into());
        members.extend(self.about.iter().map(|about| ("about".to_owned(), about.as_str().into())));
        members.extend(self.rule.iter().map(|rule| ("rule".to_owned(), rule.as_str().into())));
        members.insert("input".to_owned(), self.input.clone());
        members.insert("expect".to_owned(), self.expect.clone());
        let json = Value::Object(members).to_string();
        // A case whose input cannot be canonical, such as one nested too deep, stands as it is.
        let canonical = canonicalize(json.as_bytes(), Dialect::Jcs).ok();
        canonical.and_then(|canonical| String::from_utf8(canonical).ok()).unwrap_or(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_can_be_generated_and_reads_back() {
        for suite in suites::SUITES {
            let file = generate(suite).unwrap();
            assert!(file.cases.len() >= 4, "{suite} has {} seeds", file.cases.len());
            assert_eq!(VectorFile::parse(file.to_json().as_bytes()).unwrap().unwrap(), file);
            assert_eq!(generate(suite).unwrap().to_json(), file.to_json(), "{suite} is not deterministic");
            assert_eq!(check(&file).equal.len(), file.cases.len());
        }
        assert_eq!(generate("later"), None);
    }

    #[test]
    fn seeds_are_both_accepted_and_refused() {
        for suite in suites::SUITES.into_iter().filter(|suite| !matches!(*suite, "same-tenant" | "thread")) {
            let file = generate(suite).unwrap();
            let refused = |case: &&Case| {
                case.expect.get("error").is_some()
                    || ["valid", "allowed"].iter().any(|name| case.expect.get(name) == Some(&json!(false)))
            };
            let refusals = file.cases.iter().filter(refused).count();
            assert!((1..file.cases.len()).contains(&refusals), "{suite}: {refusals} refusals");
        }
    }

    #[test]
    fn a_wrong_and_a_weak_expectation_are_told_apart() {
        let mut file = generate("address").unwrap();
        file.cases.truncate(3);
        file.cases[0].expect = json!({ "kind": "full" });
        file.cases[1].expect = json!({ "kind": "neither" });
        let ids = |agreement: &[String]| agreement.to_vec();
        let agreement = check(&file);
        assert_eq!(ids(&agreement.weaker), ["generated-address-001"]);
        assert_eq!(ids(&agreement.differing), ["generated-address-002"]);
        assert_eq!(ids(&agreement.equal), ["generated-address-003"]);
        assert_eq!(check(&generate_from(&file).unwrap()).equal.len(), 3);
    }
}
