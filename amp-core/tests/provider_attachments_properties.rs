//! Whatever agents, hosts and clocks do with files: each is used by one message at most, the host has the bytes of those
//! that are kept and of no others, and a provider that is restored remembers the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

mod provider_support;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use amp_core::guards::{RateClass, RateLimit};
use amp_core::provider::{
    Action, AttachmentRules, Call, Decision, Effect, FileVerdict, HostChecks, Moment, Provider,
    ProviderBuilder,
};
use amp_core::wire::{
    Answer, AttachmentState, ConfirmUpload, DirectUpload, GetAttachment, Request, RequestParts, Route,
    StartUpload, UploadStarted,
};
use amp_core::{AttachmentId, Draft, ScanStatus, Sha256Digest, Timestamp};
use proptest::prelude::*;
use provider_support::{Agent, START, builder, effect, no_limits};
use serde_json::Value;
use sha2::{Digest, Sha256};

const FILE: &[u8] = b"10:00 started\n";

#[derive(Clone, Debug)]
enum Step {
    Begin {
        agent: bool,
    },
    /// Puts a file, the right one or another, at the place of an upload.
    Put {
        upload: usize,
        right: bool,
        token: bool,
    },
    Direct {
        agent: bool,
        program: bool,
    },
    Confirm {
        agent: bool,
        upload: usize,
    },
    Checked {
        upload: usize,
        verdict: FileVerdict,
    },
    Send {
        agent: bool,
        uploads: Vec<usize>,
        lie: bool,
    },
    Pass {
        seconds: u64,
    },
    /// The clock is set back.
    Back {
        seconds: u64,
    },
    Tick,
    Restart {
        from_snapshot: bool,
    },
    /// The host stores the next decision, and stops before it is committed.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let verdict = prop_oneof![
        3 => Just(FileVerdict::Clean),
        1 => Just(FileVerdict::BasicClean),
        1 => Just(FileVerdict::Suspicious),
        1 => Just(FileVerdict::Rejected),
    ];
    // Few of them, so that things happen to one and the same.
    let upload = prop_oneof![4 => 0_usize..3, 1 => 0_usize..12];
    prop_oneof![
        3 => any::<bool>().prop_map(|agent| Step::Begin { agent }),
        4 => (upload.clone(), prop::bool::weighted(0.8), prop::bool::weighted(0.9))
            .prop_map(|(upload, right, token)| Step::Put { upload, right, token }),
        2 => (any::<bool>(), prop::bool::weighted(0.2)).prop_map(|(agent, program)| Step::Direct { agent, program }),
        4 => (any::<bool>(), upload.clone()).prop_map(|(agent, upload)| Step::Confirm { agent, upload }),
        3 => (upload.clone(), verdict).prop_map(|(upload, verdict)| Step::Checked { upload, verdict }),
        5 => (any::<bool>(), prop::collection::vec(upload, 1..3), prop::bool::weighted(0.1))
            .prop_map(|(agent, uploads, lie)| Step::Send { agent, uploads, lie }),
        3 => prop_oneof![0_u64..4_000, Just(3_600), Just(7_200), Just(700_000)].prop_map(|seconds| Step::Pass { seconds }),
        1 => (0_u64..10_000).prop_map(|seconds| Step::Back { seconds }),
        1 => Just(Step::Tick),
        1 => any::<bool>().prop_map(|from_snapshot| Step::Restart { from_snapshot }),
        1 => Just(Step::Crash),
    ]
}

/// A host, and what is known of the files from outside.
struct World {
    provider: Provider,
    host_checks: bool,
    now: Timestamp,
    moments: u64,
    log: Vec<String>,
    files: BTreeSet<AttachmentId>,
    agents: [Agent; 2],
    uploads: Vec<Upload>,
    /// Which message carries which attachment.
    carried: BTreeMap<AttachmentId, String>,
    crash_next: bool,
}

struct Upload {
    owner: usize,
    id: AttachmentId,
    token: Option<String>,
}

fn configured(host_checks: bool) -> ProviderBuilder {
    let classes = [RateClass::Upload, RateClass::Confirm, RateClass::AttachmentStatus];
    let most = RateLimit::new(u16::MAX, Duration::from_secs(60));
    let limits = classes.into_iter().fold(no_limits(), |limits, class| limits.with(class, most));
    let checks = if host_checks { HostChecks::Scan } else { HostChecks::None };
    let rules = AttachmentRules::new("https://files.crabmail.ai/a".parse().unwrap());
    let rules = rules.with_direct_upload().with_host_checks(checks).quota(300, 9);
    builder().rate_limits(limits).attachments(rules)
}

impl World {
    fn new(host_checks: bool) -> Self {
        let agents = [Agent::new(0, "alice"), Agent::new(1, "bob")];
        let log = agents.iter().map(|agent| effect(&agent.registered()).to_json()).collect();
        let mut world = Self {
            provider: configured(host_checks).build(),
            host_checks,
            now: START.parse().unwrap(),
            moments: 0,
            log,
            files: BTreeSet::new(),
            agents,
            uploads: Vec::new(),
            carried: BTreeMap::new(),
            crash_next: false,
        };
        world.restart_from(&world.log.clone());
        world
    }

    fn restart_from(&mut self, lines: &[String]) {
        let effects = lines.iter().map(|line| Effect::from_json(line.as_bytes()).unwrap());
        self.provider = configured(self.host_checks).restore(effects).unwrap().build();
    }

    /// The answer, unless the host stopped.
    fn with(
        &mut self,
        decide: impl for<'p> FnOnce(&'p mut Provider, Moment) -> Decision<'p>,
    ) -> Option<(u16, Vec<u8>)> {
        self.moments += 1;
        let moment = Moment::new(self.now, Sha256::digest(self.moments.to_be_bytes()).into());
        let decision = decide(&mut self.provider, moment);
        self.log.extend(decision.effects().iter().map(Effect::to_json));
        self.files.extend(decision.files().iter().map(|file| file.id().clone()));
        for id in decision.released_files() {
            self.files.remove(id);
        }
        if core::mem::take(&mut self.crash_next) {
            drop(decision);
            self.restart_from(&self.log.clone());
            return None;
        }
        let outcome = decision.commit();
        for action in &outcome.actions {
            assert!(matches!(action, Action::CheckFile { .. }), "files push nothing: {action:?}");
        }
        let answer = outcome.reply?.into_answer(|_| None).unwrap()?;
        Some((answer.status, answer.body))
    }

    fn ask(&mut self, agent: usize, parts: RequestParts) -> Option<(u16, Vec<u8>)> {
        let call = Call::new(parts.with_key(&self.agents[agent].api_key.parse().unwrap()));
        self.with(|provider, moment| provider.handle(&call, moment))
    }

    fn answer<R: Request>(&mut self, agent: usize, request: &R) -> Option<R::Answer> {
        let (status, body) = self.ask(agent, request.to_parts())?;
        let mut parts = amp_core::wire::AnswerParts::new(status);
        parts.body = body;
        R::Answer::from_parts(&parts).ok()
    }

    fn state(&mut self, upload: usize) -> Option<AttachmentState> {
        let (owner, id) = (self.uploads[upload].owner, self.uploads[upload].id.clone());
        self.answer(owner, &GetAttachment::new(id))
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Begin { agent } => self.begin(usize::from(*agent)),
            Step::Put { upload, right, token } => self.put(*upload, *right, *token),
            Step::Direct { agent, program } => {
                let file = if *program { b"#!/bin/sh\n" } else { FILE };
                let upload = DirectUpload::new("run.log", "text/plain", file.to_vec());
                let owner = usize::from(*agent);
                if let Some(state) = self.answer(owner, &upload) {
                    assert!(!*program, "a program was taken");
                    self.uploads.push(Upload { owner, id: state.attachment_id, token: None });
                }
            }
            Step::Confirm { agent, upload } => {
                if let Some(id) = self.uploads.get(*upload).map(|upload| upload.id.clone()) {
                    self.answer(usize::from(*agent), &ConfirmUpload::new(id));
                }
            }
            Step::Checked { upload, verdict } => {
                if let Some(id) = self.uploads.get(*upload).map(|upload| upload.id.clone()) {
                    self.with(|provider, moment| provider.attachment_checked(&id, *verdict, moment));
                }
            }
            Step::Send { agent, uploads, lie } => self.send(usize::from(*agent), uploads, *lie),
            Step::Pass { seconds } => self.now = self.now.saturating_add(Duration::from_secs(*seconds)),
            Step::Back { seconds } => self.now = self.now.saturating_sub(Duration::from_secs(*seconds)),
            Step::Tick => {
                self.with(|provider, moment| provider.tick(moment));
            }
            Step::Restart { from_snapshot: false } => self.restart_from(&self.log.clone()),
            Step::Restart { from_snapshot: true } => {
                let lines: Vec<_> = self.provider.snapshot().iter().map(Effect::to_json).collect();
                self.restart_from(&lines);
                self.log = lines;
            }
            Step::Crash => self.crash_next = true,
        }
    }

    fn begin(&mut self, owner: usize) {
        let request = StartUpload::new("run.log", "text/plain", FILE.len() as u64, Sha256Digest::of(FILE));
        if let Some(started) = self.answer(owner, &request) {
            let UploadStarted { attachment_id: id, upload_url, .. } = started;
            let token = upload_url.as_str().split_once("?token=").unwrap().1.to_owned();
            self.uploads.push(Upload { owner, id, token: Some(token) });
        }
    }

    fn put(&mut self, upload: usize, right: bool, with_token: bool) {
        let Some(Upload { id, token: Some(token), .. }) = self.uploads.get(upload) else { return };
        let token = if with_token { token.clone() } else { "0".repeat(64) };
        let id = id.clone();
        let Some(expected) = self.provider.expected_file(&id, &token, self.now) else { return };
        assert!(with_token, "let in without its token");
        let mut check = expected.check(None);
        check.update(if right { FILE } else { b"#!/bin/sh" });
        let checked = check.finish(expected.announced());
        assert_eq!(checked.is_ok(), right);
        self.files.insert(id.clone());
        self.with(|provider, moment| provider.attachment_received(&id, &token, checked.as_ref(), moment));
    }

    fn send(&mut self, from: usize, uploads: &[usize], lie: bool) {
        let states: Vec<_> = uploads.iter().filter(|at| **at < self.uploads.len()).copied().collect();
        let states: Vec<_> = states.into_iter().filter_map(|at| self.state(at)).collect();
        let objects: Vec<_> = states.iter().filter_map(AttachmentState::payload_object).collect();
        if objects.is_empty() || objects.len() != states.len() {
            return;
        }
        let (alice, bob) = (&self.agents[from], &self.agents[1 - from]);
        let mut draft: Draft = alice.draft(bob, "Logs", "Here.");
        for object in &objects {
            let object = if lie { object.replace("run.log", "other.log") } else { object.clone() };
            let Ok(with) = draft.clone().attachment_json(&object) else { return };
            draft = with;
        }
        let message = alice.sign(draft, self.now);
        let (provider_crashes, request) = (self.crash_next, Route::new(&message));
        let answer = self.ask(from, request.to_parts());
        let accepted = match &answer {
            Some((200, body)) => {
                let body: Value = serde_json::from_slice(body).unwrap();
                (body["status"] != "failed").then(|| body["id"].as_str().unwrap().to_owned())
            }
            _ => None,
        };
        if provider_crashes {
            // Whether it was accepted is in the log alone.
            for state in &states {
                if self
                    .log
                    .iter()
                    .any(|line| line.contains(state.attachment_id.as_str()) && line.contains("\"used\""))
                {
                    self.carried.entry(state.attachment_id.clone()).or_insert_with(|| "crashed".into());
                }
            }
            return;
        }
        let Some(id) = accepted else { return };
        assert!(!lie, "a message was accepted that says something else of its file");
        for state in states {
            assert!(state.scan_status.may_be_routed());
            let owner = self.uploads.iter().find(|upload| upload.id == state.attachment_id).unwrap().owner;
            assert_eq!(owner, from, "a file of somebody else's was sent");
            let before = self.carried.insert(state.attachment_id.clone(), id.clone());
            assert_eq!(before, None, "one attachment, two messages");
        }
    }

    /// What holds at any time.
    fn check(&mut self) {
        if self.crash_next {
            return;
        }
        // Nothing is overdue after a tick, so what is served is there.
        self.with(|provider, moment| provider.tick(moment));
        self.now = self.now.saturating_add(Duration::from_secs(60));
        self.with(|provider, moment| provider.tick(moment));
        let states: Vec<_> = (0..self.uploads.len()).map(|at| self.state(at)).collect();
        let mut taken = [0_u64; 2];
        for (upload, state) in self.uploads.iter().zip(&states) {
            match state.as_ref().map(|state| state.scan_status) {
                Some(ScanStatus::Rejected) | None => {
                    assert!(!self.files.contains(&upload.id), "kept for nobody")
                }
                Some(status) => {
                    taken[upload.owner] += FILE.len() as u64;
                    if status.may_be_routed() {
                        assert!(self.files.contains(&upload.id), "deleted too early");
                    }
                }
            }
        }
        assert!(taken.iter().all(|bytes| *bytes <= 300), "over the quota");
        let carried: Vec<_> = self.carried.keys().cloned().collect();
        for id in carried {
            let upload = self.uploads.iter().position(|upload| upload.id == id).unwrap();
            let recipient = 1 - self.uploads[upload].owner;
            let seen = self.answer(recipient, &GetAttachment::new(id)).is_some();
            assert_eq!(
                seen,
                states[upload].is_some(),
                "the recipient has the file for as long as it is kept"
            );
        }
        let live: Vec<_> = self.provider.snapshot().iter().map(Effect::to_json).collect();
        for lines in [&self.log, &live] {
            let effects = lines.iter().map(|line| Effect::from_json(line.as_bytes()).unwrap());
            let restored = configured(self.host_checks).restore(effects).unwrap().build();
            assert_eq!(restored.snapshot().iter().map(Effect::to_json).collect::<Vec<_>>(), live);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    // rule: API-35
    // rule: API-39
    #[test]
    fn whatever_happens_to_files_no_two_messages_share_one(host_checks: bool, steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new(host_checks);
        for (at, step) in steps.iter().enumerate() {
            world.take(step);
            if at % 6 == 5 {
                world.check();
            }
        }
        world.crash_next = false;
        world.check();
    }
}
