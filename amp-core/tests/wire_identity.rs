//! The identity endpoints on both sides: what a client makes a provider reads, what a provider answers a client reads,
//! and what neither knows survives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use amp_core::admission::CommunicationPolicy;
use amp_core::federation::WellKnown;
use amp_core::identity::{AgentId, ApiKey, RotationRequest};
use amp_core::wire::*;
use amp_core::{Address, AgentName, Identity, SecretText, Timestamp};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

const KEY: &str = "amp_live_sk_7f53efb3fb6588af5c7c162b70f7edb9475956a40c406f1a3bb484627bf6e210";

fn key() -> ApiKey {
    KEY.parse().unwrap()
}

fn identity(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

fn alice() -> Address {
    "alice@acme.crabmail.ai".parse().unwrap()
}

/// A client makes it, a provider reads it, by itself, as any request and through `http`: nothing is lost, and the API key
/// is nowhere but in its header.
fn request_round_trips<R: Request>(request: &R) {
    let parts = request.to_parts();
    assert_eq!(R::from_parts(&parts).unwrap().to_parts(), parts);
    let any = AnyRequest::from_parts(&parts).unwrap();
    assert_eq!((any.endpoint(), any.to_parts()), (R::ENDPOINT, parts.clone()));

    let api: ApiUrl = "https://api.crabmail.ai/api/v1".parse().unwrap();
    let sent = request.to_http(&api, Some(&key())).unwrap();
    assert_eq!(R::from_http(&sent, &api).unwrap().to_parts(), parts);
    assert!(
        !sent.uri().to_string().contains(KEY)
            && !sent.body().windows(KEY.len()).any(|at| at == KEY.as_bytes())
    );
    let wants_key = R::ENDPOINT.authorization() != Authorization::None;
    assert_eq!(sent.headers().contains_key("authorization"), wants_key);
    let arrived = RequestParts::from_http(&sent, &api).unwrap();
    let carried = arrived.key().unwrap();
    assert_eq!(carried.as_ref().map(ApiKey::expose), wants_key.then_some(KEY));
}

/// A provider makes it, a client reads it.
fn answer_round_trips<A: Answer>(answer: &A) {
    let parts = answer.to_parts();
    assert_eq!(A::from_parts(&parts).unwrap().to_parts(), parts);
    let sent = answer.to_http().unwrap();
    assert_eq!(A::from_http(&sent).unwrap().to_parts(), parts);
}

fn name() -> impl Strategy<Value = AgentName> {
    "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?".prop_map(|name| name.parse().unwrap())
}

fn address() -> impl Strategy<Value = Address> {
    (name(), "[a-z][a-z0-9]{0,10}")
        .prop_map(|(name, tenant)| format!("{}@{tenant}.crabmail.ai", name.as_str()).parse().unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_102_444_800_000)
        .prop_map(|milliseconds| Timestamp::from_unix_milliseconds(milliseconds).unwrap())
}

fn number() -> impl Strategy<Value = u64> {
    0_u64..1 << 53
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..9_007_199_254_740_992).prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Members that the types do not know, and some that they do.
fn extra() -> impl Strategy<Value = Extra> {
    let name = prop_oneof![any::<String>(), Just("address".to_owned()), Just("x_region".to_owned())];
    prop::collection::btree_map(name, value(), 0..4).prop_map(|members| {
        let mut extra = Extra::default();
        members.iter().for_each(|(name, value)| extra.insert(name, value).unwrap());
        extra
    })
}

fn metadata() -> impl Strategy<Value = RawJson> {
    prop::collection::btree_map("[a-z]{4,8}", value(), 0..4).prop_map(|map| RawJson::new(&map).unwrap())
}

fn delivery() -> impl Strategy<Value = Delivery> {
    (option::of(any::<String>()), option::of(any::<String>()), option::of(any::<bool>()), extra()).prop_map(
        |(url, secret, prefer_websocket, extra)| {
            let mut delivery = Delivery::default();
            delivery.webhook_url = url;
            delivery.webhook_secret = secret.map(SecretText::new);
            delivery.prefer_websocket = prefer_websocket;
            delivery.extra = extra;
            delivery
        },
    )
}

fn policy() -> impl Strategy<Value = CommunicationPolicy> {
    let json = prop_oneof![
        Just(json!({"mode": "open"})),
        Just(
            json!({"mode": "restricted", "allowed_recipients": ["*@acme.crabmail.ai", "bob@other.example"]})
        ),
    ];
    json.prop_map(|json| CommunicationPolicy::from_json(json.to_string().as_bytes()).unwrap())
}

fn register() -> impl Strategy<Value = Register> {
    let plain =
        (option::of(any::<String>()), name(), option::of(any::<String>()), option::of(any::<String>()));
    let scope = option::of(("[a-z]{1,8}", option::of("[a-z][a-z0-9]{0,8}")));
    let parts = (scope, option::of(delivery()), option::of(metadata()), option::of(policy()));
    let rest = (option::of(prop::collection::vec(any::<String>(), 0..3)), any::<Option<[u8; 16]>>(), extra());
    (plain, parts, rest, any::<u8>()).prop_map(|(plain, parts, rest, seed)| {
        let mut request = Register::new(plain.1, identity(seed).verifying_key());
        request.tenant = plain.0;
        request.alias = plain.2;
        request.invite_code = plain.3.map(SecretText::new);
        request.scope = parts.0.map(|(platform, repo)| AgentScope::new(&platform, repo.as_deref()).unwrap());
        request.delivery = parts.1;
        request.communication_policy = parts.3;
        request.capabilities = rest.0;
        request.agent_id = rest.1.map(AgentId::from_random_bytes);
        request.extra = rest.2;
        match parts.2 {
            Some(metadata) => request.with_metadata(metadata).unwrap(),
            None => request,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    // rule: API-1
    // rule: API-7
    #[test]
    fn a_registration_survives_both_directions(request in register(), id in option::of(any::<String>()), extra in extra()) {
        request_round_trips(&request);
        let provider = RegisteredProvider::new("crabmail.ai".parse().unwrap(), "https://api.crabmail.ai/v1".parse().unwrap());
        let key_of = request.public_key().fingerprint();
        let mut answer = Registered::new(alice(), key(), provider, key_of, "2026-01-31T10:00:00Z".parse().unwrap());
        answer.agent_id = id;
        answer.extra = extra;
        answer_round_trips(&answer);
    }

    #[test]
    fn the_own_registration_survives_both_directions(
        delivery in option::of(delivery()),
        alias in option::of(any::<String>()),
        metadata in option::of(metadata()),
        policy in option::of(policy()),
        at in time(),
        extra in extra(),
    ) {
        request_round_trips(&GetMe);
        let mut me = Me::new(alice(), identity(1).fingerprint(), at);
        (me.alias, me.last_seen_at, me.extra) = (alias.clone(), Some(at), extra.clone());
        answer_round_trips(&me);
        let mut update = UpdateMe::default();
        (update.alias, update.delivery, update.communication_policy, update.extra) = (alias, delivery, policy, extra.clone());
        if let Some(metadata) = metadata {
            update = update.with_metadata(metadata).unwrap();
        }
        request_round_trips(&update);
        let mut updated = Updated::new(alice());
        updated.extra = extra;
        answer_round_trips(&updated);
        request_round_trips(&Deregister);
        answer_round_trips(&Deregistered::new(alice()));
    }

    #[test]
    fn lists_of_agents_survive_both_directions(
        texts in prop::array::uniform3(option::of(any::<String>())),
        limit in option::of(number()),
        agents in prop::collection::vec((address(), option::of(any::<String>()), option::of(any::<bool>())), 0..4),
        extra in extra(),
    ) {
        let mut request = ListAgents::default();
        let [tenant, search, cursor] = texts;
        (request.tenant, request.search, request.cursor, request.limit) = (tenant, search, cursor.clone(), limit);
        request_round_trips(&request);
        let mut answer = AgentList::default();
        answer.agents = agents.iter().map(|(address, alias, online)| {
            let mut agent = ListedAgent::new(address.clone());
            (agent.alias, agent.online) = (alias.clone(), *online);
            agent
        }).collect();
        (answer.total, answer.cursor, answer.extra) = (limit, cursor, extra);
        answer_round_trips(&answer);

        let id: OpaqueId = "6a1b2add-058e-452f-b520-21fb898a03ea".parse().unwrap();
        request_round_trips(&ListOwned);
        let mut owned = OwnedAgents::default();
        owned.agents = agents.into_iter().map(|(address, ..)| OwnedAgent::new(id.clone(), address)).collect();
        answer_round_trips(&owned);
        request_round_trips(&DeleteOwned::new(id));
    }

    #[test]
    fn keys_survive_both_directions(address in address(), seed: u8, at in time(), extra in extra()) {
        request_round_trips(&Resolve::new(address.clone()));
        let new = identity(seed);
        let mut resolved = Resolved::new(address.clone(), new.verifying_key());
        resolved.extra = extra.clone();
        answer_round_trips(&resolved);

        request_round_trips(&RotateApiKey);
        answer_round_trips(&ApiKeyRotated::new(key(), at));
        request_round_trips(&RevokeApiKey);
        answer_round_trips(&ApiKeyRevoked::new(at));
        request_round_trips(&GetUserKey);
        answer_round_trips(&UserKey::new(key()));
        let old = identity(seed.wrapping_add(1));
        request_round_trips(&RotateKeys::new(RotationRequest::prove(&old, &new).unwrap()));
        let mut rotated = KeysRotated::new(address, new.verifying_key());
        rotated.extra = extra;
        answer_round_trips(&rotated);
    }

    #[test]
    fn what_a_provider_says_of_itself_survives_both_directions(
        words in prop::array::uniform4(option::of(any::<String>())),
        list in option::of(prop::collection::vec(any::<String>(), 0..4)),
        numbers in prop::array::uniform3(option::of(number())),
        flag in option::of(any::<bool>()),
        state in any::<String>(),
        extra in extra(),
    ) {
        request_round_trips(&GetHealth);
        let mut health = Health::new(HealthStatus::read(&state.chars().take(64).collect::<String>()));
        let [version, provider, key, fingerprint] = words;
        (health.version, health.provider) = (version.clone(), provider.clone());
        (health.agents_online, health.uptime_seconds, health.federation) = (numbers[0], numbers[1], flag);
        health.extra = extra.clone();
        answer_round_trips(&health);

        request_round_trips(&GetInfo);
        let mut info = Info::default();
        (info.provider, info.version, info.public_key, info.fingerprint) = (provider, version, key, fingerprint);
        (info.capabilities, info.registration_modes) = (list.clone(), list);
        let mut files = AttachmentLimits::default();
        (files.max_attachment_size, files.max_attachments_per_message, files.direct_upload) = (numbers[2], numbers[1], flag);
        info.attachment_limits = Some(files);
        let mut calls = RateLimitsStated::default();
        calls.messages_per_minute = numbers[0];
        calls.extra = extra;
        info.rate_limits = Some(calls);
        answer_round_trips(&info);
    }
}

#[test]
fn a_discovery_document_survives_both_directions() {
    request_round_trips(&GetWellKnown);
    let provider = "crabmail.ai".parse().unwrap();
    answer_round_trips(
        &WellKnown::new(provider, "https://api.crabmail.ai/v1", identity(1).verifying_key()).unwrap(),
    );
}

// rule: API-7
#[test]
fn a_card_is_handed_on_byte_for_byte() {
    let json = br#"{"address":"alice@acme.crabmail.ai", "x":1.50,"\u0061b":[ ]}"#;
    let card = Card::from_json(json).unwrap();
    request_round_trips(&GetCard);
    answer_round_trips(&card);
    assert_eq!(Card::from_parts(&card.to_parts()).unwrap().as_bytes(), json);
}

// rule: API-7
#[test]
fn unknown_members_keep_their_spelling() {
    let body = br#"{"status":"healthy","x":1.50,"\u0079":{"z":[1E2, null]},"version":null}"#;
    let health = Health::from_parts(&AnswerParts::new(200).with_body(body.to_vec())).unwrap();
    assert_eq!(health.extra.iter().collect::<Vec<_>>(), [("x", "1.50"), ("y", r#"{"z":[1E2, null]}"#)]);
    assert_eq!(health.to_parts().body, br#"{"status":"healthy","x":1.50,"y":{"z":[1E2, null]}}"#);
}

// rule: API-11
#[test]
fn metadata_never_replaces_the_providers_own_record() {
    for metadata in [json!({"amp": {"note": "x"}}), json!({"amp": null}), json!([]), json!("x")] {
        let raw = RawJson::new(&metadata).unwrap();
        assert!(UpdateMe::default().with_metadata(raw.clone()).is_err(), "{metadata}");
        let register = Register::new("alice".parse().unwrap(), identity(1).verifying_key());
        assert!(register.with_metadata(raw).is_err(), "{metadata}");

        let mut parts = UpdateMe::default().to_parts();
        parts.body = json!({"metadata": metadata}).to_string().into_bytes();
        let refused = UpdateMe::from_parts(&parts).unwrap_err();
        assert_eq!(
            (refused.code, refused.field.as_deref()),
            (Some(ApiErrorCode::InvalidField), Some("metadata"))
        );
    }
}

// rule: API-12
#[test]
fn a_rotation_has_a_key_and_a_proof() {
    let rotation = RotateKeys::new(RotationRequest::prove(&identity(1), &identity(2)).unwrap());
    let full: Value = serde_json::from_slice(&rotation.to_parts().body).unwrap();
    let without = |name: &str| {
        let mut body = full.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let refusal = |body: Vec<u8>| {
        let mut parts = rotation.to_parts();
        parts.body = body;
        let error = RotateKeys::from_parts(&parts).unwrap_err();
        (error.code.unwrap(), error.field)
    };
    assert_eq!(refusal(Vec::new()).0, ApiErrorCode::InvalidRequest);
    for (name, code) in
        [("new_public_key", ApiErrorCode::MissingField), ("proof", ApiErrorCode::MissingField)]
    {
        assert_eq!(refusal(without(name).to_string().into_bytes()), (code, Some(name.to_owned())));
    }
    let mut other = full.clone();
    other["key_algorithm"] = json!("RSA");
    assert_eq!(refusal(other.to_string().into_bytes()).1.as_deref(), Some("key_algorithm"));
}

// rule: API-13
#[test]
fn a_registered_key_is_a_pem_block_of_the_stated_algorithm() {
    let request = Register::new("zed".parse().unwrap(), identity(1).verifying_key());
    let full: Value = serde_json::from_slice(&request.to_parts().body).unwrap();
    let hex = identity(1).verifying_key().to_hex().unwrap();
    for (name, value) in [
        ("public_key", json!(hex)),
        ("public_key", json!("cqduyr22Uy0Xfn34RS2tz39hVV1sONtyeaR03lApuCY=")),
        ("key_algorithm", json!("RSA")),
        ("name", json!("zed!")),
        ("name", json!("z".repeat(64))),
        ("agent_id", json!("agt_abc")),
        ("scope", json!({"platform": "git hub"})),
        ("capabilities", json!("all")),
    ] {
        let mut parts = request.to_parts();
        let mut body = full.clone();
        body[name] = value.clone();
        parts.body = body.to_string().into_bytes();
        let refused = Register::from_parts(&parts).unwrap_err();
        assert_eq!(
            (refused.code, refused.field.as_deref()),
            (Some(ApiErrorCode::InvalidField), Some(name)),
            "{value}"
        );
    }
}

fn unreadable<T: core::fmt::Debug>(outcome: Result<T, ApiError>) -> String {
    let error = outcome.unwrap_err();
    assert!(error.is_unreadable() && error.code.is_none());
    assert_eq!(error.retry("2026-01-31T10:00:00Z".parse().unwrap()), Retry::Never);
    error.field.unwrap()
}

// rule: API-5
#[test]
fn a60_an_answer_to_another_request_is_an_error() {
    let request = Resolve::new(alice());
    let other = Resolved::new("alice@acme.evil.example".parse().unwrap(), identity(1).verifying_key());
    assert_eq!(unreadable(request.read_answer(&other.to_parts())), "address");

    let provider = || {
        RegisteredProvider::new("crabmail.ai".parse().unwrap(), "https://api.crabmail.ai/v1".parse().unwrap())
    };
    let registered = |address: &str, seed| {
        let at = "2026-01-31T10:00:00Z".parse().unwrap();
        Registered::new(address.parse().unwrap(), key(), provider(), identity(seed).fingerprint(), at)
            .to_parts()
    };
    let request = Register::new("alice".parse().unwrap(), identity(1).verifying_key()).in_tenant("acme");
    assert!(request.read_answer(&registered("alice@acme.crabmail.ai", 1)).is_ok());
    assert_eq!(unreadable(request.read_answer(&registered("alice@acme.crabmail.ai", 2))), "fingerprint");
    assert_eq!(unreadable(request.read_answer(&registered("alicia@acme.crabmail.ai", 1))), "address");
    assert_eq!(unreadable(request.read_answer(&registered("alice@other.crabmail.ai", 1))), "address");

    // The provider's own name says where the tenant ends.
    let long = RegisteredProvider::new(
        "mail.corp.example".parse().unwrap(),
        "https://corp.example/v1".parse().unwrap(),
    );
    let at = "2026-01-31T10:00:00Z".parse().unwrap();
    let address = "alice@acme.mail.corp.example".parse().unwrap();
    let answer = Registered::new(address, key(), long, identity(1).fingerprint(), at);
    assert_eq!(answer.tenant.as_deref(), Some("acme"));
    assert!(request.read_answer(&answer.to_parts()).is_ok());

    // A deployed provider puts the tenant into its own name.
    let named = || {
        let api = "http://127.0.0.1:23000/api/v1".parse().unwrap();
        RegisteredProvider::new("acme.aimaestro.local".parse().unwrap(), api)
    };
    for (address, is_taken) in [
        ("alice@acme.aimaestro.local", true),
        ("alice@agents-web.github.acme.aimaestro.local", true),
        ("alice@acme.github.other.aimaestro.local", false),
    ] {
        let answer = Registered::new(address.parse().unwrap(), key(), named(), identity(1).fingerprint(), at)
            .to_parts();
        assert_eq!(request.read_answer(&answer).is_ok(), is_taken, "{address}");
    }

    let request = RotateKeys::new(RotationRequest::prove(&identity(1), &identity(2)).unwrap());
    let kept = KeysRotated::new(alice(), identity(1).verifying_key());
    assert_eq!(unreadable(request.read_answer(&kept.to_parts())), "fingerprint");
    let mut swapped = KeysRotated::new(alice(), identity(2).verifying_key());
    swapped.public_key = Some(identity(3).verifying_key().clone());
    assert_eq!(unreadable(request.read_answer(&swapped.to_parts())), "public_key");

    let mut request = ListAgents::default();
    request.cursor = Some("c1".into());
    let mut page = AgentList::default();
    page.cursor = Some("c1".into());
    assert_eq!(unreadable(request.read_answer(&page.to_parts())), "cursor");
}

// rule: API-6
#[test]
fn a_key_and_what_is_said_of_it_agree() {
    let good: Value =
        serde_json::from_slice(&Resolved::new(alice(), identity(1).verifying_key()).to_parts().body).unwrap();
    let other: Value =
        serde_json::from_slice(&Resolved::new(alice(), identity(2).verifying_key()).to_parts().body).unwrap();
    for (name, value) in [
        ("fingerprint", other["fingerprint"].clone()),
        ("did", other["did"].clone()),
        ("key_algorithm", json!("RSA")),
        ("public_key", json!("")),
    ] {
        let mut body = good.clone();
        body[name] = value;
        let answer = AnswerParts::new(200).with_body(body.to_string().into_bytes());
        assert_eq!(unreadable(Resolved::from_parts(&answer)), name);
    }
}

// rule: API-4
#[test]
fn a60_messages_go_to_the_site_of_the_api() {
    let api: ApiUrl = "https://api.crabmail.ai/v1".parse().unwrap();
    let named = |url: Option<&str>| {
        let mut provider = RegisteredProvider::new("crabmail.ai".parse().unwrap(), api.clone());
        provider.route_url = url.map(|url| url.parse().unwrap());
        let at = "2026-01-31T10:00:00Z".parse().unwrap();
        Registered::new(alice(), key(), provider, identity(1).fingerprint(), at).route_url(&api)
    };
    assert_eq!(named(None).unwrap().as_str(), "https://api.crabmail.ai/v1/route");
    assert_eq!(
        named(Some("https://API.crabmail.ai:443/v2/r")).unwrap().as_str(),
        "https://api.crabmail.ai/v2/r"
    );
    for foreign in [
        "https://evil.example/v1/route",
        "http://api.crabmail.ai/v1/route",
        "https://api.crabmail.ai:8443/v1/route",
        "https://api.crabmail.ai.evil.example/v1/route",
        "https://sub.api.crabmail.ai/v1/route",
    ] {
        assert_eq!(named(Some(foreign)), Err(WireError::ForeignRouteUrl), "{foreign}");
    }
}

#[test]
fn an_api_key_is_not_sent_where_anybody_may_call() {
    let key = "amp_live_s3cret".parse().unwrap();
    for endpoint in Endpoint::ALL {
        let parts = RequestParts::new(endpoint.method(), &endpoint.path().replace(['{', '}'], "x"));
        let sent = parts.with_key(&key).key().unwrap().is_some();
        assert_eq!(sent, endpoint.authorization() != Authorization::None, "{endpoint:?}");
    }
}

#[test]
fn nothing_that_is_secret_is_shown() {
    let mut request = Register::new("alice".parse().unwrap(), identity(1).verifying_key());
    request.invite_code = Some(SecretText::new("s3cret".into()));
    let mut delivery = Delivery::default();
    delivery.webhook_url = Some("https://hooks.example/s3cret".into());
    delivery.webhook_secret = Some(SecretText::new("whsec_s3cret".into()));
    request.delivery = Some(delivery);
    let parts = request.to_parts().with_key(&"amp_live_s3cret".parse().unwrap());
    let answer = UserKey::new("uk_s3cret_key".parse().unwrap());
    let shown = format!("{request:?} {parts:?} {answer:?} {:?}", answer.to_parts());
    assert!(!shown.contains("s3cret"), "{shown}");
}
