//! Turns what was measured into the tables of docs/performance.md.
//!
//! `report ROWS CRITERION_DIR [INSTRUCTIONS]`: the lines of `quick`, the directory of criterion's results, and the
//! output of the bench `instructions`, if there was one. Markdown goes to stdout.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use amp_benches::rows::Row;
use amp_benches::{address, ladder, seal};

const BENCHES: [&str; 10] = [
    "verify",
    "receive",
    "canonicalize",
    "sign",
    "seal",
    "seal-aws-lc",
    "sealed-mail",
    "sealed-mail-aws-lc",
    "address",
    "ladder",
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [rows, criterion, instructions @ ..] = &arguments[..] else {
        eprintln!("usage: report ROWS CRITERION_DIR [INSTRUCTIONS]");
        std::process::exit(2);
    };
    let rows: Vec<Row> = fs::read_to_string(rows)
        .expect("the rows")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a row"))
        .collect();
    let mut page = String::new();
    targets(&rows, &mut page);
    for bench in BENCHES {
        if rows.iter().any(|row| row.bench == bench) {
            table(&rows, bench, &mut page);
        }
    }
    wall(&rows, Path::new(criterion), &mut page);
    if let [output] = instructions {
        counts(&fs::read_to_string(output).expect("the counts"), &mut page);
    }
    print!("{page}");
}

/// What we hold ourselves to, and whether this run did.
fn targets(rows: &[Row], page: &mut String) {
    page.push_str("## Targets\n\n| what | bound | here | |\n|---|---|---|---|\n");
    let find = |bench: &str, size: &str, subject: &str| {
        rows.iter().find(|row| row.bench == bench && row.size == size && row.subject == subject)
    };
    let mut line = |what: &str, bound: String, value: f64, held: bool| {
        let mark = if held { "held" } else { "**missed**" };
        let _ = writeln!(page, "| {what} | {bound} | {value:.2} | {mark} |");
    };
    let ratios = [
        ("300", "amp", 1.05),
        ("4k", "amp", 1.20),
        ("64k", "amp", 1.9),
        ("64k", "amp-canonical", 1.4),
        ("400k", "amp", 3.0),
        ("400k", "amp-canonical", 1.9),
    ];
    for (size, subject, most) in ratios {
        if let Some(row) = find("verify", size, subject) {
            let what = format!("verify, {size}, `{subject}`: over the limit");
            line(&what, format!("≤ {most}"), row.ratio_to_limit, row.ratio_to_limit <= most);
        }
    }
    let reused =
        rows.iter().filter(|row| row.bench == "verify" && ["amp", "amp-canonical"].contains(&&*row.subject));
    let allocations = reused.map(|row| row.allocs).fold(0.0, f64::max);
    line("verify, any size, reused buffers: allocations", "0".to_owned(), allocations, allocations == 0.0);
    for size in ["300", "4k", "64k", "400k"] {
        let peers = ["ruma", "jsonwebtoken", "serde-canonicalizer", "naive-serde-json"];
        let best = peers
            .iter()
            .filter_map(|peer| find("verify", size, peer))
            .map(|row| row.ns)
            .fold(f64::MAX, f64::min);
        if let Some(row) = find("verify", size, "amp") {
            let ahead = best / row.ns;
            line(
                &format!("verify, {size}: times as fast as the best peer"),
                "> 1".to_owned(),
                ahead,
                ahead > 1.0,
            );
        }
    }
    for (subject, least) in [("amp-unsorted", 0.8), ("amp-sorted", 1.2), ("amp-is-canonical", 2.0)] {
        if let Some(speed) = find("canonicalize", "400k", subject).and_then(|row| row.gbps) {
            let what = format!("canonicalize, 400k, `{subject}`: GB/s");
            line(&what, format!("≥ {least}"), speed, speed >= least);
        }
    }
    for (bench, what) in
        [("seal", "seal and open, 300: µs"), ("seal-aws-lc", "the same, feature `aws-lc`: µs")]
    {
        if let Some(row) = rows.iter().find(|row| row.bench == bench && row.subject.starts_with("amp")) {
            line(what, format!("≤ {}", seal::MOST_NS / 1e3), row.ns / 1e3, row.ns <= seal::MOST_NS);
        }
    }
    for (bench, with) in [("seal", ""), ("seal-aws-lc", ", feature `aws-lc`")] {
        for size in ["300", "4k", "64k", "160k", "400k"] {
            let of = |row: &&Row| row.bench == bench && row.size == size && row.subject != "limit";
            let ours = rows.iter().filter(of).find(|row| ["amp", "amp-file"].contains(&&*row.subject));
            let peers = rows.iter().filter(of).filter(|row| !row.subject.starts_with("amp"));
            let best = peers.map(|row| row.ns).fold(f64::MAX, f64::min);
            if let Some(ours) = ours.filter(|_| best < f64::MAX) {
                let what = format!("seal and open, {size}{with}: times as fast as the best peer");
                line(&what, "> 1".to_owned(), best / ours.ns, best > ours.ns);
            }
        }
    }
    for row in rows {
        if let Some(ratio) = row.ratio_to_one_dialect {
            let what = format!("a bad signature, {}, `{}`: over one dialect", row.size, row.subject);
            line(&what, format!("≤ {}", ladder::MOST), ratio, ratio <= ladder::MOST);
        }
    }
    page.push('\n');
}

/// One bench, ratio first.
fn table(rows: &[Row], bench: &str, page: &mut String) {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.bench == bench).collect();
    let _ = writeln!(page, "## {}\n\n{}\n", title(bench), about(bench));
    let speed = rows.iter().any(|row| row.gbps.is_some());
    page.push_str("| size | implementation | over the limit | least | median | allocations |");
    page.push_str(if speed {
        " GB/s |\n|---|---|---|---|---|---|---|\n"
    } else {
        "\n|---|---|---|---|---|---|\n"
    });
    for row in rows {
        let Row { size, subject, ratio_to_limit, allocs, .. } = row;
        let (least, median) = (time(row.ns), time(row.median_ns));
        let _ =
            write!(page, "| {size} | `{subject}` | {ratio_to_limit:.2} | {least} | {median} | {allocs} |");
        if let Some(speed) = row.gbps {
            let _ = write!(page, " {speed:.2} |");
        }
        page.push('\n');
    }
    page.push('\n');
}

fn title(bench: &str) -> &str {
    match bench {
        "verify" => "Verification",
        "canonicalize" => "Canonical form",
        "receive" => "Receiving",
        "sign" => "Signing",
        "seal" => "Sealing",
        "seal-aws-lc" => "Sealing with AWS-LC",
        "sealed-mail" => "Sealed mail",
        "sealed-mail-aws-lc" => "Sealed mail with AWS-LC",
        "address" => "Addresses",
        _ => "The dialect ladder",
    }
}

fn about(bench: &str) -> &str {
    match bench {
        "verify" => {
            "From the bytes of a message to a verified one: decode, canonicalize, hash, check the signature. The limit is \
             SHA-256 of the canonical payload and one Ed25519 verification (ed25519-dalek's `verify`).\n\n\
             `amp` is a `Verifier` with reused buffers and a payload whose members stand as people declare them; \
             `amp-canonical` the same with a payload in canonical form, as this library writes it; `amp-fresh` is \
             `Message::decode` and `verify`, which copy the message and allocate. `ruma` reads a signed Matrix object and \
             calls `verify_json`; `jsonwebtoken` decodes a token, which needs no canonical form; `serde-canonicalizer` is \
             a raw payload, serde_json_canonicalizer and strict verification; `naive-serde-json` sorts a \
             `serde_json::Value` and writes it, which is not RFC 8785 for every payload."
        }
        "canonicalize" => {
            "RFC 8785 alone. The limit here is a yardstick: SHA-256 of the result, which comes next anyway. \
             `amp-unsorted` rewrites every object; `amp-spaced` has its members in order and drops the space behind every \
             comma and colon; `amp-sorted` finds nothing to do and copies; `amp-is-canonical` only answers. Speed is \
             of bytes read."
        }
        "receive" => {
            "From the bytes of a message to what becomes of it, for a sender whose key is known. The limit is that of \
             verification; `amp-verify` is `Message::decode` and `verify` alone. `amp-decide` is `Receiver::receive`: it \
             also looks up key, revocation and replays, computes the trust level and scans subject, text, names of \
             attachments and context, together with the sender's last messages. `amp-receive` commits as well; \
             `amp-receive-wrap` also writes the text for a model, wrapped."
        }
        "sign" => {
            "From a text, a context as JSON and attachments to the JSON that is sent, with a freshness block. Every rule \
             that a reader checks is checked. The limit is SHA-256 of the canonical payload and one Ed25519 signature. \
             The peers are handed a parsed payload (`ruma` and `naive-serde-json` a copy of their own, made beforehand) \
             and check nothing. At 400k what no context holds travels as attachments."
        }
        "seal" => {
            "One seal and one open of a text, each to a key of its own that was parsed beforehand. The limit is what cannot be \
             left out, by the same primitives: one multiple of the base point, two agreements, two runs of \
             XChaCha20-Poly1305 over a copy. At 300 that alone is more than the 65 µs that we hold ourselves to.\n\n\
             `amp` is sealing with the default suite and `amp-stock-suite` with the other one; `amp-seal` and `amp-open` \
             are its halves. A seal also hashes the text, so that the same randomness never makes the same key for \
             another (31 µs at 64k). `amp-file` is a file in chunks of 64 KiB, without the message that its key travels in. The sealed \
             boxes bind nothing but the recipient's key; `hpke` is the crate, with the stock suite and as much bound as \
             ours; `age` writes its header."
        }
        "seal-aws-lc" => {
            "The same by another build, with the feature `aws-lc`, which the client's feature `tls` turns on. The limit \
             is still that of the default primitives."
        }
        "sealed-mail" => {
            "From text and context to the JSON that is sent, and from that to what was read: signed, decoded, verified. \
             The limit is the same mail in plain; `amp` is sealed and opened as well."
        }
        "sealed-mail-aws-lc" => "The same with the feature `aws-lc`.",
        "address" => {
            "Distinct addresses of three to six labels. The limit is a copy of the text. `ruma` parses the same as \
             Matrix user ids; `naive-split` splits, looks at the characters and keeps the parts."
        }
        _ => {
            "A forged message whose payload has a different canonical form under each of the six dialects, so that each \
             is written, hashed and checked before the message is refused. With empty attachments every form is tried \
             twice. Six dialects may cost at most six times what one costs."
        }
    }
}

/// Criterion's estimates: wall time of the same work.
fn wall(rows: &[Row], criterion: &Path, page: &mut String) {
    page.push_str("## Wall time\n\nThe same by criterion: the slope or mean of wall time a message, with its 95 % interval.\n\n");
    page.push_str(
        "| bench | size | implementation | over the limit | time | interval |\n|---|---|---|---|---|---|\n",
    );
    let mut limit = f64::NAN;
    for Row { bench, size, subject, .. } in rows {
        let file = criterion.join(format!("{bench}_{size}/{subject}/new/estimates.json"));
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let estimates: serde_json::Value = serde_json::from_str(&text).expect("criterion's estimates");
        let estimate = if estimates["slope"].is_null() { &estimates["mean"] } else { &estimates["slope"] };
        let scale = if bench == "address" { address::PER_MESSAGE as f64 } else { 1.0 };
        let point = estimate["point_estimate"].as_f64().unwrap_or(f64::NAN) / scale;
        let bound = |name: &str| estimate["confidence_interval"][name].as_f64().unwrap_or(f64::NAN) / scale;
        if subject == "limit" {
            limit = point;
        }
        let (time_, low, high) = (time(point), time(bound("lower_bound")), time(bound("upper_bound")));
        let _ = writeln!(
            page,
            "| {bench} | {size} | `{subject}` | {:.2} | {time_} | {low} to {high} |",
            point / limit
        );
    }
    page.push('\n');
}

/// Instruction counts, from lines such as `instructions::..::verify_one amp_300:(..)` and `Instructions: 1234|..`.
fn counts(output: &str, page: &mut String) {
    page.push_str("## Instructions\n\nOne message under callgrind, which knows neither AVX-512 nor the SHA extensions: ");
    page.push_str("hashing and curve arithmetic count for more here than they cost.\n\n");
    page.push_str("| bench | instructions |\n|---|---|\n");
    let mut name = "";
    for line in output.lines() {
        let line = line.trim();
        if let Some(path) = line.strip_prefix("instructions::instructions::") {
            name = path.split(':').next().unwrap_or(path);
        } else if let Some(rest) = line.strip_prefix("Instructions:") {
            let count = rest.trim().split('|').next().unwrap_or_default();
            let _ = writeln!(page, "| `{name}` | {count} |");
        }
    }
    page.push('\n');
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}
