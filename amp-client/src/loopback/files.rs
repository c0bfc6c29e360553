//! The files of attachments: put at upload URLs, fetched from download URLs (attachments).

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::ops::Range;
use core::time::Duration;
use std::io;

use amp_core::connection::{CheckedFile, FileRefusal};
use amp_core::envelope::AttachmentId;
use amp_core::provider::{ExpectedFile, ServedFile, Ticket};
use amp_core::scan::Scanner;
use amp_core::wire::{AnswerParts, ApiError, ApiErrorCode};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, IF_RANGE, RANGE};
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::body::{self, Body, discard, next_piece, of_file, to_response};
use super::handle::{Input, ReceivedFile, not_carried_out};
use super::listener::Shared;
use super::request::the_only;
use super::storage::{FileWriter, Files};

/// Below which path files are.
pub(super) const BASE_PATH: &str = "/files";
/// How long a piece of a file may take, and the whole of it.
const PIECE_WITHIN: Duration = Duration::from_secs(10);
const FILE_WITHIN: Duration = Duration::from_secs(5 * 60);

/// Answers a request for a file.
pub(super) async fn respond(request: Request<Incoming>, id: String, shared: &Arc<Shared>) -> Response<Body> {
    let (head, incoming) = request.into_parts();
    let token = head.uri.query().and_then(|query| query.strip_prefix("token=")).unwrap_or_default();
    let Ok(id) = id.parse::<AttachmentId>() else { return refuse(incoming, unknown()).await };
    if head.method == Method::PUT {
        if head.headers.contains_key(CONTENT_ENCODING) {
            let rule = "a file is sent as it is, in no other encoding";
            return refuse(incoming, ApiError::new(ApiErrorCode::InvalidRequest, rule)).await;
        }
        take(incoming, id, token.into(), shared).await
    } else if head.method == Method::GET {
        serve(&head.headers, id, token.into(), shared).await
    } else {
        refuse(incoming, unknown()).await
    }
}

fn unknown() -> ApiError {
    ApiError::new(ApiErrorCode::NotFound, "nothing is here, or not any more")
}

async fn refuse(incoming: Incoming, error: ApiError) -> Response<Body> {
    discard(incoming).await;
    to_response(error.to_parts())
}

/// Takes a file in: checked while it streams to its place, and kept when the check holds.
async fn take(incoming: Incoming, id: AttachmentId, token: String, shared: &Arc<Shared>) -> Response<Body> {
    let asked = {
        let (id, token) = (id.clone(), token.clone());
        shared.host.ask(|answer| Input::FileWanted { id, token, answer }).await
    };
    let Some(expected) = asked.flatten() else { return refuse(incoming, unknown()).await };
    let Some(checked) = stream_in(incoming, expected, shared).await else {
        let rule = "the file did not come whole and in time";
        return to_response(ApiError::new(ApiErrorCode::InvalidRequest, rule).to_parts());
    };
    let file = Box::new(ReceivedFile { id, token, checked });
    let ticket = Ticket(shared.host.number());
    let answer = shared.host.ask(|answer| Input::FileReceived { ticket, file, answer }).await;
    to_response(answer.unwrap_or_else(not_carried_out))
}

/// What a check says of a file that came whole; none when it did not.
async fn stream_in(
    mut incoming: Incoming,
    expected: ExpectedFile,
    shared: &Arc<Shared>,
) -> Option<Result<CheckedFile, FileRefusal>> {
    let (pieces, receiver) = mpsc::channel(4);
    let (files, shared) = (shared.files.clone(), Arc::clone(shared));
    let most = expected.size().saturating_add(1);
    let checking = tokio::task::spawn_blocking(move || check(receiver, &expected, &files, &shared.scanner()));
    let mut size = 0_u64;
    let reading = async {
        loop {
            let piece = tokio::time::timeout(PIECE_WITHIN, next_piece(&mut incoming)).await.ok()?.ok()?;
            let Some(piece) = piece else { break };
            size = size.saturating_add(u64::try_from(piece.len()).ok()?);
            pieces.send(Piece::Bytes(piece)).await.ok()?;
            if size > most {
                break;
            }
        }
        pieces.send(Piece::End).await.ok()
    };
    let read = tokio::time::timeout(FILE_WITHIN, reading).await.ok().flatten();
    drop(pieces);
    let checked = checking.await.ok()?;
    read?;
    if size > most {
        discard(incoming).await;
    }
    match checked {
        Ok(checked) => checked,
        Err(error) => {
            tracing::error!(%error, "a file could not be kept");
            None
        }
    }
}

enum Piece {
    Bytes(Bytes),
    /// It came whole.
    End,
}

/// Runs a file through its check and into its place. None when it ends before it is whole.
fn check(
    mut pieces: mpsc::Receiver<Piece>,
    expected: &ExpectedFile,
    files: &Files,
    scanner: &Scanner,
) -> io::Result<Option<Result<CheckedFile, FileRefusal>>> {
    let mut check = expected.check(Some(scanner));
    let mut writer: FileWriter = files.begin()?;
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(piece)) => {
                check.update(&piece);
                if check.size() <= expected.size() {
                    writer.write(&piece)?;
                }
            }
            Some(Piece::End) => break,
            None => return Ok(None),
        }
    }
    let checked = check.finish(expected.announced());
    if checked.is_ok() {
        writer.finish(expected.id())?;
    }
    Ok(Some(checked))
}

/// Gives a file out, whole or in part.
async fn serve(headers: &HeaderMap, id: AttachmentId, token: String, shared: &Shared) -> Response<Body> {
    let asked = {
        let id = id.clone();
        shared.host.ask(|answer| Input::FileAsked { id, token, answer }).await
    };
    let Some(file) = asked.flatten() else { return to_response(unknown().to_parts()) };
    let tag = alloc::format!("\"{}\"", file.digest());
    let wanted = match the_only(headers, IF_RANGE.as_str()) {
        Some(known) if known != tag => Wanted::Whole,
        _ => wanted(the_only(headers, RANGE.as_str()), file.size()),
    };
    let (range, mut answer) = match wanted {
        Wanted::Whole => (0..file.size(), AnswerParts::new(200)),
        Wanted::Part(range) => {
            let said =
                alloc::format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), file.size());
            (range, AnswerParts::new(206).with_header("Content-Range", &said))
        }
        Wanted::Nowhere => {
            let said = alloc::format!("bytes */{}", file.size());
            return to_response(AnswerParts::new(416).with_header("Content-Range", &said));
        }
    };
    let (files, from) = (shared.files.clone(), range.start);
    let opened = tokio::task::spawn_blocking(move || files.open(&id, from)).await;
    let Ok(Ok(reader)) = opened else { return to_response(not_carried_out()) };
    let length = range.end.saturating_sub(range.start);
    answer = described(answer, &file, &tag).with_header("Content-Length", &length.to_string());
    let mut response = to_response(answer);
    *response.body_mut() = if length == 0 { body::empty() } else { of_file(reader, length) };
    response
}

/// The headers of a file: no browser shows it, whatever it claims to be.
fn described(answer: AnswerParts, file: &ServedFile, tag: &str) -> AnswerParts {
    answer
        .with_header("Content-Type", file.content_type())
        .with_header("Content-Disposition", &file.content_disposition())
        .with_header("X-Content-Type-Options", "nosniff")
        .with_header("Content-Security-Policy", "sandbox; default-src 'none'")
        .with_header("Accept-Ranges", "bytes")
        .with_header("Cache-Control", "private, no-store")
        .with_header("ETag", tag)
}

/// How much of a file is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// Nothing that is there.
    Nowhere,
}

/// Reads the header `Range`: one range of bytes. Anything else stands for the whole.
fn wanted(range: Option<&str>, size: u64) -> Wanted {
    let Some((first, last)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return Wanted::Whole;
    };
    let number =
        |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok());
    let (Some(from), Some(to)) = (number(first), number(last)) else { return Wanted::Whole };
    let part = match (from, to) {
        (Some(from), Some(to)) if from <= to => from..to.saturating_add(1).min(size),
        (Some(from), None) if last.is_empty() => from..size,
        (None, Some(most)) if first.is_empty() => size.saturating_sub(most)..size,
        _ => return Wanted::Whole,
    };
    if part.start < part.end { Wanted::Part(part) } else { Wanted::Nowhere }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_within_the_file_or_refused() {
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-3"), 10), Wanted::Part(0..4));
        assert_eq!(wanted(Some("bytes=4-"), 10), Wanted::Part(4..10));
        assert_eq!(wanted(Some("bytes=4-99"), 10), Wanted::Part(4..10));
        assert_eq!(wanted(Some("bytes=-3"), 10), Wanted::Part(7..10));
        assert_eq!(wanted(Some("bytes=-99"), 10), Wanted::Part(0..10));
        for nowhere in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(wanted(Some(nowhere), 10), Wanted::Nowhere, "{nowhere}");
        }
        for whole in [
            "bytes=3-1",
            "bytes=-",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=+1-2",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(wanted(Some(whole), 10), Wanted::Whole, "{whole}");
        }
    }
}
