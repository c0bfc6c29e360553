//! Uploading an attachment, to providers that work, fail, dawdle and cheat.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use core::time::Duration;

use amp_core::connection::{
    ContentSum, FormCall, PutFile, Ticket, Upload, UploadError, UploadSettings, UploadStep, Uploaded,
};
use amp_core::webhook::TargetError;
use amp_core::wire::{AnswerParts, AttachmentLimits, DirectUpload, Endpoint, Request, StartUpload};
use amp_core::{Attachment, Payload, ScanStatus, Sha256Digest, Timestamp};
use serde_json::{Value, json};

const FILE: &[u8] = b"a,b\n1,2\n";
const ID: &str = "att_1706648400_abc123";

fn noon() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn start() -> Upload {
    Upload::start("a.csv", "text/csv", ContentSum::of(FILE), UploadSettings::new(7)).unwrap()
}

fn with_forms() -> Upload {
    let mut limits = AttachmentLimits::default();
    limits.direct_upload = Some(true);
    let settings = UploadSettings::new(7).with_limits(&limits);
    Upload::start("a.csv", "text/csv", ContentSum::of(FILE), settings).unwrap()
}

fn answer(status: u16, body: &Value) -> AnswerParts {
    AnswerParts::new(status).with_body(body.to_string().into_bytes())
}

fn place(id: &str) -> Value {
    json!({"attachment_id": id, "upload_url": "https://files.example.com/1?sig=s", "upload_method": "PUT",
        "upload_headers": {}, "expires_in": 3600})
}

fn state(id: &str, status: &str) -> Value {
    json!({"attachment_id": id, "filename": "a.csv", "content_type": "text/csv", "size": FILE.len(),
        "digest": Sha256Digest::of(FILE).to_string(), "scan_status": status, "url": "https://files.example.com/1",
        "uploaded_at": "2026-01-31T12:00:00Z", "expires_at": "2026-02-07T12:00:00Z"})
}

/// What a provider does with each request.
struct Provider<'a> {
    api: &'a mut dyn FnMut(Endpoint, &str) -> Option<AnswerParts>,
    put: &'a mut dyn FnMut(&PutFile) -> Option<AnswerParts>,
    form: &'a mut dyn FnMut(&FormCall) -> Option<AnswerParts>,
}

/// Drives an upload to its end; and how long that took.
fn drive(upload: &mut Upload, provider: Provider<'_>) -> (Result<Uploaded, UploadError>, Duration) {
    let mut now = noon();
    for _ in 0..2_000 {
        let (ticket, answer) = match upload.poll(now) {
            UploadStep::Call(call) => (call.ticket(), (provider.api)(call.endpoint(), &call.parts().path)),
            UploadStep::Form(form) => (form.ticket(), (provider.form)(&form)),
            UploadStep::Put(put) => {
                let head = (provider.put)(&put);
                match head {
                    Some(head) => upload.handle_put(put.ticket(), &head, now),
                    None => upload.handle_failure(put.ticket(), now),
                }
                continue;
            }
            UploadStep::Wait(until) => {
                assert!(until > now && until.duration_since(now).unwrap() <= Duration::from_secs(300));
                now = until;
                continue;
            }
            UploadStep::Done(uploaded) => return (Ok(uploaded), now.duration_since(noon()).unwrap()),
            UploadStep::Failed(error) => return (Err(error), now.duration_since(noon()).unwrap()),
            other => panic!("{other:?}"),
        };
        match answer {
            Some(answer) => upload.handle_answer(ticket, &answer, now),
            None => upload.handle_failure(ticket, now),
        }
    }
    panic!("it never ends");
}

fn put_ok(_: &PutFile) -> Option<AnswerParts> {
    Some(AnswerParts::new(200))
}

fn no_form(_: &FormCall) -> Option<AnswerParts> {
    panic!("a form, where none is taken")
}

/// An upload to a provider whose API answers like this, with everything else in order.
fn with_api(
    api: &mut dyn FnMut(Endpoint, &str) -> Option<AnswerParts>,
) -> (Result<Uploaded, UploadError>, Duration) {
    drive(&mut start(), Provider { api, put: &mut put_ok, form: &mut no_form })
}

fn honest(endpoint: Endpoint) -> AnswerParts {
    match endpoint {
        Endpoint::StartUpload => answer(201, &place(ID)),
        Endpoint::ConfirmUpload => answer(200, &state(ID, "pending")),
        _ => answer(200, &state(ID, "clean")),
    }
}

// rule: XFER-2
#[test]
fn the_providers_object_goes_into_the_payload_as_it_is() {
    let mut polls = 0;
    let (uploaded, took) = with_api(&mut |endpoint, path| {
        assert!(!path.contains("att_") || path.contains(ID));
        polls += usize::from(endpoint == Endpoint::GetAttachment);
        Some(if polls < 4 && endpoint == Endpoint::GetAttachment {
            answer(200, &state(ID, "pending"))
        } else {
            honest(endpoint)
        })
    });
    let uploaded = uploaded.unwrap();
    assert_eq!((uploaded.id().as_str(), uploaded.status()), (ID, ScanStatus::Clean));
    let payload = format!(r#"{{"type":"task","message":"m","attachments":[{}]}}"#, uploaded.object());
    let payload = Payload::from_json(payload.as_bytes()).unwrap();
    let attachment = Attachment::read(payload.attachments_json().next().unwrap()).unwrap();
    assert!(attachment.check_routed().is_ok() && attachment.digest() == Some(&Sha256Digest::of(FILE)));
    // Four pauses of 2 to 5 seconds.
    assert!((8..=20).contains(&took.as_secs()), "{took:?}");
}

// rule: XFER-2
#[test]
fn a_suspicious_file_is_uploaded_and_said_to_be() {
    let (uploaded, _) = with_api(&mut |endpoint, _| {
        Some(match endpoint {
            Endpoint::ConfirmUpload => answer(200, &state(ID, "suspicious")),
            other => honest(other),
        })
    });
    assert_eq!(uploaded.unwrap().status(), ScanStatus::Suspicious);
}

// rule: XFER-3
#[test]
fn what_no_provider_takes_is_not_begun() {
    let start = |content_type, size, settings| {
        let content = ContentSum::new(size, Sha256Digest::of(FILE));
        Upload::start("a", content_type, content, settings).err()
    };
    assert_eq!(start("text/csv", 26_214_400, UploadSettings::new(7)), None);
    assert_eq!(start("text/csv", 26_214_401, UploadSettings::new(7)), Some(UploadError::TooLarge));
    assert_eq!(start("text/x-shellscript", 1, UploadSettings::new(7)), Some(UploadError::Program));
    let mut limits = AttachmentLimits::default();
    limits.max_attachment_size = Some(10);
    let settings = || UploadSettings::new(7).with_limits(&limits);
    assert_eq!(start("text/csv", 10, settings()), None);
    assert_eq!(start("text/csv", 11, settings()), Some(UploadError::TooLarge));
    limits.max_attachment_size = Some(u64::MAX);
    let settings = UploadSettings::new(7).with_limits(&limits);
    assert_eq!(start("text/csv", 26_214_401, settings), Some(UploadError::TooLarge));
}

// rule: XFER-4
#[test]
fn a54_the_api_key_and_its_like_never_go_to_the_place_for_the_file() {
    let mut started = place(ID);
    started["upload_headers"] = json!({
        "Authorization": "Bearer amp_live_sk_1", "cookie": "a=b", "HOST": "internal", "Content-Length": "1",
        "Transfer-Encoding": "chunked", "X-AMP-Signature": "sha256=00", "X-Forwarded-For": "127.0.0.1",
        "Proxy-Connection": "x", "Connection": "close", "bad name": "x", "Bad": "a\r\nAuthorization: x", "Expect": "x",
        "x-amz-meta-a": "kept", "Content-Type": "text/csv", "content-type": "text/html", "Content-MD5": "kept"
    });
    let mut upload = start();
    let UploadStep::Call(call) = upload.poll(noon()) else { panic!() };
    assert!(call.parts().headers.iter().all(|(name, _)| name != "Authorization"), "the driver adds the key");
    upload.handle_answer(call.ticket(), &answer(201, &started), noon());
    let UploadStep::Put(put) = upload.poll(noon()) else { panic!() };
    let mut headers: Vec<_> =
        put.headers().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.sort_unstable();
    assert_eq!(
        headers,
        [
            ("Content-Length", "8"),
            ("Content-MD5", "kept"),
            ("Content-Type", "text/csv"),
            ("x-amz-meta-a", "kept")
        ]
    );
    assert_eq!(put.size(), 8);
}

// rule: XFER-5
#[test]
fn a53_the_place_for_the_file_is_vetted_and_redirects_nowhere() {
    for url in [
        "http://files.example.com/1",
        "https://127.0.0.1/1",
        "https://169.254.169.254/latest",
        "https://localhost/1",
        "ftp://files.example.com/1",
        "/1",
    ] {
        let mut started = place(ID);
        started["upload_url"] = json!(url);
        let (outcome, _) = with_api(&mut |endpoint, _| {
            assert_eq!(endpoint, Endpoint::StartUpload);
            Some(answer(201, &started))
        });
        assert!(matches!(outcome, Err(UploadError::Target(_))), "{url}");
    }
    let mut puts = 0;
    let mut put = |put: &PutFile| {
        puts += 1;
        assert_eq!(put.target().host(), "files.example.com");
        Some(AnswerParts::new(307).with_header("Location", "https://evil.example.net/"))
    };
    let api = &mut |endpoint, _: &str| Some(honest(endpoint));
    let (outcome, _) = drive(&mut start(), Provider { api, put: &mut put, form: &mut no_form });
    assert_eq!((outcome, puts), (Err(UploadError::GaveUp), 3));

    let mut upload = start();
    let UploadStep::Call(call) = upload.poll(noon()) else { panic!() };
    upload.handle_answer(call.ticket(), &honest(Endpoint::StartUpload), noon());
    let UploadStep::Put(put) = upload.poll(noon()) else { panic!() };
    let error = put.target().admit(&["10.0.0.1".parse().unwrap()]).unwrap_err();
    assert!(matches!(error, TargetError::Address { .. }));
    upload.handle_refused_target(put.ticket(), error);
    assert!(matches!(upload.poll(noon()), UploadStep::Failed(UploadError::Target(_))));
}

// rule: XFER-6
#[test]
fn a_scan_that_does_not_end_within_five_minutes_is_left_and_another_id_begun() {
    let mut ids = 0;
    let (outcome, took) = with_api(&mut |endpoint, path| {
        if endpoint == Endpoint::StartUpload {
            ids += 1;
        }
        let id = format!("att_1706648400_{ids:03}");
        assert!(endpoint == Endpoint::StartUpload || path.contains(&id), "{path}");
        Some(match endpoint {
            Endpoint::StartUpload => answer(201, &place(&id)),
            _ => answer(200, &state(&id, "pending")),
        })
    });
    assert_eq!((outcome, ids), (Err(UploadError::GaveUp), 3));
    assert!((900..=1_000).contains(&took.as_secs()), "{took:?}");
}

// rule: XFER-6
#[test]
fn each_step_is_tried_again_when_it_fails_and_not_for_ever() {
    for failing in [Endpoint::StartUpload, Endpoint::ConfirmUpload, Endpoint::GetAttachment] {
        let patient = AnswerParts::new(429).with_header("Retry-After", "99999999");
        for failure in [None, Some(AnswerParts::new(503)), Some(patient), Some(answer(200, &json!([])))] {
            let mut left = 3;
            let (outcome, _) = with_api(&mut |endpoint, _| {
                if endpoint == failing && left > 0 {
                    left -= 1;
                    return failure.clone();
                }
                Some(honest(endpoint))
            });
            assert!(outcome.is_ok(), "{failing:?} {failure:?}");
            let mut calls = 0;
            let (outcome, took) = with_api(&mut |endpoint, _| {
                calls += 1;
                if endpoint == failing { failure.clone() } else { Some(honest(endpoint)) }
            });
            assert_eq!(outcome, Err(UploadError::GaveUp), "{failing:?} {failure:?}");
            assert!(calls <= 60 && took.as_secs() <= 4_700, "{calls} {took:?}");
        }
    }
    let mut left = 4;
    let mut put = |_: &PutFile| {
        left -= 1;
        (left < 0).then(|| AnswerParts::new(204)).or_else(|| (left % 2 == 0).then(|| AnswerParts::new(500)))
    };
    let api = &mut |endpoint, _: &str| Some(honest(endpoint));
    assert!(drive(&mut start(), Provider { api, put: &mut put, form: &mut no_form }).0.is_ok());
}

// rule: XFER-6
#[test]
fn a_place_that_is_closed_is_not_tried_again() {
    let mut started = place(ID);
    started["expires_in"] = json!(1);
    let (mut starts, mut puts) = (0, 0);
    let api = &mut |endpoint, _: &str| {
        starts += usize::from(endpoint == Endpoint::StartUpload);
        Some(if endpoint == Endpoint::StartUpload { answer(201, &started) } else { honest(endpoint) })
    };
    let put = &mut |_: &PutFile| {
        puts += 1;
        None
    };
    let outcome = drive(&mut start(), Provider { api, put, form: &mut no_form }).0;
    assert_eq!(outcome, Err(UploadError::GaveUp));
    assert!(starts == 3 && puts <= 6, "{starts} {puts}");
}

// rule: XFER-7
#[test]
fn a_refusal_ends_the_upload_with_the_providers_code() {
    for (status, code) in
        [(413, "attachment_too_large"), (422, "attachment_rejected"), (403, "agent_suspended")]
    {
        let (outcome, _) =
            with_api(&mut |_, _| Some(answer(status, &json!({"error": code, "message": "no"}))));
        assert_eq!(outcome.unwrap_err().code(), code);
    }
    for (status, error) in [("rejected", UploadError::Rejected), ("unscanned", UploadError::Unscanned)] {
        let (outcome, _) = with_api(&mut |endpoint, _| {
            Some(match endpoint {
                Endpoint::StartUpload => honest(endpoint),
                _ => answer(200, &state(ID, status)),
            })
        });
        assert_eq!(outcome, Err(error));
    }
}

// rule: XFER-7
#[test]
fn a60_an_object_that_describes_another_file_is_not_passed_on() {
    let cases = [
        ("digest", json!(Sha256Digest::of(b"other").to_string()), UploadError::Swapped { field: "digest" }),
        ("size", json!(9), UploadError::Swapped { field: "size" }),
        ("filename", json!("pay-now.html"), UploadError::Swapped { field: "filename" }),
        ("filename", json!("../a.csv"), UploadError::Swapped { field: "filename" }),
        ("content_type", json!("text/html"), UploadError::Swapped { field: "content_type" }),
        ("url", Value::Null, UploadError::Incomplete),
    ];
    for (member, value, error) in cases {
        let mut scanned = state(ID, "clean");
        scanned[member] = value;
        let (outcome, _) = with_api(&mut |endpoint, _| {
            Some(if endpoint == Endpoint::GetAttachment { answer(200, &scanned) } else { honest(endpoint) })
        });
        assert_eq!(outcome, Err(error), "{member}");
    }
    // What nobody asked for is not signed.
    let mut scanned = state(ID, "clean");
    scanned["note"] = json!("signed by you");
    scanned["content_type"] = json!("Text/CSV");
    let (outcome, _) = with_api(&mut |endpoint, _| {
        Some(if endpoint == Endpoint::GetAttachment { answer(200, &scanned) } else { honest(endpoint) })
    });
    assert!(!outcome.unwrap().object().contains("note"));
    // An answer about another attachment is none.
    let (outcome, _) = with_api(&mut |endpoint, _| {
        Some(match endpoint {
            Endpoint::GetAttachment => answer(200, &state("att_1706648400_other0", "clean")),
            other => honest(other),
        })
    });
    assert_eq!(outcome, Err(UploadError::GaveUp));
}

// rule: XFER-8
#[test]
fn a_provider_that_takes_forms_gets_one_and_the_others_never() {
    let mut sent = None;
    let form = &mut |form: &FormCall| {
        let mut parts = form.head();
        parts.body = [form.form().before().as_bytes(), FILE, form.form().after().as_bytes()].concat();
        assert_eq!(parts.body.len() as u64, form.form().content_length());
        sent = Some(DirectUpload::from_parts(&parts).unwrap());
        Some(answer(201, &state(ID, "pending")))
    };
    let api = &mut |endpoint, _: &str| {
        assert_eq!(endpoint, Endpoint::GetAttachment);
        Some(honest(endpoint))
    };
    assert!(drive(&mut with_forms(), Provider { api, put: &mut put_ok, form }).0.is_ok());
    let about = StartUpload::new("a.csv", "text/csv", FILE.len() as u64, Sha256Digest::of(FILE));
    let sent = sent.unwrap();
    assert_eq!((sent.file(), sent.about()), (FILE, &about));

    // One that does not take them after all gets a file in two steps.
    let mut forms = 0;
    let form = &mut |_: &FormCall| {
        forms += 1;
        Some(AnswerParts::new(404))
    };
    let api = &mut |endpoint, _: &str| Some(honest(endpoint));
    assert!(drive(&mut with_forms(), Provider { api, put: &mut put_ok, form }).0.is_ok());
    assert_eq!(forms, 1);
}

// rule: XFER-9
#[test]
fn progress_is_counted_in_bytes_and_keeps_a_slow_upload_alive() {
    let mut upload = start();
    let UploadStep::Call(call) = upload.poll(noon()) else { panic!() };
    upload.handle_answer(call.ticket(), &honest(Endpoint::StartUpload), noon());
    let UploadStep::Put(put) = upload.poll(noon()) else { panic!() };
    let mut now = noon();
    for sent in 1..=8 {
        now = now.saturating_add(Duration::from_secs(29));
        upload.handle_progress(put.ticket(), sent, now);
        assert_eq!(upload.progress(), (sent, 8));
        assert!(matches!(upload.poll(now), UploadStep::Busy));
    }
    // The same number again is no progress.
    now = now.saturating_add(Duration::from_secs(29));
    upload.handle_progress(put.ticket(), 8, now);
    now = now.saturating_add(Duration::from_secs(1));
    assert!(matches!(upload.poll(now), UploadStep::Wait(_)));
}

// rule: XFER-9
#[test]
fn an_answer_to_an_earlier_request_changes_nothing() {
    let mut upload = start();
    let UploadStep::Call(first) = upload.poll(noon()) else { panic!() };
    upload.handle_failure(first.ticket(), noon());
    let UploadStep::Wait(now) = upload.poll(noon()) else { panic!() };
    let UploadStep::Call(second) = upload.poll(now) else { panic!() };
    let ticket: Ticket = first.ticket();
    upload.handle_answer(ticket, &answer(201, &place("att_1706648400_late00")), now);
    upload.handle_put(ticket, &AnswerParts::new(200), now);
    upload.handle_failure(ticket, now);
    assert!(matches!(upload.poll(now), UploadStep::Busy));
    upload.handle_answer(second.ticket(), &honest(Endpoint::StartUpload), now);
    assert!(matches!(upload.poll(now), UploadStep::Put(_)));
}

// rule: XFER-6
#[test]
fn a35_an_upload_goes_on_when_the_clock_jumps() {
    let ten_years = Duration::from_secs(10 * 365 * 86_400);
    for back in [true, false] {
        let jumped = if back { noon().saturating_sub(ten_years) } else { noon().saturating_add(ten_years) };
        let (mut upload, mut now, mut calls) = (start(), noon(), 0);
        let done = loop {
            match upload.poll(now) {
                UploadStep::Call(call) => {
                    calls += 1;
                    now = if calls == 3 { jumped } else { now };
                    upload.handle_answer(call.ticket(), &honest(call.endpoint()), now);
                }
                UploadStep::Put(put) => upload.handle_put(put.ticket(), &AnswerParts::new(200), now),
                UploadStep::Wait(until) => {
                    assert!(until.duration_since(now).unwrap() <= Duration::from_secs(300));
                    now = until;
                }
                UploadStep::Done(done) => break done,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(done.status(), ScanStatus::Clean);
    }
}
