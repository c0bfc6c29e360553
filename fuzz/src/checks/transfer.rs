//! Uploads and downloads between servers, a clock and a network that do anything: what is complete is what was signed,
//! no credential goes to where a stranger says, and everything comes to an end.

use std::time::Duration;

use amp_core::connection::{
    BodyPlan, ContentSum, Download, DownloadSettings, DownloadStep, Ticket, Upload, UploadSettings,
    UploadStep,
};
use amp_core::wire::{AnswerParts, AttachmentLimits};
use amp_core::{Attachment, AttachmentId, ProviderAttachment, ScanStatus, Sha256Digest, Timestamp};

const FILE: &[u8] = b"name,count\nalpha,1\nbeta,22\ngamma,333\n";
/// 2026-01-31T12:00:00Z.
const NOON: i64 = 1_769_860_800_000;

const HEADERS: [(&str, &str); 16] = [
    ("Content-Length", "37"),
    ("Content-Length", "36"),
    ("Content-Range", "bytes 10-36/37"),
    ("Content-Range", "bytes 5-36/37"),
    ("Content-Range", "bytes 0-36/37"),
    ("Content-Range", "bytes 10-36/*"),
    ("ETag", "\"v1\""),
    ("ETag", "\"v2\""),
    ("ETag", "W/\"v1\""),
    ("Accept-Ranges", "bytes"),
    ("Content-Encoding", "gzip"),
    ("Content-Encoding", "identity"),
    ("Location", "https://cdn.example.net/2"),
    ("Location", "https://127.0.0.1/2"),
    ("Retry-After", "99999999"),
    ("Transfer-Encoding", "chunked"),
];
const STATUSES: [u16; 16] = [200, 200, 200, 200, 206, 206, 206, 302, 307, 400, 404, 410, 416, 429, 500, 503];

/// The first byte says which of the two, and steps of two bytes follow.
pub fn transfer(data: &[u8]) {
    let Some((first, steps)) = data.split_first() else { return };
    if first & 1 == 0 { downloads(*first, steps) } else { uploads(*first, steps) }
}

fn noon() -> Timestamp {
    Timestamp::from_unix_milliseconds(NOON).expect("a time")
}

fn head_of(steps: &mut std::slice::Chunks<'_, u8>, argument: u8) -> AnswerParts {
    let mut head = AnswerParts::new(STATUSES[usize::from(argument & 15)]);
    for _ in 0..argument >> 5 {
        let Some([which, ..]) = steps.next() else { break };
        let (name, value) = HEADERS[usize::from(which & 15)];
        head = head.with_header(name, value);
    }
    head
}

fn moved(now: Timestamp, argument: u8) -> Timestamp {
    let (far, near) = (
        Duration::from_secs(86_400 * 365 * u64::from(argument >> 4)),
        Duration::from_secs(u64::from(argument)),
    );
    match argument & 7 {
        0 => now.saturating_sub(far),
        1 => now.saturating_add(far),
        _ => now.saturating_add(near),
    }
}

fn downloads(seed: u8, steps: &[u8]) {
    let id = AttachmentId::from_parts(noon(), [7; 8]);
    let size = FILE.len() as u64;
    let attachment = ProviderAttachment::new(id, "a.csv", "text/csv", size, Sha256Digest::of(FILE))
        .with_url("https://files.example.com/1")
        .with_scan_status(ScanStatus::Clean);
    let attachment = Attachment::Provider(attachment);
    let mut download =
        Download::start(&attachment, DownloadSettings::new(seed.into()), noon()).expect("a URL");
    let (mut now, mut file, mut requests) = (noon(), Vec::<u8>::new(), 0);
    let mut steps = steps.chunks(2);
    while let Some(step) = steps.next() {
        let argument = step.get(1).copied().unwrap_or(0);
        match download.poll(now) {
            DownloadStep::Fetch(fetch) => {
                requests += 1;
                assert!(requests <= 12 && fetch.from() <= file.len() as u64);
                for (name, _) in fetch.headers() {
                    assert!(["Accept-Encoding", "Range", "If-Range"].contains(&name));
                }
                assert!(
                    fetch.target().is_https() && fetch.target().host().ends_with(".example.com")
                        || fetch.target().host() == "cdn.example.net"
                );
            }
            DownloadStep::Done(done) => {
                assert!(file == FILE && done.content().digest().matches(&file));
                return;
            }
            DownloadStep::Failed(error) => {
                super::assert_prints_safely(&error);
                return;
            }
            DownloadStep::Wait(until) => {
                assert!(until.duration_since(now).is_none_or(|wait| wait <= Duration::from_secs(300)));
                if argument & 1 == 0 {
                    now = until;
                }
            }
            _ => assert!(download.next_timeout().is_some()),
        }
        match step[0] & 7 {
            0 | 1 => {
                let head = head_of(&mut steps, argument);
                if let BodyPlan::Append { from } = download.handle_head(&head, now) {
                    file.truncate(usize::try_from(from).expect("small"));
                    assert_eq!(file.len() as u64, from);
                }
            }
            2..=4 => {
                let from = file.len().min(FILE.len());
                let end = (from + usize::from(argument & 31)).min(FILE.len());
                let chunk = if argument & 0xc0 == 0xc0 { b"other bytes" } else { &FILE[from..end] };
                if let Ok(piece) = download.handle_chunk(chunk, now) {
                    file.extend_from_slice(piece);
                }
                assert!(file.len() <= FILE.len(), "more than the file has");
            }
            5 => download.handle_end(now),
            6 => download.handle_lost(now),
            _ => now = moved(now, argument),
        }
    }
}

const BODIES: [&str; 8] = [
    r#"{"attachment_id":"att_1706648400_abc123","upload_url":"https://files.example.com/1","upload_headers":{"Authorization":"Bearer x","Host":"h","x-a":"b","Cookie":"c"},"expires_in":60}"#,
    r#"{"attachment_id":"att_1706648400_abc123","upload_url":"https://10.0.0.1/1","expires_in":60}"#,
    r#"{"attachment_id":"att_1706648400_abc123","scan_status":"pending"}"#,
    r#"{"attachment_id":"att_1706648400_abc123","scan_status":"rejected"}"#,
    r#"{"attachment_id":"att_1706648400_other1","scan_status":"clean"}"#,
    r#"{"attachment_id":"att_1706648400_abc123","scan_status":"clean","filename":"a","content_type":"text/csv","size":37,"digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","url":"https://x.example/1","uploaded_at":"2026-01-31T12:00:00Z","expires_at":"2026-03-31T12:00:00Z"}"#,
    "GOOD",
    "<html>",
];

fn uploads(seed: u8, steps: &[u8]) {
    let mut limits = AttachmentLimits::default();
    limits.direct_upload = Some(seed & 2 != 0);
    let settings = UploadSettings::new(seed.into()).with_limits(&limits);
    let digest = Sha256Digest::of(FILE);
    let mut upload = Upload::start("a.csv", "text/csv", ContentSum::of(FILE), settings).expect("a file");
    let good = BODIES[5].replace(
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        &digest.to_string(),
    );
    let (mut now, mut ticket, mut requests) = (noon(), None::<Ticket>, 0);
    for step in steps.chunks(2) {
        let argument = step.get(1).copied().unwrap_or(0);
        match upload.poll(now) {
            UploadStep::Call(call) => (ticket, requests) = (Some(call.ticket()), requests + 1),
            UploadStep::Form(form) => {
                assert!(seed & 2 != 0, "a form that is not taken");
                (ticket, requests) = (Some(form.ticket()), requests + 1);
            }
            UploadStep::Put(put) => {
                assert_eq!(put.target().host(), "files.example.com");
                for (name, _) in put.headers() {
                    let name = name.to_ascii_lowercase();
                    assert!(["x-a", "content-type", "content-length"].contains(&name.as_str()), "{name}");
                }
                (ticket, requests) = (Some(put.ticket()), requests + 1);
            }
            UploadStep::Done(done) => {
                assert!(done.object().contains(&digest.to_string()), "another file's object");
                return;
            }
            UploadStep::Failed(error) => {
                super::assert_prints_safely(&error);
                return;
            }
            UploadStep::Wait(until) => {
                assert!(until.duration_since(now).is_none_or(|wait| wait <= Duration::from_secs(300)));
                if argument & 1 == 0 {
                    now = until;
                }
            }
            _ => assert!(upload.next_timeout().is_some()),
        }
        let (sent, size) = upload.progress();
        assert!(sent <= size);
        let Some(ticket) = ticket else { continue };
        match step[0] & 7 {
            0..=2 => {
                let body = BODIES[usize::from(argument & 7)];
                let body = if body == "GOOD" { &good } else { body };
                let status = if argument & 8 == 0 { 200 } else { STATUSES[usize::from(argument >> 4)] };
                upload.handle_answer(
                    ticket,
                    &AnswerParts::new(status).with_body(body.as_bytes().to_vec()),
                    now,
                );
            }
            3 | 4 => upload.handle_put(ticket, &AnswerParts::new(STATUSES[usize::from(argument & 15)]), now),
            5 => upload.handle_progress(ticket, argument.into(), now),
            6 => upload.handle_failure(ticket, now),
            _ => now = moved(now, argument),
        }
    }
    assert!(requests <= steps.len());
}
