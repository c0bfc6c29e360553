//! Reading a body from somebody who may be anybody (delivery, webhooks).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::pin::Pin;
use core::time::Duration;

use amp_core::envelope::limits::HTTP_BODY_MAX_BYTES;
use bytes::Buf;
use http::StatusCode;
use http_body::Body;
use http_body_util::BodyExt as _;

/// Within which time a body has to come.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// The body, or the status with which its sender is refused.
pub(super) async fn read<B: Body>(body: B) -> Result<Vec<u8>, StatusCode> {
    let is_too_large = |bytes: u64| usize::try_from(bytes).map_or(true, |bytes| bytes > HTTP_BODY_MAX_BYTES);
    if is_too_large(body.size_hint().lower()) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let reading = collect(Box::pin(body));
    tokio::time::timeout(READ_WITHIN, reading).await.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
}

async fn collect<B: Body>(mut body: Pin<Box<B>>) -> Result<Vec<u8>, StatusCode> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        let Ok(mut data) = frame.into_data() else { continue };
        if bytes.len().saturating_add(data.remaining()) > HTTP_BODY_MAX_BYTES {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            let read = chunk.len();
            bytes.extend_from_slice(chunk);
            data.advance(read);
        }
    }
    Ok(bytes)
}
