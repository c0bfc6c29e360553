//! One request: who calls, what is read of it, and who answers it (provider API).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use amp_core::identity::ApiKey;
use amp_core::provider::Call;
use amp_core::wire::{AnswerParts, ApiError, ApiErrorCode, Authorization, Endpoint, RequestParts};
use http::header::{HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use subtle::ConstantTimeEq as _;

use super::body::{self, Body, Unread, to_response};
use super::connection::Connection;
use super::listener::Shared;
use super::settings::Behaviour;
use super::{deployed, files, socket};

/// Answers a request.
pub(super) async fn respond(request: Request<Incoming>, connection: &Arc<Connection>) -> Response<Body> {
    let shared = &connection.shared;
    if let Err(rule) = may_come_from(&request, shared.is_private) {
        return to_response(ApiError::new(ApiErrorCode::Forbidden, rule).to_parts());
    }
    let deployed = shared.behaviour == Behaviour::Deployed;
    let path = request.uri().path();
    let is_socket = if deployed {
        path == deployed::SOCKET_PATH
    } else {
        path.strip_prefix(shared.api.path()) == Some("/ws")
    };
    if is_socket {
        return socket::upgrade(request, connection);
    }
    if deployed && request.headers().contains_key(UPGRADE) {
        // It destroys such a connection without a word.
        connection.destroy();
        return core::future::pending().await;
    }
    if let Some(file) = path.strip_prefix(files::BASE_PATH).and_then(|rest| rest.strip_prefix('/')) {
        let file = file.into();
        return files::respond(request, file, shared).await;
    }
    let (head, incoming) = request.into_parts();
    let head = Request::from_parts(head, Vec::new());
    let mut parts = match RequestParts::from_http(&head, &shared.api) {
        Ok(parts) => parts,
        Err(_) if deployed => {
            body::discard(incoming).await;
            return to_response(deployed::unknown_path());
        }
        Err(refusal) => {
            body::discard(incoming).await;
            return to_response(refusal.to_parts());
        }
    };
    match body::read(incoming, longest_body(&parts)).await {
        Ok(bytes) => parts.body = bytes,
        Err(Unread::TooLarge) => return to_response(too_large(deployed)),
        Err(Unread::Broken) => {
            let rule = "the request's body did not come whole and in time";
            return to_response(ApiError::new(ApiErrorCode::InvalidRequest, rule).to_parts());
        }
    }
    to_response(if deployed {
        deployed::call(parts, connection).await
    } else {
        call(parts, connection).await
    })
}

/// What the provider answers.
pub(super) async fn call(parts: RequestParts, connection: &Connection) -> AnswerParts {
    let shared = &connection.shared;
    let endpoint = Endpoint::find(parts.method, &parts.path);
    let person = endpoint.and_then(|endpoint| signed_in(endpoint.authorization(), &parts, shared));
    let mut call = Call::new(parts).with_source(&connection.source);
    call = match person {
        Some(Person::Admin) => call.by_admin("admin"),
        Some(Person::Owner(name)) => call.by_owner(name),
        None => call,
    };
    shared.host.call(call).await
}

/// Somebody who has a key of this provider itself.
enum Person<'s> {
    Admin,
    Owner(&'s str),
}

/// Whom the key of a request signs in, where an endpoint wants a person.
fn signed_in<'s>(wanted: Authorization, parts: &RequestParts, shared: &'s Shared) -> Option<Person<'s>> {
    let key = parts.key().ok().flatten()?;
    let is_it = |known: &ApiKey| bool::from(known.expose().as_bytes().ct_eq(key.expose().as_bytes()));
    match wanted {
        Authorization::Admin => is_it(&shared.admin_key).then_some(Person::Admin),
        Authorization::Owner => {
            shared.owners.iter().find(|owner| is_it(&owner.key)).map(|owner| Person::Owner(&owner.name))
        }
        _ => None,
    }
}

fn longest_body(parts: &RequestParts) -> usize {
    let endpoint = Endpoint::find(parts.method, &parts.path);
    endpoint.map_or(amp_core::envelope::limits::HTTP_BODY_MAX_BYTES, Endpoint::body_max_bytes)
}

fn too_large(deployed: bool) -> AnswerParts {
    let code = if deployed { ApiErrorCode::read("payload_too_large") } else { ApiErrorCode::RequestTooLarge };
    let mut answer = ApiError::new(code, "a body has at most 1 MiB, and 25 MiB where a file is uploaded");
    answer.status = 413;
    answer.to_parts()
}

/// What speaks against where a request comes from: a name on the internet that leads to 127.0.0.1 would let any page call,
/// and so would a browser that takes the requests of one site to another.
fn may_come_from<B>(request: &Request<B>, is_private: bool) -> Result<(), &'static str> {
    let host = the_only(request.headers(), HOST.as_str());
    if is_private && !host.is_some_and(is_this_machine) {
        return Err("this provider takes requests by the name of its own machine alone");
    }
    let own = |origin: &HeaderValue| {
        let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        authority.zip(host).is_some_and(|((_, authority), host)| authority.eq_ignore_ascii_case(host))
    };
    if request.headers().get_all(ORIGIN).iter().all(own) {
        return Ok(());
    }
    Err("this provider takes no requests from the pages of other sites")
}

/// The value of a header that stands there once.
pub(super) fn the_only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// Whether a host, with a port or without, is this machine by its own name.
fn is_this_machine(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_machines_own_names_are_taken() {
        for own in ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:9", "127.9.9.9"] {
            assert!(is_this_machine(own), "{own}");
        }
        for foreign in
            ["example.org", "127.0.0.1.example.org", "10.0.0.1:80", "", "localhost.example.org", "[::2]"]
        {
            assert!(!is_this_machine(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_page_of_another_site_or_another_port_is_refused_at_every_address() {
        let asked = |host: &str, origin: Option<&str>, is_private| {
            let request = Request::builder().header(HOST, host);
            let request = origin.into_iter().fold(request, |request, origin| request.header(ORIGIN, origin));
            may_come_from(&request.body(()).unwrap(), is_private).is_ok()
        };
        for is_private in [true, false] {
            assert!(asked("127.0.0.1:8787", None, is_private));
            assert!(asked("127.0.0.1:8787", Some("http://127.0.0.1:8787"), is_private));
            for origin in
                ["http://localhost:3000", "http://127.0.0.1:3000", "https://example.org", "null", ""]
            {
                assert!(!asked("127.0.0.1:8787", Some(origin), is_private), "{origin}");
            }
        }
        assert!(asked("amp.example.org", Some("https://amp.example.org"), false));
        assert!(!asked("amp.example.org", None, true));
    }
}
