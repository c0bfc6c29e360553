//! The endpoints of messages, attachments, review and federation: what a client makes a provider reads, what a provider
//! answers a client reads, and nothing that either does not know is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use core::fmt::Debug;
use core::time::Duration;

use amp_core::wire::{
    Acknowledge, AcknowledgeBatch, AcknowledgeForm, Acknowledged, Answer, AnswerParts, AnyRequest,
    ApiErrorCode, ApproveQuarantine, AttachmentState, Basis, BatchAcknowledged, CarriedKey, CarriedMessage,
    ConfirmUpload, CountPending, Cursor, Deliver, Delivered, DeliveryMethod, DeliveryStatus, DirectUpload,
    DownloadAttachment, DownloadLocation, Extra, Forwarded, GetAttachment, GetPending, GetQuarantine,
    GetRisk, HeldMessage, HeldMessages, HoldReason, ListQuarantine, MarkRead, OpaqueId, Pending,
    PendingCount, PendingMessage, ReadReceipt, ReceiptOutcome, RejectQuarantine, Request, RequestParts,
    ReviewStatus, Reviewed, Risk, RiskBand, RiskScore, Route, Routed, SignedUrl, StartUpload, Suspend,
    Suspended, Unsuspend, Unsuspended, UploadForm, UploadHeaders, UploadStarted,
};
use amp_core::{
    Address, AttachmentId, Draft, Identity, MessageId, Profile, QuarantineId, ScanStatus, Sha256Digest,
    SignedMessage, Timestamp,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Both directions of a request, over parts and over the crate `http`.
fn assert_request<R: Request + PartialEq + Debug>(request: &R) {
    let parts = request.to_parts();
    assert_eq!(&R::from_parts(&parts).unwrap(), request);
    let any = AnyRequest::from_parts(&parts).unwrap();
    assert_eq!((any.endpoint(), any.to_parts()), (R::ENDPOINT, parts));
    let api = "https://api.crabmail.ai/v1".parse().unwrap();
    let key = "amp_live_sk_7f53efb3fb6588af".parse().unwrap();
    let sent = request.to_http(&api, Some(&key)).unwrap();
    assert_eq!(&R::from_http(&sent, &api).unwrap(), request);
}

/// Both directions of an answer; and a member that nobody knows survives them.
fn assert_answer<A: Answer + PartialEq + Debug>(answer: &A) {
    let parts = answer.to_parts();
    assert_eq!(&A::from_parts(&parts).unwrap(), answer);
    assert_eq!(&A::from_http(&answer.to_http().unwrap()).unwrap(), answer);
    let Ok(mut body) = serde_json::from_slice::<Value>(&parts.body) else { return };
    let unknown = json!({"deep": [1.5, null, "\u{1f600}"]});
    body.as_object_mut().unwrap().insert("x_new".into(), unknown.clone());
    let read =
        A::from_parts(&AnswerParts::new(parts.status).with_body(body.to_string().into_bytes())).unwrap();
    let written: Value = serde_json::from_slice(&read.to_parts().body).unwrap();
    assert_eq!(written.get("x_new"), Some(&unknown));
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn alice() -> Identity {
    Identity::from_seed(&[7; 32])
}

fn signed(subject: &str, text: &str) -> SignedMessage {
    let now = "2026-01-31T10:00:00Z".parse().unwrap();
    let draft = Draft::request(address("bob@acme.crabmail.ai"), subject, text);
    draft.from(&address("alice@acme.crabmail.ai")).sign(&alice(), now).unwrap()
}

prop_compose! {
    fn message_id()(text in "[A-Za-z0-9][A-Za-z0-9_-]{3,40}") -> MessageId {
        MessageId::parse_with(&text, Profile::Deployed).unwrap()
    }
}

prop_compose! {
    fn attachment_id()(text in "att_[0-9]{1,10}_[a-f0-9]{1,16}") -> AttachmentId { text.parse().unwrap() }
}

prop_compose! {
    fn quarantine_id()(text in "qtn_[0-9]{1,10}_[a-f0-9]{1,16}") -> QuarantineId { text.parse().unwrap() }
}

prop_compose! {
    fn agent_id()(text in "[A-Za-z0-9][A-Za-z0-9._:@-]{0,60}") -> OpaqueId { text.parse().unwrap() }
}

prop_compose! {
    fn cursor()(text in "[!-~]{1,80}") -> Cursor { Cursor::new(&text).unwrap() }
}

prop_compose! {
    fn time()(milliseconds in 0_i64..4_000_000_000_000) -> Timestamp {
        Timestamp::from_unix_milliseconds(milliseconds).unwrap()
    }
}

prop_compose! {
    fn digest()(bytes: [u8; 32]) -> Sha256Digest { Sha256Digest::from_bytes(bytes) }
}

prop_compose! {
    fn url()(text in "[!-~]{1,120}") -> SignedUrl { SignedUrl::new(&text).unwrap() }
}

prop_compose! {
    fn extra()(members in vec(("x_[a-z]{1,6}", any::<String>()), 0..3)) -> Extra {
        let mut extra = Extra::default();
        for (name, value) in members {
            extra.insert(&name, &value).unwrap();
        }
        extra
    }
}

fn form() -> impl Strategy<Value = AcknowledgeForm> {
    prop_oneof![Just(AcknowledgeForm::Standard), Just(AcknowledgeForm::Deployed)]
}

fn status() -> impl Strategy<Value = DeliveryStatus> {
    "delivered|queued|quarantined|failed|on_holiday".prop_map(|word| DeliveryStatus::read(&word))
}

fn method() -> impl Strategy<Value = DeliveryMethod> {
    "websocket|webhook|relay|mesh|local|pigeon".prop_map(|word| DeliveryMethod::read(&word))
}

fn basis() -> impl Strategy<Value = Basis> {
    "mailbox_written|socket_written|webhook_2xx|queued|rumour".prop_map(|word| Basis::read(&word))
}

fn scan_status() -> impl Strategy<Value = ScanStatus> {
    proptest::sample::select(ScanStatus::ALL.to_vec())
}

fn carried() -> impl Strategy<Value = CarriedMessage> {
    // Members in any order, numbers and escapes in any spelling: the bytes are what counts.
    let number = prop_oneof![Just("1.0"), Just("1e2"), Just("-0"), Just("2.50")];
    (message_id(), number, "[a-z\\\\u0041 ]{0,12}").prop_map(|(id, number, text)| {
        let text = text.replace('\\', "\\\\");
        let json = format!(
            r#"{{"envelope":{{ "id":"{id}" ,"x":{number}}},"payload":{{"b":{number}, "a":"{text}"}}}}"#
        );
        CarriedMessage::from_json(json.as_bytes()).unwrap()
    })
}

prop_compose! {
    fn pending_message()(
        id in message_id(), message in carried(), key in any::<bool>(), queued in of(time()), expires in of(time()),
        extra in extra(),
    ) -> PendingMessage {
        let mut pending = PendingMessage::new(id, message);
        pending.sender_public_key = key.then(|| CarriedKey::pem(alice().verifying_key()));
        (pending.queued_at, pending.expires_at, pending.extra) = (queued, expires, extra);
        pending
    }
}

prop_compose! {
    fn start_upload()(
        name in any::<String>(), kind in "[a-z]{1,12}/[a-z.+-]{1,12}", size in 0_u64..1 << 53, digest in digest(),
        extra in extra(),
    ) -> StartUpload {
        let mut upload = StartUpload::new(&name, &kind, size, digest);
        upload.extra = extra;
        upload
    }
}

prop_compose! {
    fn held()(
        id in quarantine_id(), reason in "injection_detected|risk_threshold|mood", at in time(), until in time(),
        rules in of(vec(any::<String>(), 0..3)), status in "pending|approved|rejected|expired|lost", extra in extra(),
    ) -> HeldMessage {
        let mut held = HeldMessage::new(id, HoldReason::read(&reason), at, until);
        (held.rules_triggered, held.status, held.extra) = (rules, ReviewStatus::read(&status), extra);
        held.sender = Some(address("alice@acme.crabmail.ai"));
        held
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    // rule: API-22
    #[test]
    fn requests_about_messages_are_read_as_they_were_made(
        (limit, after, wait) in (of(any::<u32>()), of(cursor()), of(0_u64..40)),
        (id, ids, form) in (message_id(), vec(message_id(), 0..5), form()),
        names_sender: bool,
    ) {
        let mut page = GetPending::new();
        (page.limit, page.after) = (limit, after);
        assert_request(&wait.map_or(page.clone(), |wait| page.with_wait(Duration::from_secs(wait))));
        assert_request(&CountPending);
        assert_request(&Acknowledge::new(id.clone()).with_form(form));
        assert_request(&AcknowledgeBatch::new(ids).unwrap().with_form(form));
        let receipt = MarkRead::new(id);
        assert_request(&if names_sender { receipt.to(&address("alice@acme.crabmail.ai")) } else { receipt });
    }

    // rule: API-22
    #[test]
    fn answers_about_messages_are_read_as_they_were_made(
        (id, status, method, basis) in (message_id(), status(), of(method()), of(basis())),
        (delivered, queued, warnings, host) in (of(time()), of(time()), of(vec(any::<String>(), 0..3)), of(any::<String>())),
        (messages, remaining, next, extra) in (vec(pending_message(), 0..4), of(0_u64..1 << 53), of(cursor()), extra()),
        (count, oldest, already, sent) in (0_u64..1 << 53, of(time()), any::<bool>(), any::<bool>()),
    ) {
        let mut routed = Routed::new(id.clone(), status.clone());
        (routed.method, routed.basis, routed.delivered_at) = (method.clone(), basis, delivered);
        (routed.queued_at, routed.warnings, routed.remote_host) = (queued, warnings, host);
        routed.extra = extra.clone();
        assert_answer(&routed);

        let mut page = Pending::new(messages);
        (page.remaining, page.next_cursor, page.extra) = (remaining, next.clone(), extra.clone());
        assert_answer(&page);

        let mut counted = PendingCount::new(count);
        (counted.oldest_queued_at, counted.cursor) = (oldest, next);
        assert_answer(&counted);

        assert_answer(&if already { Acknowledged::before() } else { Acknowledged::now() });
        assert_answer(&BatchAcknowledged::new(count));
        let mut receipt = ReadReceipt::new(if sent { ReceiptOutcome::Sent } else { ReceiptOutcome::NotSent });
        (receipt.message_id, receipt.read_at, receipt.extra) = (Some(id.clone()), oldest, extra);
        assert_answer(&receipt);

        let mut forwarded = Delivered::new(id, &status);
        (forwarded.method, forwarded.delivered_at) = (method, delivered);
        assert_answer(&forwarded);
    }

    // rule: API-22
    #[test]
    fn attachment_endpoints_are_read_as_they_were_made(
        (id, upload, place) in (attachment_id(), start_upload(), url()),
        (status, headers, seconds) in (scan_status(), vec(("[A-Za-z-]{1,12}", any::<String>()), 0..4), 0_u64..4_000),
        (at, until, extra) in (of(time()), of(time()), extra()),
    ) {
        assert_request(&upload);
        assert_request(&ConfirmUpload::new(id.clone()));
        assert_request(&GetAttachment::new(id.clone()));
        assert_request(&DownloadAttachment::new(id.clone()));
        assert_answer(&DownloadLocation::new(place.clone()));

        let mut started = UploadStarted::new(id.clone(), place.clone(), Duration::from_secs(seconds));
        let names: std::collections::BTreeMap<_, _> = headers.into_iter().collect();
        started.upload_headers = UploadHeaders::new(names.into_iter().collect()).unwrap();
        started.extra = extra.clone();
        prop_assert!(started.expires_in <= Duration::from_secs(3_600));
        assert_answer(&started);

        let mut state = AttachmentState::new(id, status);
        assert_answer(&state);
        (state.filename, state.content_type) = (Some(upload.filename), Some(upload.content_type));
        (state.size, state.digest, state.url) = (Some(upload.size), Some(upload.digest), Some(place));
        (state.uploaded_at, state.expires_at, state.extra) = (at, until, extra);
        assert_answer(&state);
        // Whatever may be routed is an attachment that a payload can hold, and what may not is none.
        let is_whole = at.is_some() && until.is_some();
        prop_assert_eq!(state.payload_object().is_some(), status.may_be_routed() && is_whole);
    }

    // rule: API-28
    #[test]
    fn a_file_is_read_from_its_form_as_it_went_in(
        name in any::<String>(), file in vec(any::<u8>(), 0..400), noise in vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-')], 0..40),
    ) {
        let file = [file, noise].concat();
        let upload = DirectUpload::new(&name, "text/plain", file.clone());
        assert_request(&upload);
        let form = UploadForm::of(upload.about());
        let streamed = [form.before().as_bytes(), &file, form.after().as_bytes()].concat();
        prop_assert_eq!(&streamed, &upload.to_parts().body);
        prop_assert_eq!(form.content_length(), streamed.len() as u64);
    }

    // rule: API-22
    #[test]
    fn review_endpoints_are_read_as_they_were_made(
        (id, held, agent) in (quarantine_id(), vec(held(), 0..3), agent_id()),
        (limit, place, at, until) in (of(any::<u32>()), of(cursor()), time(), of(time())),
        (reason, hours, score, extra) in (any::<String>(), of(1_u64..10_000), 0.0_f64..=100.0, extra()),
        word in "pending|approved|rejected|expired|lost",
    ) {
        let mut list = ListQuarantine::default();
        (list.limit, list.cursor, list.status) = (limit, place.clone(), Some(ReviewStatus::read(&word)));
        assert_request(&list);
        assert_request(&GetQuarantine::new(id.clone()));
        assert_request(&ApproveQuarantine::new(id.clone()));
        assert_request(&RejectQuarantine::new(id.clone()));
        assert_answer(&Reviewed::new(id, ReviewStatus::read(&word)));
        held.iter().for_each(assert_answer);
        let mut page = HeldMessages::new(held);
        (page.total, page.cursor, page.has_more) = (Some(3), place, Some(true));
        assert_answer(&page);

        let mut suspend = Suspend::new(agent.clone(), &reason);
        suspend.extra = extra;
        assert_request(&suspend);
        if let Some(hours) = hours {
            assert_request(&suspend.for_duration(Duration::from_secs(hours * 3_600)));
        }
        assert_request(&Unsuspend::new(agent.clone()));
        assert_request(&GetRisk::new(agent.clone()));
        let mut suspended = Suspended::new(agent.clone(), at, &reason);
        suspended.expires_at = until;
        assert_answer(&suspended);
        assert_answer(&Unsuspended::now(agent.clone()));
        let score = RiskScore::new(score).unwrap();
        let mut risk = Risk::new(agent, score.clone(), RiskBand::High);
        (risk.blocked, risk.total) = (Some(1), Some(9));
        assert_answer(&risk);
        prop_assert_eq!(RiskScore::new(score.get()), Some(score));
    }

    // rule: API-32
    #[test]
    fn a_delivery_is_carried_byte_for_byte(
        message in carried(), provider in of("[a-z.]{1,20}"), timestamp in of("[0-9]{1,12}"), signature in of("[!-~]{1,90}"),
        has_key: bool,
    ) {
        let key = has_key.then(|| CarriedKey::pem(alice().verifying_key()));
        let mut delivery = Deliver::new(Deliver::body_of(&message, key.as_ref()));
        (delivery.provider, delivery.timestamp, delivery.signature) = (provider, timestamp, signature);
        assert_request(&delivery);
        prop_assert_eq!(delivery.message(), Some(message));
        prop_assert_eq!(delivery.sender_public_key(), key);
    }

    // rule: API-20
    #[test]
    fn a_message_is_routed_as_it_was_signed(subject in "[^\\x00-\\x1f|]{1,40}", text in "[^\\x00]{0,80}", receipt: bool) {
        let message = signed(&subject, &text);
        let route = if receipt { Route::new(&message).with_receipt() } else { Route::new(&message) };
        assert_request(&route);
        prop_assert_eq!(route.wants_receipt(), receipt);
        let body: Value = serde_json::from_slice(route.body()).unwrap();
        for assigned in ["from", "id", "timestamp"] {
            prop_assert!(body.get(assigned).is_none());
        }
        let me = address("alice@acme.crabmail.ai");
        let verified = Route::from_parts(&route.to_parts()).unwrap().decode(&me).unwrap().verify(alice().verifying_key());
        prop_assert_eq!(verified.unwrap().signing_digest(), message.signing_digest());
    }
}

fn answer<A: Answer>(status: u16, body: &str) -> Result<A, amp_core::wire::ApiError> {
    A::from_parts(&AnswerParts::new(status).with_body(body.into()))
}

fn request<R: Request>(method: amp_core::wire::Method, path: &str, body: &str) -> Result<R, String> {
    let mut parts = RequestParts::new(method, path);
    parts.body = body.into();
    R::from_parts(&parts).map_err(|error| error.to_string())
}

// rule: API-21
#[test]
fn a_held_message_is_an_answer_and_not_an_error() {
    let held: Routed = answer(202, r#"{"id":"msg_1706648400_ab","status":"quarantined"}"#).unwrap();
    assert_eq!((held.status.clone(), held.to_parts().status), (DeliveryStatus::Quarantined, 202));
    let told: Routed =
        answer(202, r#"{"error":"message_quarantined","message":"held","id":"msg_1706648400_ab"}"#).unwrap();
    assert_eq!((told.status, told.id), (held.status, held.id));
    assert!(answer::<Routed>(200, r#"{"status":"delivered"}"#).unwrap_err().is_unreadable());
    assert!(answer::<Routed>(200, "{}").unwrap_err().is_unreadable());
}

// rule: API-23
#[test]
fn one_unreadable_entry_does_not_cost_the_page() {
    let page = r#"{"messages":[
        {"id":"msg_1","envelope":{},"payload":{ "n" : 1.0 },"queued_at":"yesterday","sender_public_key":""},
        {"id":"msg_2"},
        7,
        {"envelope":{"id":"msg_4"},"payload":{}},
        {"id":"../../etc","envelope":{},"payload":{}}
    ],"count":99,"remaining":3}"#;
    let page: Pending = answer(200, page).unwrap();
    let ids: Vec<_> = page.messages.iter().map(|message| message.id.as_str()).collect();
    assert_eq!(ids, ["msg_1", "msg_4"]);
    assert_eq!(page.messages[0].message.as_bytes(), br#"{"envelope":{},"payload":{ "n" : 1.0 }}"#);
    assert_eq!((page.messages[0].queued_at, page.messages[0].sender_public_key.as_ref()), (None, None));
    let unreadable: Vec<_> =
        page.unreadable.iter().map(|entry| entry.id.as_ref().map(MessageId::as_str)).collect();
    assert_eq!(unreadable, [Some("msg_2"), None, None]);
    assert!(answer::<Pending>(200, r#"{"messages":{}}"#).is_err());
    assert!(answer::<Pending>(200, r#"{"count":0}"#).is_err());
}

// rule: API-24
#[test]
fn a_cursor_is_visible_ascii_of_a_bounded_length() {
    for text in ["", " ", "a b", "a\n", "é", &"x".repeat(1_025)] {
        assert_eq!(Cursor::new(text), None, "{text:?}");
    }
    let body = json!({"count": 1, "cursor": "x".repeat(1_025)}).to_string();
    assert!(answer::<PendingCount>(200, &body).unwrap_err().is_unreadable());
    let mut parts = GetPending::new().to_parts();
    parts.query = vec![("after".into(), "two\r\nlines".into())];
    assert_eq!(GetPending::from_parts(&parts).unwrap_err().code, Some(ApiErrorCode::InvalidField));
    parts.query = vec![("after".into(), "a".into()), ("after".into(), "b".into())];
    assert!(GetPending::from_parts(&parts).is_err());
}

// rule: API-24
#[test]
fn nobody_is_kept_waiting_for_more_than_thirty_seconds() {
    let mut parts = GetPending::new().to_parts();
    parts.query = vec![("wait".into(), "86400".into())];
    assert_eq!(GetPending::from_parts(&parts).unwrap().wait, Some(Duration::from_secs(30)));
    parts.query = vec![("wait".into(), "-1".into())];
    assert!(GetPending::from_parts(&parts).is_err());
}

// rule: API-25
#[test]
fn a_batch_names_at_most_a_thousand_messages() {
    let id = |number: usize| format!("msg_{number}_ab").parse::<MessageId>().unwrap();
    assert!(AcknowledgeBatch::new((0..1_000).map(id)).is_some());
    assert!(AcknowledgeBatch::new((0..1_001).map(id)).is_none());
    let ids: Vec<_> = (0..1_001).map(|number| format!("msg_{number}_ab")).collect();
    let error = request::<AcknowledgeBatch>(
        amp_core::wire::Method::Post,
        "/messages/pending/ack",
        &json!({ "ids": ids }).to_string(),
    );
    assert_eq!(
        error.unwrap_err(),
        "400 invalid_field in ids: the value is a list of at most 1,000 message ids"
    );
}

// rule: API-31
#[test]
fn a60_an_answer_to_another_request_is_refused() {
    let ids = [id("msg_1_ab"), id("msg_2_ab")];
    let batch = AcknowledgeBatch::new(ids.clone()).unwrap();
    assert!(batch.read_answer(&BatchAcknowledged::new(2).to_parts()).is_ok());
    assert!(batch.read_answer(&BatchAcknowledged::new(3).to_parts()).unwrap_err().is_unreadable());

    let mut receipt = ReadReceipt::new(ReceiptOutcome::Sent);
    receipt.message_id = Some(ids[1].clone());
    assert!(MarkRead::new(ids[0].clone()).read_answer(&receipt.to_parts()).unwrap_err().is_unreadable());
    assert!(MarkRead::new(ids[1].clone()).read_answer(&receipt.to_parts()).is_ok());

    let (one, other): (AttachmentId, AttachmentId) =
        ("att_1_ab".parse().unwrap(), "att_2_ab".parse().unwrap());
    let state = AttachmentState::new(other.clone(), ScanStatus::Clean).to_parts();
    assert!(GetAttachment::new(one.clone()).read_answer(&state).unwrap_err().is_unreadable());
    assert!(ConfirmUpload::new(one).read_answer(&state).unwrap_err().is_unreadable());
    assert!(GetAttachment::new(other).read_answer(&state).is_ok());

    let (one, other): (QuarantineId, QuarantineId) =
        ("qtn_1_ab".parse().unwrap(), "qtn_2_ab".parse().unwrap());
    let reviewed = Reviewed::new(other, ReviewStatus::Approved).to_parts();
    assert!(ApproveQuarantine::new(one).read_answer(&reviewed).unwrap_err().is_unreadable());

    let (one, other): (OpaqueId, OpaqueId) = ("agt_1".parse().unwrap(), "agt_2".parse().unwrap());
    let risk = Risk::new(other.clone(), RiskScore::new(1.0).unwrap(), RiskBand::Low).to_parts();
    assert!(GetRisk::new(one.clone()).read_answer(&risk).unwrap_err().is_unreadable());
    assert!(
        Unsuspend::new(one).read_answer(&Unsuspended::now(other).to_parts()).unwrap_err().is_unreadable()
    );
}

fn id(text: &str) -> MessageId {
    text.parse().unwrap()
}

// rule: API-27
#[test]
fn a55_a_digest_of_another_algorithm_is_refused_as_such() {
    let body = |digest: &str| {
        json!({"filename": "a", "content_type": "a/b", "size": 1, "digest": digest}).to_string()
    };
    let read = |digest: &str| {
        request::<StartUpload>(amp_core::wire::Method::Post, "/attachments/upload", &body(digest))
            .unwrap_err()
    };
    for digest in ["md5:900150983cd24fb0d6963f7d28e17f72", "sha512:ab", "SHA256:ab", ""] {
        assert!(read(digest).starts_with("422 invalid_digest_algorithm in digest"), "{digest}");
    }
    for digest in ["sha256:ab", &format!("sha256:{}", "AB".repeat(32))] {
        assert!(read(digest).starts_with("400 invalid_field in digest"), "{digest}");
    }
    let missing =
        request::<StartUpload>(amp_core::wire::Method::Post, "/attachments/upload", r#"{"filename":"a"}"#);
    assert!(missing.unwrap_err().starts_with("400 missing_field"));
}

// rule: API-29
#[test]
fn a54_a_place_for_a_file_says_how_it_is_used_and_nothing_shows_its_url() {
    let body = |method: &str, url: &str| {
        json!({"attachment_id": "att_1_ab", "upload_url": url, "upload_method": method, "expires_in": 86_400})
            .to_string()
    };
    let started: UploadStarted = answer(201, &body("PUT", "https://files.example.com/?sig=secret")).unwrap();
    assert_eq!(started.expires_in, Duration::from_secs(3_600));
    assert!(!format!("{started:?}").contains("secret"));
    assert!(answer::<UploadStarted>(201, &body("POST", "https://files.example.com/")).is_err());
    for url in ["", "https://files.example.com/\r\nX: 1", "https://fïles.example.com", &"x".repeat(8_193)] {
        assert!(answer::<UploadStarted>(201, &body("PUT", url)).is_err(), "{url:?}");
    }
}

// rule: API-29
#[test]
fn a54_a_redirect_names_one_place_and_is_not_followed_here() {
    let redirect = |locations: &[&str]| {
        let parts = AnswerParts::new(302);
        DownloadLocation::from_parts(
            &locations.iter().fold(parts, |parts, url| parts.with_header("Location", url)),
        )
    };
    assert!(redirect(&["https://files.example.com/1"]).is_ok());
    assert!(redirect(&[]).is_err());
    assert!(redirect(&["https://files.example.com/1", "https://other.example.com/1"]).is_err());
    assert!(redirect(&["https://files.example.com/\u{1b}[2J"]).is_err());
    let refused: Result<DownloadLocation, _> =
        answer(410, r#"{"error":"attachment_expired","message":"gone"}"#);
    assert_eq!(refused.unwrap_err().code, Some(ApiErrorCode::AttachmentExpired));
    let inline: Result<DownloadLocation, _> = answer(200, "the file itself");
    assert!(inline.unwrap_err().is_unreadable());
}

// rule: API-30
#[test]
fn a_state_that_is_not_known_is_not_taken_for_a_harmless_one() {
    let body = r#"{"attachment_id":"att_1_ab","scan_status":"probably_fine"}"#;
    assert!(answer::<AttachmentState>(200, body).unwrap_err().is_unreadable());
    let pending: AttachmentState =
        answer(200, r#"{"attachment_id":"att_1_ab","scan_status":"pending"}"#).unwrap();
    assert_eq!((pending.scan_status, pending.payload_object()), (ScanStatus::Pending, None));
}

// rule: API-28
#[test]
fn a_form_says_once_what_the_file_is() {
    let upload = DirectUpload::new("a.log", "text/plain", b"abc".to_vec());
    let parts = upload.to_parts();
    let text = String::from_utf8(parts.body.clone()).unwrap();
    let read = |body: String, content_type: &str| {
        let mut parts = RequestParts::new(amp_core::wire::Method::Post, "/attachments/upload/direct");
        parts.headers = vec![("content-type".into(), content_type.into())];
        parts.body = body.into_bytes();
        DirectUpload::from_parts(&parts).map_err(|error| error.to_string())
    };
    let content_type = parts.header("content-type").unwrap().unwrap().to_owned();
    assert_eq!(read(text.clone(), &content_type), Ok(upload));
    let cases = [
        (text.replace("\"size\":3", "\"size\":4"), "400 invalid_field in size"),
        (text.replace("name=\"file\"", "name=\"files\""), "400 missing_field in file"),
        (text.replace("name=\"metadata\"", "name=\"meta\""), "400 missing_field in metadata"),
        (text.replace("sha256:", "md5:"), "422 invalid_digest_algorithm in digest"),
        (text.replace("{\"filename\"", "{\"size\":3,\"filename\""), "400 invalid_request"),
        (format!("{text}more"), "400 invalid_request"),
    ];
    for (body, refusal) in cases {
        let error = read(body, &content_type).unwrap_err();
        assert!(error.starts_with(refusal), "{refusal}: {error}");
    }
    assert!(read(text.clone(), "multipart/form-data").unwrap_err().starts_with("400 invalid_request"));
    assert!(read(text, "application/json").unwrap_err().starts_with("400 invalid_request"));
}

// rule: API-28
#[test]
fn a56_only_a_file_makes_a_body_longer_than_a_mebibyte() {
    let file = vec![b'x'; 2 << 20];
    assert!(DirectUpload::from_parts(&DirectUpload::new("a", "a/b", file.clone()).to_parts()).is_ok());
    let mut parts = Route::new(&signed("s", "m")).to_parts();
    parts.body = file;
    assert_eq!(Route::from_parts(&parts).unwrap_err().code, Some(ApiErrorCode::RequestTooLarge));
    let largest = DirectUpload::new("a", "a/b", vec![b'x'; 25 << 20]);
    assert!(DirectUpload::from_parts(&largest.to_parts()).is_ok());
    let larger = DirectUpload::new("a", "a/b", vec![b'x'; (25 << 20) + 1]);
    assert_eq!(
        DirectUpload::from_parts(&larger.to_parts()).unwrap_err().code,
        Some(ApiErrorCode::AttachmentTooLarge)
    );
}

// rule: API-26
#[test]
fn a_receipt_is_read_under_both_of_its_names() {
    for (body, is_sent) in [
        (r#"{"read_receipt_sent":true}"#, true),
        (r#"{"receipt_sent":true,"delivered_via":"none"}"#, true),
        (r#"{"read_receipt_sent":false,"receipt_sent":true}"#, false),
    ] {
        assert_eq!(answer::<ReadReceipt>(200, body).unwrap().is_sent, is_sent, "{body}");
    }
    assert!(answer::<ReadReceipt>(200, "{}").is_err());
    let path = "/messages/msg_1_ab/read";
    assert!(request::<MarkRead>(amp_core::wire::Method::Post, path, "").unwrap().original_sender.is_none());
    assert!(
        request::<MarkRead>(amp_core::wire::Method::Post, path, r#"{"original_sender":"nobody"}"#).is_err()
    );
}

// rule: API-32
#[test]
fn a24_federation_headers_stand_once() {
    let delivery = Deliver::signed(b"{}".to_vec(), "crabmail.ai", "1706648400", "AAAA");
    for header in ["X-AMP-Provider", "x-amp-timestamp", "X-AMP-SIGNATURE"] {
        let parts = delivery.to_parts().with_header(header, "other.example.com");
        assert_eq!(
            Deliver::from_parts(&parts).unwrap_err().code,
            Some(ApiErrorCode::InvalidField),
            "{header}"
        );
    }
}

// rule: API-32
#[test]
fn a_refused_delivery_is_an_error_whatever_its_status() {
    for body in [
        r#"{"accepted":false,"error":"recipient_not_found","message":"nobody"}"#,
        r#"{"id":"msg_1_ab","status":"failed","error":"recipient_not_found"}"#,
    ] {
        let error = answer::<Delivered>(200, body).unwrap_err();
        assert_eq!(error.code.as_ref().map(ApiErrorCode::as_str), Some("recipient_not_found"));
    }
    let queued: Delivered = answer(200, r#"{"id":"msg_1_ab","status":"queued","method":"relay"}"#).unwrap();
    assert!(!queued.is_delivered);
}

// rule: API-33
#[test]
fn a_forwarded_message_keeps_its_bytes_and_names_its_sender_in_the_body() {
    let message = signed("Hi", "Are you there?");
    let by = Forwarded::by("host-a").unwrap().with_message_id(id("msg_1_ab"));
    let hex = alice().verifying_key().to_hex().unwrap();
    let by = by.with_sender_key(CarriedKey::from_text(&hex).unwrap());
    let route = Route::forward(&CarriedMessage::from(&message), by.clone()).unwrap();
    assert_request(&route);
    let body: Value = serde_json::from_slice(route.body()).unwrap();
    assert_eq!(body["from"], "alice@acme.crabmail.ai");
    let read = Route::from_parts(&route.to_parts()).unwrap();
    assert_eq!(read.forwarded(), Some(&by));
    let body = read.decode(&address("alice@acme.crabmail.ai")).unwrap();
    assert!(body.verify(alice().verifying_key()).is_ok());
}

// rule: API-33
#[test]
fn a_name_in_a_header_is_all_that_a_forwarding_host_says() {
    let parts = Route::new(&signed("Hi", "text")).to_parts();
    let with = |name: &str, value: &str| Route::from_parts(&parts.clone().with_header(name, value));
    assert!(with("X-AMP-Sender-Key", "00").unwrap().forwarded().is_none());
    assert!(with("X-Forwarded-From", "two hosts").unwrap().forwarded().is_none());
    assert!(with("x-forwarded-from", "host-a").unwrap().forwarded().is_some());
    let twice = parts.clone().with_header("X-Forwarded-From", "a").with_header("X-Forwarded-From", "b");
    assert!(Route::from_parts(&twice).is_err());
}

// rule: API-20
#[test]
fn options_that_a_body_has_already_are_left_alone() {
    let me = address("alice@acme.crabmail.ai");
    let message = signed("Hi", "text");
    let with_options = message.to_route_json().replacen('{', r#"{"options":{"receipt":false},"#, 1);
    let route = Route::from_body(with_options.as_bytes(), &me).unwrap().with_receipt();
    assert_eq!(route.body(), with_options.as_bytes());
    assert!(!route.wants_receipt());
    let padded = format!(" {} \n", message.to_route_json());
    let route = Route::from_body(padded.as_bytes(), &me).unwrap().with_receipt();
    assert!(route.wants_receipt() && route.decode(&me).unwrap().verify(alice().verifying_key()).is_ok());
}

// rule: API-20
#[test]
fn a_body_that_nobody_signed_is_not_sent() {
    let me = address("alice@acme.crabmail.ai");
    let body = |signature: &str| {
        format!(
            r#"{{"to":"bob@acme.crabmail.ai","subject":"s"{signature},"payload":{{"type":"task","message":"m"}}}}"#
        )
    };
    let code = |signature: &str| Route::from_body(body(signature).as_bytes(), &me).unwrap_err().code.unwrap();
    assert_eq!(code(""), ApiErrorCode::SignatureMissing);
    assert_eq!(code(r#","signature":"""#), ApiErrorCode::SignatureMissing);
    assert_eq!(code(r#","signature":null"#), ApiErrorCode::SignatureMissing);
    assert_eq!(code(r#","signature":"%%%""#), ApiErrorCode::SignatureInvalid);
    for assigned in ["from", "id", "timestamp"] {
        let said = format!(r#","signature":"AAAA","{assigned}":"x""#);
        let error = Route::from_body(body(&said).as_bytes(), &me).unwrap_err();
        assert_eq!((error.code, error.field.as_deref()), (Some(ApiErrorCode::InvalidField), Some(assigned)));
    }
}

#[test]
fn nothing_of_a_message_or_a_credential_is_shown_by_debug() {
    let message = signed("secret subject", "secret text");
    let carried = CarriedMessage::from(&message);
    let shown = [
        format!("{:?}", Route::new(&message)),
        format!("{:?}", Deliver::signed(Deliver::body_of(&carried, None), "crabmail.ai", "1", "secret")),
        format!("{:?}", DirectUpload::new("secret", "a/b", b"secret".to_vec())),
        format!("{:?}", PendingMessage::new(id("msg_1_ab"), carried)),
        format!("{:?}", SignedUrl::new("https://files.example.com/?sig=secret")),
        format!("{:?}", UploadHeaders::new(vec![("X-Token".into(), "secret".into())])),
    ];
    for text in shown {
        assert!(!text.contains("secret"), "{text}");
    }
}
