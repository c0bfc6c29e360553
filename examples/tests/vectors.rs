//! The vectors hold, and the runner that says so can be believed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "tests have the standard library"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use amp_examples::vectors::{
    Answer, ExpectedFailures, Library, Peer, Program, SUITES, Strictness, Tally, VectorFile, answer, command,
    run,
};
use serde_json::{Value, json};

#[test]
fn every_vector_of_a_suite_that_is_here_holds() {
    let files: Vec<VectorFile> = ours(&vectors()).into_iter().chain(ours(&vectors().join("own"))).collect();
    let (tally, report) = report(files.clone(), &mut Library, "");
    assert!(tally.is_success(Strictness::Strict), "{report}");
    assert_eq!(tally.passed, files.iter().map(|file| file.cases.len()).sum::<usize>());
    for suite in SUITES {
        let cases: usize = files.iter().filter(|file| file.suite == suite).map(|file| file.cases.len()).sum();
        assert!(report.contains(&format!("{suite}: {cases} passed, 0 failed, 0 skipped\n")), "{report}");
        assert!(cases > 0, "{suite} has no case");
    }
}

#[test]
fn there_are_at_least_as_many_own_vectors_as_given_ones() {
    let count = |files: Vec<VectorFile>| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for file in files {
            *counts.entry(file.suite).or_default() += file.cases.len();
        }
        counts
    };
    let own = count(ours(&vectors().join("own")));
    for (suite, given) in count(ours(&vectors())) {
        let own = own.get(&suite).copied().unwrap_or_default();
        assert!(own >= given, "{suite}: {own} of our own, {given} given");
    }
}

#[test]
fn a_failing_case_is_reported_with_what_was_expected_and_what_came() {
    let cases = [
        case("p-1", "*@*", json!({"match": false})),
        case("p-2", "b*@x.y.z", json!({"match": false})),
        case("p-3", "*@*", json!({"error": true})),
        case("p-4", "*@*", json!({"match": true})),
    ];
    let (tally, report) = report([pattern_file(&cases)], &mut Library, "");
    assert_eq!(
        report,
        "FAILED pattern/p-1\n  about    a pattern\n  expected {\"match\":false}\n  got      {\"output\":{\"match\":true}}\n\
         FAILED pattern/p-2\n  about    a pattern\n  expected {\"match\":false}\n  got      {\"error\":\"invalid_field\",\"field\":\"pattern\"}\n\
         FAILED pattern/p-3\n  about    a pattern\n  expected {\"error\":true}\n  got      {\"output\":{\"match\":true}}\n\
         pattern: 1 passed, 3 failed, 0 skipped\n"
    );
    assert!(!tally.is_success(Strictness::Lenient));
}

#[test]
fn the_files_of_one_suite_are_counted_together() {
    let file = |id| pattern_file(&[case(id, "*@*", json!({"match": true}))]);
    let other = VectorFile { suite: "later".to_owned(), ..file("s-1") };
    let (_, report) = report([file("p-1"), other, file("p-2")], &mut Library, "");
    assert_eq!(report, "pattern: 2 passed, 0 failed, 0 skipped\nlater: 0 passed, 0 failed, 1 skipped\n");
}

#[test]
fn a_suite_that_is_not_here_is_skipped_and_a_failure_only_when_strict() {
    let file = VectorFile {
        suite: "later".to_owned(),
        ..pattern_file(&[case("s-1", "*@*", json!({"error": true}))])
    };
    let (tally, _) = report([file], &mut Library, "");
    assert_eq!(tally, Tally { skipped: 1, ..Tally::default() }, "not even `error: true` passes");
    assert!(tally.is_success(Strictness::Lenient) && !tally.is_success(Strictness::Strict));
}

#[test]
fn a_listed_failure_must_fail_and_must_exist() {
    let file = pattern_file(&[
        case("p-1", "*@*", json!({"match": false})),
        case("p-2", "*@*", json!({"match": true})),
    ]);
    let (tally, told) = report([file.clone()], &mut Library, "pattern/p-1 matches too much\n");
    assert_eq!(told, "pattern: 1 passed, 0 failed, 0 skipped, 1 failed as expected\n");
    assert!(tally.is_success(Strictness::Strict));

    let (tally, told) =
        report([file.clone()], &mut Library, "pattern/p-1 known\npattern/p-2 no longer true\n");
    assert!(
        told.starts_with("FAILED pattern/p-2\n  passes, but is listed as failing: no longer true\n"),
        "{told}"
    );
    assert!(!tally.is_success(Strictness::Lenient));

    let (tally, told) =
        report([file], &mut Library, "pattern/p-1 known\npattern/p-9 renamed\nverify/v-1 not run\n");
    assert!(
        told.contains("FAILED pattern/p-9\n  is listed as failing, but there is no such case\n"),
        "{told}"
    );
    assert_eq!(tally.failed, 1, "a list may name suites that were not run");
}

#[test]
fn this_librarys_program_passes_when_driven() {
    let files = ours(&vectors().join("own")).into_iter().chain(ours(&vectors()));
    let files = files.filter(|file| file.suite != "canonical").collect::<Vec<_>>();
    let (tally, report) = report(files, &mut peer("right"), "");
    assert!(tally.is_success(Strictness::Strict) && tally.passed > 1_000, "{report}");
}

#[test]
fn a_wrong_program_fails() {
    let pattern = open(&vectors().join("pattern.json"));
    let (tally, report) = report([pattern], &mut peer("wrong"), "");
    assert!(tally.failed >= 3 && !tally.is_success(Strictness::Lenient), "{report}");
}

#[test]
fn the_known_failures_of_another_program_can_be_listed() {
    let pattern = open(&vectors().join("pattern.json"));
    let (tally, _) = report([pattern.clone()], &mut peer("inverted"), "");
    assert!(tally.failed > 0);
    let matching = pattern.cases.iter().filter(|case| case.expect.get("match").is_some());
    let list: String = matching.map(|case| format!("pattern/{} inverted\n", case.id)).collect();
    let (tally, told) = report([pattern], &mut peer("inverted"), &list);
    assert!(tally.is_success(Strictness::Strict) && tally.expected > 0, "{told}");
}

#[test]
fn a_program_without_the_suite_is_skipped() {
    let (tally, _) = report([open(&vectors().join("pattern.json"))], &mut peer("lacking"), "");
    assert_eq!((tally.passed, tally.failed), (0, 0));
    assert!(tally.skipped > 0);
}

#[test]
fn a_program_that_never_answers_is_given_up() {
    // One that reads and says nothing, and one that does not even read more than a pipe holds.
    let long = case("p-1", &"*".repeat(300_000), json!({"error": true}));
    for behaviour in ["silent", "deaf"] {
        let began = Instant::now();
        let mut program = peer(behaviour).timeout(Duration::from_millis(200));
        let (tally, told) = report([pattern_file(&vec![long.clone(); 20])], &mut program, "");
        assert_eq!(tally, Tally { failed: 20, ..Tally::default() });
        assert!(told.contains("no answer: none in 0.2 s") && told.contains("was given up"), "{told}");
        assert!(began.elapsed() < Duration::from_secs(8), "{behaviour} took {:?}", began.elapsed());
    }
}

#[test]
fn a_program_that_ends_or_babbles_fails() {
    let file = || pattern_file(&vec![case("p-1", "*@*", json!({"match": true})); 3]);
    let (tally, told) = report([file()], &mut peer("quitting"), "");
    assert!(tally.failed > 0 && told.contains("the program ended"), "{told}");
    let (tally, told) = report([file()], &mut peer("babbling"), "");
    assert!(tally.failed == 3 && told.contains("the answer is not JSON"), "{told}");
    let mut missing = Peer::new(OsString::from("no-such-program-anywhere"), Vec::new());
    let (tally, told) = report([file()], &mut missing, "");
    assert!(tally.failed == 3 && told.contains("cannot be started"), "{told}");
}

#[test]
fn the_command_line_says_by_its_outcome_whether_all_is_well() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("runner");
    fs::create_dir_all(&scratch).unwrap();
    let path = |name: &str| scratch.join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| fs::write(scratch.join(name), text).unwrap();
    let given = |name: &str| vectors().join(name).to_str().unwrap().to_owned();
    write("wrong.json", &given_text("pattern.json").replace("\"match\": true", "\"match\": false"));
    // A suite that this library does not implement.
    write("later.json", &given_text("risk.json").replace("\"risk\"", "\"later\""));
    write("list", "pattern/pattern-001 wrong\n");
    write("bad-list", "pattern-001\n");
    let peer = env!("CARGO_BIN_EXE_vector-peer");

    let (pattern, wrong, missing) = (given("pattern.json"), path("wrong.json"), given("missing.json"));
    assert_eq!(
        outcome(&["run", "--strict", &pattern, &given("schema.json")]),
        Some(true),
        "a schema is passed over"
    );
    assert_eq!(outcome(&["run", &wrong]), Some(false));
    assert_eq!(outcome(&["run", &path("later.json")]), Some(true));
    assert_eq!(outcome(&["run", &path("later.json"), "--strict"]), Some(false));
    assert_eq!(outcome(&["run", "--expected-failures", &path("list"), &pattern]), Some(false), "it passes");
    assert_eq!(outcome(&["run", "--against", peer, "right", "--strict", &pattern]), Some(true));
    assert_eq!(outcome(&["run", "--timeout", "5", "--against", peer, "wrong", "--", &pattern]), Some(false));
    for misuse in [
        &["run"][..],
        &["run", &missing],
        &["run", "--fast", &pattern],
        &["run", &given("maestro-exchanges.jsonl")],
        &["run", "--expected-failures", &path("bad-list"), &pattern],
        &["run", "--timeout", "soon", &pattern],
        &["generate"],
        &["generate", "later"],
        &["generate", "--from", &path("later.json")],
        &["serve", "now"],
        &["coverage", "--quickly"],
        &["walk"],
        &[],
    ] {
        assert_eq!(outcome(misuse), None, "{misuse:?}");
    }

    assert_eq!(outcome(&["generate", "--dir", scratch.to_str().unwrap(), "verify", "thread"]), Some(true));
    assert_eq!(outcome(&["run", "--strict", &path("verify.json"), &path("thread.json")]), Some(true));
    assert_eq!(outcome(&["generate", "--check", &path("verify.json"), &pattern]), Some(true));
    assert_eq!(outcome(&["generate", "--check", &wrong]), Some(false));
    assert_eq!(outcome(&["generate", "--from", &wrong, "--dir", scratch.to_str().unwrap()]), Some(true));
    assert_eq!(
        outcome(&["run", "--strict", &path("pattern.json")]),
        Some(true),
        "answers replaced expectations"
    );
}

#[test]
fn a_coverage_map_is_written_once_and_then_found_stale_when_a_test_is_added() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("coverage");
    for directory in ["docs/protocol", "vectors/own", "src"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let comment = format!("// {}: ID-1\n", "rule");
    fs::write(root.join("docs/protocol/ids.md"), "- **ID-1** An id MUST be short.\n").unwrap();
    fs::write(root.join("src/lib.rs"), format!("{comment}fn one() {{}}\n")).unwrap();
    let root_option = root.to_str().unwrap();
    let coverage = |check: bool| {
        let mut arguments = vec!["coverage", "--root", root_option];
        arguments.extend(check.then_some("--check"));
        outcome(&arguments)
    };
    let _ = fs::remove_file(root.join("docs/protocol/coverage.md"));
    assert_eq!(coverage(true), Some(false), "there is no map yet");
    assert_eq!(coverage(false), Some(true));
    assert_eq!(coverage(true), Some(true));
    fs::write(root.join("src/lib.rs"), format!("{comment}fn one() {{}}\n\n{comment}fn two() {{}}\n"))
        .unwrap();
    assert_eq!(coverage(true), Some(false), "the map is stale");
    fs::write(root.join("src/lib.rs"), "fn one() {}\n").unwrap();
    assert_eq!(coverage(false), Some(false), "nothing proves the rule");
}

// rule: MSG-3
#[test]
fn a_missing_field_is_named() {
    let message = |without: &str| {
        let json = given_message();
        json.replacen(&format!("\"{without}\":"), "\"other\":", 1)
    };
    for field in ["version", "id", "from", "to", "subject", "timestamp", "thread_id"] {
        let Answer::Refusal(refusal) = answer("decode", &json!({"raw": message(field)})) else {
            panic!("{field}")
        };
        assert_eq!(refusal.code, "missing_field");
        assert_eq!(refusal.field, Some(format!("envelope.{field}")));
    }
}

// rule: MSG-11, MSG-14
#[test]
fn the_large_limits_hold_to_the_byte() {
    let with_context = |bytes: usize| {
        let context = format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
        assert_eq!(context.len(), bytes);
        given_message().replacen("\"payload\":{", &format!("\"payload\":{{\"context\":{context},"), 1)
    };
    let code = |raw: String| answer("decode", &json!({ "raw": raw })).code().map(str::to_owned);
    assert_eq!(code(with_context(262_144)), None);
    assert_eq!(code(with_context(262_145)).as_deref(), Some("too_large"));
    // White space counts: the limit is on what is read.
    let of_bytes = |bytes: usize| given_message() + &" ".repeat(bytes - given_message().len());
    assert_eq!(code(of_bytes(524_288)), None);
    assert_eq!(code(of_bytes(524_289)).as_deref(), Some("too_large"));
}

fn given_message() -> String {
    let file = open(&vectors().join("decode.json"));
    file.cases[0].input["raw"].as_str().unwrap().to_owned()
}

/// The command's outcome; `None` for an error.
fn outcome(arguments: &[&str]) -> Option<bool> {
    let arguments = arguments.iter().map(OsString::from).collect();
    command(arguments, &mut &b""[..], &mut Vec::new()).ok()
}

fn report(
    files: impl IntoIterator<Item = VectorFile>,
    program: &mut impl Program,
    expected: &str,
) -> (Tally, String) {
    let mut out = Vec::new();
    let expected = ExpectedFailures::parse(expected).unwrap();
    let tally = run(files, program, &expected, &mut out).unwrap();
    (tally, String::from_utf8(out).unwrap())
}

fn peer(behaviour: &str) -> Peer {
    Peer::new(env!("CARGO_BIN_EXE_vector-peer").into(), vec![behaviour.into()])
}

fn case(id: &str, pattern: &str, expect: Value) -> Value {
    json!({"id": id, "about": "a pattern", "input": {"pattern": pattern, "address": "a@b.c.d"}, "expect": expect})
}

fn pattern_file(cases: &[Value]) -> VectorFile {
    let file = json!({"format": "amp-vectors/1", "suite": "pattern", "about": "patterns", "cases": cases});
    VectorFile::parse(file.to_string().as_bytes()).unwrap().unwrap()
}

/// Files of the suites that this library has, right in `directory`.
fn ours(directory: &Path) -> Vec<VectorFile> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let files = paths.iter().filter_map(|path| VectorFile::open(path).unwrap());
    files.filter(|file| SUITES.contains(&file.suite.as_str())).collect()
}

fn open(path: &Path) -> VectorFile {
    VectorFile::open(path).unwrap().unwrap()
}

fn given_text(name: &str) -> String {
    fs::read_to_string(vectors().join(name)).unwrap()
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("vectors")
}
