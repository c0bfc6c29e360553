//! The page itself: what was measured, in Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use amp_core::scan::{Category, Severity};

use super::scan_support::corpus::Label;
use super::{Disguised, Measured, Share, aims};

/// Longest text of a message on the page, in characters.
const SHOWN: usize = 160;

const INTRODUCTION: &str = "\
# What the injection scan catches, and what it does not

A scanner made of rules is a signal. Whoever words an attack anew gets past it, and the misses below say how. What keeps a model safe is that text from
outside reaches it wrapped, and that types keep such text apart from instructions; the scan adds a warning, and holds back what nobody would send in
good faith.

Written by `cargo run --release -p amp-examples --example scan_report`; with `--check` the program fails when this page is not what it would write.

**Measured on** the labelled corpus in `amp-core/tests/corpus`: attacks and harmless agent messages written for it, in several languages. A quarter,
chosen by a hash of the id, is *held out*: it lies apart and rules were written without opening it. *Fresh* messages were written last and no rule was
changed for them; they count in the first table only. *Flagged* means a finding of severity medium or above. **Beside it** the 21 expressions of the
deployed bash client, written from their description, matched line by line over lower-cased text.
Percentages come with their number and the 95 % interval after Wilson. The tune rows say how well the rules fit what they were written from, and
nothing of new wordings. The corpus and the rules come from one house; public sets are further down.
";

/// How the rules came about, with figures from public corpora.
const RULES: &str = include_str!("rules.md");

pub(super) fn write(
    measured: &[Measured],
    fresh: &[Measured],
    disguised: &[Disguised],
) -> Result<String, fmt::Error> {
    let mut page = INTRODUCTION.to_owned();
    aims::write(&mut page, measured, disguised)?;
    in_short(&mut page, measured, fresh)?;
    by_category(&mut page, measured)?;
    by_length(&mut page, measured)?;
    harmless(&mut page, measured)?;
    severities(&mut page, measured)?;
    disguises(&mut page, disguised)?;
    languages(&mut page, measured)?;
    page.push_str("\n## How the rules were made\n\n");
    page.push_str(RULES.trim());
    page.push('\n');
    false_positives(&mut page, measured)?;
    misses(&mut page, measured)?;
    Ok(page)
}

/// Which messages a row is about.
type Choice = fn(&Measured) -> bool;

/// The share of the chosen messages of which something holds.
pub(super) fn share(
    measured: &[Measured],
    of: impl Fn(&Measured) -> bool,
    hit: impl Fn(&Measured) -> bool,
) -> Share {
    let mut share = Share::default();
    measured.iter().filter(|one| of(one)).for_each(|one| share.count(hit(one)));
    share
}

pub(super) fn is_attack(one: &Measured) -> bool {
    one.sample.category().is_some()
}

fn in_short(page: &mut String, measured: &[Measured], fresh: &[Measured]) -> fmt::Result {
    page.push_str(
        "\n## In short\n\n| messages | flagged here | flagged by the deployed client |\n|---|---|---|\n",
    );
    let rows: [(&str, Choice); 3] = [
        ("attacks", is_attack),
        ("harmless, ordinary", |one| one.sample.label == Label::Ordinary),
        ("harmless, with trigger words", |one| one.sample.label == Label::Trigger),
    ];
    for (kind, chosen) in rows {
        let tune = share_of_both(measured, |one| chosen(one) && !one.is_held_out());
        let held_out = share_of_both(measured, |one| chosen(one) && one.is_held_out());
        let fresh = share_of_both(fresh, chosen);
        for (name, (here, there)) in [("tune", tune), ("held out", held_out), ("fresh", fresh)] {
            writeln!(page, "| {kind}, {name} | {here} | {there} |")?;
        }
    }
    Ok(())
}

/// The share flagged here, and by the deployed client.
fn share_of_both(measured: &[Measured], of: impl Fn(&Measured) -> bool) -> (Share, Share) {
    (share(measured, &of, Measured::is_flagged), share(measured, &of, |one| one.deployed))
}

fn by_category(page: &mut String, measured: &[Measured]) -> fmt::Result {
    page.push_str("\n## Attacks by category\n\nThe last columns: how often the category that the corpus names is among those found, and what the deployed client flags.\n\n");
    page.push_str("| category | tune | held out | category named, all | deployed client, all |\n|---|---|---|---|---|\n");
    for category in Category::ALL {
        let all = |one: &Measured| one.sample.category() == Some(category);
        let tune = share(measured, |one| all(one) && !one.is_held_out(), Measured::is_flagged);
        let held_out = share(measured, |one| all(one) && one.is_held_out(), Measured::is_flagged);
        let named = share(measured, all, Measured::names_its_category);
        let there = share(measured, all, |one| one.deployed);
        writeln!(page, "| {category} | {tune} | {held_out} | {} | {} |", named.brief(), there.brief())?;
    }
    Ok(())
}

fn by_length(page: &mut String, measured: &[Measured]) -> fmt::Result {
    page.push_str("\n## By length\n\nThe longer a message, the more signs it carries, in attacks and in harmless messages alike.\n\n");
    page.push_str("| characters | attacks, tune | attacks, held out | harmless with trigger words |\n|---|---|---|---|\n");
    for (name, lengths) in [("up to 80", 0..81), ("81 to 200", 81..201), ("more", 201..usize::MAX)] {
        let chosen = |one: &Measured| lengths.contains(&one.sample.text().chars().count());
        let tune = |one: &Measured| chosen(one) && is_attack(one) && !one.is_held_out();
        let held_out = |one: &Measured| chosen(one) && is_attack(one) && one.is_held_out();
        let trigger = |one: &Measured| chosen(one) && one.sample.label == Label::Trigger;
        let tune = share(measured, tune, Measured::is_flagged);
        let held_out = share(measured, held_out, Measured::is_flagged);
        writeln!(
            page,
            "| {name} | {tune} | {held_out} | {} |",
            share(measured, trigger, Measured::is_flagged)
        )?;
    }
    Ok(())
}

fn harmless(page: &mut String, measured: &[Measured]) -> fmt::Result {
    page.push_str("\n## Harmless messages by kind\n\nFalse positives, both sides of the corpus.\n\n");
    page.push_str("| kind | flagged here | flagged by the deployed client |\n|---|---|---|\n");
    let kinds: BTreeSet<&str> =
        measured.iter().filter(|one| !is_attack(one)).map(|one| one.sample.kind.as_str()).collect();
    for kind in kinds {
        let chosen = |one: &Measured| one.sample.kind == kind;
        let here = share(measured, chosen, Measured::is_flagged);
        writeln!(page, "| {kind} | {here} | {} |", share(measured, chosen, |one| one.deployed).brief())?;
    }
    Ok(())
}

fn severities(page: &mut String, measured: &[Measured]) -> fmt::Result {
    page.push_str("\n## What would become of them\n\nBy the highest severity found, without overrides.\n\n");
    page.push_str("| messages | critical: refused | high: held | medium: flagged | low: delivered | nothing found |\n|---|---|---|---|---|---|\n");
    let rows: [(&str, Choice); 4] = [
        ("attacks, tune", |one| is_attack(one) && !one.is_held_out()),
        ("attacks, held out", |one| is_attack(one) && one.is_held_out()),
        ("harmless, ordinary", |one| one.sample.label == Label::Ordinary),
        ("harmless, with trigger words", |one| one.sample.label == Label::Trigger),
    ];
    for (name, chosen) in rows {
        write!(page, "| {name}")?;
        for severity in [Severity::Critical, Severity::High, Severity::Medium, Severity::Low].map(Some) {
            write!(page, " | {}", share(measured, chosen, |one| one.severity == severity).brief())?;
        }
        writeln!(page, " | {} |", share(measured, chosen, |one| one.severity.is_none()).brief())?;
    }
    Ok(())
}

fn disguises(page: &mut String, disguised: &[Disguised]) -> fmt::Result {
    page.push_str("\n## Disguises\n\nEvery attack that is flagged for what it says in plain, hidden in twelve ways: how many are still flagged. Those that hide themselves already and\nthose in parts are left out, and so are texts to which a disguise does not apply (rot13 of Chinese). The deployed client's share is of\nwhat it flags in plain itself.\n\n");
    page.push_str("| disguise | what it does | tune | held out | deployed client |\n|---|---|---|---|---|\n");
    for row in disguised {
        let (name, about) = (row.disguise.name(), row.disguise.about());
        writeln!(page, "| {name} | {about} | {} | {} | {} |", row.tune, row.held_out, row.deployed.brief())?;
    }
    Ok(())
}

fn languages(page: &mut String, measured: &[Measured]) -> fmt::Result {
    page.push_str(
        "\n## Languages\n\n| language | attacks, tune | attacks, held out | harmless |\n|---|---|---|---|\n",
    );
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    measured.iter().for_each(|one| *counts.entry(one.sample.lang.as_str()).or_default() += 1);
    for (lang, _) in counts {
        let tune = |one: &Measured| one.sample.lang == lang && is_attack(one) && !one.is_held_out();
        let held_out = |one: &Measured| one.sample.lang == lang && is_attack(one) && one.is_held_out();
        let harmless = |one: &Measured| one.sample.lang == lang && !is_attack(one);
        let [tune, held_out] =
            [share(measured, tune, Measured::is_flagged), share(measured, held_out, Measured::is_flagged)];
        writeln!(
            page,
            "| {lang} | {tune} | {held_out} | {} |",
            share(measured, harmless, Measured::is_flagged)
        )?;
    }
    Ok(())
}

fn false_positives(page: &mut String, measured: &[Measured]) -> fmt::Result {
    page.push_str("\n## All false positives\n\n");
    for one in measured.iter().filter(|one| !is_attack(one) && one.is_flagged()) {
        writeln!(page, "- {} ({}): {}", one.sample.id, one.rules.join(", "), shown(&one.sample.text()))?;
    }
    Ok(())
}

fn misses(page: &mut String, measured: &[Measured]) -> fmt::Result {
    let missed = |one: &&Measured| is_attack(one) && !one.is_flagged();
    page.push_str(
        "\n## All misses\n\nTexts are shortened; what cannot be printed is escaped.\n\n### Tune\n\n",
    );
    for one in measured.iter().filter(missed).filter(|one| !one.is_held_out()) {
        writeln!(page, "- {}: {}", one.sample.id, shown(&one.sample.text()))?;
    }
    page.push_str("\n### Held out\n\nWho writes rules stops reading here.\n\n");
    for one in measured.iter().filter(missed).filter(|one| one.is_held_out()) {
        writeln!(page, "- {}: {}", one.sample.id, shown(&one.sample.text()))?;
    }
    Ok(())
}

/// A text as a code span in one line, shortened, with escapes for what prints as nothing.
fn shown(text: &str) -> String {
    let mut span = String::from("`` ");
    for c in text.chars().take(SHOWN) {
        match c {
            '\n' => span.push_str("\\n"),
            '`' => span.push('\''),
            ' '..='~' => span.push(c),
            c if prints(c) => span.push(c),
            c => span.extend(c.escape_unicode()),
        }
    }
    span.push_str(if text.chars().count() > SHOWN { "… ``" } else { " ``" });
    span
}

/// Whether a character leaves a mark of its own and keeps the line's direction and order.
fn prints(c: char) -> bool {
    let ignorable = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !ignorable
}
