//! Signing and sending: from the address that fits, under one idempotency key, once (delivery; identity, records).

use alloc::string::String;
use alloc::sync::Arc;

use amp_core::envelope::{IdempotencyKey, Message, MessageId, StoredMessage};
use amp_core::wire::{ApiErrorCode, ApiUrl, DeliveryStatus, Endpoint, Request as _, Route, Routed};
use amp_core::{Address, Draft, Identity, SignedMessage};
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use super::Client;
use super::account::{Account, not_registered};
use super::calling::read;
use super::outgoing::{Content, Outgoing, Sent};
use super::registration::Registration;
use super::trace::TraceContext;
use crate::clock;
use crate::error::{Error, ErrorKind};

/// The recipient's queue is full, as a rule. That does not use the idempotency key up.
const FAILED: &str = "sending: the provider could neither deliver nor keep the message";

/// A message that is ready to leave.
struct Prepared {
    message: SignedMessage,
    draft: Option<Draft>,
}

impl Client {
    /// Signs a draft as it is: from the address that it names, else from the one at its recipient's provider, else from the first
    /// one. Nothing is asked for, and nothing is sealed that the draft is not to be: see [`prepare`](Self::prepare).
    ///
    /// A program that must not lose a message between two attempts, or two lives, signs or prepares it first, keeps the
    /// result, and gives the same one to [`send`](Self::send) until that says that it was taken.
    ///
    /// # Errors
    /// [`ErrorKind::Message`] when the draft breaks a rule of messages; [`ErrorKind::Setup`] when it names an address that is
    /// not the agent's, or the agent has none.
    pub fn sign(&self, draft: Draft) -> Result<SignedMessage, Error> {
        self.sign_now(self.with_trace(draft, None)?)
    }

    /// Sends a message, and keeps it in the folder of sent ones.
    ///
    /// It is tried until it is taken, refused, or too late, with pauses as the provider asks for them. However often it is
    /// tried, the recipient has it once: each attempt, and each later call with the same [`SignedMessage`], goes under one
    /// idempotency key. Dropping the future leaves open whether it was sent.
    ///
    /// A draft is sealed as the [policy](crate::ClientBuilder::sealing) and [`Outgoing::sealed`] or [`Outgoing::plain`] say, to
    /// the key on the peer's [card](Self::accept_card), else to the pinned one, whatever key the draft was to be sealed
    /// to. From the first sealed message on, only [`Outgoing::plain`] sends the peer another.
    ///
    /// # Errors
    /// [`ErrorKind::Message`] when the policy stands against what is wished, or the draft that is to be sealed has files that
    /// were uploaded unsealed; [`ErrorKind::Key`] when there is no key to seal to: nobody names one, it is disputed or
    /// revoked, or no Ed25519 key; as [`upload`](Self::upload) for files. As [`sign`](Self::sign); [`ErrorKind::Refused`] with the provider's [`code`](Error::code), or without one when it could
    /// neither deliver nor keep the message, since the recipient's queue is full;
    /// [`ErrorKind::Unreachable`], [`ErrorKind::TimedOut`] and [`ErrorKind::BadAnswer`] when no answer came that can be
    /// understood: the message may have been sent. In all these cases the same [`SignedMessage`] may be sent again, where
    /// [`retry`](Error::retry) says so.
    pub async fn send(&self, outgoing: impl Into<Outgoing>) -> Result<Sent, Error> {
        self.send_outgoing(outgoing.into()).instrument(tracing::info_span!("amp.send")).await
    }

    /// Does all that [`send`](Self::send) does before the message leaves: its files are uploaded, it is sealed if it is to be, and
    /// signed. The result is for [`send`](Self::send).
    ///
    /// What its sender reads a sealed message with is not part of its JSON: one that was kept as text and sent later lies in
    /// the folder of sent messages as nobody but its recipient can read it.
    ///
    /// # Errors
    /// As [`sign`](Self::sign); as [`send`](Self::send) for what is to be sealed; as [`upload`](Self::upload) for files.
    pub async fn prepare(&self, outgoing: impl Into<Outgoing>) -> Result<SignedMessage, Error> {
        let prepared = self.prepared(outgoing.into()).instrument(tracing::info_span!("amp.prepare")).await?;
        Ok(prepared.message)
    }

    async fn send_outgoing(&self, outgoing: Outgoing) -> Result<Sent, Error> {
        let wants_receipt = outgoing.wants_receipt;
        let Prepared { message, draft } = self.prepared(outgoing).await?;
        let is_sealed = message.payload().is_sealed();
        if is_sealed {
            self.shared.receiving.note_sealed_to(&message.to()).await?;
        }
        let (message, routed) = match (self.hand_over(&message, wants_receipt).await, draft) {
            (Err(error), Some(draft)) if is_about_key(&error) && self.renew_identity(&message).await => {
                let message = self.sign_now(draft)?;
                let routed = self.hand_over(&message, wants_receipt).await?;
                (message, routed)
            }
            (routed, _) => (message, routed?),
        };
        if routed.status == DeliveryStatus::Failed {
            tracing::info!("not sent: the provider could neither deliver nor keep the message");
            return Err(Error::new(ErrorKind::Refused, FAILED).harmless_to_repeat());
        }
        let id = routed.id.as_ref().map(MessageId::as_str);
        tracing::info!(status = status_of(&routed), id, is_sealed, "sent");
        let not_kept = self.keep_sent(&message, routed.id.as_ref()).await.err();
        Ok(Sent { message, routed, not_kept })
    }

    /// The message as it leaves. Of a draft, that one too: it may have to be signed with another key.
    async fn prepared(&self, mut outgoing: Outgoing) -> Result<Prepared, Error> {
        let files = outgoing.take_files();
        let Outgoing { content, wish, trace, .. } = outgoing;
        match content {
            Content::Draft(draft) => {
                let draft = self.with_trace(draft, trace)?;
                let has_files = !files.is_empty();
                let draft = self.as_planned(draft, wish, files).await?;
                let message = self.sign_now(draft.clone())?;
                // While files were uploaded, sealed mail may have come or gone.
                if has_files {
                    self.check_sealing(&message, wish).await?;
                }
                Ok(Prepared { message, draft: Some(draft) })
            }
            Content::Signed(_) if trace.is_some() => {
                Err(Error::new(ErrorKind::Message, "a signed message cannot take a trace on"))
            }
            Content::Signed(_) if !files.is_empty() => {
                Err(Error::new(ErrorKind::Message, "a signed message cannot take files on"))
            }
            Content::Signed(message) => {
                self.check_sealing(&message, wish).await?;
                Ok(Prepared { message, draft: None })
            }
        }
    }

    /// Hands a signed message to the provider that it is from, or to an agent of the same home.
    async fn hand_over(&self, message: &SignedMessage, wants_receipt: bool) -> Result<Routed, Error> {
        let account = &self.shared.account;
        match account.registration_of(&message.from()) {
            Some(registration) => {
                let route = route_of(message, &message.from())?;
                let route = if wants_receipt { route.with_receipt() } else { route };
                account.route(&registration, &route).await
            }
            None if account.local.as_ref() == Some(&message.from()) => {
                account.keeping.deliver_local(message).await?;
                Ok(Routed::new(message.id(), DeliveryStatus::Delivered))
            }
            None => Err(not_registered()),
        }
    }

    /// After a refusal of the signature: whether another program has rotated the key meanwhile, and the new one is used now.
    async fn renew_identity(&self, message: &SignedMessage) -> bool {
        let account = &self.shared.account;
        let Some(at) = account.registration_of(&message.from()) else { return false };
        let used = at.identity();
        match account.keeping.kept_identity().await {
            Ok(Some(kept)) if kept.verifying_key() != used.verifying_key() => {
                let kept = Arc::new(kept);
                account.set_identity(&kept);
                at.set_identity(&kept).is_ok()
            }
            _ => false,
        }
    }

    fn with_trace(&self, draft: Draft, trace: Option<TraceContext>) -> Result<Draft, Error> {
        let current = || self.shared.account.settings.trace.as_ref().and_then(|current| current());
        match trace.or_else(current) {
            Some(trace) => {
                let context = trace.put_into(draft.context_value());
                draft.context_json(&context).map_err(unfit)
            }
            None => Ok(draft),
        }
    }

    fn sign_now(&self, draft: Draft) -> Result<SignedMessage, Error> {
        let (from, identity) = self.shared.account.sender(draft.sender_address(), draft.recipient())?;
        draft.from(&from).sign(&identity, clock::now()).map_err(unfit)
    }

    /// Keeps what was sent, under the id that the recipient knows.
    async fn keep_sent(&self, message: &SignedMessage, id: Option<&MessageId>) -> Result<(), Error> {
        let renamed = id.and_then(|id| renamed(message, id));
        let kept = renamed.unwrap_or_else(|| message.as_message().clone());
        let mut stored = StoredMessage::new(kept, clock::now());
        if let Some(secret) = message.shared_secret() {
            stored.set_sealed_secret(secret);
        }
        Ok(self.shared.store.keep_sent(stored).await?)
    }
}

impl Account {
    /// From which address, and with which key, a message is sent.
    pub(super) fn sender(
        &self,
        named: Option<&Address>,
        to: &Address,
    ) -> Result<(Address, Arc<Identity>), Error> {
        let own = |at: Registration| (at.address().clone(), at.identity());
        let local = |address: &Address| {
            (self.local.as_ref() == Some(address)).then(|| (address.clone(), self.identity()))
        };
        let Some(named) = named else {
            return match &self.local {
                Some(address) if to.is_local() && !self.reaches(to) => Ok((address.clone(), self.identity())),
                _ => self.registration_for(to).map(own),
            };
        };
        let found = self.registration_of(named).map(own).or_else(|| local(named));
        found.ok_or_else(|| Error::new(ErrorKind::Setup, "signing: the sender's address is not the agent's"))
    }

    /// Hands a message to the provider that it is sent through.
    async fn route(&self, at: &Registration, route: &Route) -> Result<Routed, Error> {
        let Some((site, path)) = at.route().and_then(|url| Some((site_of(url)?, url.path()))) else {
            return self.call(at, route).await;
        };
        let mut parts = route.to_parts();
        parts.path = path.into();
        read(route, &self.exchange(at, &site, Endpoint::Route, parts).await?)
    }
}

/// Whether a provider refused the key that signed.
fn is_about_key(error: &Error) -> bool {
    let Some(api) = error.api() else { return false };
    let codes = [
        ApiErrorCode::SignatureInvalid,
        ApiErrorCode::InvalidSignature,
        ApiErrorCode::KeyMismatch,
        ApiErrorCode::KeyRevoked,
    ];
    codes.iter().any(|code| api.is(code))
}

/// A status that this library knows; others are text from outside.
fn status_of(routed: &Routed) -> &str {
    match &routed.status {
        DeliveryStatus::Other(_) => "other",
        status => status.as_str(),
    }
}

/// The scheme, host and port of a URL.
fn site_of(url: &ApiUrl) -> Option<ApiUrl> {
    url.as_str().strip_suffix(url.path())?.parse().ok()
}

/// The request, under the message's idempotency key or, where it has none, under one that is made from it: the same for
/// the same signed message, whoever sends it when, and another one for every other.
fn route_of(message: &SignedMessage, from: &Address) -> Result<Route, Error> {
    if message.as_message().unsigned().idempotency_key().is_some() {
        return Ok(Route::new(message));
    }
    let digest =
        Sha256::new().chain_update(message.signing_digest()).chain_update(message.id().as_str()).finalize();
    let key = digest.first_chunk::<16>().map(|bytes| IdempotencyKey::from_random(*bytes));
    let body = message.to_route_json();
    let (Some(key), Some(members)) = (key, body.strip_prefix('{')) else { return Ok(Route::new(message)) };
    let body = [r#"{"idempotency_key":""#, key.as_str(), r#"","#, members].concat();
    Route::from_body(body.as_bytes(), from).map_err(|error| Error::refused("sending", error))
}

/// The message under another id. What was signed is not touched.
fn renamed(message: &SignedMessage, id: &MessageId) -> Option<Message> {
    let unsigned = message.as_message().unsigned();
    let mut json = String::from(r#"{"envelope":{"id":""#);
    json.push_str(id.as_str());
    json.push('"');
    for (name, value) in unsigned.envelope().members().filter(|(name, _)| name != "id") {
        json.push_str(",\"");
        json.push_str(&name);
        json.push_str("\":");
        json.push_str(value.raw());
    }
    json.push_str(r#"},"payload":"#);
    json.push_str(message.payload().raw());
    json.push('}');
    Message::decode(json.as_bytes()).ok()
}

pub(super) fn unfit(error: amp_core::MessageError) -> Error {
    Error::new(ErrorKind::Message, "signing").because(error)
}
