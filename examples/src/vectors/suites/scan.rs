//! The suite scan.

use std::sync::LazyLock;

use amp_core::scan::{Category, Scanner};
use serde_json::Value;

use super::{Input, Outcome, output};

static SCANNER: LazyLock<Scanner> = LazyLock::new(Scanner::new);

pub(super) fn scan(input: Input<'_>) -> Outcome {
    let report = SCANNER.scan(input.text("text")?);
    let categories: Vec<&str> = report.categories().into_iter().map(Category::as_str).collect();
    Ok(output([("flagged", Value::from(report.is_flagged())), ("categories", categories.into())]))
}
