//! Transfers against servers that cut, swap and mislead.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::io::Read as _;
use std::path::Path;
use std::sync::Mutex;

use futures_util::{FutureExt as _, StreamExt as _};

use amp_core::connection::{DownloadWarning, Uploaded};
use amp_core::identity::ApiKey;
use amp_core::wire::AttachmentLimits;
use amp_core::{Attachment, AttachmentId, ProviderAttachment, ScanStatus, Sha256Digest};

use super::{DownloadTo, DownloadedFile, UploadFile, download, upload};
use crate::error::{Error, ErrorKind};
use crate::http::scripted::{Scripted, Seen, answer, read_request};
use crate::http::{Access, Http};

const FILE: &[u8] = b"name,count\napples,3\npears,4\n";
const ID: &str = "att_1706648400_abc123";

fn key() -> ApiKey {
    "amp_live_sk_7f53efb3".parse().unwrap()
}

fn attachment_of(url: &str, size: u64, content: &[u8]) -> Attachment {
    let id: AttachmentId = ID.parse().unwrap();
    let object = ProviderAttachment::new(id, "fruit.csv", "text/csv", size, Sha256Digest::of(content));
    Attachment::Provider(object.with_url(url).with_scan_status(ScanStatus::Clean))
}

async fn fetch(server: &Scripted, content: &[u8], directory: &Path) -> Result<DownloadedFile, Error> {
    let attachment = attachment_of(&server.url("/file"), content.len() as u64, content);
    let (http, api, key) = (Http::new(Access::default()), server.api(), key());
    download(&http, Some((&api, &key)), &attachment, DownloadTo::directory(directory)).await
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn content(file: DownloadedFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.into_file().read_to_end(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn a_file_is_downloaded_without_a_credential_and_handed_out_open() {
    let root = tempfile::tempdir().unwrap();
    let server = Scripted::start(|_| answer(200, "", FILE)).await;
    let file = fetch(&server, FILE, root.path()).await.unwrap();
    assert_eq!(file.path(), root.path().join("fruit.csv"));
    assert_eq!((file.content().size(), file.warning()), (FILE.len() as u64, None));
    assert_eq!(content(file), FILE);
    assert_eq!(names(root.path()), ["fruit.csv"]);
    assert!(server.seen()[0].header("authorization").is_none());
}

#[tokio::test]
async fn a55_the_file_that_verified_is_handed_out_though_its_path_leads_elsewhere() {
    let root = tempfile::tempdir().unwrap();
    let server = Scripted::start(|_| answer(200, "", FILE)).await;
    let file = fetch(&server, FILE, root.path()).await.unwrap();
    std::fs::remove_file(file.path()).unwrap();
    std::fs::write(file.path(), "something else").unwrap();
    assert_eq!(content(file), FILE);
}

#[tokio::test]
async fn a55_a_file_that_was_swapped_gets_no_name_and_leaves_nothing() {
    let swapped = FILE.to_ascii_uppercase();
    for body in [swapped, FILE[1..].to_vec(), [FILE, b"x"].concat()] {
        let root = tempfile::tempdir().unwrap();
        let server = Scripted::start(move |_| answer(200, "", &body)).await;
        let error = fetch(&server, FILE, root.path()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadAnswer, "{error}");
        assert!(names(root.path()).is_empty());
    }
}

#[tokio::test]
async fn a_suspicious_file_comes_with_a_warning() {
    let root = tempfile::tempdir().unwrap();
    let server = Scripted::start(|_| answer(200, "", FILE)).await;
    let Attachment::Provider(object) = attachment_of(&server.url("/file"), FILE.len() as u64, FILE) else {
        panic!("another kind")
    };
    let attachment = Attachment::Provider(object.with_scan_status(ScanStatus::Suspicious));
    let (http, api, key) = (Http::new(Access::default()), server.api(), key());
    let file = download(&http, Some((&api, &key)), &attachment, root.path().into()).await.unwrap();
    assert_eq!(file.warning(), Some(DownloadWarning::Suspicious));
}

/// Serves the file; the first answer breaks off behind `cut` bytes of its body.
fn breaking(cut: usize, headers: &'static str) -> impl Fn(&Seen) -> Vec<u8> {
    let requests = AtomicUsize::new(0);
    move |seen| {
        if requests.fetch_add(1, Ordering::SeqCst) == 0 {
            let whole = answer(200, headers, FILE);
            return whole[..whole.len() - FILE.len() + cut].to_vec();
        }
        let from = seen.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        match from {
            Some(from) => {
                let (from, last) = (from.parse::<usize>().unwrap(), FILE.len() - 1);
                let range = format!("Content-Range: bytes {from}-{last}/{}\r\n{headers}", FILE.len());
                answer(206, &range, &FILE[from..])
            }
            None => answer(200, headers, FILE),
        }
    }
}

#[tokio::test]
async fn a_download_that_is_cut_at_any_byte_goes_on_from_there() {
    let cuts = (0..FILE.len()).map(|cut| async move {
        let root = tempfile::tempdir().unwrap();
        let headers = "ETag: \"v1\"\r\nAccept-Ranges: bytes\r\n";
        let server = Scripted::start(breaking(cut, headers)).await;
        let file = fetch(&server, FILE, root.path()).await.unwrap();
        assert_eq!(content(file), FILE, "cut behind byte {cut}");
        let seen = server.seen();
        let expected = (cut > 0).then(|| format!("bytes={cut}-"));
        assert_eq!((seen.len(), seen[1].header("range")), (2, expected.as_deref()), "cut behind byte {cut}");
        assert_eq!(seen[1].header("if-range"), expected.as_ref().map(|_| "\"v1\""));
        assert_eq!(names(root.path()), ["fruit.csv"]);
    });
    futures_util::future::join_all(cuts).await;
}

#[tokio::test]
async fn a_download_without_ranges_starts_over() {
    let root = tempfile::tempdir().unwrap();
    let server = Scripted::start(breaking(9, "")).await;
    let told: Arc<Mutex<Vec<u64>>> = Arc::default();
    let log = Arc::clone(&told);
    let to = DownloadTo::directory(root.path())
        .on_progress(move |progress| log.lock().unwrap().push(progress.bytes()));
    let attachment = attachment_of(&server.url("/file"), FILE.len() as u64, FILE);
    let (http, api, key) = (Http::new(Access::default()), server.api(), key());
    let file = download(&http, Some((&api, &key)), &attachment, to).await.unwrap();
    assert_eq!(content(file), FILE);
    assert_eq!(*told.lock().unwrap(), [9, FILE.len() as u64]);
}

#[tokio::test]
async fn a56_a_file_without_an_end_is_left_at_its_last_byte() {
    let root = tempfile::tempdir().unwrap();
    let server = Scripted::raw(|mut stream| {
        Box::pin(async move {
            use tokio::io::AsyncWriteExt as _;
            read_request(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'a'; 0x1_0000]).await.is_ok() {}
        })
    })
    .await;
    let error = fetch(&server, FILE, root.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadAnswer);
    assert!(names(root.path()).is_empty());
}

#[tokio::test]
async fn a53_a_file_is_fetched_from_no_place_inside() {
    let inside = Scripted::start(|_| answer(200, "", FILE)).await;
    let location = format!("Location: {}\r\n", inside.url("/file"));
    let server = Scripted::start(move |_| answer(302, &location, b"")).await;
    let root = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&server, FILE, root.path()).await.unwrap_err().kind(), ErrorKind::Target);
    for url in [inside.url("/file"), "https://169.254.169.254/file".into(), "https://10.0.0.1/file".into()] {
        let attachment = attachment_of(&url, FILE.len() as u64, FILE);
        let (http, api, key) = (Http::new(Access::default()), server.api(), key());
        let outcome = download(&http, Some((&api, &key)), &attachment, root.path().into()).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Target, "{url}");
        let outcome = download(&http, None, &attachment, root.path().into()).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Target, "{url}");
    }
    assert!(inside.seen().is_empty());
    assert!(names(root.path()).is_empty());
}

#[tokio::test]
async fn the_own_provider_is_asked_where_a_file_is_that_its_url_does_not_hand_out() {
    let own: Arc<Mutex<String>> = Arc::default();
    let site = Arc::clone(&own);
    let server = Scripted::start(move |seen| match seen.line().as_str() {
        "GET /file" => answer(403, "", b""),
        "GET /v1/attachments/att_1706648400_abc123/download" => {
            answer(302, &format!("Location: {}\r\n", site.lock().unwrap()), b"")
        }
        _ => answer(200, "", FILE),
    })
    .await;
    *own.lock().unwrap() = server.url("/signed");
    let root = tempfile::tempdir().unwrap();
    let file = fetch(&server, FILE, root.path()).await.unwrap();
    assert_eq!(content(file), FILE);
    let asked = server.seen();
    let credentials: Vec<_> = asked.iter().map(|seen| seen.header("authorization")).collect();
    assert_eq!(credentials, [None, Some("Bearer amp_live_sk_7f53efb3"), None]);
    assert_eq!(asked[2].line(), "GET /signed");
}

#[tokio::test]
async fn a_download_that_is_dropped_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let server = Scripted::raw(|mut stream| {
        Box::pin(async move {
            use tokio::io::AsyncWriteExt as _;
            read_request(&mut stream).await;
            let _ = stream.write_all(&answer(200, "", FILE)[..50]).await;
            core::future::pending::<()>().await;
        })
    })
    .await;
    let begun = Arc::new(AtomicBool::new(false));
    let telling = Arc::clone(&begun);
    let to = DownloadTo::directory(root.path()).on_progress(move |_| telling.store(true, Ordering::SeqCst));
    let attachment = attachment_of(&server.url("/file"), FILE.len() as u64, FILE);
    let (http, api, key) = (Http::new(Access::default()), server.api(), key());
    let fetching = download(&http, Some((&api, &key)), &attachment, to);
    let waiting = async {
        while !begun.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        outcome = fetching => panic!("{outcome:?}"),
        () = waiting => {}
    }
    assert!(names(root.path()).is_empty());
}

/// A provider that takes uploads. It says what it is told to of the file.
async fn provider(said: fn(&str) -> String) -> Scripted {
    provider_that_breaks(said, None).await
}

/// The same; its first answer to a request whose line ends like this breaks off behind so many bytes.
async fn provider_that_breaks(said: fn(&str) -> String, cut: Option<(&'static str, usize)>) -> Scripted {
    let has_broken = AtomicBool::new(false);
    let site: Arc<Mutex<String>> = Arc::default();
    let own = Arc::clone(&site);
    let server = Scripted::start(move |seen| {
        let state = |status: &str| {
            let digest = Sha256Digest::of(FILE);
            said(&format!(
                r#"{{"attachment_id":"{ID}","filename":"fruit.csv","content_type":"text/csv","size":{},
                "digest":"{digest}","scan_status":"{status}","url":"https://files.example.com/1",
                "uploaded_at":"2026-01-31T10:00:00Z","expires_at":"2026-02-08T10:00:00Z"}}"#,
                FILE.len()
            ))
        };
        let whole = match seen.line().as_str() {
            "POST /v1/attachments/upload" => {
                let place = format!(
                    r#"{{"attachment_id":"{ID}","upload_url":"{}","upload_headers":{{"Authorization":"Bearer stolen",
                    "X-Sum":"1"}},"expires_in":60}}"#,
                    own.lock().unwrap()
                );
                answer(201, "", place.as_bytes())
            }
            "PUT /place" => answer(200, "", b""),
            line if line.ends_with("/confirm") => answer(200, "", state("clean").as_bytes()),
            "POST /v1/attachments/upload/direct" => answer(201, "", state("basic_clean").as_bytes()),
            _ => answer(404, "", b"{}"),
        };
        match cut {
            Some((end, at)) if seen.line().ends_with(end) && !has_broken.swap(true, Ordering::SeqCst) => {
                whole[..at.min(whole.len() - 1)].to_vec()
            }
            _ => whole,
        }
    })
    .await;
    *site.lock().unwrap() = server.url("/place");
    server
}

async fn send(
    server: &Scripted,
    limits: Option<&AttachmentLimits>,
    file: UploadFile,
) -> Result<Uploaded, Error> {
    upload(&Http::new(Access::default()), &server.api(), &key(), limits, file).await
}

fn same(text: &str) -> String {
    text.into()
}

#[tokio::test]
async fn a54_a_file_is_put_without_the_key_and_the_calls_carry_it() {
    let server = provider(same).await;
    let told: Arc<Mutex<Vec<(u64, u64)>>> = Arc::default();
    let log = Arc::clone(&told);
    let file = UploadFile::from_bytes("fruit.csv", "text/csv", FILE.to_vec())
        .on_progress(move |progress| log.lock().unwrap().push((progress.bytes(), progress.total())));
    let uploaded = send(&server, None, file).await.unwrap();
    assert_eq!((uploaded.id().as_str(), uploaded.status()), (ID, ScanStatus::Clean));
    assert!(uploaded.object().contains(r#""filename":"fruit.csv""#));
    let seen = server.seen();
    assert_eq!(
        seen.iter().map(Seen::line).collect::<Vec<_>>()[..2],
        ["POST /v1/attachments/upload", "PUT /place"]
    );
    assert_eq!(seen[0].header("authorization"), Some("Bearer amp_live_sk_7f53efb3"));
    assert_eq!((seen[1].header("authorization"), seen[1].header("x-sum")), (None, Some("1")));
    assert_eq!((&seen[1].body[..], seen[1].header("transfer-encoding")), (FILE, None));
    let size = FILE.len() as u64;
    let told = told.lock().unwrap();
    assert_eq!((told.first(), told.last()), (Some(&(0, size)), Some(&(size, size))));
}

#[tokio::test]
async fn a_file_goes_in_one_form_where_the_provider_takes_forms() {
    let server = provider(same).await;
    let mut limits = AttachmentLimits::default();
    limits.direct_upload = Some(true);
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("fruit.csv");
    std::fs::write(&path, FILE).unwrap();
    let uploaded = send(&server, Some(&limits), UploadFile::open(&path, "text/csv").unwrap()).await.unwrap();
    assert_eq!(uploaded.status(), ScanStatus::BasicClean);
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].header("authorization")), (1, Some("Bearer amp_live_sk_7f53efb3")));
    assert!(seen[0].body.windows(FILE.len()).any(|window| window == FILE));
}

/// Cuts at once: each has three descriptors open, of the thousand that a process often may have.
const AT_ONCE: usize = 128;

#[tokio::test]
async fn an_upload_whose_answers_are_cut_at_any_byte_arrives_once_and_whole() {
    let mut forms = AttachmentLimits::default();
    forms.direct_upload = Some(true);
    let cut_at = |line: &'static str, at: usize, limits: Option<AttachmentLimits>| async move {
        let server = provider_that_breaks(same, Some((line, at))).await;
        let file = UploadFile::from_bytes("fruit.csv", "text/csv", FILE.to_vec());
        let uploaded = send(&server, limits.as_ref(), file).await;
        assert_eq!(uploaded.unwrap().id().as_str(), ID, "{line}, cut behind byte {at}");
        let seen = server.seen();
        assert!(seen.iter().filter(|seen| seen.line() == "PUT /place").all(|seen| seen.body == FILE));
        assert!(
            seen.iter().all(|seen| (seen.header("authorization").is_none()) == (seen.line() == "PUT /place"))
        );
        assert_eq!(seen.iter().filter(|seen| seen.line().ends_with(line)).count(), 2, "{line}, {at}");
    };
    // Each of them pauses for a second, so many go at once. The lengths of the answers bound where they can be cut.
    let cuts = (0..200)
        .map(|at| cut_at("/upload", at, None))
        .map(futures_util::FutureExt::boxed)
        .chain((0..38).map(|at| cut_at("/place", at, None).boxed()))
        .chain((0..400).map(|at| cut_at("/confirm", at, None).boxed()))
        .chain((0..400).map(|at| cut_at("/direct", at, Some(forms.clone())).boxed()));
    futures_util::stream::iter(cuts).buffer_unordered(AT_ONCE).collect::<()>().await;
}

#[tokio::test]
async fn a60_a_provider_that_describes_another_file_is_not_believed() {
    let server = provider(|state| state.replace("fruit.csv", "other.csv")).await;
    let file = UploadFile::from_bytes("fruit.csv", "text/csv", FILE.to_vec());
    assert_eq!(send(&server, None, file).await.unwrap_err().kind(), ErrorKind::BadAnswer);
}

#[tokio::test]
async fn a53_a_file_is_put_to_no_place_inside() {
    let inside = Scripted::start(|_| answer(200, "", b"")).await;
    let place = inside.url("/place");
    let server = Scripted::start(move |_| {
        let place = format!(r#"{{"attachment_id":"{ID}","upload_url":"{place}","expires_in":60}}"#);
        answer(201, "", place.as_bytes())
    })
    .await;
    let file = UploadFile::from_bytes("fruit.csv", "text/csv", FILE.to_vec());
    assert_eq!(send(&server, None, file).await.unwrap_err().kind(), ErrorKind::Target);
    assert!(inside.seen().is_empty());
}

#[tokio::test]
async fn a_file_that_becomes_shorter_while_it_is_sent_is_an_error_of_the_file() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("fruit.csv");
    std::fs::write(&path, FILE).unwrap();
    let (http, size) = (Http::new(Access::default()), FILE.len() as u64);
    let (_, _, source, _) = UploadFile::open(&path, "text/csv").unwrap().into_parts();
    std::fs::write(&path, b"").unwrap();
    let server = Scripted::start(|_| answer(200, "", b"")).await;
    let api = server.api();
    let target = amp_core::webhook::Target::parse_with(&server.url("/"), &http.policy(Some(&api))).unwrap();
    let reading = super::body::Reading::plain(source);
    let sent = super::body::Sent::default();
    let body = reading.body(bytes::Bytes::new(), size, bytes::Bytes::new(), &sent).unwrap();
    let headers = [("Content-Length".to_owned(), size.to_string())];
    let error = http.put(Some(&api), &target, &headers, body).await.unwrap_err();
    assert_eq!(error, crate::http::HttpError::File);
}

#[tokio::test]
async fn programs_and_what_is_too_large_are_not_sent() {
    let server = provider(same).await;
    let program = UploadFile::from_bytes("run.sh", "application/x-sh", b"#!/bin/sh\n".to_vec());
    assert_eq!(send(&server, None, program).await.unwrap_err().kind(), ErrorKind::Message);
    let mut limits = AttachmentLimits::default();
    limits.max_attachment_size = Some(3);
    let large = UploadFile::from_bytes("fruit.csv", "text/csv", FILE.to_vec());
    assert_eq!(send(&server, Some(&limits), large).await.unwrap_err().kind(), ErrorKind::Message);
    assert!(server.seen().is_empty());
    assert!(UploadFile::open("/dev/null", "text/plain").is_err());
}

/// A file larger than what it may take in memory. For 10 GiB: `AMP_TEST_MIB=10240 cargo test -p amp-client --lib
/// memory_does_not_grow`.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_does_not_grow_with_the_file() {
    const MIB: usize = 1 << 20;
    const PIECES: usize = 48;
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
    };
    let pieces = std::env::var("AMP_TEST_MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(PIECES);
    let server = Scripted::raw(move |mut stream| {
        Box::pin(async move {
            use tokio::io::AsyncWriteExt as _;
            read_request(&mut stream).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", pieces * MIB);
            let _ = stream.write_all(head.as_bytes()).await;
            let piece = vec![0xff; MIB];
            for _ in 0..pieces {
                let _ = stream.write_all(&piece).await;
            }
        })
    })
    .await;
    let mut hasher = amp_core::connection::ContentHasher::new();
    let piece = vec![0xff; MIB];
    (0..pieces).for_each(|_| hasher.update(&piece));
    let sum = hasher.finish();
    let id: AttachmentId = ID.parse().unwrap();
    let object =
        ProviderAttachment::new(id, "large.bin", "application/octet-stream", sum.size(), sum.digest());
    let object = object.with_url(&server.url("/file")).with_scan_status(ScanStatus::Clean);
    let root = tempfile::tempdir().unwrap();
    let to = DownloadTo::directory(root.path()).with_size_max(u64::MAX);
    let (http, api, key) = (Http::new(Access::default()), server.api(), key());
    let (before, most) = (resident(), Arc::new(AtomicUsize::new(0)));
    let highest = Arc::clone(&most);
    let to = to.on_progress(move |_| {
        highest.fetch_max(resident(), Ordering::SeqCst);
    });
    let file = download(&http, Some((&api, &key)), &Attachment::Provider(object), to).await.unwrap();
    assert_eq!(file.content().size(), (pieces * MIB) as u64);
    let grown = most.load(Ordering::SeqCst).saturating_sub(before);
    // Other tests run beside this one.
    assert!(grown < 40, "{grown} MiB more for a file of {pieces} MiB");
}
