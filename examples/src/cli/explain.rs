//! `amp explain`: why a message in a file does not verify, for a person who integrates two programs.

use std::io::Read;

use amp_client::envelope::StoredMessage;
use amp_client::explain::{Explainer, Explanation, Outcome};
use serde_json::{Value, json};

use super::arguments::Explain;
use super::failure::{Exit, Failure};
use super::screen::{Answer, Page, Screen};
use super::{opening, texts};

pub(super) fn run(
    arguments: &Explain,
    input: &mut (dyn Read + Send),
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let bytes = message_in(texts::file(&arguments.file, input)?);
    let key = arguments.key.as_deref().map(texts::public_key).transpose()?;
    let original = arguments.original.as_deref().map(|path| texts::file(path, input)).transpose()?;
    let dialects = if arguments.dialect.is_empty() { &opening::DIALECTS[..] } else { &arguments.dialect };
    let mut explainer = Explainer::new().dialects(dialects);
    if let Some(key) = &key {
        explainer = explainer.key(key);
    }
    let original = original.map(message_in);
    if let Some(original) = &original {
        explainer = explainer.original(original);
    }
    let explanation = explainer.explain(&bytes);
    let verifies = matches!(explanation.outcome(), Outcome::Verifies { .. });
    screen.show(&Account(&explanation))?;
    Ok(if verifies { Exit::Done } else { Exit::NotVerified })
}

/// The message of a file from a mailbox; any other bytes as they are.
fn message_in(bytes: Vec<u8>) -> Vec<u8> {
    match StoredMessage::decode(&bytes) {
        Ok(stored) => stored.into_message().to_json().into_bytes(),
        Err(_) => bytes,
    }
}

struct Account<'a>(&'a Explanation);

impl Answer for Account<'_> {
    fn page(&self, page: &mut Page) {
        for line in self.0.to_string().lines() {
            page.value(line).end();
        }
    }

    fn json(&self) -> Value {
        let Self(explanation) = self;
        let forms = explanation.forms().iter().map(|form| {
            json!({
                "dialects": form.dialects().iter().map(|dialect| dialect.as_str()).collect::<Vec<_>>(),
                "canonical": String::from_utf8_lossy(form.canonical()),
                "payload_hash": form.payload_hash().to_base64(),
            })
        });
        json!({
            "verifies": matches!(explanation.outcome(), Outcome::Verifies { .. }),
            "code": explanation.code(),
            "field": explanation.field(),
            "rule": explanation.rule(),
            "advice": explanation.advice(),
            "hints": explanation.hints().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "forms": forms.collect::<Vec<_>>(),
            "differences": explanation.differences().iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}
