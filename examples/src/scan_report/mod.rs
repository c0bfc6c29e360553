//! Measures the injection scan on the labelled corpus and writes what it finds as a page (guardrails, injection scan).

mod aims;
mod deployed;
mod page;
#[path = "../../../amp-core/tests/scan_support/mod.rs"]
mod scan_support;
mod statistics;

use amp_core::scan::{Category, Scanner, Severity};

use deployed::Deployed;
use scan_support::corpus::{Sample, Side, samples, scan};
use scan_support::disguise::Disguise;
use statistics::Share;

/// What both scans said of one message.
struct Measured {
    sample: Sample,
    severity: Option<Severity>,
    /// Flagged by a finding in the text as it stands.
    open: bool,
    named: Vec<Category>,
    rules: Vec<String>,
    deployed: bool,
}

impl Measured {
    fn is_flagged(&self) -> bool {
        self.severity >= Some(Severity::Medium)
    }

    fn names_its_category(&self) -> bool {
        self.sample.category().is_some_and(|category| self.named.contains(&category))
    }

    fn is_held_out(&self) -> bool {
        self.sample.side == Side::HeldOut
    }
}

/// What is left of what was caught in plain.
struct Disguised {
    disguise: Disguise,
    tune: Share,
    held_out: Share,
    deployed: Share,
}

/// Measures and writes the page `docs/scan-report.md`. The same corpus and rules give the same page.
///
/// # Errors
/// When an expression of the deployed client does not compile.
pub fn page() -> Result<String, Box<dyn std::error::Error>> {
    let scanner = Scanner::new();
    let deployed = Deployed::new()?;
    let measured = samples().into_iter().map(|sample| measure(sample, &scanner, &deployed));
    let (fresh, measured): (Vec<Measured>, Vec<Measured>) =
        measured.partition(|one| one.sample.side == Side::Fresh);
    let disguised: Vec<Disguised> = Disguise::ALL
        .into_iter()
        .map(|disguise| disguise_all(disguise, &measured, &scanner, &deployed))
        .collect();
    Ok(page::write(&measured, &fresh, &disguised)?)
}

fn measure(sample: Sample, scanner: &Scanner, deployed: &Deployed) -> Measured {
    let report = scan(scanner, &sample.parts);
    let counts = |severity: Severity| severity >= Severity::Medium;
    Measured {
        severity: report.severity(),
        open: report
            .findings()
            .iter()
            .any(|finding| counts(finding.severity()) && finding.hiding().is_none()),
        named: report.categories(),
        rules: report.rules().into_iter().map(str::to_owned).collect(),
        deployed: deployed.is_flagged(&sample.parts),
        sample,
    }
}

/// Disguises every attack that was caught in plain. The deployed client's share is of what it catches in plain itself.
fn disguise_all(
    disguise: Disguise,
    measured: &[Measured],
    scanner: &Scanner,
    deployed: &Deployed,
) -> Disguised {
    let mut result = Disguised {
        disguise,
        tune: Share::default(),
        held_out: Share::default(),
        deployed: Share::default(),
    };
    let alone = |one: &&Measured| one.sample.category().is_some() && one.sample.parts.len() == 1;
    for one in measured.iter().filter(alone) {
        let Some(parts) = disguise.apply(&one.sample.id, &one.sample.text()) else { continue };
        if one.open {
            let share = if one.is_held_out() { &mut result.held_out } else { &mut result.tune };
            share.count(scan(scanner, &parts).is_flagged());
        }
        if one.deployed {
            result.deployed.count(deployed.is_flagged(&parts));
        }
    }
    result
}
