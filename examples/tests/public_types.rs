//! No foreign type stands in a public signature of the family: a dependency can then be replaced, or take a breaking
//! release, without breaking anybody who builds on these crates.
//!
//! The compiler's own description of the public API (rustdoc's JSON) is read for every crate. It is an unstable output,
//! which `RUSTC_BOOTSTRAP` lets stable Rust write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const FAMILY: [&str; 5] = ["amp-address", "amp-crypto", "amp-envelope", "amp-core", "amp-client"];

/// Crates whose items may stand in a public signature, beside those of the family.
const ALLOWED: [&str; 5] = ["core", "alloc", "std", "http", "proc_macro"];

/// Crates whose traits may: the shared languages of serialization, of asynchronous sequences, and of HTTP servers.
const ALLOWED_TRAITS_OF: [&str; 5] = ["serde", "serde_core", "futures_core", "http_body", "tower_service"];

/// Markers that our types may implement, and that may stand nowhere else: the promise that a secret is wiped.
const ALLOWED_MARKERS: [&str; 1] = ["zeroize::ZeroizeOnDrop"];

#[test]
fn no_public_signature_names_a_foreign_type() {
    let mut found = Vec::new();
    for member in FAMILY {
        let api = Api::describe(&workspace().join(member).join("Cargo.toml"), member);
        assert!(api.public_items() > 0, "{member} has no public item: the description was not understood");
        found.extend(api.foreign_items(&FAMILY));
    }
    assert!(found.is_empty(), "foreign types in public signatures:\n{}", found.join("\n"));
}

/// Re-exports alone would satisfy the check above: what amp-core itself defines is among what was looked at.
#[test]
fn every_room_of_amp_core_is_looked_at() {
    let api = Api::describe(&workspace().join("amp-core").join("Cargo.toml"), "amp-core");
    let places: BTreeSet<String> = api.places().into_values().collect();
    for item in ROOMS {
        assert!(places.contains(item), "{item} was not looked at");
    }
}

/// Items of each room that no prelude names as well.
const ROOMS: [&str; 18] = [
    "amp_core::admission::CommunicationPolicy::check",
    "amp_core::admission::PairGrants",
    "amp_core::connection::Session",
    "amp_core::explain::Explainer::explain",
    "amp_core::explain::Change::OtherDialect::0",
    "amp_core::federation::Discovery",
    "amp_core::guards::RateLimiter",
    "amp_core::identity::AgentCard",
    "amp_core::identity::IdentityRecord",
    "amp_core::provider::Provider::handle",
    "amp_core::receive::ReceiverBuilder::build",
    "amp_core::receive::Effect::Audit::0",
    "amp_core::scan::Scanner::scan",
    "amp_core::scan::Finding",
    "amp_core::trust::TrustFacts::level",
    "amp_core::trust::wrap",
    "amp_core::webhook::verify",
    "amp_core::wire::Route",
];

/// The check proves itself on a crate that leaks a neighbour's types in every way we know of.
#[test]
fn every_way_to_leak_a_foreign_type_is_found() {
    let leaky = write_leaky_crate();
    let api = Api::describe(&leaky, "leaky");
    let found = api.foreign_items(&["leaky"]);
    let places: BTreeSet<&str> = found.iter().filter_map(|line| line.split(": ").next()).collect();
    for place in LEAKS {
        assert!(places.contains(place), "the leak in {place} was not found; found:\n{}", found.join("\n"));
    }
    for place in &places {
        assert!(LEAKS.contains(place), "{place} does not leak, but was found");
    }
}

const LEAKS: [&str; 14] = [
    "leaky::returned",
    "leaky::taken",
    "leaky::bounded",
    "leaky::opaque",
    "leaky::nested",
    "leaky::HIDDEN",
    "leaky::Alias",
    "leaky::Open::field",
    "leaky::Open::method",
    "leaky::Choice::Tuple::0",
    "leaky::Trait::Associated",
    "leaky::Reexported",
    "leaky::everything",
    "impl leaky::Open",
];

const LEAKY: &str = r#"
//! Leaks its neighbour's items.
mod private { #[derive(Clone)] pub struct Unreachable(pub foreign::Type); }
pub fn returned() -> foreign::Type { foreign::Type }
pub fn taken(_: &mut [foreign::Type]) {}
pub fn bounded<T: foreign::Trait>(_: T) {}
pub fn opaque() -> impl Iterator<Item = foreign::Type> { core::iter::empty() }
pub fn nested() -> Result<Vec<Option<u8>>, Box<dyn Fn(foreign::Type)>> { Ok(Vec::new()) }
#[doc(hidden)] pub const HIDDEN: Option<foreign::Type> = None;
pub type Alias = foreign::Type;
pub struct Open { pub field: foreign::Type, secret: foreign::Type }
impl Open { pub fn method(&self) -> &foreign::Type { &self.secret } fn quiet(&self) -> &foreign::Type { &self.secret } }
impl From<foreign::Type> for Open { fn from(t: foreign::Type) -> Self { let o = Self { field: t, secret: foreign::Type }; o.quiet(); o } }
pub enum Choice { Unit, Tuple(foreign::Type) }
pub trait Trait { type Associated: foreign::Trait; }
pub use foreign::Type as Reexported;
pub use foreign as everything;
pub struct Closed(private::Unreachable);
impl Closed { pub fn text(&self) -> String { let _ = &self.0; String::new() } }
pub fn clean(_: &str) -> Result<Closed, std::io::Error> { Err(std::io::ErrorKind::Other.into()) }
"#;

const FOREIGN: &str = "//! The neighbour.\n#[derive(Clone)] pub struct Type;\npub trait Trait {}\n";

/// Writes the leaky crate and its neighbour where cargo lets tests write; gives the leaky crate's manifest.
fn write_leaky_crate() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("public-types");
    for (name, source, dependencies) in
        [("foreign", FOREIGN, ""), ("leaky", LEAKY, "foreign = { path = \"../foreign\" }\n")]
    {
        let directory = root.join(name);
        fs::create_dir_all(directory.join("src")).unwrap();
        fs::write(directory.join("src/lib.rs"), source).unwrap();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [workspace]\n[dependencies]\n{dependencies}"
        );
        fs::write(directory.join("Cargo.toml"), manifest).unwrap();
    }
    root.join("leaky").join("Cargo.toml")
}

/// Everything; of the client without `tls`, which adds no item and compiles a library for a minute.
fn features(package: &str) -> &'static [&'static str] {
    match package {
        "amp-client" => &["--no-default-features", "--features=dns,sqlite,webhook,loopback,p256,rsa"],
        _ => &["--all-features"],
    }
}

/// Rustdoc's description of a crate's public API.
struct Api {
    root: String,
    json: Value,
}

impl Api {
    /// Describes `package`, in a target directory of its own.
    fn describe(manifest: &Path, package: &str) -> Self {
        let target = workspace().join("target").join("public-types");
        let describe = |offline: &[&str]| {
            Command::new(env!("CARGO"))
                .args(["rustdoc", "--quiet", "--lib", "--package", package])
                .args(features(package))
                .arg("--manifest-path")
                .arg(manifest)
                .arg("--target-dir")
                .arg(&target)
                .args(offline)
                .args([
                    "--",
                    "-Zunstable-options",
                    "--output-format=json",
                    "--document-hidden-items",
                    "--cap-lints=allow",
                ])
                .env("RUSTC_BOOTSTRAP", "1")
                .env_remove("RUSTDOCFLAGS")
                .output()
                .expect("cargo runs")
        };
        let mut output = describe(&["--offline"]);
        if !output.status.success() {
            output = describe(&[]);
        }
        assert!(
            output.status.success(),
            "cannot describe {package}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let root = package.replace('-', "_");
        let file = target.join("doc").join(format!("{root}.json"));
        let json = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        Self { root, json }
    }

    fn public_items(&self) -> usize {
        self.local_items().count()
    }

    /// Items of this crate that its users can name, and the implementations of traits for them.
    fn local_items(&self) -> impl Iterator<Item = (&str, &Value)> {
        let index = self.json["index"].as_object().unwrap();
        index.iter().filter(|(_, item)| item["crate_id"] == 0).map(|(id, item)| (id.as_str(), item))
    }

    /// One line for each foreign item in a public signature: where it stands, and what it is.
    fn foreign_items(&self, family: &[&str]) -> Vec<String> {
        let places = self.places();
        let mut found = BTreeSet::new();
        for (id, item) in self.local_items() {
            let inner = &item["inner"];
            let generated = !inner["impl"]["blanket_impl"].is_null() || inner["impl"]["is_synthetic"] == true;
            if generated {
                continue;
            }
            let place = places.get(id).cloned().unwrap_or_else(|| self.place_of_impl(inner));
            let mut named = BTreeSet::new();
            if let Some(used) = inner.get("use") {
                named
                    .insert((used["id"].to_string(), used["source"].as_str().unwrap_or_default().to_owned()));
            }
            collect_paths(inner, &mut named);
            let implemented = self.trait_of(inner);
            for (target, written) in named {
                let path = self.full_path(&target, &written);
                let marker = implemented == path && ALLOWED_MARKERS.contains(&path.as_str());
                if !marker && !self.is_allowed(&target, &path, family) {
                    found.insert(format!("{place}: {path}"));
                }
            }
        }
        found.into_iter().collect()
    }

    fn is_allowed(&self, id: &str, path: &str, family: &[&str]) -> bool {
        let owner = path.split("::").next().unwrap_or_default();
        let of_family = family.iter().any(|member| member.replace('-', "_") == owner);
        let shared_trait = ALLOWED_TRAITS_OF.contains(&owner) && self.json["paths"][id]["kind"] == "trait";
        of_family || ALLOWED.contains(&owner) || shared_trait
    }

    /// The trait that an `impl` block implements; empty for anything else.
    fn trait_of(&self, inner: &Value) -> String {
        let implemented = &inner["impl"]["trait"];
        match implemented["path"].as_str() {
            Some(written) => self.full_path(&implemented["id"].to_string(), written),
            None => String::new(),
        }
    }

    /// The path under which an item is defined; as written in the source, if the description does not hold it.
    fn full_path(&self, id: &str, written: &str) -> String {
        let summary = &self.json["paths"][id];
        let Some(segments) = summary["path"].as_array() else {
            // Items of this crate that are private, and primitive types, have no entry.
            let local = self.json["index"].get(id).is_some_and(|item| item["crate_id"] == 0);
            return if local || id == "null" { self.root.clone() } else { written.to_owned() };
        };
        let mut path: Vec<&str> = segments.iter().filter_map(Value::as_str).collect();
        let owner = summary["crate_id"].to_string();
        // A crate that is renamed or re-exported is called by its own name.
        if let (Some(name), Some(first)) =
            (self.json["external_crates"][&owner]["name"].as_str(), path.first_mut())
        {
            *first = name;
        }
        path.join("::")
    }

    /// Where each item stands, read from the module tree: `amp_crypto::Identity::sign`.
    fn places(&self) -> BTreeMap<String, String> {
        let mut places = BTreeMap::new();
        let mut open = vec![(self.json["root"].to_string(), self.root.clone())];
        while let Some((id, place)) = open.pop() {
            if places.contains_key(&id) {
                continue;
            }
            let item = &self.json["index"][&id];
            let implements_trait = !item["inner"]["impl"]["trait"].is_null();
            let is_use = !item["inner"]["use"].is_null();
            for child in children(&item["inner"]) {
                let inside = &self.json["index"][&child]["inner"];
                let name = self.json["index"][&child]["name"].as_str().or(inside["use"]["name"].as_str());
                let below = match name {
                    _ if !inside["impl"]["trait"].is_null() => self.place_of_impl(inside),
                    // What is re-exported stands where the re-export does.
                    Some(name) if !implements_trait && !is_use => format!("{place}::{name}"),
                    _ => place.clone(),
                };
                open.push((child, below));
            }
            places.insert(id, place);
        }
        places
    }

    fn place_of_impl(&self, inner: &Value) -> String {
        let target = &inner["impl"]["for"]["resolved_path"];
        if target.is_null() {
            return format!("impl in {}", self.root);
        }
        let written = target["path"].as_str().unwrap_or_default();
        format!("impl {}", self.full_path(&target["id"].to_string(), written))
    }
}

/// Ids of what stands directly inside an item.
fn children(inner: &Value) -> Vec<String> {
    let lists = [
        &inner["module"]["items"],
        &inner["struct"]["impls"],
        &inner["struct"]["kind"]["plain"]["fields"],
        &inner["struct"]["kind"]["tuple"],
        &inner["union"]["fields"],
        &inner["union"]["impls"],
        &inner["enum"]["variants"],
        &inner["enum"]["impls"],
        &inner["variant"]["kind"]["tuple"],
        &inner["variant"]["kind"]["struct"]["fields"],
        &inner["trait"]["items"],
        &inner["impl"]["items"],
    ];
    let ids = lists.into_iter().filter_map(Value::as_array).flatten();
    let mut ids: Vec<String> = ids.filter(|id| !id.is_null()).map(Value::to_string).collect();
    if let Some(used) = inner.get("use") {
        ids.push(used["id"].to_string());
    }
    ids
}

/// Every path to a type or trait that a signature names: objects with the members `id` and `path`, at any depth.
fn collect_paths(value: &Value, found: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Object(members) => {
            if let (Some(id), Some(path)) = (members.get("id"), members.get("path").and_then(Value::as_str)) {
                found.insert((id.to_string(), path.to_owned()));
            }
            members.values().for_each(|member| collect_paths(member, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect_paths(element, found)),
        _ => {}
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
