//! New API keys, their overlap with the ones before, and their end (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use core::time::Duration;

use super::agent::FormerApiKey;
use super::agents::KeyHolder;
use super::call::Call;
use super::decision::Plan;
use super::effect::Effect;
use super::engine::{Provider, unauthorized};
use super::moment::Moment;
use super::number::AgentNumber;
use super::register::new_api_key;
use super::reply::Reply;
use crate::wire::{Answer as _, ApiError, ApiErrorCode, ApiKeyRevoked, ApiKeyRotated, UserKey};

/// For how long the API key before the present one is taken.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

impl Provider {
    /// Gives a new API key. The key before it asks for another only while the new one was never used, since its answer
    /// may have been lost; that takes the unused key's place and prolongs nothing. Otherwise, who found an old key has it
    /// for a day at most.
    pub(super) fn rotate_api_key(
        &self,
        call: &Call,
        caller: AgentNumber,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let mut record = self.planned_record(caller, plan)?;
        let (key, hash) = new_api_key("amp_live_sk_", moment)?;
        let former = if self.calls_with_present_key(call, moment)? {
            let until = moment.now().saturating_add(OVERLAP);
            record.api_key.map(|hash| FormerApiKey { hash, until })
        } else {
            record.former_api_key.filter(|_| record.unused)
        };
        let rule = "a key that was replaced asks for no other, once its successor was used";
        let former = former.ok_or_else(|| ApiError::new(ApiErrorCode::Forbidden, rule))?;
        record.former_api_key = Some(former);
        record.api_key = Some(hash);
        record.unused = true;
        self.end_with_keys(&record, moment.now(), plan);
        plan.effects.push(Effect::AgentSet { agent: Box::new(record) });
        Ok(Reply::Now(ApiKeyRotated::new(key, former.until).to_parts()))
    }

    /// Ends the API key that the call is made with; the present one takes the one before it along.
    pub(super) fn revoke_api_key(
        &self,
        call: &Call,
        caller: AgentNumber,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let mut record = self.planned_record(caller, plan)?;
        record.former_api_key = None;
        if self.calls_with_present_key(call, moment)? {
            record.api_key = None;
        }
        self.end_with_keys(&record, moment.now(), plan);
        plan.effects.push(Effect::AgentSet { agent: Box::new(record) });
        Ok(Reply::Now(ApiKeyRevoked::new(moment.now()).to_parts()))
    }

    /// Gives an owner a new key, which replaces the one before: the provider keeps no key that it could show again.
    pub(super) fn user_key(&self, owner: &str, moment: &Moment, plan: &mut Plan) -> Result<Reply, ApiError> {
        if self.settings.registration.tenant_of(owner).is_none() {
            return Err(ApiError::new(ApiErrorCode::Forbidden, "the owner has no tenant here"));
        }
        let (key, hash) = new_api_key("uk_", moment)?;
        plan.effects.push(Effect::OwnerKeySet { owner: owner.into(), key: hash, at: moment.now() });
        Ok(Reply::Now(UserKey::new(key).to_parts()))
    }

    fn calls_with_present_key(&self, call: &Call, moment: &Moment) -> Result<bool, ApiError> {
        let key = call.request().key()?.ok_or_else(unauthorized)?;
        let holder = self.state.agents.holder_of(key.expose(), moment.now()).ok_or_else(unauthorized)?;
        Ok(matches!(holder, KeyHolder::Present(_)))
    }
}
