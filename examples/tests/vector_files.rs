//! Every file of test vectors has the format that vectors/schema.json describes, and the house's own say what they prove.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

#[test]
fn every_vector_file_fits_the_schema() {
    let schema = read(&vectors().join("schema.json"));
    let files: Vec<PathBuf> = given().into_iter().chain(own()).collect();
    assert!(files.len() >= 25, "the given files are missing: {files:?}");
    for file in files {
        let faults = faults(&schema, &schema, &read(&file), "");
        assert!(faults.is_empty(), "{}:\n{}", file.display(), faults.join("\n"));
    }
}

#[test]
fn an_id_names_one_case_of_its_suite() {
    let mut seen = BTreeMap::new();
    for file in given().into_iter().chain(own()) {
        let content = read(&file);
        for case in content["cases"].as_array().unwrap() {
            let name = (content["suite"].to_string(), case["id"].to_string());
            if let Some(other) = seen.insert(name.clone(), file.clone()) {
                panic!("{name:?} is in {} and in {}", other.display(), file.display());
            }
        }
    }
}

#[test]
fn own_cases_say_what_they_show_and_which_rule_they_prove() {
    for file in own() {
        for case in read(&file)["cases"].as_array().unwrap() {
            for member in ["about", "rule"] {
                let text = case[member].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{}: {} has no {member}", file.display(), case["id"]);
            }
            for rule in case["rule"].as_str().unwrap().split(',').map(str::trim) {
                assert!(is_rule(rule), "{}: {} has the odd rule {rule:?}", file.display(), case["id"]);
            }
        }
    }
}

#[test]
fn the_schema_refuses_what_the_format_does_not_know() {
    let schema = read(&vectors().join("schema.json"));
    let file = |case: Value| json!({"format": "amp-vectors/1", "suite": "pattern", "about": "patterns", "cases": [case]});
    let good =
        json!({"id": "p-1", "input": {"pattern": "*@*", "address": "a@b.c.d"}, "expect": {"match": true}});
    assert_eq!(faults(&schema, &schema, &file(good.clone()), ""), Vec::<String>::new());

    let changes: [(&str, Value); 7] = [
        ("/cases/0/id", json!("")),
        ("/cases/0/expect", json!({})),
        ("/cases/0/expect", json!({"match": "yes"})),
        ("/cases/0/expect", json!({"error": "no_such_code"})),
        ("/cases/0/input", json!({"pattern": "*@*"})),
        ("/cases/0/input", json!({"pattern": "*@*", "address": "a@b.c.d", "profil": "spec"})),
        ("/suite", json!("patterns")),
    ];
    for (place, value) in changes {
        let mut bad = file(good.clone());
        *bad.pointer_mut(place).unwrap() = value.clone();
        assert!(!faults(&schema, &schema, &bad, "").is_empty(), "{place} = {value} passed");
    }

    let both = json!({"id": "c-1", "input": {"raw": "{}", "raw_b64": "e30=", "dialect": "jcs"}, "expect": {"canonical": "{}"}});
    let both = json!({"format": "amp-vectors/1", "suite": "canonical", "about": "", "cases": [both]});
    assert!(!faults(&schema, &schema, &both, "").is_empty(), "raw and raw_b64 together passed");
}

/// `ADDR-3`: a page's prefix and a number.
fn is_rule(text: &str) -> bool {
    text.split_once('-').is_some_and(|(page, number)| {
        !page.is_empty()
            && page.bytes().all(|byte| byte.is_ascii_uppercase())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Where `value` breaks `schema`. Knows the words of JSON Schema that our schema uses and panics at any other, so
/// that none is ever ignored.
fn faults(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    let below = |schema: &Value, value: &Value, place: &str| faults(root, schema, value, place);
    let fits = |schema: &Value| faults(root, schema, value, place).is_empty();
    for (word, rule) in schema.as_object().expect("a schema is an object") {
        let holds = match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "then" => true,
            "$ref" => {
                let target = rule.as_str().unwrap().strip_prefix('#').expect("a local reference");
                found.extend(below(
                    root.pointer(target).expect("the reference leads somewhere"),
                    value,
                    place,
                ));
                true
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is_of_type(value, name)),
                name => is_of_type(value, name),
            },
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "required" => value.as_object().is_none_or(|members| {
                rule.as_array().unwrap().iter().all(|name| members.contains_key(name.as_str().unwrap()))
            }),
            "properties" => {
                for (name, inner) in rule.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        found.extend(below(inner, member, &format!("{place}/{name}")));
                    }
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(rule, false);
                let known = schema["properties"].as_object().unwrap();
                value.as_object().is_none_or(|members| members.keys().all(|name| known.contains_key(name)))
            }
            "items" => {
                for (index, element) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(below(rule, element, &format!("{place}/{index}")));
                }
                true
            }
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= rule.as_u64().unwrap()),
            "minProperties" => {
                value.as_object().is_none_or(|members| members.len() as u64 >= rule.as_u64().unwrap())
            }
            "minLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap())
            }
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "allOf" => {
                rule.as_array().unwrap().iter().for_each(|inner| found.extend(below(inner, value, place)));
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(fits),
            "oneOf" => rule.as_array().unwrap().iter().filter(|inner| fits(inner)).count() == 1,
            "if" => {
                if fits(rule) {
                    found.extend(below(&schema["then"], value, place));
                }
                true
            }
            other => panic!("the schema uses `{other}`, which this test does not know"),
        };
        if !holds {
            found.push(format!("{place} breaks {word} {rule}"));
        }
    }
    found
}

fn is_of_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("{other} is no type of JSON Schema"),
    }
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("vectors")
}

fn given() -> Vec<PathBuf> {
    json_files(&vectors()).into_iter().filter(|file| !file.ends_with("schema.json")).collect()
}

fn own() -> Vec<PathBuf> {
    json_files(&vectors().join("own"))
}

fn json_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

fn read(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
