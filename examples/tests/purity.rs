//! The pure crates stay pure, and arrows between the crates run one way.
//!
//! What must not enter a pure crate is looked for in two places: in its resolved dependencies with every feature on
//! (development dependencies aside), and in its source.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PURE: [&str; 4] = ["amp-address", "amp-crypto", "amp-envelope", "amp-core"];

/// A crate of the family and the members of the family that it may depend on.
const ARROWS: [(&str, &[&str]); 5] = [
    ("amp-address", &[]),
    ("amp-crypto", &[]),
    ("amp-envelope", &["amp-address", "amp-crypto"]),
    ("amp-core", &["amp-address", "amp-crypto", "amp-envelope"]),
    ("amp-client", &["amp-core"]),
];

/// Crates by name, or by the beginning of their names (`tokio*`).
const WORLDLY: [&str; 57] = [
    // Asynchronous runtimes and executors.
    "tokio*",
    "async-std",
    "async-io",
    "async-executor",
    "async-global-executor",
    "smol*",
    "futures-executor",
    "glommio",
    "monoio",
    "compio*",
    "embassy*",
    "wasm-bindgen-futures",
    // HTTP, WebSocket and QUIC stacks. The crate `http` is plain types and allowed.
    "hyper*",
    "reqwest*",
    "ureq*",
    "isahc",
    "surf",
    "curl*",
    "attohttpc",
    "minreq",
    "h2",
    "h3*",
    "quinn*",
    "axum*",
    "actix*",
    "warp",
    "rocket*",
    "tonic*",
    "tower*",
    "tungstenite",
    "async-tungstenite",
    "fastwebsockets",
    "web-sys",
    "gloo*",
    // TLS.
    "rustls*",
    "native-tls",
    "openssl*",
    "boring*",
    "schannel",
    "security-framework*",
    "webpki*",
    "s2n*",
    "aws-lc-*",
    "mbedtls*",
    // Sockets and readiness.
    "mio*",
    "socket2",
    "polling",
    "io-uring",
    "nix",
    "rustix",
    // DNS.
    "hickory*",
    "trust-dns*",
    "dns-lookup",
    "resolv-conf",
    // Storage.
    "rusqlite",
    "libsqlite3-sys",
    "sqlx*",
];

/// What one feature of a pure crate, off by default, brings in for its arithmetic alone (decision 0020).
const BEHIND_A_FEATURE: (&str, [&str; 2]) = ("aws-lc", ["aws-lc-rs", "aws-lc-sys"]);

/// What the source of a pure crate does not name: files, sockets, environment, threads, processes, clocks, global state.
const WORLDLY_PATHS: [&str; 11] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "std::os",
    "std::io::stdin",
    "SystemTime::now",
    "Instant::now",
    "thread_local!",
    "static mut",
];

#[test]
fn pure_crates_depend_on_no_runtime_http_tls_socket_or_dns_crate() {
    let (feature, allowed) = BEHIND_A_FEATURE;
    for member in PURE {
        let mut found = dependencies(member);
        found.retain(|name| is_worldly(name) && !allowed.contains(&&**name));
        assert!(found.is_empty(), "{member} computes and must not depend on {found:?}");
        let mut found = dependencies_without(member, feature);
        found.retain(|name| is_worldly(name));
        assert!(found.is_empty(), "{member} without {feature} computes and must not depend on {found:?}");
    }
}

#[test]
fn arrows_between_the_crates_run_one_way() {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let family: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (member, may) in ARROWS {
        let packages = metadata["packages"].as_array().unwrap();
        let package = packages.iter().find(|package| package["name"] == member).expect(member);
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            let shipped = dependency["kind"] != "dev";
            let arrow_is_drawn = may.contains(&name) || !family.contains(name);
            assert!(!shipped || arrow_is_drawn, "{member} must not depend on {name}");
        }
    }
    // The same by the resolved graph, where a renamed or indirect dependency also shows.
    for member in ["amp-address", "amp-crypto"] {
        let found: Vec<String> = dependencies(member)
            .into_iter()
            .filter(|name| name.starts_with("amp-") && name != member)
            .collect();
        assert!(found.is_empty(), "{member} must not know {found:?}");
    }
}

#[test]
fn pure_crates_name_no_file_socket_thread_environment_or_clock() {
    for member in PURE {
        for file in sources(&workspace().join(member).join("src")) {
            let text = fs::read_to_string(&file).unwrap();
            for (line, code) in shipped_lines(&text) {
                for path in WORLDLY_PATHS {
                    assert!(!code.contains(path), "{}:{line} names {path}", file.display());
                }
            }
        }
    }
}

#[test]
fn no_crate_includes_a_file_of_its_neighbour() {
    for (member, _) in ARROWS {
        for file in sources(&workspace().join(member).join("src")) {
            let text = fs::read_to_string(&file).unwrap();
            for (line, code) in shipped_lines(&text) {
                assert!(!leaves(code), "{}:{line} reaches around a front door: {code}", file.display());
            }
        }
    }
}

#[test]
fn a_path_that_leaves_its_folder_is_seen() {
    for code in [
        "#[path = \"../amp-crypto/src/hex.rs\"]",
        "#[path = \"a/../../b.rs\"]",
        "#[path = \"/a.rs\"]",
        "include!(\"../../amp-crypto/src/hex.rs\")",
        "include_str!(\"../../x.txt\")",
    ] {
        assert!(leaves(code), "{code}");
    }
    for code in ["#[path = \"rules/files.rs\"]", "include_str!(\"english.txt\")", "mod path;"] {
        assert!(!leaves(code), "{code}");
    }
}

#[test]
fn the_list_is_matched_by_whole_name_or_by_prefix() {
    for name in ["tokio", "tokio-util", "rustls", "rustls-pki-types", "hyper-util", "socket2", "h2"] {
        assert!(is_worldly(name), "{name}");
    }
    for name in ["http", "httparse", "h256", "serde", "getrandom", "libc"] {
        assert!(!is_worldly(name), "{name}");
    }
}

#[test]
fn tests_and_comments_are_not_shipped_lines() {
    let text =
        "use std::fs; // std::env\n//! std::net\n#[cfg(test)]\nmod tests {\n    use std::env;\n}\nstd::os\n";
    let lines: Vec<(usize, &str)> = shipped_lines(text);
    assert_eq!(lines, [(1, "use std::fs; "), (2, ""), (7, "std::os")]);
}

/// Whether a line takes in a file from outside its own folder.
fn leaves(code: &str) -> bool {
    let path = code.contains("#[path") && (code.contains("..") || code.contains("\"/"));
    path || (code.contains("include") && code.contains("\"../../"))
}

fn is_worldly(name: &str) -> bool {
    WORLDLY.iter().any(|entry| match entry.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *entry,
    })
}

/// Names of everything that `member` ships with when every feature is on, itself included.
fn dependencies(member: &str) -> BTreeSet<String> {
    shipped(member, &["--all-features"])
}

/// The same when every feature but one is on.
fn dependencies_without(member: &str, feature: &str) -> BTreeSet<String> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == member).expect(member);
    let features = package["features"].as_object().unwrap();
    let others: Vec<&str> = features.keys().map(String::as_str).filter(|name| *name != feature).collect();
    shipped(member, &["--no-default-features", "--features", &others.join(",")])
}

fn shipped(member: &str, features: &[&str]) -> BTreeSet<String> {
    let mut arguments = vec!["tree", "-p", member, "-e", "normal", "--prefix", "none", "--format", "{p}"];
    arguments.extend(features);
    let tree = cargo(&arguments);
    let names: BTreeSet<String> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert!(names.contains(member), "cargo tree says nothing about {member}:\n{tree}");
    names
}

/// The answer of a cargo command; without the network if what it needs is here already.
fn cargo(arguments: &[&str]) -> String {
    let ask = |offline: &[&str]| {
        Command::new(env!("CARGO"))
            .args(arguments)
            .arg("--locked")
            .args(offline)
            .current_dir(workspace())
            .output()
            .expect("cargo runs")
    };
    let mut output = ask(&["--offline"]);
    if !output.status.success() {
        output = ask(&[]);
    }
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file under `directory`, except those that hold only tests.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "tests.rs" || name == "tests" {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found
}

/// Numbered lines without comments and without what stands under `#[cfg(test)]`. It reads the layout that rustfmt
/// writes: a test module ends with a brace at the depth of its attribute.
fn shipped_lines(text: &str) -> Vec<(usize, &str)> {
    let mut shipped = Vec::new();
    let mut test_closes_with: Option<String> = None;
    for (index, line) in text.lines().enumerate() {
        if let Some(close) = &test_closes_with {
            let item_without_body = line.ends_with(';') && line.starts_with(close.trim_end_matches('}'));
            let indented = line.len() - line.trim_start().len() > close.len() - 1;
            if line == close || (item_without_body && !indented) {
                test_closes_with = None;
            }
            continue;
        }
        if let Some(indent) = line.strip_suffix("#[cfg(test)]") {
            test_closes_with = Some(format!("{indent}}}"));
            continue;
        }
        shipped.push((index + 1, line.split("//").next().unwrap_or_default()));
    }
    shipped
}
