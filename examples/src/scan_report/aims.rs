//! What was aimed at, and whether it is reached.

use std::fmt::{self, Write};

use amp_core::scan::Category;

use super::page::{is_attack, share};
use super::scan_support::corpus::Label;
use super::{Disguised, Measured, Share};

/// What the public sets say; `rules.md` has them all, and the revision.
const PUBLIC: &str = "\
| public: AgentDojo | at least 90 % | 96.0 % of 149 (91.5 to 98.1) | reached; the bare form \"TODO: {goal}\" 48 % of 27 |
| public: PurpleLlama prompt injection, English | at least 45 % | 52.2 % of 138 (43.9 to 60.3) | reached |
| public: Tensor Trust hijacking | at least 60 % | 84.1 % of 239 (78.9 to 88.2) | reached |
| public: the three, disguised (all texts, the least and the most of the disguises) | at least 60 % | AgentDojo 87 to 100 %, Tensor Trust 74 to 100 %, PurpleLlama 47 to 100 % | **missed** for PurpleLlama, else reached |
| public: commit messages | at most 0.3 % | 0.27 % of 11,735 (0.19 to 0.39) | reached |
| public: mails and tables | at most 0.5 % | 0 of 379 | reached |
| public: source code, in pieces of 3,000 characters | at most 0.5 % | 1.6 % of 1,635 (1.1 to 2.3) | **missed** |
| public: documentation, in pieces of 3,000 characters | at most 0.5 % | 7.2 % of 470 (5.2 to 9.9) | **missed** |
";

const AFTER: &str = "
Reached or missed goes by the share alone; in parentheses, the interval says how sure that is. The public rows are of the rules of 20 November 2026
(commit a6e21f6), the half of each set that rules were not tuned on; this program does not measure them. They repeat their forms: **recall on wordings that nobody has seen is
what the held-out and the fresh rows say**, and no more.

Long technical texts are where it raises false alarms: of documentation in pieces of 3,000 characters 7.2 % are flagged, of source code 1.6 %. Many show
`curl … | sh` or tests that quote attacks.
";

const RECALL: f64 = 90.0;
const RECALL_OF_EACH: f64 = 75.0;
const ORDINARY: f64 = 0.5;
const TRIGGER: f64 = 2.0;
const DISGUISED: f64 = 95.0;

pub(super) fn write(page: &mut String, measured: &[Measured], disguised: &[Disguised]) -> fmt::Result {
    page.push_str("\n## What was aimed at\n\n| of | aim | measured | |\n|---|---|---|---|\n");
    let all = share(measured, |one| one.is_held_out() && is_attack(one), Measured::is_flagged);
    let reached = verdict(all.percent() >= RECALL);
    writeln!(page, "| attacks, held out | at least {RECALL} % | {all} | {reached} |")?;
    let by_category = Category::ALL.map(|category| {
        let of = |one: &Measured| one.is_held_out() && one.sample.category() == Some(category);
        (category.to_string(), share(measured, of, Measured::is_flagged))
    });
    each(page, "attacks of each category, held out", RECALL_OF_EACH, &by_category)?;
    for (name, label, most) in [
        ("harmless, ordinary", Label::Ordinary, ORDINARY),
        ("harmless, with trigger words", Label::Trigger, TRIGGER),
    ] {
        let flagged =
            share(measured, |one| one.is_held_out() && one.sample.label == label, Measured::is_flagged);
        let reached = verdict(flagged.percent() <= most);
        writeln!(page, "| {name}, held out | at most {most} % | {flagged} | {reached} |")?;
    }
    let by_disguise: Vec<_> =
        disguised.iter().map(|row| (row.disguise.name().to_owned(), row.held_out)).collect();
    each(page, "caught in plain, under each disguise, held out", DISGUISED, &by_disguise)?;
    page.push_str(PUBLIC);
    page.push_str(AFTER);
    Ok(())
}

const fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "**missed**" }
}

/// A row about several shares that each should reach an aim, with those that do not.
fn each(page: &mut String, of: &str, aim: f64, shares: &[(String, Share)]) -> fmt::Result {
    let under: Vec<String> = shares
        .iter()
        .filter(|(_, share)| share.percent() < aim)
        .map(|(name, share)| format!("{name} {}", share.brief()))
        .collect();
    let enough = shares.len() - under.len();
    write!(page, "| {of} | at least {aim} % | {enough} of {} reach it", shares.len())?;
    if !under.is_empty() {
        write!(page, "; under it: {}", under.join(", "))?;
    }
    writeln!(page, " | {} |", verdict(under.is_empty()))
}
