//! `/agents/me`: what an agent is told of its registration, what it may change, and its end (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use amp_envelope::{Timestamp, write_json};
use serde::Serialize;

use super::agent::{AgentRecord, DeliverySettings};
use super::codec::StoredSecret;
use super::decision::Plan;
use super::effect::Effect;
use super::engine::Provider;
use super::moment::Moment;
use super::number::{AgentNumber, MessageNumber};
use super::reply::Reply;
use crate::admission::CommunicationPolicy;
use crate::webhook::{Target, TargetPolicy, WebhookSecret};
use crate::wire::{
    Answer as _, ApiError, ApiErrorCode, Card, Delivery, Deregistered, Me, RawJson, UpdateMe, Updated,
};

/// Longest alias, in characters.
const ALIAS_MAX_CHARS: usize = 128;
/// Largest metadata, in bytes of JSON.
const METADATA_MAX_BYTES: usize = 16 * 1024;
/// Largest communication policy, in bytes of JSON.
const POLICY_MAX_BYTES: usize = 64 * 1024;
/// Most capabilities.
const CAPABILITIES_MAX: usize = 64;
/// Longest capability, in bytes.
const CAPABILITY_MAX_BYTES: usize = 128;

/// What a provider says of an agent without the agent's signature: it holds no key that could sign for one.
#[derive(Serialize)]
struct AssertedCard<'a> {
    did: Option<String>,
    address: &'a str,
    name: &'a str,
    alias: Option<&'a str>,
    public_key: String,
    key_algorithm: &'a str,
    fingerprint: String,
    provider: &'a str,
    capabilities: &'a [String],
    signed_at: String,
    signature: Option<()>,
    provider_asserted: bool,
}

impl Provider {
    pub(super) fn me(&self, caller: AgentNumber) -> Result<Reply, ApiError> {
        let record = &self.agent(caller)?.record;
        let mut me = Me::new(record.address.clone(), record.key.fingerprint(), record.registered_at);
        me.alias.clone_from(&record.alias);
        me.last_seen_at = self.live.last_seen.get(&caller).copied();
        let mut delivery = Delivery::default();
        delivery.webhook_url.clone_from(&record.delivery.webhook_url);
        delivery.prefer_websocket = Some(record.delivery.prefer_websocket);
        me.delivery = Some(delivery);
        Ok(Reply::Now(me.to_parts()))
    }

    pub(super) fn update_me(
        &self,
        request: &UpdateMe,
        caller: AgentNumber,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let mut record = self.planned_record(caller, plan)?;
        if request.alias.is_some() {
            record.alias = checked_alias(request.alias.as_deref())?;
        }
        if request.metadata().is_some() {
            record.metadata = checked_metadata(request.metadata())?;
        }
        if request.communication_policy.is_some() {
            record.policy = checked_policy(request.communication_policy.as_ref())?;
        }
        if let Some(wanted) = &request.delivery {
            record.delivery = changed_delivery(&record.delivery, wanted, self.settings.webhook_targets())?;
        }
        let answer = Updated::new(record.address.clone()).to_parts();
        plan.effects.push(Effect::AgentSet { agent: Box::new(record) });
        Ok(Reply::Now(answer))
    }

    /// Ends a registration: its sockets are closed, its waiting requests refused, and what waits for it is released.
    pub(super) fn deregister(
        &self,
        agent: AgentNumber,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let record = &self.agent(agent)?.record;
        if !self.state.may_leave(record, moment.now()) {
            let rule = "too many have left with something held against them: try again in a day";
            return Err(ApiError::new(ApiErrorCode::Forbidden, rule));
        }
        let address = record.address.clone();
        let waiting =
            self.state.mail.queue(agent).into_iter().flat_map(|queue| queue.entries.keys().copied());
        let already: BTreeSet<MessageNumber> = plan.released.iter().copied().collect();
        let stored = waiting.chain(self.state.held.bodies_of(agent));
        plan.released.extend(stored.filter(|number| !already.contains(number)));
        self.end_all(agent, plan);
        plan.effects.push(Effect::AgentRemoved { agent, at: moment.now() });
        Ok(Reply::Now(Deregistered::new(address).to_parts()))
    }

    pub(super) fn card(&self, caller: AgentNumber, now: Timestamp) -> Result<Reply, ApiError> {
        let record = &self.agent(caller)?.record;
        let card = AssertedCard {
            did: record.key.did().map(|did| did.to_string()),
            address: record.address.as_str(),
            name: record.address.name(),
            alias: record.alias.as_deref(),
            public_key: record.key.to_pem(),
            key_algorithm: "Ed25519",
            fingerprint: record.key.fingerprint().to_string(),
            provider: self.settings.domain.as_str(),
            capabilities: &record.capabilities,
            signed_at: now.to_string(),
            signature: None,
            provider_asserted: true,
        };
        let json = write_json(&card).ok();
        let card = json.and_then(|json| Card::from_json(json.as_bytes()));
        let card =
            card.ok_or_else(|| ApiError::new(ApiErrorCode::InternalError, "the card cannot be written"))?;
        Ok(Reply::Now(card.to_parts()))
    }

    /// An agent's record as the plan leaves it so far, to be changed further.
    pub(super) fn planned_record(&self, caller: AgentNumber, plan: &Plan) -> Result<AgentRecord, ApiError> {
        let planned = plan.effects.iter().rev().find_map(|effect| match effect {
            Effect::AgentSet { agent } if agent.number == caller => Some((**agent).clone()),
            _ => None,
        });
        planned.map_or_else(|| Ok(self.agent(caller)?.record.clone()), Ok)
    }
}

fn invalid(field: &str, rule: &str) -> ApiError {
    ApiError::new(ApiErrorCode::InvalidField, rule).with_field(field)
}

/// An alias to be kept; an empty one is none.
pub(super) fn checked_alias(alias: Option<&str>) -> Result<Option<String>, ApiError> {
    match alias {
        Some(alias) if alias.chars().count() > ALIAS_MAX_CHARS => {
            Err(invalid("alias", "an alias has at most 128 characters"))
        }
        alias => Ok(alias.filter(|alias| !alias.is_empty()).map(String::from)),
    }
}

pub(super) fn checked_metadata(metadata: Option<&RawJson>) -> Result<Option<String>, ApiError> {
    match metadata.map(RawJson::as_str) {
        Some(json) if json.len() > METADATA_MAX_BYTES => {
            Err(invalid("metadata", "metadata has at most 16 KiB of JSON"))
        }
        json => Ok(json.map(String::from)),
    }
}

pub(super) fn checked_policy(policy: Option<&CommunicationPolicy>) -> Result<Option<String>, ApiError> {
    match policy.map(CommunicationPolicy::to_json) {
        Some(json) if json.len() > POLICY_MAX_BYTES => {
            Err(invalid("communication_policy", "a policy has at most 64 KiB of JSON"))
        }
        json => Ok(json),
    }
}

pub(super) fn checked_capabilities(names: Option<&[String]>) -> Result<Vec<String>, ApiError> {
    let names = names.unwrap_or_default();
    let is_fit = |name: &String| (1..=CAPABILITY_MAX_BYTES).contains(&name.len());
    if names.len() > CAPABILITIES_MAX || !names.iter().all(is_fit) {
        return Err(invalid("capabilities", "there are at most 64 capabilities, of 1 to 128 bytes each"));
    }
    Ok(names.to_vec())
}

/// How an agent is reached from now on: what is absent stays, and an empty URL ends the webhook.
///
/// A webhook has a secret, so that who is posted to can tell the provider from others.
pub(super) fn changed_delivery(
    now: &DeliverySettings,
    wanted: &Delivery,
    targets: Option<&TargetPolicy>,
) -> Result<DeliverySettings, ApiError> {
    let mut changed = now.clone();
    if let Some(prefer) = wanted.prefer_websocket {
        changed.prefer_websocket = prefer;
    }
    if let Some(secret) = &wanted.webhook_secret {
        let rule = "a webhook's secret has 16 to 1,024 bytes";
        let secret =
            WebhookSecret::new(secret.expose()).map_err(|_| invalid("delivery.webhook_secret", rule))?;
        changed.webhook_secret = Some(StoredSecret::new(secret.expose()));
    }
    match wanted.webhook_url.as_deref() {
        None => {}
        Some("") => (changed.webhook_url, changed.webhook_secret) = (None, None),
        Some(url) => {
            let none = "the provider calls no webhooks";
            let targets = targets.ok_or_else(|| invalid("delivery.webhook_url", none))?;
            let rule = "the URL is one that the provider calls: https, on the public internet";
            let target =
                Target::parse_with(url, targets).map_err(|_| invalid("delivery.webhook_url", rule))?;
            changed.webhook_url = Some(target.as_str().into());
        }
    }
    if changed.webhook_url.is_some() && changed.webhook_secret.is_none() {
        let error = ApiError::new(ApiErrorCode::MissingField, "a webhook has a secret");
        return Err(error.with_field("delivery.webhook_secret"));
    }
    Ok(changed)
}
