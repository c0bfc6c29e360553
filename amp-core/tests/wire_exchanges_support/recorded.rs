//! The recorded lines, in the parts that the library has.

use amp_core::address::Address;
use amp_core::wire::{AnswerParts, Method, RequestParts};
use serde_json::Value;

const RECORDED: &str = include_str!("../../../vectors/maestro-exchanges.jsonl");
/// Who sends in the recordings, where only an address is needed to decode a body.
const SENDER: &str = "alice@acme.aimaestro.local";

pub(crate) fn sender() -> Address {
    SENDER.parse().unwrap()
}

pub(crate) struct Line(Value);

pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) request: RequestParts,
    pub(crate) answer: AnswerParts,
}

pub(crate) struct Frame {
    pub(crate) is_from_server: bool,
    pub(crate) text: String,
}

pub(crate) fn lines() -> Vec<Line> {
    RECORDED.lines().map(|line| Line(serde_json::from_str(line).unwrap())).collect()
}

impl Line {
    fn name(&self) -> String {
        self.0["name"].as_str().unwrap().to_owned()
    }

    pub(crate) fn is_known(&self) -> bool {
        ["request", "peer_saw", "frames"].iter().filter(|kind| self.0.get(**kind).is_some()).count() == 1
    }

    pub(crate) fn exchange(self) -> Option<Exchange> {
        let (request, response) = (self.0.get("request")?, &self.0["response"]);
        let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
        let mut answer = AnswerParts::new(status).with_body(body_of(&response["body"]));
        answer.headers = headers_of(&response["headers"]);
        Some(Exchange { name: self.name(), request: parts_of(request), answer })
    }

    pub(crate) fn peer(self) -> Option<(String, RequestParts)> {
        Some((self.name(), parts_of(self.0.get("peer_saw")?)))
    }

    pub(crate) fn frames(self) -> Vec<(String, Frame)> {
        let frames = self.0.get("frames").and_then(Value::as_array).cloned().unwrap_or_default();
        let read = frames.iter().filter_map(|frame| match frame {
            Value::String(text) => Some(Frame { is_from_server: true, text: text.clone() }),
            // Nothing came in the time that was waited.
            Value::Null => None,
            frame => {
                let text = match &frame["data"] {
                    Value::String(text) => text.clone(),
                    data => unhex(data["binary"].as_str().unwrap()),
                };
                Some(Frame { is_from_server: frame["dir"] == "<", text })
            }
        });
        read.map(|frame| (self.name(), frame)).collect()
    }
}

fn unhex(hex: &str) -> String {
    let bytes = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap());
    String::from_utf8(bytes.collect()).unwrap()
}

/// A body, where the recording cut a long one, filled up to its length.
fn body_of(body: &Value) -> Vec<u8> {
    let text = body.as_str().unwrap_or_default();
    let Some((start, length)) = text.strip_suffix(" bytes>").and_then(|text| text.rsplit_once("...<")) else {
        return text.as_bytes().to_vec();
    };
    let mut bytes = start.as_bytes().to_vec();
    bytes.resize(length.parse().unwrap(), b'x');
    bytes
}

fn headers_of(headers: &Value) -> Vec<(String, String)> {
    let pairs = headers.as_object().unwrap().iter();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn parts_of(request: &Value) -> RequestParts {
    let url = request["path"].as_str().unwrap();
    // A path that looked like one in a home directory was rewritten in the recording.
    let url = url.replacen("~/.agent-messaging/messages", "/api/v1/messages", 1);
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let mut parts = RequestParts::new(Method::read(request["method"].as_str().unwrap()).unwrap(), path);
    parts.query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    parts.headers = headers_of(&request["headers"]);
    parts.body = body_of(&request["body"]);
    parts
}

pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let present = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(present.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        other => other,
    }
}

fn decoded(path: &str) -> String {
    path.replace("%40", "@")
}

/// The JSON of a body. The name of an agent is written in lower case, whatever was typed.
fn comparable(body: &[u8]) -> Option<Value> {
    let mut json: Value = serde_json::from_slice(body).ok()?;
    if let Some(Value::String(name)) = json.get_mut("name") {
        name.make_ascii_lowercase();
    }
    Some(json)
}

impl Exchange {
    pub(crate) fn request_body(&self) -> Value {
        serde_json::from_slice(&self.request.body).unwrap_or_default()
    }

    pub(crate) fn answer_body(&self) -> Option<Value> {
        serde_json::from_slice(&self.answer.body).ok()
    }

    /// Compares with what a client made: method, path, query, headers that matter, JSON.
    pub(crate) fn assert_made(&self, made: &RequestParts) {
        let (recorded, name) = (&self.request, &self.name);
        assert_eq!((made.method, decoded(&made.path)), (recorded.method, decoded(&recorded.path)), "{name}");
        assert_eq!(made.query, recorded.query, "{name}");
        assert_eq!(comparable(&made.body), comparable(&recorded.body), "{name}");
        assert_eq!(made.body.is_empty(), recorded.body.is_empty(), "{name}");
        for (header, value) in &recorded.headers {
            let found = made.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(header));
            // A request without a body needs no type of it.
            if !(header == "Content-Type" && made.body.is_empty()) {
                assert_eq!(found.map(|(_, value)| value), Some(value), "{header} of {name}");
            }
        }
    }
}
