//! Admission: whatever is read is written as it reads back, and pair grants are the replay of their events.

use std::time::Duration;

use amp_address::Address;
use amp_core::admission::{
    Actor, AuditRecord, CapabilityManifest, CommunicationPolicy, GrantEvent, GrantLimits, GrantScope,
    GrantState, Intent, Pair, PairGrants,
};
use amp_envelope::Timestamp;

use super::{assert_fit_to_show, text_of};

const AGENTS: [&str; 3] = ["alice@acme.crabmail.ai", "bob@corp.crabmail.ai", "carol@default.example.local"];

/// The first byte chooses: bytes as they are (0xff), a text for an intent (0xfe), or steps of four bytes.
pub fn admission(data: &[u8]) {
    let [choice, rest @ ..] = data else { return };
    match choice {
        0xff => whole(rest),
        0xfe => intent(&text_of(rest)),
        _ => steps(rest),
    }
}

fn whole(bytes: &[u8]) {
    let bob: Address = AGENTS[1].parse().unwrap();
    match CommunicationPolicy::from_json(bytes) {
        Ok(policy) => {
            let again = CommunicationPolicy::from_json(policy.to_json().as_bytes()).unwrap();
            assert_eq!(again.check(&bob).is_ok(), policy.check(&bob).is_ok());
        }
        Err(error) => assert_fit_to_show(&error),
    }
    match CapabilityManifest::from_json(bytes) {
        Ok(manifest) => {
            assert_eq!(CapabilityManifest::from_json(manifest.to_json().as_bytes()), Ok(manifest));
        }
        Err(error) => assert_fit_to_show(&error),
    }
    if let Ok(event) = GrantEvent::from_json(bytes) {
        assert_eq!(GrantEvent::from_json(event.to_json().as_bytes()), Ok(event));
    }
    match AuditRecord::new(bytes) {
        Ok(record) => assert_eq!(AuditRecord::new(record.as_str().as_bytes()).as_ref(), Ok(&record)),
        Err(error) => assert_fit_to_show(&error),
    }
}

fn intent(text: &str) {
    let intent = Intent::first_line(text);
    assert!(intent.as_str().chars().count() <= 280 && !intent.as_str().contains('\n'));
    assert_eq!(intent.as_str().parse().as_ref(), Ok(&intent));
    if let Ok(same) = text.parse::<Intent>() {
        assert_eq!(same.as_str(), text);
    }
}

/// Four bytes a step: what is done, to which pair, how much later, for how long.
fn steps(bytes: &[u8]) {
    let limits =
        GrantLimits::default().with_requests_per_recipient(2).with_requests_per_sender(2).with_pairs(5);
    let (mut grants, mut log) = (PairGrants::with_limits(limits), Vec::new());
    let mut now: Timestamp = "2026-01-31T10:00:00Z".parse().unwrap();
    let owner: Actor = "owner:1".parse().unwrap();
    let agents = AGENTS.map(|text| text.parse::<Address>().unwrap());
    for &[what, who, later, long] in bytes.as_chunks::<4>().0.iter().take(200) {
        now = now.saturating_add(Duration::from_secs(later.into()));
        let pair = Pair::new(&agents[usize::from(who) % 3], &agents[usize::from(who / 3) % 3]);
        let before = grants.clone();
        let until = (long > 0).then(|| now.saturating_add(Duration::from_secs(long.into())));
        let event = match what % 6 {
            0 => {
                let contact = grants.contact(&pair, &GrantScope::Message, &Intent::default(), now);
                assert_eq!(contact.outcome().is_ok(), grants.state(&pair).grant_at(now).is_some());
                contact.event().cloned()
            }
            1 => grants.grant(&pair, GrantScope::Message.into(), until, &owner, now).ok(),
            2 => grants.decline(&pair, &owner, now).ok(),
            3 => grants.lift(&pair, &owner, now).ok(),
            4 => grants.revoke(&pair, &owner, now).ok(),
            _ => grants.dismiss(&pair, &owner, now).ok(),
        };
        assert_eq!(grants, before, "deciding changes nothing");
        let Some(event) = event else { continue };
        let by_stranger = event.actor() != &owner;
        let let_in = |state: &GrantState| state.grant_at(now).is_some();
        assert!(!by_stranger || !let_in(event.after()), "nobody lets itself in");
        let was_declined = matches!(event.before(), GrantState::Declined { .. });
        assert!(!was_declined || *event.after() == GrantState::None && !by_stranger);
        let stored = GrantEvent::from_json(event.to_json().as_bytes()).unwrap();
        grants.apply(&stored).unwrap();
        log.push(stored);
        assert!(grants.iter().count() <= 5);
        assert!(grants.iter().filter(|(_, state)| state.request().is_some()).count() <= 6);
    }
    assert_eq!(PairGrants::replay(limits, &log), Ok(grants));
}
