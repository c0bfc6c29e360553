//! Every call of every operation fails, kills, tears or forgets, one after the other (local mailbox).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{LazyLock, Mutex};

use amp_core::envelope::{MessageId, QuarantineId, Status, StoredMessage};
use amp_core::receive::{Effect, QuarantineEntry};

use super::disk::Errno;
use super::holding::Core;
use super::model::{Fault, ModelDisk, Survives, World};
use crate::store::{
    Appended, Entry, Folder, HeldMessage, MessageKey, Position, Query, StoreError, StoreErrorKind,
};

type Machine = Arc<Mutex<World>>;
type Holder = Core<ModelDisk>;

const SENDERS: [&str; 3] = ["alice@acme.crabmail.ai", "carol@acme.crabmail.ai", "alice_acme@crabmail.ai"];

/// A message, and what belongs to it. To read it anew each time took half of a sweep.
struct Sample {
    stored: StoredMessage,
    key: MessageKey,
    effect: Effect,
}

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| (0..10).map(sample).collect());

fn sample(number: usize) -> Sample {
    let from = SENDERS[number % SENDERS.len()];
    // Two senders share a directory, and choose the same id.
    let id =
        if number % 3 == 1 { format!("msg_1_{number:04x}") } else { format!("msg_1_{:04x}", number / 3) };
    let json = format!(
        r#"{{"envelope":{{"version":"amp/0.1","id":"{id}","from":"{from}","to":"bob@acme.crabmail.ai","subject":"Number {number}","priority":"normal","timestamp":"2026-01-31T10:00:00Z","thread_id":"{id}","signature":null}},"payload":{{"type":"notification","message":"Hello","context":null}},"local":{{"received_at":"2026-01-31T10:00:{number:02}Z","status":"unread"}}}}"#
    );
    let stored = StoredMessage::decode(json.as_bytes()).unwrap();
    let effect = format!(r#"{{"v":1,"effect":"clock_set","to":"2026-01-31T11:00:{number:02}Z"}}"#);
    let effect = Effect::from_json(effect.as_bytes()).unwrap();
    Sample { key: MessageKey::of(stored.message()), stored, effect }
}

fn message(number: usize) -> StoredMessage {
    SAMPLES[number].stored.clone()
}

fn key(number: usize) -> MessageKey {
    SAMPLES[number].key.clone()
}

/// What the receiver remembers of a message.
fn effect(number: usize) -> Effect {
    SAMPLES[number].effect.clone()
}

fn held(number: usize) -> HeldMessage {
    let json = format!(
        r#"{{"quarantine_id":"qtn_1_{number:04x}","reason":"injection_detected","rules_triggered":["override.en"],"severity":"high","quarantined_at":"2026-01-31T10:00:00Z","expires_at":"2026-02-03T10:00:00Z","status":"pending","sender":"alice@acme.crabmail.ai","message_id":"msg_1_{number:04x}","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#
    );
    let entry = QuarantineEntry::from_json(json.as_bytes()).unwrap();
    HeldMessage::new(entry, b"held bytes".to_vec())
}

fn held_id(number: usize) -> QuarantineId {
    held(number).entry.id().clone()
}

/// What a program did, and what it was told of it.
#[derive(Default)]
struct Told {
    /// By the message's number: it was said to be stored.
    stored: BTreeMap<usize, bool>,
    /// How often the program had it, and whether that was said to be remembered.
    had: BTreeMap<usize, (u32, bool)>,
    read: BTreeMap<usize, bool>,
    deleted: BTreeMap<usize, bool>,
    held: BTreeMap<usize, bool>,
    sent: BTreeMap<usize, bool>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Deliver(usize),
    HandOut(usize),
    Read(usize),
    Delete(usize),
    Hold(usize),
    Release(usize, usize),
    Compact,
    Foreign(usize),
    Sent(usize),
    List,
    Abandoned,
}

/// A day of a mailbox: new directories, shared ones, marks, removals, held and sent messages, other programs.
const DAY: &[Step] = &[
    Step::Deliver(0),
    Step::HandOut(0),
    Step::Deliver(1),
    Step::Deliver(2),
    Step::List,
    Step::Hold(3),
    Step::Read(1),
    Step::Delete(0),
    Step::Foreign(4),
    Step::Sent(5),
    Step::Compact,
    Step::Release(3, 6),
    Step::HandOut(6),
    Step::Deliver(7),
    Step::Delete(7),
    Step::Abandoned,
];

/// A program that does its day, and begins anew when its process is gone.
struct Program {
    machine: Machine,
    core: Option<Holder>,
    told: Told,
}

/// What becomes of a step: done, failed, or its process is gone.
enum Outcome {
    Done,
    Failed(StoreError),
    Gone,
}

impl Program {
    fn is_gone(&self, before: u64) -> bool {
        let world = self.machine.lock().unwrap();
        let Some((at, fault)) = world.plan else { return false };
        let happened = before < at && world.calls >= at;
        happened && matches!(fault, Fault::KillBefore | Fault::KillAfter | Fault::CutBefore | Fault::CutAfter)
    }

    fn open(&mut self) -> Outcome {
        self.core = None;
        let before = self.machine.lock().unwrap().calls;
        match Core::open(ModelDisk::new(&self.machine, true)) {
            _ if self.is_gone(before) => Outcome::Gone,
            Ok(core) => {
                self.core = Some(core);
                Outcome::Done
            }
            Err(error) => Outcome::Failed(error),
        }
    }

    fn day(&mut self) {
        if let Outcome::Gone = self.open() {
            return;
        }
        if self.core.is_none() {
            self.open();
        }
        for step in DAY {
            let before = self.machine.lock().unwrap().calls;
            let done = self.step(*step);
            if self.is_gone(before) {
                return;
            }
            match done {
                Outcome::Gone => return,
                Outcome::Done => {}
                Outcome::Failed(error) if error.kind() == StoreErrorKind::Poisoned => drop(self.open()),
                // As a program does: once more.
                Outcome::Failed(_) => {
                    let again = self.step(*step);
                    if let Outcome::Failed(error) = again
                        && error.kind() == StoreErrorKind::Poisoned
                    {
                        self.open();
                    }
                }
            }
        }
    }

    fn step(&mut self, step: Step) -> Outcome {
        let Some(core) = self.core.take() else { return Outcome::Done };
        let before = self.machine.lock().unwrap().calls;
        let done = self.perform(&core, step);
        let is_gone = self.is_gone(before);
        self.core = Some(core);
        match done {
            _ if is_gone => Outcome::Gone,
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Failed(error),
        }
    }

    /// Notes that something is being done, and what was told of it unless the process is gone.
    fn tell(&mut self, note: impl FnOnce(&mut Told), before: u64) {
        if !self.is_gone(before) {
            note(&mut self.told);
        }
    }

    fn perform(&mut self, core: &Holder, step: Step) -> Result<(), StoreError> {
        let before = self.machine.lock().unwrap().calls;
        match step {
            Step::Deliver(number) => {
                self.told.stored.entry(number).or_default();
                if append(core, number, |entry| entry.with_message(message(number)))? {
                    self.tell(|told| note(&mut told.stored, number, true), before);
                }
            }
            Step::Release(of, number) => {
                self.told.stored.entry(number).or_default();
                let add = |entry: Entry| entry.with_message(message(number)).releasing(held_id(of));
                if append(core, number, add)? {
                    self.tell(|told| note(&mut told.stored, number, true), before);
                    self.tell(|told| note(&mut told.held, of, false), before);
                }
            }
            Step::Hold(number) => {
                self.told.held.entry(number).or_default();
                if append(core, number, |entry| entry.with_held(held(number)))? {
                    self.tell(|told| note(&mut told.held, number, true), before);
                }
            }
            Step::HandOut(number) => {
                if self.told.stored.get(&number) == Some(&true) {
                    self.told.had.entry(number).or_default().0 = 1;
                    core.handed_out(&key(number))?;
                    self.tell(|told| told.had.get_mut(&number).unwrap().1 = true, before);
                }
            }
            Step::Read(number) => {
                self.told.read.entry(number).or_default();
                // Who reads a message has had it.
                self.told.had.entry(number).or_default();
                if core.mark(&key(number), Status::Read, "2026-01-31T12:00:00Z".parse().unwrap())? {
                    self.tell(|told| note(&mut told.read, number, true), before);
                    self.tell(|told| note(&mut told.had, number, (1, true)), before);
                }
            }
            Step::Delete(number) => {
                self.told.deleted.entry(number).or_default();
                self.told.had.entry(number).or_default();
                if core.delete(Folder::Inbox, &key(number))? {
                    self.tell(|told| note(&mut told.deleted, number, true), before);
                }
            }
            Step::Compact => {
                let loaded = core.load(Position::START)?;
                core.compact(loaded.position, &loaded.effects)?;
            }
            Step::Foreign(number) => self.take_in_foreign(core, number, before)?,
            Step::Sent(number) => {
                self.told.sent.entry(number).or_default();
                core.keep_sent(&message(number))?;
                self.tell(|told| note(&mut told.sent, number, true), before);
            }
            Step::List => {
                core.list(&Query::new(Folder::Inbox))?;
                core.unread()?;
            }
            Step::Abandoned => self.take_abandoned(core)?,
        }
        Ok(())
    }

    fn take_in_foreign(&mut self, core: &Holder, number: usize, before: u64) -> Result<(), StoreError> {
        let stored = message(number);
        let name = super::names::own_name(&stored.message().from(), &stored.message().unsigned().id());
        let json = stored.to_json(amp_core::envelope::SecurityPlacement::TopLevel);
        if !self.told.stored.contains_key(&number) {
            self.machine.lock().unwrap().write_foreign(&format!("messages/inbox/{name}"), json.as_bytes());
        }
        self.told.stored.entry(number).or_default();
        for foreign in core.foreign(10)? {
            assert_eq!(foreign.name, name, "only another program's message is foreign");
            let add = |entry: Entry| entry.with_message(stored.clone()).about_foreign(foreign.clone());
            if append(core, number, add)? {
                self.tell(|told| note(&mut told.stored, number, true), before);
            }
        }
        Ok(())
    }

    fn take_abandoned(&mut self, core: &Holder) -> Result<(), StoreError> {
        for stored in core.take_abandoned(100)? {
            let number = (0..10).find(|number| key(*number) == MessageKey::of(stored.message())).unwrap();
            let had = self.told.had.entry(number).or_default();
            assert!(!had.1, "message {number} is handed out after it was remembered that it had been");
            had.0 += 1;
            core.handed_out(&key(number))?;
            self.told.had.insert(number, (1, true));
        }
        Ok(())
    }
}

fn note<T>(notes: &mut BTreeMap<usize, T>, number: usize, what: T) {
    notes.insert(number, what);
}

/// Appends as a receiver does: what it remembers already is not appended again. Gives true when it is there.
fn append(core: &Holder, number: usize, add: impl Fn(Entry) -> Entry) -> Result<bool, StoreError> {
    let loaded = core.load(Position::START)?;
    if loaded.effects.contains(&effect(number)) {
        return Ok(true);
    }
    let entry = add(Entry::new(loaded.position, alloc::vec![effect(number)]));
    match core.append(&entry) {
        Ok(Appended::Stored(_)) => Ok(true),
        Ok(_) => panic!("nobody else is there"),
        Err(error) => {
            if error.kind() != StoreErrorKind::Poisoned
                && let Ok(now) = core.load(Position::START)
            {
                assert_eq!(now.position, loaded.position, "what failed did not happen");
            }
            Err(error)
        }
    }
}

fn was_synced_again(machine: &Machine) -> bool {
    machine.lock().unwrap().was_synced_again
}

/// After everything: another process, on a machine that does not fail.
fn check(machine: &Machine, told: &Told) {
    machine.lock().unwrap().plan = None;
    assert!(!was_synced_again(machine), "a file was synced again after that had failed");
    let core = Core::open(ModelDisk::new(machine, false)).expect("the mailbox opens again");
    let effects = core.load(Position::START).expect("what is remembered is read").effects;
    let mut listed = BTreeMap::new();
    for summary in core.list(&Query::new(Folder::Inbox)).unwrap().messages {
        assert!(listed.insert(summary.key.clone(), summary.status).is_none(), "a message is listed twice");
    }
    let files = machine.lock().unwrap().files("messages");
    for (path, bytes) in files {
        if path.ends_with(".json") {
            assert!(StoredMessage::decode(&bytes).is_ok(), "half a file is visible: {path}");
        }
    }
    for (number, was_stored) in &told.stored {
        let remembered = effects.iter().filter(|found| **found == effect(*number)).count();
        assert!(remembered <= 1, "what is remembered of {number} is there twice");
        let was_deleted = told.deleted.get(number);
        if *was_stored {
            assert_eq!(remembered, 1, "what is remembered of {number} is lost");
            assert!(was_deleted.is_some() || listed.contains_key(&key(*number)), "message {number} is lost");
        }
        let is_whole = (remembered == 1) == listed.contains_key(&key(*number));
        assert!(was_deleted.is_some() || is_whole, "half of what belongs to {number} is there");
        if was_deleted == Some(&true) {
            assert!(!listed.contains_key(&key(*number)), "message {number} is back");
        }
        if listed.contains_key(&key(*number)) {
            assert!(core.get(Folder::Inbox, &key(*number)).unwrap().is_some());
        }
        if told.read.get(number) == Some(&true) {
            assert_eq!(listed.get(&key(*number)), Some(&Status::Read), "message {number} is unread again");
        }
    }
    for (number, is_held) in &told.held {
        let remembered = effects.contains(&effect(*number));
        let is_there = core.get_held(&held_id(*number)).unwrap();
        assert!(!is_held || !remembered || is_there.is_some() || told.stored.contains_key(&6));
        assert!(is_there.is_none_or(|held| held.message == b"held bytes"));
    }
    for (number, was_kept) in &told.sent {
        let kept = core.get(Folder::Sent, &MessageKey::of_sent(message(*number).message())).unwrap();
        assert!(!was_kept || kept.is_some(), "sent message {number} is lost");
    }
    check_handing_out(&core, told);
    assert!(append(&core, 9, |entry| entry.with_message(message(9))).unwrap(), "the next operation works");
    assert!(core.get(Folder::Inbox, &key(9)).unwrap().is_some());
    assert!(!was_synced_again(machine), "the next one synced what had failed");
    for foreign in core.foreign(10).unwrap() {
        let number = (0..10).find(|number| foreign.name.contains(id(*number).as_str())).unwrap();
        assert!(number == 4 || told.deleted.contains_key(&number), "{} is ours", foreign.name);
    }
}

fn id(number: usize) -> MessageId {
    SAMPLES[number].key.id().clone()
}

/// Every message that nobody had is handed out, once; one that was, is not.
fn check_handing_out(core: &Holder, told: &Told) {
    let mut given = BTreeMap::<usize, u32>::new();
    for _ in 0..2 {
        for stored in core.take_abandoned(100).unwrap() {
            let number = (0..10).find(|number| key(*number) == MessageKey::of(stored.message())).unwrap();
            *given.entry(number).or_default() += 1;
        }
    }
    for (number, times) in &given {
        assert_eq!(*times, 1, "message {number} is handed out twice");
        let was_remembered = told.had.get(number).is_some_and(|(_, is_sure)| *is_sure);
        assert!(!was_remembered, "message {number} is handed out again");
    }
    for (number, was_stored) in &told.stored {
        let nobody_had = !told.had.contains_key(number);
        if *was_stored && nobody_had {
            assert!(given.contains_key(number), "message {number} is never handed out");
        }
    }
}

/// What happens after the day: the process ends, or the machine does, and some of what was not synced is there.
const ENDS: [Option<Survives>; 4] =
    [None, Some(Survives::Nothing), Some(Survives::Everything), Some(Survives::Some(1))];

fn one_day(plan: Option<(u64, Fault)>, survives: Survives, end: Option<Survives>) -> (u64, &'static str) {
    let machine = World::new();
    {
        let mut world = machine.lock().unwrap();
        world.plan = plan;
        world.survives = survives;
    }
    let mut program = Program { machine: Arc::clone(&machine), core: None, told: Told::default() };
    program.day();
    let (calls, last) = {
        let mut world = machine.lock().unwrap();
        world.plan = None;
        if let Some(survives) = end {
            world.survives = survives;
            world.power_cut();
        } else {
            world.kill_all();
        }
        (world.calls, world.last_call)
    };
    let told = core::mem::take(&mut program.told);
    drop(program);
    check(&machine, &told);
    (calls, last)
}

fn sweep(faults: &[Fault], survive: &[Survives], ends: &[Option<Survives>]) -> usize {
    sweep_each(1, faults, survive, ends)
}

/// Disturbs one of so many calls: with each fault, survival and end another one.
fn sweep_each(stride: u64, faults: &[Fault], survive: &[Survives], ends: &[Option<Survives>]) -> usize {
    let (calls, _) = one_day(None, Survives::Nothing, None);
    let mut states = 0;
    let mut at = 0;
    for fault in faults {
        for survives in survive {
            for end in ends {
                while at < calls {
                    states += usize::from(is_survived(at + 1, *fault, *survives, *end));
                    at += stride;
                }
                at %= calls;
            }
        }
    }
    states
}

/// Whether the fault happened: calls that it does not concern are not counted.
fn is_survived(at: u64, fault: Fault, survives: Survives, end: Option<Survives>) -> bool {
    let day = || one_day(Some((at, fault)), survives, end);
    let done = std::panic::catch_unwind(core::panic::AssertUnwindSafe(day));
    let (_, last) = done.unwrap_or_else(|_| panic!("at call {at}: {fault:?}, {survives:?}, then {end:?}"));
    !last.is_empty()
}

const KILLS: [Fault; 2] = [Fault::KillBefore, Fault::KillAfter];
const CUTS: [Fault; 2] = [Fault::CutBefore, Fault::CutAfter];
const FAILURES: [Fault; 5] =
    [Fault::Fail(Errno::IO), Fault::Fail(Errno::NOSPC), Fault::FailDone, Fault::Short, Fault::Broken];

// rule: MAIL-1, MAIL-8, MAIL-15
#[test]
fn a39_a_process_that_is_killed_at_any_call_loses_nothing_and_nothing_comes_twice() {
    let states = sweep(&KILLS, &[Survives::Nothing], &[None]);
    assert!(states > 900, "{states}");
}

// rule: MAIL-1, MAIL-8, MAIL-15
#[test]
fn a39_a_machine_that_goes_off_at_any_call_loses_nothing_that_was_acknowledged() {
    let states = sweep(&CUTS, &[Survives::Nothing, Survives::Some(1)], &[None]);
    assert!(states > 1_800, "{states}");
}

// rule: MAIL-3
#[test]
fn a39_a_disk_that_fails_at_any_call_is_survived_and_no_file_is_synced_again_after_it_failed() {
    let states = sweep(&FAILURES, &[Survives::Nothing], &[Some(Survives::Nothing)]);
    assert!(states > 2_000, "{states}");
}

// rule: MAIL-3
#[test]
fn a39_a_disk_that_failed_leaves_no_more_and_no_less_when_everything_survives() {
    let states = sweep(&FAILURES[..1], &[Survives::Nothing], &[Some(Survives::Everything)]);
    assert!(states > 450, "{states}");
}

/// `AMP_STATES=all cargo test -p amp-client --lib sweep`: some 25,000 states, for a minute or more. Otherwise one in a
/// hundred of them.
// rule: MAIL-1, MAIL-3, MAIL-8, MAIL-15
#[test]
fn a39_every_fault_is_survived_whatever_survives_and_however_it_ends() {
    let is_whole = std::env::var("AMP_STATES").is_ok_and(|states| states == "all");
    let stride = if is_whole { 1 } else { 100 };
    let survive: Vec<Survives> = (1..9).map(Survives::Some).collect();
    let ends = [None, Some(Survives::Nothing), Some(Survives::Everything), Some(Survives::Some(3))];
    let states = sweep_each(stride, &KILLS, &[Survives::Nothing], &ends)
        + sweep_each(stride, &CUTS, &[&[Survives::Everything][..], &survive].concat(), &[None])
        + sweep_each(stride, &FAILURES, &[Survives::Nothing], &ends);
    assert!(states > 20_000 / stride as usize, "{states}");
}

#[test]
fn an_undisturbed_day_leaves_what_was_told() {
    one_day(None, Survives::Nothing, None);
    let calls: Vec<u64> = ENDS.iter().map(|end| one_day(None, Survives::Nothing, *end).0).collect();
    let all: String = format!("{calls:?}");
    assert!(calls.iter().all(|count| *count == calls[0] && *count > 100), "{all}");
}

// rule: MAIL-1, MAIL-3
#[test]
fn a39_what_a_living_process_could_not_finish_another_finishes_and_takes_nothing_of_it_for_durable() {
    let mut failed = 0;
    for at in 1..80 {
        let machine = World::new();
        let one = Core::open(ModelDisk::new(&machine, true)).unwrap();
        {
            let mut world = machine.lock().unwrap();
            world.plan = Some((world.calls + at, Fault::Broken));
        }
        let was_told = append(&one, 0, |entry| entry.with_message(message(0)));
        failed += usize::from(was_told.is_err());
        // The disk is broken for one process, which lives on; another sees the same files.
        let other = Core::open(ModelDisk::new(&machine, false)).unwrap();
        assert!(append(&other, 1, |entry| entry.with_message(message(1))).unwrap(), "at call {at}");
        if was_told.is_ok() {
            assert!(other.get(Folder::Inbox, &key(0)).unwrap().is_some(), "at call {at}");
        }
        assert!(!was_synced_again(&machine), "at call {at}");
        machine.lock().unwrap().plan = None;
        machine.lock().unwrap().power_cut();
        let after = Core::open(ModelDisk::new(&machine, false)).unwrap();
        assert!(after.get(Folder::Inbox, &key(1)).unwrap().is_some(), "at call {at}");
        let kept = after.get(Folder::Inbox, &key(0)).unwrap();
        assert!(was_told.is_err() || kept.is_some(), "at call {at}");
        let names = machine.lock().unwrap().files("messages/inbox");
        assert_eq!(names.len(), 1 + usize::from(kept.is_some()), "at call {at}");
    }
    assert!(failed > 10, "{failed}");
}

// rule: MAIL-5
#[test]
fn a37_ids_that_differ_by_case_alone_are_kept_apart_where_the_disk_does_not_tell_them_apart() {
    let machine = World::new();
    machine.lock().unwrap().folds_case = true;
    let core = Core::open(ModelDisk::new(&machine, false)).unwrap();
    let with_id = |id: &str| {
        let json = message(0).to_json(amp_core::envelope::SecurityPlacement::TopLevel);
        StoredMessage::decode(json.replace("msg_1_0000", id).as_bytes()).unwrap()
    };
    let (one, other) = (with_id("msg_1_00ab"), with_id("msg_1_00AB"));
    for (position, stored) in [&one, &other].into_iter().enumerate() {
        let entry = Entry::new(Position::new(position as u64), alloc::vec![]).with_message(stored.clone());
        assert!(matches!(core.append(&entry), Ok(Appended::Stored(_))));
    }
    for stored in [&one, &other] {
        let key = MessageKey::of(stored.message());
        let kept = core.get(Folder::Inbox, &key).unwrap().unwrap();
        assert_eq!(kept.message().unsigned().id(), *key.id());
    }
    assert_eq!(core.list(&Query::new(Folder::Inbox)).unwrap().messages.len(), 2);
}

#[test]
fn a_lock_that_is_never_given_back_is_not_waited_for_without_end() {
    let machine = World::new();
    let disk = || ModelDisk::new(&machine, false);
    let first = Core::open(disk()).unwrap();
    let other = Core::open(disk()).unwrap();
    let locked = first.locked().unwrap();
    let error = other.load(Position::START).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Io);
    drop(locked);
    assert!(other.load(Position::START).is_ok());
}
