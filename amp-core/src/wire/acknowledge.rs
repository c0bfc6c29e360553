//! Acknowledging messages of the queue, one or many, in the standard's form and in the deployed one (provider API;
//! delivery, pick-up).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use amp_address::Profile;
use amp_envelope::{JsonKind, JsonValue, MessageId};

use super::fault::Fault;
use super::member::{Member, Members, ObjectWriter};
use super::{ApiError, Endpoint, Extra, Request, RequestParts};

/// Most ids that one request acknowledges: what a queue holds.
const IDS_MAX: usize = 1_000;

/// Which of two spellings a request has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AcknowledgeForm {
    /// The standard's: `DELETE /messages/pending/{id}` and `POST /messages/pending/ack`.
    #[default]
    Standard,
    /// Another that deployed providers take as well: `DELETE /messages/pending?id={id}` and `POST /messages/pending`.
    Deployed,
}

/// Says that a message is stored, or refused for good: the provider forgets it.
///
/// ```
/// use amp_core::wire::{Acknowledge, AcknowledgeForm, Request};
///
/// let request = Acknowledge::new("msg_1706648400_abc123".parse()?);
/// assert_eq!(request.to_parts().path, "/messages/pending/msg_1706648400_abc123");
/// let deployed = request.with_form(AcknowledgeForm::Deployed).to_parts();
/// assert_eq!(deployed.query, [("id".to_owned(), "msg_1706648400_abc123".to_owned())]);
/// # Ok::<(), amp_core::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acknowledge {
    /// The message.
    pub id: MessageId,
    /// How the request is spelled.
    pub form: AcknowledgeForm,
}

impl Acknowledge {
    /// Acknowledges one message.
    #[must_use]
    pub const fn new(id: MessageId) -> Self {
        Self { id, form: AcknowledgeForm::Standard }
    }

    /// Spells the request in another way.
    #[must_use]
    pub const fn with_form(mut self, form: AcknowledgeForm) -> Self {
        self.form = form;
        self
    }
}

impl Request for Acknowledge {
    const ENDPOINT: Endpoint = Endpoint::Acknowledge;
    type Answer = Acknowledged;

    fn to_parts(&self) -> RequestParts {
        match (self.form, Self::ENDPOINT.deployed()) {
            (AcknowledgeForm::Deployed, Some((method, path))) => {
                RequestParts::new(method, path).with_query("id", self.id.as_str())
            }
            _ => RequestParts::to(Self::ENDPOINT, &[self.id.as_str()]),
        }
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        let values = parts.arrive(Self::ENDPOINT)?;
        let (id, form) = match values.first() {
            Some(id) => (id.as_str(), AcknowledgeForm::Standard),
            None => {
                let id = parts.query_value("id")?.ok_or_else(|| Fault::missing("id").of_request())?;
                (id, AcknowledgeForm::Deployed)
            }
        };
        let id = MessageId::parse_with(id, Profile::Deployed);
        let id = id.map_err(|_| Fault::invalid("id", "the value is a message id").of_request())?;
        Ok(Self { id, form })
    }
}

object! {
    /// What became of an acknowledgement. Deployed providers answer 404 instead when the message was acknowledged before.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Acknowledged {
        /// Whether the message is out of the queue.
        pub acknowledged: bool,
        /// Whether it was before.
        pub already_acked: Option<bool>,
    }
}

json_answer!(Acknowledged, 200);

impl Acknowledged {
    /// It is out of the queue now.
    #[must_use]
    pub fn now() -> Self {
        Self { acknowledged: true, already_acked: None, extra: Extra::default() }
    }

    /// It was out of the queue already.
    #[must_use]
    pub fn before() -> Self {
        Self { already_acked: Some(true), ..Self::now() }
    }
}

/// Acknowledges up to 1,000 messages.
///
/// ```
/// use amp_core::wire::{AcknowledgeBatch, Request};
///
/// let request = AcknowledgeBatch::new(["msg_1706648400_abc123".parse()?]).ok_or("too many")?;
/// assert_eq!(request.to_parts().body, br#"{"ids":["msg_1706648400_abc123"]}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcknowledgeBatch {
    ids: Vec<MessageId>,
    form: AcknowledgeForm,
    extra: Extra,
}

impl AcknowledgeBatch {
    /// Acknowledges these; none when there are more than 1,000.
    #[must_use]
    pub fn new(ids: impl IntoIterator<Item = MessageId>) -> Option<Self> {
        let ids: Vec<_> = ids.into_iter().take(IDS_MAX.saturating_add(1)).collect();
        (ids.len() <= IDS_MAX).then(|| Self { ids, form: AcknowledgeForm::Standard, extra: Extra::default() })
    }

    /// Spells the request in another way.
    #[must_use]
    pub const fn with_form(mut self, form: AcknowledgeForm) -> Self {
        self.form = form;
        self
    }

    /// The messages.
    #[must_use]
    pub fn ids(&self) -> &[MessageId] {
        &self.ids
    }

    /// How the request is spelled.
    #[must_use]
    pub const fn form(&self) -> AcknowledgeForm {
        self.form
    }
}

impl Request for AcknowledgeBatch {
    const ENDPOINT: Endpoint = Endpoint::AcknowledgeBatch;
    type Answer = BatchAcknowledged;

    fn to_parts(&self) -> RequestParts {
        match (self.form, Self::ENDPOINT.deployed()) {
            (AcknowledgeForm::Deployed, Some((method, path))) => RequestParts::new(method, path),
            _ => RequestParts::to(Self::ENDPOINT, &[]),
        }
        .with_object(self)
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive(Self::ENDPOINT)?;
        let is_standard = parts.path == Self::ENDPOINT.path();
        let form = if is_standard { AcknowledgeForm::Standard } else { AcknowledgeForm::Deployed };
        Ok(parts.read_object::<Self>()?.with_form(form))
    }

    fn check(&self, answer: &BatchAcknowledged) -> Result<(), (&'static str, &'static str)> {
        let is_possible = usize::try_from(answer.acknowledged).is_ok_and(|count| count <= self.ids.len());
        is_possible.then_some(()).ok_or(("acknowledged", "no more messages are acknowledged than were named"))
    }
}

/// The body.
impl Member for AcknowledgeBatch {
    const RULE: &'static str = "the value is an object";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        let members = Members::of(value)?;
        let ids = members.get("ids").ok_or_else(|| Fault::missing("ids"))?;
        if ids.kind() != JsonKind::Array || ids.elements().count() > IDS_MAX {
            return Err(Fault::invalid("ids", "the value is a list of at most 1,000 message ids"));
        }
        let ids = members.read("ids")?;
        Ok(Self { ids, form: AcknowledgeForm::Standard, extra: members.extra(&["ids"]) })
    }

    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::open(out);
        object.member("ids", &self.ids);
        object.extra(&self.extra, &["ids"]);
        object.close();
    }
}

object! {
    /// How many messages a batch took out of the queue. Ids that were not in it do not count.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct BatchAcknowledged {
        /// The number of messages.
        pub acknowledged: u64,
    }
}

json_answer!(BatchAcknowledged, 200);

impl BatchAcknowledged {
    /// So many are out of the queue now.
    #[must_use]
    pub fn new(acknowledged: u64) -> Self {
        Self { acknowledged, extra: Extra::default() }
    }
}
