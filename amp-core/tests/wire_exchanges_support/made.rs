//! Makes the recorded requests anew with the client's types, from what a client knows.

use amp_core::crypto::VerifyingKey;
use amp_core::identity::RotationRequest;
use amp_core::wire::{
    Acknowledge, AcknowledgeBatch, AcknowledgeForm, AgentScope, ApiError, ApiErrorCode, Deliver, Delivery,
    Deregister, Endpoint, GetCard, GetHealth, GetMe, GetPending, GetWellKnown, ListAgents, MarkRead, RawJson,
    Register, Request, RequestParts, Resolve, RevokeApiKey, RotateApiKey, RotateKeys, Route, UpdateMe,
};
use amp_core::{Address, AgentName, MessageId, Profile, Signature};
use serde_json::Value;

use super::recorded::{Exchange, sender};

/// The request as the client's types make it, or why they do not.
pub(crate) fn made(exchange: &Exchange) -> Result<RequestParts, String> {
    let recorded = &exchange.request;
    let endpoint = Endpoint::find(recorded.method, &recorded.path).ok_or("no such endpoint")?;
    let body = exchange.request_body();
    let query =
        |name: &str| recorded.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    let parts = match endpoint {
        Endpoint::GetHealth => GetHealth.to_parts(),
        Endpoint::GetWellKnown => GetWellKnown.to_parts(),
        Endpoint::GetMe => GetMe.to_parts(),
        Endpoint::GetCard => GetCard.to_parts(),
        Endpoint::Deregister => Deregister.to_parts(),
        Endpoint::RotateApiKey => RotateApiKey.to_parts(),
        Endpoint::RevokeApiKey => RevokeApiKey.to_parts(),
        Endpoint::Register => register(&body)?.to_parts(),
        Endpoint::UpdateMe => update_me(&body)?.to_parts(),
        Endpoint::ListAgents => {
            let mut request = ListAgents::default();
            (request.tenant, request.search) = (query("tenant"), query("search"));
            request.limit = query("limit").map(|limit| limit.parse().unwrap());
            request.to_parts()
        }
        Endpoint::Resolve => {
            let address = recorded.path.rsplit('/').next().unwrap().replace("%40", "@");
            Resolve::new(Address::parse_with(&address, Profile::Deployed).map_err(text)?).to_parts()
        }
        Endpoint::RotateKeys => {
            if body["new_public_key"].as_str().is_some_and(|key| !key.starts_with("-----BEGIN")) {
                return Err("a client writes a key as PEM".into());
            }
            let json = exchange.request.body.as_slice();
            RotateKeys::new(RotationRequest::decode(json).map_err(text)?).to_parts()
        }
        Endpoint::Route => Route::from_body(&recorded.body, &sender()).map_err(text)?.to_parts(),
        Endpoint::GetPending => {
            let mut request = GetPending::new();
            if let Some(limit) = query("limit") {
                request = request.with_limit(limit.parse().map_err(text)?);
            }
            request.to_parts()
        }
        Endpoint::Acknowledge => match query("id") {
            Some(id) => Acknowledge::new(id_of(&id)?).with_form(AcknowledgeForm::Deployed).to_parts(),
            None => Acknowledge::new(id_of(recorded.path.rsplit('/').next().unwrap())?).to_parts(),
        },
        Endpoint::AcknowledgeBatch => {
            let ids = body["ids"].as_array().unwrap().iter().map(|id| id_of(id.as_str().unwrap()).unwrap());
            let form = match recorded.path.ends_with("/ack") {
                true => AcknowledgeForm::Standard,
                false => AcknowledgeForm::Deployed,
            };
            AcknowledgeBatch::new(ids).ok_or("too many")?.with_form(form).to_parts()
        }
        Endpoint::MarkRead => {
            let request = MarkRead::new(id_of(recorded.path.split('/').nth(2).unwrap())?);
            match body["original_sender"].as_str() {
                Some(sender) => request.to(&sender.parse().map_err(text)?).to_parts(),
                None => request.to_parts(),
            }
        }
        Endpoint::Deliver => {
            let header =
                |name: &str| recorded.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value);
            let (provider, timestamp, signature) =
                (header("X-AMP-Provider"), header("X-AMP-Timestamp"), header("X-AMP-Signature"));
            let (Some(provider), Some(timestamp), Some(signature)) = (provider, timestamp, signature) else {
                return Err("a delivery names its provider, the time and the signature".into());
            };
            let delivery = Deliver::signed(recorded.body.clone(), provider, timestamp, signature);
            check_delivery(&delivery).map_err(text)?;
            delivery.to_parts()
        }
        other => return Err(format!("{other:?} was not recorded before")),
    };
    match recorded.headers.iter().find(|(name, _)| name == "Authorization") {
        None => Ok(parts),
        Some((_, value)) => {
            let key = value.strip_prefix("Bearer ").ok_or("a client writes `Bearer` before its key")?;
            Ok(parts.with_key(&key.parse().map_err(text)?))
        }
    }
}

/// What a provider finds in a body before it looks up the sender's key.
pub(crate) fn check_signature(route: &Route) -> Result<(), ApiError> {
    let body = route.decode(&sender())?;
    let signature = body.unsigned().get("signature").and_then(|signature| signature.as_str());
    let refused = |code| Err(ApiError::new(code, "a message is signed"));
    match signature.as_deref() {
        None | Some("") => refused(ApiErrorCode::SignatureMissing),
        Some(text) if Signature::from_base64(text).is_err() => refused(ApiErrorCode::SignatureInvalid),
        Some(_) => Ok(()),
    }
}

/// What any provider finds before it asks who sent it: the headers, and a message with a signature.
pub(crate) fn check_delivery(delivery: &Deliver) -> Result<(), ApiError> {
    let missing = |header: &str| ApiError::new(ApiErrorCode::MissingHeader, header);
    delivery.provider.as_ref().ok_or_else(|| missing("X-AMP-Provider"))?;
    delivery.timestamp.as_ref().ok_or_else(|| missing("X-AMP-Timestamp"))?;
    delivery.signature.as_ref().ok_or_else(|| missing("X-AMP-Signature"))?;
    let message =
        delivery.message().ok_or_else(|| ApiError::new(ApiErrorCode::InvalidRequest, "a message"))?;
    let message = amp_core::Message::decode(message.as_bytes())
        .map_err(|error| ApiError::new(ApiErrorCode::read(error.code().as_str()), error.rule()))?;
    let signed = message.is_signed();
    signed.then_some(()).ok_or_else(|| ApiError::new(ApiErrorCode::SignatureMissing, "a message is signed"))
}

fn register(body: &Value) -> Result<Register, String> {
    let field = |name: &str| body[name].as_str().ok_or_else(|| format!("no {name}"));
    let name = AgentName::parse(field("name")?).map_err(text)?;
    let key = VerifyingKey::from_pem(field("public_key")?).map_err(text)?;
    if field("key_algorithm")? != "Ed25519" {
        return Err("the algorithm is named as it is registered".into());
    }
    let mut request = Register::new(name, &key);
    if let Some(tenant) = body["tenant"].as_str() {
        request = request.in_tenant(tenant);
    }
    if let Some(metadata) = body.get("metadata") {
        request = request.with_metadata(RawJson::new(metadata).unwrap()).map_err(text)?;
    }
    request.alias = body["alias"].as_str().map(str::to_owned);
    if let Some(scope) = body.get("scope") {
        request.scope =
            Some(AgentScope::new(scope["platform"].as_str().unwrap(), scope["repo"].as_str()).map_err(text)?);
    }
    if let Some(id) = body["agent_id"].as_str() {
        request.agent_id = Some(id.parse().map_err(text)?);
    }
    request.delivery = body.get("delivery").map(delivery);
    Ok(request)
}

fn delivery(body: &Value) -> Delivery {
    let mut delivery = Delivery::default();
    delivery.webhook_url = body["webhook_url"].as_str().map(str::to_owned);
    delivery.webhook_secret =
        body["webhook_secret"].as_str().map(|secret| amp_core::SecretText::new(secret.to_owned()));
    delivery.prefer_websocket = body["prefer_websocket"].as_bool();
    delivery
}

fn update_me(body: &Value) -> Result<UpdateMe, String> {
    let mut request = UpdateMe::default();
    if let Some(metadata) = body.get("metadata") {
        request = request.with_metadata(RawJson::new(metadata).unwrap()).map_err(text)?;
    }
    request.alias = body["alias"].as_str().map(str::to_owned);
    request.delivery = body.get("delivery").map(delivery);
    Ok(request)
}

fn id_of(id: &str) -> Result<MessageId, String> {
    MessageId::parse_with(id, Profile::Deployed).map_err(text)
}

fn text(error: impl core::fmt::Display) -> String {
    error.to_string()
}
