//! Whether a message was sealed, as it is shown: to which key, or what keeps it closed. Never a secret.

use amp_client::envelope::Payload;
use amp_client::receive::Received;
use amp_client::sealing::{Sealing, UnopenedReason};
use amp_client::{Message, SentMessage};
use serde_json::{Map, Value, json};

use super::screen::{Page, Style};

/// Whether a message was sealed, to which key, and why it is not open.
#[derive(Default)]
pub(super) struct Seal {
    pub(super) is_sealed: bool,
    key_id: Option<String>,
    unopened: Option<&'static str>,
}

impl Seal {
    pub(super) fn of_received(received: &Received) -> Self {
        match received.sealing() {
            Sealing::Plain => Self::default(),
            Sealing::Sealed { key_id } => Self { key_id: Some(key_id.to_string()), ..Self::closed(None) },
            Sealing::Unopened(UnopenedReason::KeyNotHeld(key_id)) => {
                Self { key_id: Some(key_id.to_string()), ..Self::closed(Some("key_not_held")) }
            }
            Sealing::Unopened(UnopenedReason::UnsupportedSuite) => Self::closed(Some("unsupported_suite")),
            Sealing::Unopened(UnopenedReason::UnsupportedVersion) => {
                Self::closed(Some("unsupported_version"))
            }
            _ => Self::closed(Some("other")),
        }
    }

    /// One that the agent sent: it opens with the secret that was kept of it.
    pub(super) fn of_sent(sent: &SentMessage) -> Self {
        let unopened = if sent.is_readable() { None } else { Some("secret_not_kept") };
        Self { unopened, ..Self::of_payload(sent.verified().payload()) }
    }

    /// One that nothing vouches for is not opened.
    pub(super) fn of_untrusted(message: &Message) -> Self {
        let seal = Self::of_payload(message.payload());
        Self { unopened: seal.is_sealed.then_some("not_verified"), ..seal }
    }

    fn of_payload(payload: Payload<'_>) -> Self {
        match payload.sealed() {
            Ok(None) => Self::default(),
            Ok(Some(sealed)) => Self { key_id: Some(sealed.key_id().to_string()), ..Self::closed(None) },
            Err(_) => Self::closed(None),
        }
    }

    const fn closed(unopened: Option<&'static str>) -> Self {
        Self { is_sealed: true, key_id: None, unopened }
    }

    pub(super) fn page(&self, page: &mut Page) {
        if !self.is_sealed {
            return;
        }
        page.own("sealed   ");
        match self.unopened {
            Some(reason) => page.styled(Style::Bad, "not opened").own("  ").value(reason).own("  "),
            None => page,
        };
        page.own("to ").value(self.key_id.as_deref().unwrap_or("a key that it does not say")).end();
    }

    pub(super) fn json(&self, members: &mut Map<String, Value>) {
        members.insert("sealed".to_owned(), self.is_sealed.into());
        members.insert("sealed_to".to_owned(), json!(self.key_id));
        members.insert("unopened".to_owned(), json!(self.unopened));
    }
}
