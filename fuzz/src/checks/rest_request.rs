//! Requests of the provider's API: what is read is written so that it reads the same, and what is refused is refused
//! with a code.

use amp_core::wire::{AnyRequest, ApiUrl, Method, RequestParts};

use super::text_of;

/// A request as HTTP/1.1 writes it: a line `GET /path?query`, headers, an empty line, and the body.
pub fn rest_request(data: &[u8]) {
    let (head, body) = parted(data);
    let mut lines = head.split('\n');
    let line = lines.next().unwrap_or_default();
    let (method, target) = line.split_once(' ').unwrap_or((line, "/health"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(method) = Method::read(method) else { return };
    let mut parts = RequestParts::new(method, path);
    parts.query = pairs(query.split('&'), '=');
    parts.headers = pairs(lines, ':');
    parts.body = body.to_vec();

    if let Ok(Some(key)) = parts.key() {
        assert!((8..=512).contains(&key.expose().len()));
    }
    match AnyRequest::from_parts(&parts) {
        Ok(request) => well_behaved(&request),
        Err(refusal) => {
            assert!((400..500).contains(&refusal.status), "{refusal}");
            assert!(refusal.code.is_some() && refusal.excerpt().is_none());
            super::rest_answer::assert_harmless(&refusal);
            assert_eq!(amp_core::wire::ApiError::from_parts(&refusal.to_parts()), refusal);
        }
    }
}

/// What was read is written, and reads the same, also through the types of an HTTP library.
fn well_behaved(request: &AnyRequest) {
    let parts = request.to_parts();
    assert_eq!(parts.endpoint().unwrap(), request.endpoint());
    let again = AnyRequest::from_parts(&parts).unwrap();
    assert_eq!(again.to_parts(), parts);
    assert!(parts.headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("authorization")));

    let api: ApiUrl = "https://api.crabmail.ai/v1".parse().unwrap();
    let key = "amp_live_sk_0123456789abcdef".parse().unwrap();
    let Ok(sent) = parts.clone().into_http(&api, Some(&key)) else { return };
    assert_eq!(sent.uri().host(), Some("api.crabmail.ai"));
    let arrived = RequestParts::from_http(&sent, &api).unwrap();
    assert_eq!((arrived.method, &arrived.path, &arrived.query), (parts.method, &parts.path, &parts.query));
    let arrived = AnyRequest::from_parts(&arrived).unwrap();
    assert_eq!(arrived.to_parts(), parts);
}

/// Head and body, at the first empty line.
pub(super) fn parted(data: &[u8]) -> (std::borrow::Cow<'_, str>, &[u8]) {
    let at = data.windows(2).position(|pair| pair == b"\n\n");
    match at {
        Some(at) => (text_of(&data[..at]), &data[at + 2..]),
        None => (text_of(data), &[]),
    }
}

pub(super) fn pairs<'a>(texts: impl Iterator<Item = &'a str>, between: char) -> Vec<(String, String)> {
    let pair = |text: &str| {
        let (name, value) = text.split_once(between)?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    texts.filter_map(pair).collect()
}
