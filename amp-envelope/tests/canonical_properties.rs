//! What canonical form promises for every payload: one text for one value, another for another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_envelope::{Canonicalizer, Dialect, ErrorCode, canonicalize};
use proptest::prelude::*;

/// A JSON value of the profile, free of any spelling.
#[derive(Debug, Clone)]
enum Json {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

const SAFE_INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

/// Characters that programs disagree about: escapes, controls, DEL, surrogate edges, composed and combining.
const TRICKY: &str = "\"\\/\u{0}\u{8}\t\n\u{c}\r\u{1f} \u{7f}\u{80}é\u{301}\u{2028}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}";

fn text() -> impl Strategy<Value = String> {
    let tricky = prop::sample::select(TRICKY.chars().collect::<Vec<_>>());
    prop_oneof![
        3 => "[a-z]{0,6}",
        2 => "[0-9]{1,10}",
        2 => prop::collection::vec(tricky, 0..6).prop_map(String::from_iter),
        1 => any::<String>(),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        2 => (-1000_i32..1000).prop_map(f64::from),
        1 => (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(|n| n as f64),
        2 => prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        2 => (-1000_i32..1000, -30_i32..30).prop_map(|(n, e)| format!("{n}e{e}").parse::<f64>().unwrap()),
    ]
}

fn json(number: impl Strategy<Value = f64> + 'static) -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        number.prop_map(Json::Number),
        text().prop_map(Json::String),
    ];
    leaf.prop_recursive(5, 48, 6, |json| {
        prop_oneof![prop::collection::vec(json.clone(), 0..6).prop_map(Json::Array), members(json)]
    })
}

/// An object: names are distinct.
fn members(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Json> {
    prop::collection::hash_map(text(), value, 0..6).prop_map(|map| Json::Object(map.into_iter().collect()))
}

fn payload() -> impl Strategy<Value = Json> {
    members(json(number()))
}

/// Payloads whose canonical forms stay in the profile: where a dialect writes a large integral double as bare digits
/// (RFC 8785 below 1e21, jq 1.6 below 1e33), they would read as an integer literal outside ±(2^53 − 1).
fn rereadable() -> impl Strategy<Value = Json> {
    members(json(
        number().prop_filter("reads as a big integer", |n| n.abs() <= SAFE_INTEGER_MAX || n.abs() >= 1e33),
    ))
}

/// Payloads without number literals that a dialect would keep.
fn of_integers() -> impl Strategy<Value = Json> {
    members(json((-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(|n| n as f64)))
}

/// A stream of choices (SplitMix64).
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn white_space(&mut self, out: &mut String) {
        for _ in 0..self.below(3) {
            out.push(self.one_of(&[' ', '\n', '\t', '\r']));
        }
    }
}

/// Spells a value in one of its many ways: member order, white space, escapes and number literals are chosen freely.
fn spell(json: &Json, choices: &mut Choices, out: &mut String) {
    choices.white_space(out);
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(value) => out.push_str(&spell_number(*value, choices)),
        Json::String(text) => spell_string(text, choices, out),
        Json::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                spell(item, choices, out);
            }
            choices.white_space(out);
            out.push(']');
        }
        Json::Object(members) => {
            let mut order: Vec<_> = members.iter().collect();
            for n in (1..order.len()).rev() {
                order.swap(n, choices.below(n + 1));
            }
            out.push('{');
            for (n, (name, value)) in order.into_iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                choices.white_space(out);
                spell_string(name, choices, out);
                choices.white_space(out);
                out.push(':');
                spell(value, choices, out);
            }
            choices.white_space(out);
            out.push('}');
        }
    }
    choices.white_space(out);
}

fn spell_number(value: f64, choices: &mut Choices) -> String {
    let plain = format!("{value:?}");
    let is_integer = value.fract() == 0.0
        && value.abs() <= SAFE_INTEGER_MAX
        && !(value == 0.0 && value.is_sign_negative());
    match choices.below(5) {
        0 if is_integer => format!("{value:.0}"),
        1 => format!("{value:e}"),
        2 => format!("{value:E}").replacen("E", if value.abs() >= 1.0 { "E+" } else { "E" }, 1),
        // Digits behind the shortest ones name the same double.
        3 if !plain.contains('e') => format!("{plain}000"),
        4 => match format!("{value:e}").split_once('e').unwrap() {
            (mantissa, exponent) if mantissa.contains('.') => format!("{mantissa}0e{exponent}"),
            (mantissa, exponent) => format!("{mantissa}.0e{exponent}"),
        },
        _ => plain,
    }
}

fn spell_string(text: &str, choices: &mut Choices, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        let must = character < ' ' || character == '"' || character == '\\';
        let short = match character {
            '"' | '\\' | '/' => Some(character),
            '\u{8}' => Some('b'),
            '\t' => Some('t'),
            '\n' => Some('n'),
            '\u{c}' => Some('f'),
            '\r' => Some('r'),
            _ => None,
        };
        match (choices.below(4), short) {
            (0, Some(short)) => out.extend(['\\', short]),
            (1, _) => escape_units(character, choices, out),
            _ if must => escape_units(character, choices, out),
            _ => out.push(character),
        }
    }
    out.push('"');
}

fn escape_units(character: char, choices: &mut Choices, out: &mut String) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        let hex = format!("{unit:04x}");
        out.push_str("\\u");
        out.extend(
            hex.chars().map(|digit| if choices.below(2) == 0 { digit.to_ascii_uppercase() } else { digit }),
        );
    }
}

fn spelled(json: &Json, seed: u64) -> Vec<u8> {
    let mut out = String::new();
    spell(json, &mut Choices(seed), &mut out);
    out.into_bytes()
}

/// RFC 8785 written down once more, the slow way.
fn reference(json: &Json, out: &mut String) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(value) => out.push_str(ryu_js::Buffer::new().format_finite(*value)),
        Json::String(text) => out.push_str(&serde_json::to_string(text).unwrap()),
        Json::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                reference(item, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            let mut order: Vec<_> = members.iter().collect();
            order.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
            out.push('{');
            for (n, (name, value)) in order.into_iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                out.push_str(&serde_json::to_string(name).unwrap());
                out.push(':');
                reference(value, out);
            }
            out.push('}');
        }
    }
}

/// Whether what serde_json read is the value; numbers are compared as doubles.
fn is_same(json: &Json, read: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (json, read) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(a), Value::Bool(b)) => a == b,
        (Json::Number(a), Value::Number(b)) => b.as_f64() == Some(*a),
        (Json::String(a), Value::String(b)) => a == b,
        (Json::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Json::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| is_same(a, b)))
        }
        _ => false,
    }
}

fn holds_proto(json: &Json) -> bool {
    match json {
        Json::Array(items) => items.iter().any(holds_proto),
        Json::Object(members) => {
            members.iter().any(|(name, value)| name == "__proto__" || holds_proto(value))
        }
        _ => false,
    }
}

proptest! {
    // rule: CANON-1, CANON-2, CANON-3, CANON-6, CANON-7, CANON-15
    #[test]
    fn one_value_has_one_canonical_form_however_it_is_spelled(payload in payload(), seed: u64) {
        let canonical = canonicalize(&spelled(&payload, seed), Dialect::Jcs).unwrap();
        let mut wanted = String::new();
        reference(&payload, &mut wanted);
        prop_assert_eq!(String::from_utf8(canonical).unwrap(), wanted);
    }

    #[test]
    fn every_spelling_hashes_alike_where_the_dialect_drops_spelling(payload in payload(), a: u64, b: u64) {
        for dialect in [Dialect::Jcs, Dialect::Maestro] {
            let (a, b) = (canonicalize(&spelled(&payload, a), dialect), canonicalize(&spelled(&payload, b), dialect));
            // Where the fault stands differs with the spelling; whether there is one does not.
            prop_assert_eq!(a.map_err(|error| error.code()), b.map_err(|error| error.code()));
        }
    }

    #[test]
    fn member_order_white_space_and_escapes_matter_under_no_dialect(payload in of_integers(), seed: u64) {
        let one = canonicalize(&spelled(&payload, seed), Dialect::Jcs).unwrap();
        let tree: serde_json::Value = serde_json::from_slice(&one).unwrap();
        let pretty = serde_json::to_vec_pretty(&tree).unwrap();
        for dialect in Dialect::ALL {
            let one = canonicalize(&one, dialect).map_err(|error| error.code());
            prop_assert_eq!(one, canonicalize(&pretty, dialect).map_err(|error| error.code()), "{}", dialect);
        }
    }

    // rule: CANON-1, CANON-2, CANON-3, CANON-7, CANON-11
    #[test]
    fn canonical_form_equals_that_of_an_independent_writer(payload in payload(), seed: u64) {
        let received = spelled(&payload, seed);
        let tree: serde_json::Value = serde_json::from_slice(&received).unwrap();
        let wanted = serde_json_canonicalizer::to_vec(&tree).unwrap();
        let canonical = canonicalize(&received, Dialect::Jcs).unwrap();
        prop_assert_eq!(String::from_utf8(canonical).unwrap(), String::from_utf8(wanted).unwrap());
    }

    #[test]
    fn canonical_form_is_idempotent_and_known_as_such(payload in rereadable(), seed: u64) {
        let received = spelled(&payload, seed);
        let mut canonicalizer = Canonicalizer::new();
        for dialect in Dialect::ALL {
            let Ok(canonical) = canonicalize(&received, dialect) else { continue };
            prop_assert_eq!(&canonicalize(&canonical, dialect).unwrap(), &canonical, "{}", dialect);
            if dialect == Dialect::Jcs {
                prop_assert!(canonicalizer.is_canonical(&canonical).unwrap());
                prop_assert_eq!(canonicalizer.is_canonical(&received).unwrap(), received == canonical);
            }
        }
    }

    /// A form from which the value can be read back belongs to no other value.
    #[test]
    fn a08_under_no_dialect_do_two_values_share_a_form(payload in payload(), seed: u64) {
        let received = spelled(&payload, seed);
        for dialect in Dialect::ALL {
            match canonicalize(&received, dialect) {
                Ok(form) => {
                    let read: serde_json::Value = serde_json::from_slice(&form).unwrap();
                    prop_assert!(is_same(&payload, &read), "{}: {}", dialect, String::from_utf8_lossy(&form));
                }
                Err(error) => {
                    prop_assert_eq!(error.code(), ErrorCode::UnportablePayload);
                    prop_assert!(dialect == Dialect::Maestro && holds_proto(&payload));
                }
            }
        }
    }

    // rule: CANON-16, JSON-4
    #[test]
    fn a08_big_integers_are_written_exactly_or_refused(a in "-?[1-9][0-9]{16,80}", b in "-?[1-9][0-9]{16,80}") {
        let form = |digits: &str, dialect| canonicalize(format!("{{\"n\":{digits}}}").as_bytes(), dialect);
        for dialect in [Dialect::Jcs, Dialect::Maestro, Dialect::Jq16] {
            prop_assert_eq!(form(&a, dialect).unwrap_err().code(), ErrorCode::UnportableNumber);
        }
        for dialect in [Dialect::Jq17, Dialect::PythonUtf8, Dialect::PythonAscii] {
            prop_assert_eq!(form(&a, dialect).unwrap(), format!("{{\"n\":{a}}}").into_bytes());
            prop_assert_eq!(form(&a, dialect) == form(&b, dialect), a == b);
        }
    }

    // rule: JSON-2
    #[test]
    fn a07_a_name_twice_is_refused_however_it_is_escaped(payload in payload(), name in text(), depth in 0_usize..100, seed: u64) {
        let mut choices = Choices(seed);
        let mut inner = String::from("{");
        spell_string(&name, &mut choices, &mut inner);
        inner.push_str(":null");
        let others = match payload {
            Json::Object(members) => members,
            _ => Vec::new(),
        };
        for (other, value) in others.iter().filter(|(other, _)| *other != name) {
            inner.push(',');
            spell_string(other, &mut choices, &mut inner);
            inner.push(':');
            spell(value, &mut choices, &mut inner);
        }
        inner.push(',');
        spell_string(&name, &mut choices, &mut inner);
        inner.push_str(":1}");
        let mut outer = inner;
        for _ in 0..depth {
            outer = if choices.below(2) == 0 { format!("[{outer}]") } else { format!("{{\"x\":{outer}}}") };
        }
        let outer = format!("{{\"payload\":{outer}}}");
        for dialect in Dialect::ALL {
            prop_assert_eq!(canonicalize(outer.as_bytes(), dialect).unwrap_err().code(), ErrorCode::DuplicateKey);
        }
    }
}

// rule: JSON-2
#[test]
fn a07_twelve_ways_to_name_a_member_twice() {
    let deep = format!(r#"{{"a":{}{{"k":1,"k":2}}{}}}"#, "[".repeat(126), "]".repeat(126));
    for text in [
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"\u0061":1,"a":2}"#,
        r#"{"a":1,"b":2,"c":3,"a":4}"#,
        r#"{"":1,"":2}"#,
        r#"{"a/b":1,"a\/b":2}"#,
        r#"{"\n":1,"\u000a":2}"#,
        r#"{"\ud83d\ude00":1,"😀":2}"#,
        r#"{"\u00E9":1,"\u00e9":2}"#,
        r#"{"list":[{"x":{"a":null,"a":null}}]}"#,
        &deep,
    ] {
        for dialect in Dialect::ALL {
            assert_eq!(
                canonicalize(text.as_bytes(), dialect).unwrap_err().code(),
                ErrorCode::DuplicateKey,
                "{text}"
            );
        }
    }
}

// rule: CANON-16, CANON-17, JSON-3, JSON-8
#[test]
fn a08_what_a_dialect_would_lose_is_refused_under_it() {
    for text in [r#"{"__proto__":1}"#, r#"{"a":[{"b":{"\u005f_proto__":{}}}]}"#] {
        assert_eq!(
            canonicalize(text.as_bytes(), Dialect::Maestro).unwrap_err().code(),
            ErrorCode::UnportablePayload
        );
        assert!(canonicalize(text.as_bytes(), Dialect::Jcs).is_ok());
    }
    for dialect in Dialect::ALL {
        for number in ["1e400", "-1e309", "1.8e308", &"9".repeat(400)] {
            let text = format!(r#"{{"n":{number}}}"#);
            assert_eq!(
                canonicalize(text.as_bytes(), dialect).unwrap_err().code(),
                ErrorCode::NonFiniteNumber
            );
        }
        for half in [r#"{"s":"\ud800"}"#, r#"{"\udc00":1}"#, r#"{"s":"\udc00\ud800"}"#] {
            assert_eq!(canonicalize(half.as_bytes(), dialect).unwrap_err().code(), ErrorCode::LoneSurrogate);
        }
    }
    // 2^53 and 2^53 + 1 are one double.
    for dialect in [Dialect::Jcs, Dialect::Maestro, Dialect::Jq16] {
        for number in ["9007199254740992", "9007199254740993", "-9007199254740993"] {
            let text = format!(r#"{{"n":{number}}}"#);
            assert_eq!(
                canonicalize(text.as_bytes(), dialect).unwrap_err().code(),
                ErrorCode::UnportableNumber
            );
        }
    }
}

// rule: CANON-10
#[test]
fn a10_composed_and_decomposed_text_stay_apart() {
    let (composed, decomposed) = ("{\"s\":\"\u{e9}\"}", "{\"s\":\"e\u{301}\"}");
    for dialect in Dialect::ALL {
        let form = |text: &str| canonicalize(text.as_bytes(), dialect).unwrap();
        assert_ne!(form(composed), form(decomposed));
        // As names of one object they are two members, not one twice.
        let both = form("{\"\u{e9}\":1,\"e\u{301}\":2}");
        let read: serde_json::Value = serde_json::from_slice(&both).unwrap();
        assert_eq!(read.as_object().unwrap().len(), 2);
    }
    assert_eq!(canonicalize(decomposed.as_bytes(), Dialect::Jcs).unwrap(), decomposed.as_bytes());
}

#[test]
fn digits_of_a_large_integral_double_are_not_taken_back_silently() {
    let canonical = canonicalize(br#"{"n":1e20}"#, Dialect::Jcs).unwrap();
    assert_eq!(canonical, br#"{"n":100000000000000000000}"#);
    assert_eq!(canonicalize(&canonical, Dialect::Jcs).unwrap_err().code(), ErrorCode::UnportableNumber);
}
