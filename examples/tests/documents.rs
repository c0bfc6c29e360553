//! What the documents claim is there: dependencies, decisions, tests of attacks, and what links point to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The attacks of the catalogue, A1 to A60.
const ATTACKS: u8 = 60;

/// The holes of deployed implementations, H1 to H14.
const HOLES: u8 = 14;

#[test]
fn every_direct_dependency_has_a_reason_and_no_reason_is_left_over() {
    let page = read("docs/dependencies.md");
    let explained: BTreeSet<String> = table_rows(&page).filter(|row| row != "crate").collect();
    let used = direct_dependencies();
    assert!(!used.is_empty());
    let unexplained: Vec<&String> = used.difference(&explained).collect();
    let unused: Vec<&String> = explained.difference(&used).collect();
    assert!(unexplained.is_empty(), "docs/dependencies.md gives no reason for {unexplained:?}");
    assert!(unused.is_empty(), "docs/dependencies.md explains {unused:?}, which nothing depends on");
}

#[test]
fn every_decision_is_in_the_index() {
    let index = read("docs/decisions/README.md");
    for entry in fs::read_dir(workspace().join("docs/decisions")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(name == "README.md" || index.contains(&format!("({name})")), "the index lacks {name}");
    }
}

#[test]
fn every_attack_and_every_hole_has_its_row() {
    let rows = rows_of_the_security_page();
    let attacks = (1..=ATTACKS).map(|number| format!("A{number}"));
    for name in attacks.chain((1..=HOLES).map(|number| format!("H{number}"))) {
        let found = rows.iter().filter(|row| row.name == name).count();
        assert_eq!(found, 1, "docs/security.md speaks of {name} in {found} rows");
    }
}

#[test]
fn every_row_of_the_security_page_cites_a_test_named_after_it() {
    let tests = names_of_functions();
    for row in rows_of_the_security_page() {
        let beginning = row.beginning();
        let own = |cited: &&String| cited.starts_with(&beginning) && cited.len() > beginning.len();
        let tested: Vec<&String> = tests.iter().filter(|name| name.starts_with(&beginning)).collect();
        match row.cells {
            // What no crate meets yet says with what its answer comes, in place of rule and tests.
            3 => assert!(
                tested.is_empty(),
                "{} is said to be met by nothing, but there is {tested:?}",
                row.name
            ),
            _ => assert!(row.cited.iter().any(|cited| own(&cited)), "{} cites no test of its own", row.name),
        }
        for cited in &row.cited {
            let is_family = cited.ends_with('_') && tests.iter().any(|name| name.starts_with(cited));
            assert!(tests.contains(cited) || is_family, "{} cites {cited}, which is nowhere", row.name);
        }
    }
}

#[test]
fn every_rule_of_the_security_page_is_stated_where_its_link_leads() {
    for row in rows_of_the_security_page() {
        for (rule, page) in &row.rules {
            let page = read(&format!("docs/{page}"));
            assert!(page.contains(&format!("- **{rule}**")), "{} names {rule}, which is elsewhere", row.name);
        }
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut links = 0;
    for page in files(&workspace(), "md") {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains(':') || path.contains(char::is_whitespace) {
                continue;
            }
            links += 1;
            let destination = page.parent().unwrap().join(path);
            assert!(destination.exists(), "{} links to {target}, which is not there", page.display());
        }
    }
    assert!(links > 10, "the links were not found");
}

/// The first cell of every row of the page's tables.
fn table_rows(page: &str) -> impl Iterator<Item = String> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .map(|cell| cell.trim_matches('`').to_owned())
}

/// A row about an attack or a hole: `| A6 | attack | answer | rule | tests |`, or without rule and tests.
struct Row {
    name: String,
    cells: usize,
    /// Rules and the pages that their links lead to.
    rules: Vec<(String, String)>,
    cited: Vec<String>,
}

impl Row {
    /// How the names of its tests begin: `a06_`.
    fn beginning(&self) -> String {
        let (letter, number) = self.name.split_at(1);
        format!("{}{:0>2}_", letter.to_lowercase(), number)
    }
}

fn rows_of_the_security_page() -> Vec<Row> {
    let page = read("docs/security.md");
    let rows: Vec<Row> = page.lines().filter_map(row).collect();
    assert!(rows.len() > 60, "the rows were not found");
    rows
}

fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let name = cells.first()?;
    let number = name.strip_prefix(['A', 'H'])?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let links = line
        .split('[')
        .skip(1)
        .filter_map(|link| link.split_once("](")?.1.split_once(')').map(|(page, _)| (link, page)));
    let rules = links
        .filter(|(_, page)| page.starts_with("protocol/"))
        .map(|(link, page)| (link.split(']').next().unwrap_or_default().to_owned(), page.to_owned()))
        .collect();
    let cited =
        line.split('`').skip(1).step_by(2).filter(|code| is_name_of_attack_test(code)).map(str::to_owned);
    Some(Row { name: (*name).to_owned(), cells: cells.len(), rules, cited: cited.collect() })
}

/// `a06_pipe_in_from_is_refused`, or its beginning `a06_`; `h04_…` for a hole.
fn is_name_of_attack_test(code: &str) -> bool {
    matches!(code.as_bytes(), [b'a' | b'h', b'0'..=b'9', b'0'..=b'9', b'_', ..])
}

/// What the members of the workspace depend on, each other aside.
fn direct_dependencies() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let dependencies = packages.iter().flat_map(|package| package["dependencies"].as_array().unwrap());
    let foreign = dependencies.filter(|dependency| dependency["path"].is_null());
    foreign.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
}

/// Names of the functions in every Rust file of the workspace.
fn names_of_functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files(&workspace(), "rs") {
        let text = fs::read_to_string(file).unwrap();
        for line in text.lines() {
            // Suites that several test files share are public.
            let line = line.trim_start();
            let line = line.strip_prefix("pub ").unwrap_or(line);
            if let Some(rest) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ") {
                names.extend(rest.split(['(', '<']).next().map(str::to_owned));
            }
        }
    }
    names
}

/// Every file with `extension` below `directory`, built and hidden ones aside.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
