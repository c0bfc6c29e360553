//! `POST /auth/rotate-keys`: an address goes over to a new key, which the old one vouches for (provider API; rotation).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;

use amp_crypto::VerifyingKey;

use super::agent::RETIRED_KEYS_MAX;
use super::decision::Plan;
use super::effect::Effect;
use super::engine::Provider;
use super::moment::Moment;
use super::number::AgentNumber;
use super::reply::Reply;
use crate::identity::{NewKeyStanding, PinView, RotationPolicy, RotationRefusal, check_rotation};
use crate::wire::{Answer as _, ApiError, ApiErrorCode, KeysRotated, RotateKeys};

impl Provider {
    pub(super) fn rotate_keys(
        &self,
        request: &RotateKeys,
        caller: AgentNumber,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let mut record = self.planned_record(caller, plan)?;
        let pin = PinView::new(&record.address, &record.key);
        let standing = |key: &VerifyingKey| match self.state.agents.with_key(key) {
            Some(_) => NewKeyStanding::PinnedElsewhere,
            None => NewKeyStanding::Free,
        };
        let rotation = check_rotation(pin, request.rotation(), standing, RotationPolicy::new(), moment.now());
        let rotation = rotation.map_err(refusal)?;
        if record.retired_keys.len() >= RETIRED_KEYS_MAX {
            let rule = "an address has at most 64 keys in its life";
            return Err(ApiError::new(ApiErrorCode::KeyConflict, rule).with_field("new_public_key"));
        }
        record.retire_for(rotation.record().new_key());
        let answer = KeysRotated::new(record.address.clone(), &record.key).to_parts();
        plan.effects.push(Effect::AgentSet { agent: Box::new(record) });
        Ok(Reply::Now(answer))
    }
}

fn refusal(refused: RotationRefusal) -> ApiError {
    let (code, field, rule) = match refused {
        RotationRefusal::ProofInvalid => (
            ApiErrorCode::SignatureInvalid,
            "proof",
            "the proof is the old key's, over the new key's 64 hex digits",
        ),
        RotationRefusal::ProofForm => (
            ApiErrorCode::SignatureInvalid,
            "proof",
            "the proof is over the new key's 64 lowercase hex digits",
        ),
        RotationRefusal::SameKey => {
            (ApiErrorCode::InvalidField, "new_public_key", "the new key is another than the old one")
        }
        RotationRefusal::NewKeyAlgorithm => {
            (ApiErrorCode::InvalidField, "new_public_key", "a rotation leads to an Ed25519 key")
        }
        _ => (
            ApiErrorCode::KeyConflict,
            "new_public_key",
            "the key belongs, or belonged, to an address already",
        ),
    };
    ApiError::new(code, rule).with_field(field)
}
