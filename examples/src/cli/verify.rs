//! `amp verify`: whether a message in a file was signed by a key.

use std::io::Read;

use amp_client::envelope::{Dialect, StoredMessage};
use amp_client::{Message, VerifyingKey};
use serde_json::{Value, json};

use super::arguments::{Common, Verify};
use super::failure::{Exit, Failure};
use super::screen::{Answer, Page, Screen, Style};
use super::{opening, texts};

pub(super) async fn run(
    common: &Common,
    arguments: &Verify,
    input: &mut (dyn Read + Send),
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let message = StoredMessage::decode(&texts::file(&arguments.file, input)?)?.into_message();
    let (key, source) = match &arguments.key {
        Some(path) => (texts::public_key(path)?, "given"),
        None => known_key(common, &message).await?,
    };
    let from = message.from().to_string();
    let verified = message.verify_with(&key, &opening::DIALECTS).map_err(|refused| {
        let error = refused.error();
        Failure::new(Exit::NotVerified, error.to_string()).with_code(error.code().as_str())
    })?;
    let fingerprint = key.fingerprint().to_string();
    screen.show(&Verified { from, fingerprint, source, dialect: verified.dialect() })?;
    Ok(Exit::Done)
}

/// The key that is remembered for the sender, else the one that the provider names now.
async fn known_key(common: &Common, message: &Message) -> Result<(VerifyingKey, &'static str), Failure> {
    let client = opening::client(common).await?;
    let from = message.from();
    if let Some((key, _)) = client.known_key(&from).await? {
        return Ok((key, "remembered"));
    }
    Ok((client.resolve(&from).await?.key().clone(), "resolved"))
}

struct Verified {
    from: String,
    fingerprint: String,
    source: &'static str,
    dialect: Dialect,
}

impl Answer for Verified {
    fn page(&self, page: &mut Page) {
        page.styled(Style::Good, "verified")
            .own("  ")
            .value(&self.from)
            .own("  under ")
            .value(self.dialect)
            .end();
        page.own("    key ").value(&self.fingerprint).own(" (").value(self.source).own(")").end();
    }

    fn json(&self) -> Value {
        json!({
            "verified": true,
            "from": self.from,
            "fingerprint": self.fingerprint,
            "key": self.source,
            "dialect": self.dialect.as_str(),
        })
    }
}
