//! Bodies of requests and answers, each bounded and each with a deadline (provider API, limits).

use alloc::vec::Vec;
use core::time::Duration;
use std::io;

use amp_core::wire::AnswerParts;
use bytes::Bytes;
use futures_util::stream;
use http::header::{HeaderName, HeaderValue};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};

use super::storage::FileReader;

/// How long a caller may take to send what it announced.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// How much is read away of a request that was refused, so that its answer is not lost with it; and for how long.
const UNREAD_MAX: usize = 4 * 1024 * 1024;
const UNREAD_WITHIN: Duration = Duration::from_secs(5);
/// How much of a file is read at once.
const PIECE: usize = 64 * 1024;

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Why a request's body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is longer than is allowed.
    TooLarge,
    /// It did not come in time, or its connection broke.
    Broken,
}

/// Reads a body of at most so many bytes.
pub(super) async fn read(mut body: Incoming, most: usize) -> Result<Vec<u8>, Unread> {
    let announced = http_body::Body::size_hint(&body).lower();
    if usize::try_from(announced).is_ok_and(|announced| announced <= most) {
        match tokio::time::timeout(BODY_WITHIN, collect(&mut body, most)).await {
            Ok(Err(Unread::TooLarge)) => {}
            Ok(read) => return read,
            Err(_) => return Err(Unread::Broken),
        }
    }
    discard(body).await;
    Err(Unread::TooLarge)
}

async fn collect(body: &mut Incoming, most: usize) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    while let Some(piece) = next_piece(body).await? {
        if bytes.len().saturating_add(piece.len()) > most {
            return Err(Unread::TooLarge);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// The next bytes of a body; none at its end.
pub(super) async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>, Unread> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unread::Broken)?;
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

/// Reads on for a while, so that the answer reaches a caller that is still sending.
pub(super) async fn discard(mut body: Incoming) {
    let reading = async {
        let mut read = 0_usize;
        while read < UNREAD_MAX {
            let Ok(Some(piece)) = next_piece(&mut body).await else { return };
            read = read.saturating_add(piece.len());
        }
    };
    // Whoever takes longer gets its answer with a broken connection.
    let _ = tokio::time::timeout(UNREAD_WITHIN, reading).await;
}

/// An answer as hyper sends it. Headers that cannot be sent are left out: the provider writes none.
pub(super) fn to_response(answer: AnswerParts) -> http::Response<Body> {
    let mut response = http::Response::new(whole(answer.body));
    *response.status_mut() =
        http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

pub(super) fn whole(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// So many bytes of a file, piece by piece, read beside the runtime.
pub(super) fn of_file(file: FileReader, bytes: u64) -> Body {
    let pieces = stream::try_unfold((file, bytes), |(mut file, left)| async move {
        let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        if most == 0 {
            return Ok(None);
        }
        let reading = move || file.read(most).map(|piece| (piece, file));
        let (piece, file) = tokio::task::spawn_blocking(reading).await.map_err(io::Error::other)??;
        if piece.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        let left = left.saturating_sub(u64::try_from(piece.len()).unwrap_or(left));
        Ok(Some((Frame::data(piece), (file, left))))
    });
    StreamBody::new(pieces).boxed_unsync()
}
