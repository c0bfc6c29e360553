//! Answers cases one a line, so that any harness can drive this library.

use std::io::{self, BufRead, Write};

use serde_json::Value;

use super::answer::{Answer, Refusal};
use super::suites;

/// Reads a case a line (`{"suite","id","input"}`) and writes an answer a line until the input ends.
///
/// A line that is no case is answered with an error under the id `null`, or its own if it has one. Blank lines are
/// passed over.
///
/// # Errors
/// When the input cannot be read or the output cannot be written.
///
/// ```
/// use amp_examples::vectors::serve;
/// let case = br#"{"suite":"pattern","id":"p-1","input":{"pattern":"*@*","address":"a@b.c.d"}}"#;
/// let mut out = Vec::new();
/// serve(&mut &case[..], &mut out)?;
/// assert_eq!(out, b"{\"id\":\"p-1\",\"output\":{\"match\":true}}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn serve(input: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let (id, answer) = answer_line(&line);
        writeln!(out, "{}", answer.to_line(&id))?;
        out.flush()?;
    }
}

fn answer_line(line: &[u8]) -> (Value, Answer) {
    let refuse = |refusal| Answer::Refusal(refusal);
    let Ok(case) = serde_json::from_slice::<Value>(line) else {
        return (Value::Null, refuse(Refusal::new("invalid_json")));
    };
    if !case.is_object() {
        return (Value::Null, refuse(Refusal::new("not_an_object")));
    }
    let id = case.get("id").cloned().unwrap_or_default();
    let Some(suite) = case.get("suite").and_then(Value::as_str) else {
        return (id, refuse(Refusal::of("missing_field", "suite")));
    };
    let Some(input) = case.get("input") else { return (id, refuse(Refusal::of("missing_field", "input"))) };
    (id, suites::answer(suite, input))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(input: &str) -> Vec<String> {
        let mut out = Vec::new();
        serve(&mut input.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_that_is_no_case_is_answered_and_the_next_one_too() {
        let lines = served(
            "not json\n\n[]\n{\"id\":1}\n{\"id\":\"a\",\"suite\":\"later\",\"input\":{}}\n\
             {\"id\":\"b\",\"suite\":\"key\",\"input\":7}\n{\"id\":\"c\",\"suite\":\"key\"}",
        );
        assert_eq!(
            lines,
            [
                r#"{"error":"invalid_json","id":null}"#,
                r#"{"error":"not_an_object","id":null}"#,
                r#"{"error":"missing_field","field":"suite","id":1}"#,
                r#"{"error":"unsupported_suite","id":"a"}"#,
                r#"{"error":"missing_field","field":"public_key","id":"b"}"#,
                r#"{"error":"missing_field","field":"input","id":"c"}"#,
            ]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_answered() {
        let mut out = Vec::new();
        serve(&mut &b"\xff\xfe\n"[..], &mut out).unwrap();
        assert_eq!(out, b"{\"error\":\"invalid_json\",\"id\":null}\n");
    }
}
