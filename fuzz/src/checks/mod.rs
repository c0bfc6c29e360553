//! One check for each fuzz target: any bytes go in, and a broken promise of the crates panics.
//!
//! Nothing here knows of a fuzzer: `cargo test` includes these files too and runs them over the kept corpus.

mod address;
mod admission;
mod aid;
mod canonicalize;
mod card;
mod decode;
mod explain;
mod filename;
mod forward;
mod frames;
mod key_import;
mod pattern;
mod pickup;
mod receive;
mod relay;
mod rest_answer;
mod rest_request;
mod scan;
mod sealed_open;
mod sealed_stream;
mod session;
mod target;
mod thread;
mod timestamp;
mod transfer;
mod txt;
mod verify;
mod webhook;
mod wrap;

pub use address::address;
pub use admission::admission;
pub use aid::aid;
pub use canonicalize::canonicalize;
pub use card::card;
pub use decode::decode;
pub use explain::explain;
pub use filename::filename;
pub use forward::forward;
pub use frames::frames;
pub use key_import::key_import;
pub use pattern::pattern;
pub use pickup::pickup;
pub use receive::receive;
pub use relay::relay;
pub use rest_answer::rest_answer;
pub use rest_request::rest_request;
pub use scan::scan;
pub use sealed_open::sealed_open;
pub use sealed_stream::sealed_stream;
pub use session::session;
pub use target::target;
pub use thread::thread;
pub use timestamp::timestamp;
pub use transfer::transfer;
pub use txt::txt;
pub use verify::verify;
pub use webhook::webhook;
pub use wrap::wrap;

use amp_address::Profile;

const PROFILES: [Profile; 2] = [Profile::Spec, Profile::Deployed];

/// A check by its target's name.
pub type Check = fn(&[u8]);

/// Every check, by the name of its target.
pub const ALL: &[(&str, Check)] = &[
    ("address", address),
    ("admission", admission),
    ("aid", aid),
    ("canonicalize", canonicalize),
    ("card", card),
    ("decode", decode),
    ("explain", explain),
    ("filename", filename),
    ("forward", forward),
    ("frames", frames),
    ("key_import", key_import),
    ("pattern", pattern),
    ("pickup", pickup),
    ("receive", receive),
    ("relay", relay),
    ("rest_answer", rest_answer),
    ("rest_request", rest_request),
    ("scan", scan),
    ("sealed_open", sealed_open),
    ("sealed_stream", sealed_stream),
    ("session", session),
    ("target", target),
    ("thread", thread),
    ("timestamp", timestamp),
    ("transfer", transfer),
    ("txt", txt),
    ("verify", verify),
    ("webhook", webhook),
    ("wrap", wrap),
];

/// What is said may be shown to a person: it is short, and no character of it acts on a terminal or hides.
fn assert_fit_to_show(shown: &dyn std::fmt::Display) {
    let text = shown.to_string();
    // 64 characters from outside, each of them escaped, are the most.
    assert!(text.chars().count() <= 720, "{} characters", text.chars().count());
    let harmless = |c: char| (' '..='~').contains(&c) || "±²−…".contains(c);
    assert!(text.chars().all(harmless), "{text:?}");
}

/// What repeats a text from outside is short, and holds no control.
fn assert_prints_safely(shown: &dyn std::fmt::Display) {
    let text = shown.to_string();
    assert!(text.chars().count() <= 1_440, "{} characters", text.chars().count());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// The bytes as text; what is not UTF-8 is replaced.
fn text_of(data: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(data)
}
