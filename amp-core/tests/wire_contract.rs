//! The ground of the provider's API: where requests go, what is read of them, and what a refusal says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use core::time::Duration;
use std::collections::BTreeSet;

use amp_core::identity::ApiKey;
use amp_core::wire::{
    Answer, AnswerParts, AnyRequest, ApiError, ApiErrorCode, ApiUrl, Authorization, Endpoint, GetHealth,
    GetMe, GetWellKnown, Health, ListAgents, Method, RateStatus, RawJson, Register, Request, RequestParts,
    Resolve, Retry, WireError,
};
use amp_core::{Identity, Timestamp};
use proptest::prelude::*;
use serde_json::json;

const MIB: usize = 1024 * 1024;

fn now() -> Timestamp {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

fn after(seconds: u64) -> Timestamp {
    now().saturating_add(Duration::from_secs(seconds))
}

fn code_of(error: &ApiError) -> &str {
    error.code.as_ref().unwrap().as_str()
}

// rule: API-10
#[test]
fn every_endpoint_is_found_by_its_own_path() {
    let mut paths = BTreeSet::new();
    for endpoint in Endpoint::ALL {
        assert!(paths.insert((endpoint.method(), endpoint.path())), "{endpoint:?}");
        let path = endpoint.path().replace("{address}", "alice%40acme.crabmail.ai").replace("{id}", "x1");
        assert_eq!(Endpoint::find(endpoint.method(), &path), Some(*endpoint), "{path}");
        assert_eq!(Endpoint::find(endpoint.method(), &format!("{path}/")), None);
        if let Some((method, deployed)) = endpoint.deployed() {
            assert_eq!(Endpoint::find(method, deployed), Some(*endpoint), "{deployed}");
        }
    }
    assert_eq!(Endpoint::find(Method::Post, "/health"), None);
    assert_eq!(Endpoint::find(Method::Get, "/v1/health"), None);
    // A literal segment comes before a placeholder.
    assert_eq!(Endpoint::find(Method::Get, "/messages/pending/count"), Some(Endpoint::CountPending));
}

// rule: API-10
#[test]
fn what_stands_in_a_path_is_one_segment() {
    let at = |path: &str| Resolve::from_parts(&RequestParts::new(Method::Get, path));
    let spelled = ["/agents/resolve/bob@acme.crabmail.ai", "/agents/resolve/bob%40acme.crabmail.ai"];
    for path in spelled {
        assert_eq!(at(path).unwrap().address.as_str(), "bob@acme.crabmail.ai");
    }
    for (path, code) in [
        ("/agents/resolve/", "not_found"),
        ("/agents/resolve/bob", "invalid_field"),
        ("/agents/resolve/bob@acme.crabmail.ai/x", "not_found"),
        ("/agents/resolve/bob@acme%2Fcrabmail.ai", "invalid_field"),
        ("/agents/resolve/%ff", "not_found"),
        ("/agents/resolve/%4", "not_found"),
        ("/agents/resolve/%2e%2e", "invalid_field"),
        ("/agents/me", "not_found"),
    ] {
        assert_eq!(code_of(&at(path).unwrap_err()), code, "{path}");
    }
    for id in ["%2e%2e", ".", "a%2fb", "a%00", "%C3%A9"] {
        let path = format!("/agents/owned/{id}");
        let refused = AnyRequest::from_parts(&RequestParts::new(Method::Delete, &path)).unwrap_err();
        assert!(matches!(code_of(&refused), "invalid_field" | "not_found"), "{path}");
    }
}

// rule: API-14
#[test]
fn the_discovery_document_lies_at_the_root_of_the_host() {
    let api: ApiUrl = "http://127.0.0.1:23000/api/v1".parse().unwrap();
    let url = api.join(&GetWellKnown.to_parts());
    assert_eq!(url, "http://127.0.0.1:23000/.well-known/agent-messaging.json");
    let sent = GetWellKnown.to_http(&api, None).unwrap();
    assert_eq!(sent.uri().to_string(), url);
    assert!(GetWellKnown::from_http(&sent, &api).is_ok());
}

// rule: API-3
#[test]
fn the_base_of_an_api_is_a_plain_url() {
    for (text, normal) in [
        ("https://api.crabmail.ai/v1", "https://api.crabmail.ai/v1"),
        ("HTTPS://API.Crabmail.AI:443/v1//", "https://api.crabmail.ai/v1"),
        ("http://127.0.0.1:23000/api/v1", "http://127.0.0.1:23000/api/v1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://api.crabmail.ai/a/../v1", "https://api.crabmail.ai/v1"),
    ] {
        let url: ApiUrl = text.parse().unwrap();
        assert_eq!(url.as_str(), normal);
        assert_eq!(normal.parse::<ApiUrl>().unwrap(), url);
    }
    for text in [
        "",
        "api.crabmail.ai/v1",
        "ftp://api.crabmail.ai/v1",
        "https:///v1",
        "https:api.crabmail.ai",
        "https://user@api.crabmail.ai/v1",
        "https://user:secret@api.crabmail.ai/v1",
        "https://@api.crabmail.ai/v1",
        "https://api.crabmail.ai/v1?key=1",
        "https://api.crabmail.ai/v1#x",
        "https://api.crabmail.ai\\@evil.example/v1",
        "https://api.crabmäil.ai/v1",
        "https://api.crabmail.ai/v1\r\nX: 1",
        "https://api.crabmail.ai:99999/v1",
    ] {
        let refused = text.parse::<ApiUrl>().unwrap_err();
        assert!(matches!(refused, WireError::Url { .. }), "{text}");
        assert!(!refused.to_string().contains("secret"));
    }
    let long = format!("https://api.crabmail.ai/{}", "v".repeat(2048));
    assert!(long.parse::<ApiUrl>().is_err());
}

// rule: API-1
#[test]
fn no_path_moves_a_request_to_another_host() {
    let api: ApiUrl = "https://api.crabmail.ai".parse().unwrap();
    let key: ApiKey = "amp_live_sk_7f53efb3".parse().unwrap();
    for path in [
        "@evil.example/agents/me",
        ".evil.example/agents/me",
        ":8443/agents/me",
        "//evil.example/agents/me",
        "",
    ] {
        let parts = RequestParts::new(Method::Get, path);
        let url = api.join(&parts);
        assert!(url.starts_with("https://api.crabmail.ai/"), "{url}");
        if let Ok(sent) = parts.into_http(&api, Some(&key)) {
            assert_eq!(sent.uri().authority().unwrap().as_str(), "api.crabmail.ai", "{path}");
            assert!(!sent.headers().contains_key("authorization"), "{path}");
        }
    }
}

// rule: API-1
#[test]
fn the_api_key_is_sent_where_one_is_wanted_and_nowhere_else() {
    let api: ApiUrl = "https://api.crabmail.ai/v1".parse().unwrap();
    let key: ApiKey = "amp_live_sk_7f53efb3".parse().unwrap();
    assert_eq!(GetMe.to_http(&api, None).unwrap_err(), WireError::KeyMissing);
    let sent = GetMe.to_http(&api, Some(&key)).unwrap();
    assert_eq!(sent.headers()["authorization"], "Bearer amp_live_sk_7f53efb3");
    assert!(!format!("{sent:?}").contains("amp_live"), "{sent:?}");
    let by_path = GetMe.to_parts().into_http(&api, Some(&key)).unwrap();
    assert_eq!(by_path.headers(), sent.headers());
    let nowhere = RequestParts::new(Method::Get, "/nowhere").into_http(&api, Some(&key)).unwrap();
    assert!(!nowhere.headers().contains_key("authorization"));
    // An endpoint for anybody gets no key, though one is at hand.
    assert!(!GetHealth.to_http(&api, Some(&key)).unwrap().headers().contains_key("authorization"));
    // An owner's key is sent with a registration when there is one.
    let register = Register::new("alice".parse().unwrap(), Identity::from_seed(&[1; 32]).verifying_key());
    assert_eq!(Endpoint::Register.authorization(), Authorization::Optional);
    assert!(register.to_http(&api, None).is_ok());
    assert!(register.to_http(&api, Some(&key)).unwrap().headers().contains_key("authorization"));
}

// rule: API-2
#[test]
fn an_api_key_is_taken_from_one_bearer_header() {
    let with = |values: &[&str]| {
        let bare = RequestParts::new(Method::Get, "/agents/me");
        let parts = values.iter().fold(bare, |parts, value| parts.with_header("AUTHORIZATION", value));
        parts.key()
    };
    assert!(with(&[]).unwrap().is_none());
    for value in ["Bearer amp_live_sk_7f53efb3", "bearer   amp_live_sk_7f53efb3"] {
        assert_eq!(with(&[value]).unwrap().unwrap().expose(), "amp_live_sk_7f53efb3");
    }
    let good = "Bearer amp_live_sk_7f53efb3";
    for values in [
        &["amp_live_sk_7f53efb3"][..],
        &["Basic amp_live_sk_7f53efb3"],
        &["Bearer "],
        &["Bearer short"],
        &["Bearer amp_live_sk_7f53 efb3"],
        &["Bearer amp_live_sk_\u{e9}tude"],
        &[""],
        &[good, good],
        &[good, ""],
    ] {
        let refused = with(values).unwrap_err();
        assert_eq!((refused.status, code_of(&refused)), (401, "unauthorized"), "{values:?}");
    }
}

// rule: API-8
#[test]
fn a56_a57_what_is_read_of_a_request_is_bounded() {
    let refusal = |parts: &RequestParts| AnyRequest::from_parts(parts).unwrap_err();
    let register = || {
        let mut parts = RequestParts::new(Method::Post, "/register");
        parts.body = b"{}".to_vec();
        parts
    };
    let mut long = register();
    long.body = vec![b' '; MIB + 1];
    assert_eq!((refusal(&long).status, code_of(&refusal(&long))), (413, "request_too_large"));
    long.body.pop();
    assert_eq!(code_of(&refusal(&long)), "invalid_request");

    let mut deep = register();
    deep.body = format!("{{\"x\":{}{}}}", "[".repeat(200), "]".repeat(200)).into_bytes();
    assert_eq!(code_of(&refusal(&deep)), "invalid_request");

    for body in ["", "null", "[]", "\"x\"", "{\"tenant\": ", "{\"a\":1,\"a\":2}", "{} {}", "\u{feff}{}"] {
        let mut parts = register();
        parts.body = body.into();
        assert_eq!((refusal(&parts).status, code_of(&refusal(&parts))), (400, "invalid_request"), "{body}");
    }

    let mut many = RequestParts::new(Method::Get, "/health");
    many.headers = vec![("x".into(), "y".into()); 129];
    assert_eq!(code_of(&refusal(&many)), "invalid_request");
    many.headers.pop();
    assert!(AnyRequest::from_parts(&many).is_ok());
    many.headers[0].1 = "y".repeat(8193);
    assert_eq!(code_of(&refusal(&many)), "invalid_request");
    let mut many = RequestParts::new(Method::Get, "/agents");
    many.query = vec![("x".into(), "y".into()); 33];
    assert_eq!(code_of(&refusal(&many)), "invalid_request");
    let path = format!("/agents/resolve/{}", "a".repeat(8192));
    assert_eq!(code_of(&refusal(&RequestParts::new(Method::Get, &path))), "invalid_request");
}

// rule: API-8
// rule: ERR-3
#[test]
fn a56_a57_what_is_read_of_an_answer_is_bounded() {
    let unreadable = |answer: AnswerParts| {
        let error = Health::from_parts(&answer).unwrap_err();
        assert!(error.is_unreadable());
        assert_eq!(error.retry(now()), Retry::Never);
    };
    let healthy = || AnswerParts::new(200).with_body(br#"{"status":"healthy"}"#.to_vec());
    assert!(Health::from_parts(&healthy()).is_ok());
    unreadable(AnswerParts::new(200).with_body(vec![b' '; MIB + 1]));
    for body in
        ["", "<html>", "null", "[]", "{}", r#"{"status":1}"#, r#"{"status":"healthy","status":"healthy"}"#]
    {
        unreadable(AnswerParts::new(200).with_body(body.into()));
    }
    let mut many = healthy();
    many.headers = vec![("x".into(), "y".into()); 129];
    unreadable(many);
}

// rule: API-9
#[test]
fn what_may_stand_once_stands_once() {
    let mut parts = ListAgents::default().to_parts();
    parts.query = vec![("limit".into(), "1".into()), ("limit".into(), "2".into())];
    let refused = ListAgents::from_parts(&parts).unwrap_err();
    assert_eq!((code_of(&refused), refused.field.as_deref()), ("invalid_field", Some("limit")));
    for limit in ["-1", "1.5", "", " 1", "99999999999999999999"] {
        parts.query = vec![("limit".into(), limit.into())];
        assert_eq!(ListAgents::from_parts(&parts).unwrap_err().field.as_deref(), Some("limit"), "{limit}");
    }
    parts.query = vec![("limit".into(), "1".into()), ("colour".into(), "red".into())];
    assert_eq!(ListAgents::from_parts(&parts).unwrap().limit, Some(1));
}

/// Every code of the text, and those of a deployed provider, with its status.
const CODES: &str = "400 invalid_request missing_field invalid_field too_many_attachments timestamp_future missing_header
    organization_not_set
401 unauthorized
403 forbidden signature_invalid key_mismatch key_revoked agent_suspended recipient_suspended recipient_not_allowed
    tenant_access_denied invalid_signature
404 not_found key_not_found attachment_not_found agent_not_found
409 name_taken attachment_pending attachment_already_used key_conflict duplicate_idempotency_key duplicate_message
    key_already_registered address_already_registered
410 attachment_expired quarantine_expired cursor_expired
413 attachment_too_large request_too_large payload_too_large
422 signature_missing attachment_rejected invalid_digest_algorithm attachments_not_supported external_provider
429 rate_limited
500 internal_error
202 message_quarantined";

// rule: ERR-1
#[test]
fn a_refusal_says_its_code_with_the_codes_status() {
    let mut status = 0;
    let mut seen = 0;
    for word in CODES.split_whitespace() {
        if let Ok(number) = word.parse() {
            status = number;
            continue;
        }
        let code = ApiErrorCode::read(word);
        assert!(!matches!(code, ApiErrorCode::Other(_)), "{word}");
        assert_eq!((code.as_str(), code.http_status()), (word, status));
        let refusal = ApiError::new(code, "the rule").with_field("payload.message");
        let answer = refusal.to_parts();
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body, json!({"error": word, "message": "the rule", "field": "payload.message"}));
        assert_eq!(ApiError::from_parts(&answer), refusal);
        seen += 1;
    }
    assert_eq!(seen, 43);
}

// rule: ERR-7
#[test]
fn suggestions_are_read_where_either_provider_puts_them() {
    let of = |body: serde_json::Value| {
        let answer = AnswerParts::new(409).with_body(body.to_string().into_bytes());
        ApiError::from_parts(&answer).suggestions().to_vec()
    };
    let names = ["alice-2", "alice-3"];
    assert_eq!(of(json!({"error": "name_taken", "suggestions": names})), names);
    assert_eq!(of(json!({"error": "name_taken", "message": "m", "details": {"suggestions": names}})), names);
    assert_eq!(of(json!({"error": "name_taken", "suggestions": [1, "a", null]})), ["a"]);
    assert_eq!(
        of(json!({"error": "name_taken", "suggestions": vec!["x".repeat(100); 100]})),
        vec!["x".repeat(64); 16]
    );
}

// rule: ERR-2
#[test]
fn a_body_that_is_no_errors_json_is_kept_in_part() {
    for (status, body, shown) in [
        (404, "<!DOCTYPE html><html>", Some("<!DOCTYPE html><html>")),
        (500, "", None),
        (500, "null", Some("null")),
        (502, r#"{"detail":"x"}"#, Some(r#"{"detail":"x"}"#)),
        (400, r#"{"error":{"code":"x"}}"#, Some(r#"{"error":{"code":"x"}}"#)),
    ] {
        let error = ApiError::from_parts(&AnswerParts::new(status).with_body(body.into()));
        assert_eq!((error.status, error.code.clone(), error.excerpt()), (status, None, shown));
        assert!(!error.is_unreadable());
        assert_eq!(ApiError::from_parts(&error.to_parts()), error);
    }
    let long = AnswerParts::new(500).with_body("é".repeat(1000).into_bytes());
    assert_eq!(ApiError::from_parts(&long).excerpt().unwrap(), "é".repeat(100));
    let cut = AnswerParts::new(500).with_body(format!("x{}", "é".repeat(1000)).into_bytes());
    assert_eq!(ApiError::from_parts(&cut).excerpt().unwrap(), format!("x{}", "é".repeat(99)));
}

fn limited(headers: &[(&str, &str)]) -> ApiError {
    let bare = ApiError::new(ApiErrorCode::RateLimited, "too many").to_parts();
    ApiError::from_parts(&headers.iter().fold(bare, |answer, (name, value)| answer.with_header(name, value)))
}

// rule: ERR-4
#[test]
fn a60_no_provider_keeps_its_client_waiting_for_more_than_an_hour() {
    assert_eq!(limited(&[("retry-after", "7")]).retry(now()), Retry::At(after(7)));
    assert_eq!(limited(&[("Retry-After", "99999999999999")]).retry(now()), Retry::At(after(3600)));
    for value in ["0", "-5", "+5", "1e3", "Wed, 21 Oct 2026 07:28:00 GMT", ""] {
        assert_eq!(limited(&[("retry-after", value)]).retry(now()), Retry::Backoff, "{value}");
    }
    let window = |remaining: &str, reset: i64| {
        let reset = reset.to_string();
        limited(&[
            ("x-ratelimit-limit", "60"),
            ("X-RateLimit-Remaining", remaining),
            ("x-ratelimit-reset", &reset),
        ])
    };
    let soon = after(30).unix_seconds();
    assert_eq!(window("0", soon).retry(now()), Retry::At(after(30)));
    assert_eq!(window("5", soon).retry(now()), Retry::Backoff);
    assert_eq!(window("0", soon - 60).retry(now()), Retry::Backoff);
    assert_eq!(window("0", soon + 1_000_000).retry(now()), Retry::At(after(3600)));
    assert_eq!(limited(&[]).retry(now()), Retry::Backoff);
}

// rule: ERR-5
#[test]
fn only_what_may_pass_is_asked_again() {
    let retry = |status, code: &str| {
        let body = json!({"error": code, "message": ""}).to_string();
        ApiError::from_parts(&AnswerParts::new(status).with_body(body.into_bytes())).retry(now())
    };
    for status in [408, 425, 429, 500, 502, 503, 504] {
        assert_eq!(retry(status, "x"), Retry::Backoff, "{status}");
    }
    for status in [301, 400, 401, 403, 404, 409, 410, 413, 422, 501] {
        assert_eq!(retry(status, "x"), Retry::Never, "{status}");
    }
    assert_eq!(retry(409, "attachment_pending"), Retry::Backoff);
}

// rule: ERR-4
#[test]
fn a_refusal_tells_its_limit_in_headers() {
    let rate = RateStatus::new(60, 0, after(30));
    let refusal = ApiError::new(ApiErrorCode::RateLimited, "60 a minute")
        .with_rate(rate, Duration::from_millis(29_001));
    let answer = refusal.to_parts();
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert_eq!(RateStatus::read(&answer), Some(rate));
    let read = ApiError::from_parts(&answer);
    assert_eq!((read.rate(), read.retry_after()), (Some(rate), Some(Duration::from_secs(30))));
}

proptest! {
    // rule: ERR-1
    #[test]
    fn unknown_codes_and_members_survive(
        code in ".{0,64}",
        message in ".{0,80}",
        field in proptest::option::of(".{0,64}"),
        member in "[a-z]{7,9}",
        status in 400_u16..600,
    ) {
        let details = RawJson::new(&json!({"expected_tenant": message})).unwrap();
        let mut refusal = ApiError::new(ApiErrorCode::read(&code), &message).with_details(details);
        refusal.status = status;
        refusal.field = field;
        let mut answer = refusal.to_parts();
        let mut body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        body[&format!("x_{member}")] = json!([1, {"a": null}]);
        answer.body = body.to_string().into_bytes();
        let read = ApiError::from_parts(&answer);
        prop_assert_eq!(read.code.as_ref().map(ApiErrorCode::as_str), Some(code.as_str()));
        prop_assert_eq!((&read.message, &read.field), (&refusal.message, &refusal.field));
        let again: serde_json::Value = serde_json::from_slice(&read.to_parts().body).unwrap();
        prop_assert_eq!(again, body);
    }

    // rule: ERR-6
    #[test]
    fn a51_a_printed_error_acts_on_no_terminal(status: u16, body: Vec<u8>, texts: [String; 3], is_json: bool) {
        let json = json!({"error": texts[0], "message": texts[1], "field": texts[2]}).to_string();
        let answer = AnswerParts::new(status).with_body(if is_json { json.into_bytes() } else { body });
        let error = match Health::from_parts(&answer) {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        for shown in [error.to_string(), format!("{error:?}")] {
            prop_assert!(!shown.chars().any(char::is_control), "{:?}", shown);
            prop_assert!(shown.chars().count() < 300);
        }
    }

    #[test]
    fn a_query_survives_its_url(values in proptest::collection::vec(any::<String>(), 0..3), text: String) {
        let api: ApiUrl = "https://api.crabmail.ai/v1".parse().unwrap();
        let mut request = ListAgents::default();
        request.search = Some(text);
        request.tenant = values.first().cloned();
        let sent = request.to_http(&api, Some(&"amp_live_sk_7f53efb3".parse().unwrap())).unwrap();
        prop_assert_eq!(ListAgents::from_http(&sent, &api).unwrap(), request);
    }

    #[test]
    fn no_request_makes_a_reader_panic(method in 0..5_usize, path in "(/[a-z%@.0-9]{0,12}){0,4}", body: Vec<u8>) {
        let method = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete][method];
        let mut parts = RequestParts::new(method, &path);
        parts.body = body;
        if let Err(refusal) = AnyRequest::from_parts(&parts) {
            prop_assert!((400..500).contains(&refusal.status));
        }
    }
}
