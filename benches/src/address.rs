//! Addresses: from text to a value.

use std::hint::black_box;

use amp_address::{Address, Profile};
use ruma_common::{OwnedUserId, UserId};

use crate::corpus::MESSAGES;
use crate::measure::Subject;

/// Addresses a reading covers, all distinct.
pub const PER_MESSAGE: usize = 16;

/// Distinct addresses of two to five labels, and the same as Matrix user ids.
pub struct Addresses {
    ours: Vec<String>,
    ruma: Vec<String>,
}

impl Default for Addresses {
    fn default() -> Self {
        const NAMES: [&str; 8] =
            ["alice", "bob", "deploy-bot", "reviewer_2", "x", "backend-architect", "night-shift", "qa"];
        const SCOPES: [&str; 5] = ["acme", "team-7.acme", "api.payments.initech", "globex", "lab"];
        const PROVIDERS: [&str; 3] = ["crabmail.ai", "agents.example.com", "amp.example"];
        let (ours, ruma) = (0..MESSAGES * PER_MESSAGE)
            .map(|n| {
                let name = format!("{}-{n}", NAMES[n % 8]);
                let domain = format!("{}.{}", SCOPES[n / 8 % 5], PROVIDERS[n / 40 % 3]);
                (format!("{name}@{domain}"), format!("@{name}:{domain}"))
            })
            .unzip();
        Self { ours, ruma }
    }
}

/// The limit (a copy of the text) first, then ours, then the peers. Each handles [`PER_MESSAGE`] addresses a message.
pub fn subjects(addresses: &Addresses) -> Vec<Subject<'_>> {
    let Addresses { ours, ruma } = addresses;
    vec![
        each("limit", ours, |text| {
            black_box(text.to_owned());
        }),
        each("amp", ours, |text| {
            black_box(Address::parse(text).expect("an address"));
        }),
        each("amp-validate", ours, |text| Address::validate(text, Profile::Deployed).expect("an address")),
        each("ruma", ruma, |text| {
            black_box(UserId::parse(text).expect("a user id") as OwnedUserId);
        }),
        each("naive-split", ours, |text| {
            black_box(naive(text).expect("an address"));
        }),
    ]
}

fn each<'a>(name: &'static str, texts: &'a [String], mut work: impl FnMut(&str) + 'a) -> Subject<'a> {
    Subject::new(name, move |n| texts[n * PER_MESSAGE..][..PER_MESSAGE].iter().for_each(|text| work(text)))
}

/// What a program writes that has no library: split, look at the characters, keep the parts.
fn naive(text: &str) -> Option<[String; 3]> {
    let (name, domain) = text.split_once('@')?;
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    if labels.len() < 3 || !is_label(name) || !labels.iter().all(|label| is_label(label)) {
        return None;
    }
    let (scope, provider) = labels.split_at(labels.len() - 2);
    Some([name.to_lowercase(), scope.join(".").to_lowercase(), provider.join(".").to_lowercase()])
}
