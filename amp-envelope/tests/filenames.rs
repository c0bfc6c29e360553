//! File names: the vectors, and what holds for any text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Component, Path};

use amp_envelope::safe_filename;
use proptest::prelude::*;
use serde_json::Value;

/// Whether a name names a file in the directory it is joined to, here and on Windows.
fn stays_inside(name: &str) -> bool {
    let here: Vec<_> = Path::new(name).components().collect();
    let device = name.split(['.', ':']).next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = ["COM", "LPT"].iter().any(|port| {
        device
            .strip_prefix(port)
            .is_some_and(|n| ["1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"].contains(&n))
    });
    matches!(here.as_slice(), [Component::Normal(only)] if *only == name)
        && Path::new("/srv/files").join(name).parent() == Some(Path::new("/srv/files"))
        && !name.contains(['/', '\\', ':', '\0', '*', '?', '"', '<', '>', '|'])
        && !name.ends_with(['.', ' '])
        && name.chars().all(|c| !c.is_control())
        && name.len() <= 255
        && !numbered
        && !["CON", "PRN", "AUX", "NUL"].contains(&device.as_str())
}

// rule: ATT-1, ATT-2, ATT-3, ATT-4, ATT-5, ATT-6, ATT-7
#[test]
fn a58_the_vectors_hold() {
    for file in [include_str!("../../vectors/filename.json"), include_str!("../../vectors/own/filename.json")]
    {
        let suite: Value = serde_json::from_str(file).unwrap();
        for case in suite["cases"].as_array().unwrap() {
            let expect = &case["expect"];
            match safe_filename(case["input"]["text"].as_str().unwrap()) {
                Err(error) => {
                    assert!(expect.get("error").is_some(), "{}", case["id"]);
                    assert_eq!(error.code().as_str(), "invalid_field");
                }
                Ok(name) => {
                    assert!(expect.get("error").is_none(), "{}", case["id"]);
                    assert_eq!(
                        stays_inside(name.as_str()),
                        expect["inside"].as_bool().unwrap(),
                        "{}",
                        case["id"]
                    );
                    if let Some(safe) = expect.get("safe") {
                        assert_eq!(name.as_str(), safe.as_str().unwrap(), "{}", case["id"]);
                    }
                }
            }
        }
    }
}

/// Texts made of what attacks are made of.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("/".to_owned()),
        Just("\\".to_owned()),
        Just("CON".to_owned()),
        Just("aux".to_owned()),
        Just("com1".to_owned()),
        Just("LPT9".to_owned()),
        Just(":".to_owned()),
        Just(" ".to_owned()),
        Just("\0".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("%2".to_owned()),
        Just("f".to_owned()),
        "[a-z.]{1,260}",
        ".{1,3}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn cases() -> u32 {
    // AMP_FILENAME_CASES=1000000 for the long run.
    option_env!("AMP_FILENAME_CASES").and_then(|cases| cases.parse().ok()).unwrap_or(256 * 40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    // rule: ATT-8
    #[test]
    fn a58_a_name_stays_inside_any_directory(text in prop_oneof![hostile(), ".{0,300}".prop_map(String::from)]) {
        match safe_filename(&text) {
            Ok(name) => prop_assert!(stays_inside(name.as_str()), "{:?} became {:?}", text, name),
            Err(_) => {
                let lower = text.to_ascii_lowercase();
                prop_assert!(["%2f", "%5c", "%00"].iter().any(|bad| lower.contains(bad)));
            }
        }
    }
}

proptest! {
    #[test]
    fn a_safe_name_is_left_as_it_is(text in hostile()) {
        if let Ok(name) = safe_filename(&text) {
            prop_assert_eq!(safe_filename(name.as_str()), Ok(name));
        }
    }

    #[test]
    fn a_plain_name_is_left_as_it_is(text in "[A-Za-z_][A-Za-z0-9_-]{4,40}(\\.[a-z0-9]{1,6})?") {
        let name = safe_filename(&text).unwrap();
        prop_assert_eq!(name.as_str(), text);
    }
}
