//! The endpoints of messages, attachments, review and federation: what a client makes a provider reads, what a provider
//! answers a client reads, and nothing that either does not know is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fmt::Debug;
use std::time::Duration;

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
