//! Files of test vectors: one suite, its cases, in the format `amp-vectors/1`.

use std::fmt;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What `format` says in every file.
pub(super) const FORMAT: &str = "amp-vectors/1";

/// A case: an input and what must come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Names the case within its suite.
    pub id: String,
    /// What the case shows.
    pub about: Option<String>,
    /// The rules that it proves, separated by commas.
    pub rule: Option<String>,
    /// What the operation is given.
    pub input: Value,
    /// What must hold of its answer.
    pub expect: Value,
}

impl Case {
    fn read(case: &Value) -> Result<Self, FormatError> {
        let text = |name: &str| case.get(name).and_then(Value::as_str).map(str::to_owned);
        let object = |name: &str| case.get(name).filter(|value| value.is_object()).cloned();
        let id = text("id").ok_or_else(|| FormatError::new("a case has no id"))?;
        let input = object("input").ok_or_else(|| FormatError::new(&format!("case {id} has no input")))?;
        let expect =
            object("expect").ok_or_else(|| FormatError::new(&format!("case {id} expects nothing")))?;
        Ok(Self { id, about: text("about"), rule: text("rule"), input, expect })
    }

    /// The rules that the case proves.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.rule.iter().flat_map(|rules| rules.split(',')).map(str::trim).filter(|rule| !rule.is_empty())
    }
}

/// A file of vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorFile {
    /// The suite's name, such as `address`.
    pub suite: String,
    /// What the suite is about.
    pub about: String,
    /// The cases in the order of the file.
    pub cases: Vec<Case>,
}

impl VectorFile {
    /// Reads the text of a file; `None` for a JSON Schema, which holds no suite.
    ///
    /// # Errors
    /// When the text is not JSON, or not of the format.
    ///
    /// ```
    /// use amp_examples::vectors::VectorFile;
    /// let file = VectorFile::parse(br#"{"format":"amp-vectors/1","suite":"pattern","about":"patterns","cases":[
    ///     {"id":"p-1","input":{"pattern":"*@*","address":"a@b.c.d"},"expect":{"match":true}}]}"#)?;
    /// assert_eq!(file.unwrap().cases[0].id, "p-1");
    /// # Ok::<(), amp_examples::vectors::FormatError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Option<Self>, FormatError> {
        let file: Value =
            serde_json::from_slice(text).map_err(|error| FormatError::new(&error.to_string()))?;
        if file.get("$schema").is_some() && file.get("format").is_none() {
            return Ok(None);
        }
        if file.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(FormatError::new("the file's format is not amp-vectors/1"));
        }
        let text = |name: &str| file.get(name).and_then(Value::as_str).map(str::to_owned);
        let cases = file.get("cases").and_then(Value::as_array);
        let cases = cases.ok_or_else(|| FormatError::new("the file has no cases"))?;
        Ok(Some(Self {
            suite: text("suite").ok_or_else(|| FormatError::new("the file names no suite"))?,
            about: text("about").unwrap_or_default(),
            cases: cases.iter().map(Case::read).collect::<Result<_, _>>()?,
        }))
    }

    /// Reads the file at `path`; `None` for a JSON Schema.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and when the file cannot be read. The error names the file.
    pub fn open(path: &Path) -> Result<Option<Self>, FormatError> {
        let text = fs::read(path).map_err(|error| FormatError::new(&error.to_string()));
        text.and_then(|text| Self::parse(&text))
            .map_err(|error| FormatError(format!("{}: {error}", path.display())))
    }
}

/// Why a file is not one of vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError(String);

impl FormatError {
    pub(super) fn new(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FormatError {}
