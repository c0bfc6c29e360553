//! `POST /register`: who is given an address, and when a second time (provider API, registration).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use amp_address::{Address, AgentName, Scope};
use amp_crypto::KeyAlgorithm;

use super::agent::{AgentRecord, ApiKeyHash};
use super::agents::Agent;
use super::call::{Call, Caller};
use super::decision::Plan;
use super::effect::Effect;
use super::engine::{Provider, unauthorized};
use super::live::Change;
use super::moment::Moment;
use super::number::AgentNumber;
use super::own_registration::{
    changed_delivery, checked_alias, checked_capabilities, checked_metadata, checked_policy,
};
use super::registration::{Tenants, checked_tenant};
use super::reply::Reply;
use crate::identity::{AgentId, ApiKey};
use crate::wire::{
    AgentScope, Answer as _, ApiError, ApiErrorCode, Authorization, RawJson, Register, Registered,
    RegisteredProvider,
};

/// How many names are suggested.
const SUGGESTIONS: usize = 3;

/// Who registers, as far as a key or the host says it.
#[derive(Clone, Copy)]
enum Registrant<'p> {
    Anybody,
    Owner(&'p str),
    Agent(AgentNumber),
}

impl Provider {
    pub(super) fn register(
        &self,
        request: &Register,
        call: &Call,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let registrant = self.registrant(call, moment)?;
        let tenant = self.tenant_for(request, registrant)?;
        let address = self.address_for(&request.name, request.scope.as_ref(), &tenant)?;
        if let Some(agent) = self.state.agents.at(&address) {
            return if agent.record.key == *request.public_key() {
                self.register_again(agent, registrant, call, moment, plan)
            } else {
                Err(self.name_taken(&request.name, request.scope.as_ref(), &tenant))
            };
        }
        if self.other_host_of(&address).is_some() {
            let rule = "agents of this tenant are registered on another host of the provider";
            return Err(ApiError::new(ApiErrorCode::TenantAccessDenied, rule).with_field("tenant"));
        }
        let record = self.new_record(request, registrant, &tenant, address, moment)?;
        let (api_key, hash) = new_api_key("amp_live_sk_", moment)?;
        let registered_from = call.source_hash();
        let record = AgentRecord { api_key: Some(hash), registered_from, ..record };
        let reply = self.registered(&record, api_key);
        plan.changes.push(Change::Registered(record.number));
        plan.effects.push(Effect::AgentSet { agent: Box::new(record) });
        Ok(reply)
    }

    fn registrant<'p>(&'p self, call: &'p Call, moment: &Moment) -> Result<Registrant<'p>, ApiError> {
        let Some(key) = call.request().key()? else {
            return Ok(match call.person(Authorization::Owner) {
                Some(Caller::Owner(owner)) => Registrant::Owner(owner),
                _ => Registrant::Anybody,
            });
        };
        if let Some(owner) = self.state.owner_keys.owner_with(key.expose()) {
            return Ok(Registrant::Owner(owner));
        }
        let agent = self.state.agents.present_holder_of(key.expose(), moment.now());
        agent.map(Registrant::Agent).ok_or_else(unauthorized)
    }

    fn tenant_for(&self, request: &Register, registrant: Registrant<'_>) -> Result<Box<str>, ApiError> {
        let rules = &self.settings.registration;
        let denied =
            || ApiError::new(ApiErrorCode::TenantAccessDenied, "the caller may not register in this tenant");
        let invalid = |rule| ApiError::new(ApiErrorCode::InvalidField, rule).with_field("tenant");
        let asked = request.tenant.as_deref().map(checked_tenant).transpose();
        let asked =
            asked.map_err(|_| invalid("a tenant is one label: 1 to 63 of ASCII letters, digits and -"))?;
        if let Registrant::Owner(owner) = registrant {
            let own = rules.tenant_of(owner).ok_or_else(denied)?;
            return if asked.is_none_or(|asked| *asked == *own) { Ok(own.into()) } else { Err(denied()) };
        }
        let missing =
            || ApiError::new(ApiErrorCode::MissingField, "the field is required").with_field("tenant");
        match &rules.tenants {
            Tenants::Open => asked.ok_or_else(missing),
            Tenants::One(own) if asked.as_ref() == Some(own) => Ok(own.clone()),
            Tenants::One(own) => {
                asked.ok_or_else(missing)?;
                let details = RawJson::new(&BTreeMap::from([("expected_tenant", own)]));
                let error = invalid("agents of this provider are in one tenant");
                Err(details.map(|details| error.clone().with_details(details)).unwrap_or(error))
            }
            Tenants::Invited => {
                let invited = request.invite_code.as_ref().and_then(|code| rules.invited_to(code));
                let own = invited.ok_or_else(denied)?;
                if asked.is_none_or(|asked| *asked == *own) { Ok(own.into()) } else { Err(denied()) }
            }
        }
    }

    fn address_for(
        &self,
        name: &AgentName,
        scope: Option<&AgentScope>,
        tenant: &str,
    ) -> Result<Address, ApiError> {
        let invalid = |field: &str, rule| ApiError::new(ApiErrorCode::InvalidField, rule).with_field(field);
        let scope = match scope {
            Some(scope) => scope.under(tenant),
            None => Scope::parse(tenant).ok(),
        };
        let scope = scope.ok_or_else(|| invalid("scope", "scope and tenant make the scope of an address"))?;
        let address = Address::new(name, &scope, &self.settings.domain);
        let address = address.map_err(|_| invalid("name", "the address has at most 254 characters"))?;
        Ok(address.with_known_providers(&self.settings.known))
    }

    /// The name and the key are registered already.
    ///
    /// A public key is no secret, so whoever sends it again is not thereby the agent. A new API key is given to the agent
    /// itself and to its owner; and, since the first answer may have been lost, for ten minutes to whoever calls from the
    /// same place, as long as the first key was never used and there is no owner.
    fn register_again(
        &self,
        agent: &Agent,
        registrant: Registrant<'_>,
        call: &Call,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let old = &agent.record;
        let may = match registrant {
            Registrant::Anybody => {
                let is_open =
                    old.unclaimed && old.owner.is_none() && old.registered_from == call.source_hash();
                is_open && self.live.is_just_registered(old.number, old.registered_at, moment.now())
            }
            Registrant::Owner(owner) => old.owner.as_deref() == Some(owner),
            Registrant::Agent(number) => number == old.number,
        };
        if !may {
            let rule = "the name is registered with this key: ask with its API key, or with its owner's";
            return Err(ApiError::new(ApiErrorCode::KeyAlreadyRegistered, rule));
        }
        let (api_key, hash) = new_api_key("amp_live_sk_", moment)?;
        let record = AgentRecord { api_key: Some(hash), former_api_key: None, unused: false, ..old.clone() };
        let reply = self.registered(&record, api_key);
        self.end_with_keys(&record, moment.now(), plan);
        plan.effects.push(Effect::AgentSet { agent: Box::new(record) });
        Ok(reply)
    }

    /// An agent calls with its present API key: from now on nobody else is given one for its name and key, and the key
    /// before asks for no other.
    pub(super) fn note_first_use(&self, agent: AgentNumber, plan: &mut Plan) {
        let Some(agent) = self.state.agents.get(agent) else { return };
        if agent.record.unclaimed || agent.record.unused {
            let record = AgentRecord { unclaimed: false, unused: false, ..agent.record.clone() };
            plan.effects.push(Effect::AgentSet { agent: Box::new(record) });
        }
    }

    fn name_taken(&self, name: &AgentName, scope: Option<&AgentScope>, tenant: &str) -> ApiError {
        let free = |candidate: &String| {
            let address = self.address_for(&candidate.parse().ok()?, scope, tenant).ok()?;
            self.state.agents.at(&address).is_none().then_some(())
        };
        let beginning = name.as_str().get(..name.as_str().len().min(60)).unwrap_or_default();
        let candidates = (2..100).map(|number| format!("{beginning}-{number}"));
        let suggestions = candidates.filter(|candidate| free(candidate).is_some()).take(SUGGESTIONS);
        ApiError::new(ApiErrorCode::NameTaken, "the name belongs to another agent")
            .with_field("name")
            .with_suggestions(suggestions)
    }

    fn new_record(
        &self,
        request: &Register,
        registrant: Registrant<'_>,
        tenant: &str,
        address: Address,
        moment: &Moment,
    ) -> Result<AgentRecord, ApiError> {
        let agents = &self.state.agents;
        let key = request.public_key();
        if agents.len() >= self.settings.registration.agents_max {
            return Err(ApiError::new(ApiErrorCode::Forbidden, "the provider takes no more agents"));
        }
        if key.algorithm() != KeyAlgorithm::Ed25519 {
            let rule = "the key is an Ed25519 key";
            return Err(ApiError::new(ApiErrorCode::InvalidField, rule).with_field("public_key"));
        }
        if agents.with_key(key).is_some() {
            let rule = "the key belongs, or belonged, to another address";
            return Err(ApiError::new(ApiErrorCode::KeyAlreadyRegistered, rule));
        }
        let agent_id = match &request.agent_id {
            Some(id) if agents.with_id(id.as_str()).is_some() => {
                let rule = "the id belongs to another agent";
                return Err(ApiError::new(ApiErrorCode::InvalidField, rule).with_field("agent_id"));
            }
            Some(id) => id.as_str().into(),
            None => new_agent_id(moment),
        };
        let mut record = AgentRecord::new(self.next_agent(), agent_id, address, key.clone(), moment.now());
        record.tenant = Some(tenant.into());
        record.unclaimed = true;
        record.owner = match registrant {
            Registrant::Owner(owner) => Some(owner.into()),
            _ => None,
        };
        record.alias = checked_alias(request.alias.as_deref())?;
        record.metadata = checked_metadata(request.metadata())?;
        record.policy = checked_policy(request.communication_policy.as_ref())?;
        record.capabilities = checked_capabilities(request.capabilities.as_deref())?;
        if let Some(wanted) = &request.delivery {
            record.delivery = changed_delivery(&record.delivery, wanted, self.settings.webhook_targets())?;
        }
        Ok(record)
    }

    fn registered(&self, record: &AgentRecord, api_key: ApiKey) -> Reply {
        let provider = RegisteredProvider::new(self.settings.domain.clone(), self.settings.api.clone());
        let (key, at) = (record.key.fingerprint(), record.registered_at);
        let mut answer = Registered::new(record.address.clone(), api_key, provider, key, at);
        let tenant = record.tenant();
        answer.short_address = Some(format!("{}@{tenant}.{}", record.address.name(), self.settings.domain));
        answer.agent_id = Some(record.agent_id.clone());
        answer.tenant_id = Some(tenant.to_string());
        answer.owner_id = record.owner.clone();
        Reply::Now(answer.to_parts())
    }
}

fn new_agent_id(moment: &Moment) -> String {
    let mut bytes = [0; 16];
    let halves = moment.bytes("agent id, first").into_iter().chain(moment.bytes("agent id, second"));
    bytes.iter_mut().zip(halves).for_each(|(byte, random)| *byte = random);
    AgentId::from_random_bytes(bytes).as_str().into()
}

/// A new key of 256 random bits, and what is kept of it.
pub(super) fn new_api_key(prefix: &str, moment: &Moment) -> Result<(ApiKey, ApiKeyHash), ApiError> {
    let text = zeroize::Zeroizing::new(format!("{prefix}{}", moment.hex(prefix)));
    let key = text.parse().map_err(|_| ApiError::new(ApiErrorCode::InternalError, "no key could be made"))?;
    Ok((key, ApiKeyHash::of(&text)))
}
