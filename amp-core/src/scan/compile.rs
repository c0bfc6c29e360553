//! From rule texts to what the matcher runs (guardrails, rules as data).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::anchors::{Anchored, Deciding, Places, frequencies, insert};
use super::category::{Category, Severity};
use super::ciphers;
use super::dictionary::{Dictionary, Entry, Slot, Words};
use super::language::{Fault, Guard, MAX_SPAN, Node, Pattern, RuleError, RuleFile, RuleText, Side};
use super::normalize::Folded;
use super::words;

/// The slot of words that are numbers.
pub(super) const NUMBER: Slot = 0;
/// The slot of words of 20 characters or more.
pub(super) const BLOB: Slot = 1;
/// The slot of words that a URL begins with.
pub(super) const URL: Slot = 2;
/// The slot of words with an at sign and another word behind them.
pub(super) const EMAIL: Slot = 3;
/// The slot of words behind a quotation mark.
pub(super) const QUOTE: Slot = 4;
const FIRST_FREE: Slot = 5;

pub(super) type SetId = usize;

/// Words, phrases and literals of which one is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Set {
    /// Slots of words and literals, with the words that each spans.
    pub(super) single: Vec<(Slot, u32)>,
    /// Slots of the words of each phrase.
    pub(super) phrases: Vec<Vec<Slot>>,
    /// The most words that a member spans.
    longest: u32,
    /// How common its members are, roughly.
    commonness: u32,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Set(SetId),
    Choice { sequences: Vec<Vec<Self>>, optional: bool },
    Gap { words: u32, free: bool },
    Any,
    LineStart,
    LineEnd,
    ClauseStart,
    Not(SetId),
}

#[derive(Debug, Clone)]
pub(super) enum Program {
    Sequence(Vec<Step>),
    Near { words: u32, sets: Vec<SetId> },
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) id: Arc<str>,
    pub(super) category: Category,
    pub(super) severity: Severity,
    pub(super) program: Program,
    pub(super) guards: Vec<(Side, u32, SetId)>,
    /// Sets of which a member is in every match, the rarest first.
    pub(super) required: Vec<SetId>,
    /// The most words that a match spans.
    pub(super) span: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Literal {
    pub(super) text: String,
    pub(super) slot: Slot,
    /// How many words it has.
    pub(super) words: u32,
    /// Where its first word begins and its last word ends, in bytes of the literal.
    pub(super) first: usize,
    pub(super) last: usize,
}

/// All rules of a scanner, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pub(super) dictionary: Dictionary,
    pub(super) sets: Vec<Set>,
    pub(super) rules: Vec<Rule>,
    /// The entries of the words that fill a slot.
    pub(super) entries_of: Vec<Vec<Entry>>,
    /// Of which deciding sets the word of each entry is a member, or the rarest word of a phrase.
    pub(super) places: Places,
    /// The same of each slot.
    pub(super) places_of_slots: Vec<Vec<u32>>,
    /// How many places there are.
    pub(super) deciding: usize,
    /// The places of the sets that rules are anchored at: rules with short matches, and the others.
    pub(super) anchors: [Vec<u64>; 2],
    /// The rules that can only match where a member of a set is, by the set's place, likewise.
    pub(super) anchored: [Vec<Vec<Anchored>>; 2],
    pub(super) literals: Vec<Literal>,
    /// The literals without words, by their first byte.
    pub(super) signs: Vec<Vec<u32>>,
}

/// Words too common to tell where a rule might match.
const COMMON: &str = "about after also back because been before could did does done few first get give go good got had has he her him his how into \
    its just know like look made make many may more most much must need only other over own said same see she should some such take \
    tell than their them these they think those through time too two under until very want way well were where which while who why \
    work would yes a all an and any are as at be but by can do for from have i if in is it me my new no not now of on \
    or our out please so that the then there this to up us use was we what when will with you your de la el le les un una \
    der die das und zu en et que o e os as";

/// Compiles everything that is free of faults, and lists the faults.
pub(super) fn compile(file: &RuleFile, muted: &BTreeSet<String>) -> (Compiled, Vec<RuleError>) {
    let mut compiler = Compiler::new(file);
    let mut rules = Vec::new();
    let mut anchored: Vec<(Vec<SetId>, u32)> = Vec::new();
    for text in file.rules.iter().filter(|rule| !muted.contains(&rule.id)) {
        match compiler.rule(text) {
            Ok(programs) => {
                for (rule, anchors) in programs {
                    anchored.push((anchors, u32::try_from(rules.len()).unwrap_or(u32::MAX)));
                    rules.push(rule);
                }
            }
            Err(fault) => compiler.errors.push(RuleError::new(text.line, fault)),
        }
    }
    compiler.check_classes();
    let mut deciding = Deciding::default();
    for (anchors, id) in anchored {
        let Some(rule) = rules.get(id as usize) else { continue };
        for anchor in anchors {
            deciding.anchor(anchor, id, rule);
        }
    }
    compiler.give_away();
    let dictionary = Dictionary::new(&compiler.words, &compiler.fuzzy);
    let places_of_slots = compiler.places_of_slots(&deciding.places);
    let mut places = Places::default();
    let mut entries_of = vec![Vec::new(); compiler.slots as usize];
    for (entry, meaning) in (0_u32..).zip(dictionary.meanings()) {
        let mut own = BTreeSet::new();
        for slot in &meaning.slots {
            if let Some(entries) = entries_of.get_mut(*slot as usize) {
                entries.push(entry);
            }
            own.extend(places_of_slots.get(*slot as usize).into_iter().flatten());
        }
        places.push(own.into_iter());
    }
    let anchors = deciding.anchored.each_ref().map(|anchored| {
        let mut anchors = vec![0; deciding.places.len().div_ceil(64)];
        for (place, _) in anchored.iter().enumerate().filter(|(_, rules)| !rules.is_empty()) {
            insert(&mut anchors, place);
        }
        anchors
    });
    let literals = compiler.literals;
    let mut signs = vec![Vec::new(); 256];
    for (id, literal) in (0_u32..).zip(&literals).filter(|(_, literal)| literal.words == 0) {
        let first = literal.text.bytes().next().map(usize::from);
        if let Some(signs) = first.and_then(|first| signs.get_mut(first)) {
            signs.push(id);
        }
    }
    let compiled = Compiled {
        dictionary,
        entries_of,
        places,
        places_of_slots,
        deciding: deciding.places.len(),
        anchors,
        sets: compiler.sets,
        rules,
        anchored: deciding.anchored,
        literals,
        signs,
    };
    (compiled, compiler.errors)
}

struct Compiler<'a> {
    classes: BTreeMap<&'a str, Vec<&'a Node>>,
    lines: BTreeMap<&'a str, usize>,
    words: Words,
    /// Words for which also what differs by one letter counts.
    fuzzy: BTreeMap<String, Vec<Slot>>,
    literals: Vec<Literal>,
    /// Their places, by folded text.
    literal_ids: BTreeMap<String, usize>,
    phrase_words: BTreeMap<(String, bool), Slot>,
    sets: Vec<Set>,
    memo: BTreeMap<String, SetId>,
    slots: Slot,
    /// How common the word of a phrase is, by its slot.
    costs: BTreeMap<Slot, u32>,
    common: BTreeSet<&'static str>,
    frequencies: BTreeMap<&'static str, u32>,
    errors: Vec<RuleError>,
}

impl<'a> Compiler<'a> {
    fn new(file: &'a RuleFile) -> Self {
        let mut classes: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        let mut lines = BTreeMap::new();
        for class in &file.classes {
            classes.entry(&class.name).or_default().extend(&class.entries);
            lines.insert(class.name.as_str(), class.line);
        }
        Self {
            classes,
            lines,
            words: Words::new(),
            fuzzy: BTreeMap::new(),
            literals: Vec::new(),
            literal_ids: BTreeMap::new(),
            phrase_words: BTreeMap::new(),
            sets: Vec::new(),
            memo: BTreeMap::new(),
            slots: FIRST_FREE,
            costs: BTreeMap::new(),
            common: COMMON.split_whitespace().collect(),
            frequencies: frequencies(),
            errors: Vec::new(),
        }
    }

    /// Classes that no rule uses have faults too.
    fn check_classes(&mut self) {
        for (name, line) in &self.lines {
            let mut members = Vec::new();
            let mut checked = self.members(&Node::Class(String::from(*name)), &mut members, &mut Vec::new());
            for member in self.classes.get(name).into_iter().flatten() {
                if let Node::Word(word) = member {
                    checked = checked.and_then(|()| folded_words(word.trim_start_matches('~')).map(drop));
                }
            }
            if let Err(fault) = checked {
                self.errors.push(RuleError::new(*line, fault));
            }
        }
    }

    /// The places of the sets that each slot is a member of, or the rarest word of a phrase of.
    fn places_of_slots(&self, places: &BTreeMap<SetId, usize>) -> Vec<Vec<u32>> {
        let mut of_slots = vec![Vec::new(); self.slots as usize];
        for (set, place) in places {
            let (Some(set), Ok(place)) = (self.sets.get(*set), u32::try_from(*place)) else { continue };
            let rarest =
                set.phrases.iter().filter_map(|slots| slots.iter().min_by_key(|slot| self.costs.get(slot)));
            for slot in set.single.iter().map(|(slot, _)| slot).chain(rarest) {
                if let Some(places) = of_slots.get_mut(*slot as usize) {
                    places.push(place);
                }
            }
        }
        of_slots
    }

    /// Adds what shows that a text is worth another look: words of rules moved by thirteen and backwards, and common
    /// words, which are known but mean nothing.
    fn give_away(&mut self) {
        let telling: Vec<(String, bool)> = self
            .words
            .keys()
            .filter(|(word, _)| {
                word.len() >= ciphers::LEAST_LETTERS && word.bytes().all(|byte| byte.is_ascii_lowercase())
            })
            .cloned()
            .collect();
        for (word, is_prefix) in telling {
            let moved = word.bytes().map(|letter| char::from(ciphers::shift_back(letter, 13))).collect();
            self.words.entry((moved, is_prefix)).or_default().gives_rot13 = true;
            let backwards: String = word.chars().rev().collect();
            if !is_prefix && backwards != word {
                self.words.entry((backwards, false)).or_default().gives_reversal = true;
            }
        }
        for common in &self.common {
            self.words.entry((String::from(*common), false)).or_default();
        }
        for backwards in
            ["snoitcurtsni", "noitcurtsni", "tpmorp", "stpmorp", "erongi", "suoiverp", "metsys", "drawrof"]
        {
            self.words.entry((String::from(backwards), false)).or_default().gives_reversal = true;
        }
    }

    fn new_slot(&mut self) -> Slot {
        let slot = self.slots;
        self.slots = slot.saturating_add(1);
        slot
    }

    /// The alternatives of a rule, each with its anchors.
    fn rule(&mut self, text: &RuleText) -> Result<Vec<(Rule, Vec<SetId>)>, Fault> {
        let guards: Vec<_> = text.guards.iter().map(|guard| self.guard(guard)).collect::<Result<_, _>>()?;
        let id: Arc<str> = Arc::from(text.id.as_str());
        let mut rules = Vec::new();
        for pattern in &text.patterns {
            let (program, anchors, mut required) = self.program(pattern)?;
            let span = match &program {
                Program::Sequence(steps) => self.span(steps),
                Program::Near { words, sets } => {
                    let longest = sets.iter().filter_map(|set| self.sets.get(*set)).map(|set| set.longest);
                    words.saturating_add(longest.max().unwrap_or(0))
                }
            };
            required.sort_by_key(|set| self.sets.get(*set).map(|set| set.commonness));
            let rule = Rule {
                id: Arc::clone(&id),
                category: text.category,
                severity: text.severity,
                program,
                guards: guards.clone(),
                required,
                span,
            };
            rules.push((rule, anchors));
        }
        Ok(rules)
    }

    /// A program, where it may match, and the sets that every match has a member of, the rarest first.
    fn program(&mut self, pattern: &Pattern) -> Result<(Program, Vec<SetId>, Vec<SetId>), Fault> {
        Ok(match pattern {
            Pattern::Sequence(nodes) => {
                let steps = self.sequence(nodes)?;
                if self.span(&steps) > MAX_SPAN {
                    return Err(Fault::TooLong);
                }
                let (_, anchors) = self.anchors(&steps).ok_or(Fault::Empty)?;
                let set = |step: &Step| if let Step::Set(set) = step { Some(*set) } else { None };
                let required = steps.iter().filter_map(set).collect();
                (Program::Sequence(steps), anchors, required)
            }
            Pattern::Near { words, nodes } => {
                let sets = nodes.iter().map(|node| self.set(node)).collect::<Result<Vec<_>, _>>()?;
                let longest = sets.iter().filter_map(|set| self.sets.get(*set)).map(|set| set.longest).max();
                if longest.unwrap_or(0).saturating_add(*words) > MAX_SPAN {
                    return Err(Fault::TooLong);
                }
                let rarest = sets.iter().min_by_key(|set| self.sets.get(**set).map(|set| set.commonness));
                let anchors = vec![*rarest.ok_or(Fault::Empty)?];
                let required = sets.clone();
                (Program::Near { words: *words, sets }, anchors, required)
            }
        })
    }

    fn guard(&mut self, guard: &Guard) -> Result<(Side, u32, SetId), Fault> {
        Ok((guard.side, guard.words, self.set(&guard.node)?))
    }

    fn sequence(&mut self, nodes: &[Node]) -> Result<Vec<Step>, Fault> {
        nodes.iter().map(|node| self.step(node)).collect()
    }

    fn step(&mut self, node: &Node) -> Result<Step, Fault> {
        Ok(match node {
            Node::Word(_) | Node::Literal(_) | Node::Class(_) => Step::Set(self.set(node)?),
            Node::Group(choices) if choices.iter().all(|choice| is_member(choice)) => {
                Step::Set(self.set(node)?)
            }
            Node::Group(choices) => {
                let sequences =
                    choices.iter().map(|choice| self.sequence(choice)).collect::<Result<_, _>>()?;
                Step::Choice { sequences, optional: false }
            }
            Node::Optional(inner) => match self.step(inner)? {
                Step::Choice { sequences, .. } => Step::Choice { sequences, optional: true },
                step => Step::Choice { sequences: vec![vec![step]], optional: true },
            },
            Node::Gap { words, free } => Step::Gap { words: *words, free: *free },
            Node::Any => Step::Any,
            Node::LineStart => Step::LineStart,
            Node::LineEnd => Step::LineEnd,
            Node::ClauseStart => Step::ClauseStart,
            Node::Not(inner) => Step::Not(self.set(inner)?),
        })
    }

    /// A word, literal, class, or a group of such, as one set.
    fn set(&mut self, node: &Node) -> Result<SetId, Fault> {
        if let Node::Class(name) = node {
            return self.class(name);
        }
        let key = alloc::format!("{node:?}");
        if let Some(id) = self.memo.get(&key) {
            return Ok(*id);
        }
        let mut members = Vec::new();
        match node {
            Node::Word(_) | Node::Literal(_) => members.push(node),
            Node::Group(choices) if choices.iter().all(|choice| is_member(choice)) => {
                for member in choices.iter().flatten() {
                    self.members(member, &mut members, &mut Vec::new())?;
                }
            }
            _ => return Err(Fault::Misplaced),
        }
        // The borrow of the classes ends here.
        let members: Vec<Node> = members.into_iter().cloned().collect();
        let id = self.make_set(&members)?;
        self.memo.insert(key, id);
        Ok(id)
    }

    fn class(&mut self, name: &str) -> Result<SetId, Fault> {
        let key = alloc::format!("@{name}");
        if let Some(id) = self.memo.get(&key) {
            return Ok(*id);
        }
        let mut members = Vec::new();
        let class = Node::Class(String::from(name));
        self.members(&class, &mut members, &mut Vec::new())?;
        let members: Vec<Node> = members.into_iter().cloned().collect();
        let id = self.make_set(&members)?;
        self.memo.insert(key, id);
        Ok(id)
    }

    /// The words and literals of a node, classes opened.
    fn members<'n>(
        &self,
        node: &'n Node,
        into: &mut Vec<&'n Node>,
        open: &mut Vec<String>,
    ) -> Result<(), Fault>
    where
        'a: 'n,
    {
        match node {
            Node::Class(name) if builtin(name).is_some() => into.push(node),
            Node::Class(name) => {
                let entries = self.classes.get(name.as_str()).ok_or(Fault::UnknownClass)?;
                if open.contains(name) {
                    return Err(Fault::UnknownClass);
                }
                open.push(name.clone());
                for entry in entries {
                    self.members(entry, into, open)?;
                }
                open.pop();
            }
            other => into.push(other),
        }
        Ok(())
    }

    fn make_set(&mut self, members: &[Node]) -> Result<SetId, Fault> {
        let mut set = Set::default();
        let mut own_slot = None;
        for member in members {
            let (span, commonness) = match member {
                Node::Class(name) => {
                    let (slot, words) = builtin(name).ok_or(Fault::UnknownClass)?;
                    set.single.push((slot, words));
                    (words, 1000)
                }
                Node::Literal(literal) => {
                    let (slot, words) = self.literal(literal)?;
                    set.single.push((slot, words));
                    (words, 5)
                }
                Node::Word(word) => {
                    let (word, fuzzy) =
                        word.strip_prefix('~').map_or((word.as_str(), false), |word| (word, true));
                    let words = folded_words(word)?;
                    let span = u32::try_from(words.len()).unwrap_or(u32::MAX);
                    if let [word] = words.as_slice() {
                        let slot = match own_slot {
                            Some(slot) => slot,
                            None => *own_slot.insert(self.new_slot()),
                        };
                        self.words.entry(word.clone()).or_default().slots.push(slot);
                        if fuzzy && !word.1 {
                            self.fuzzy.entry(word.0.clone()).or_default().push(slot);
                        }
                    } else {
                        let phrase = words.iter().map(|word| self.phrase_word(word.clone())).collect();
                        set.phrases.push(phrase);
                    }
                    (span, self.commonness(&words))
                }
                _ => return Err(Fault::Misplaced),
            };
            set.longest = set.longest.max(span);
            set.commonness = set.commonness.saturating_add(commonness);
        }
        set.single.extend(own_slot.map(|slot| (slot, 1)));
        set.single.sort_unstable();
        set.single.dedup();
        set.phrases.sort_unstable();
        set.phrases.dedup();
        self.sets.push(set);
        Ok(self.sets.len().saturating_sub(1))
    }

    /// How often, in 100,000 words, the rarest of these words is met; a guess for those that are not listed.
    fn commonness(&self, words: &[(String, bool)]) -> u32 {
        let of = |(word, is_prefix): &(String, bool)| {
            let unlisted = match word.chars().count() {
                0..=2 => 200,
                3 if *is_prefix => 100,
                3 => 20,
                _ => 3,
            };
            let listed = self.frequencies.range(word.as_str()..);
            let listed = listed
                .take_while(|(other, _)| *other == word || *is_prefix && other.starts_with(word.as_str()));
            listed.fold(unlisted, |all: u32, (_, often)| all.saturating_add(*often))
        };
        words.iter().map(of).min().unwrap_or(1)
    }

    fn phrase_word(&mut self, word: (String, bool)) -> Slot {
        if let Some(slot) = self.phrase_words.get(&word) {
            return *slot;
        }
        let slot = self.new_slot();
        self.words.entry(word.clone()).or_default().slots.push(slot);
        self.costs.insert(slot, self.commonness(core::slice::from_ref(&word)));
        self.phrase_words.insert(word, slot);
        slot
    }

    fn literal(&mut self, literal: &str) -> Result<(Slot, u32), Fault> {
        let folded = Folded::of(literal);
        if folded.text.trim().is_empty() {
            return Err(Fault::Word);
        }
        if let Some(known) = self.literal_ids.get(&folded.text).and_then(|id| self.literals.get(*id)) {
            return Ok((known.slot, known.words));
        }
        let words = words::words(&folded);
        let count = u32::try_from(words.len()).unwrap_or(u32::MAX);
        let slot = self.new_slot();
        let id = self.literals.len();
        if let Some(first) = words.first() {
            let mut buffer = Vec::new();
            let letters =
                String::from_utf8_lossy(words::letters(&folded.text, first, &mut buffer)).into_owned();
            let meaning = self.words.entry((letters, false)).or_default();
            meaning.literals.push(u32::try_from(id).unwrap_or(u32::MAX));
        }
        self.literal_ids.insert(folded.text.clone(), id);
        self.literals.push(Literal {
            slot,
            words: count,
            first: words.first().map_or(0, |word| word.start as usize),
            last: words.last().map_or(0, |word| word.end as usize),
            text: folded.text,
        });
        Ok((slot, count))
    }

    /// The most words that the steps can span.
    fn span(&self, steps: &[Step]) -> u32 {
        let of = |step: &Step| match step {
            Step::Set(set) => self.sets.get(*set).map_or(0, |set| set.longest),
            Step::Choice { sequences, .. } => {
                sequences.iter().map(|steps| self.span(steps)).max().unwrap_or(0)
            }
            Step::Gap { words, .. } => *words,
            Step::Any => 1,
            Step::LineStart | Step::LineEnd | Step::ClauseStart | Step::Not(_) => 0,
        };
        steps.iter().map(of).fold(0, u32::saturating_add)
    }

    /// Sets of which one has a member wherever the steps match, and how common they are; the rarest such.
    fn anchors(&self, steps: &[Step]) -> Option<(u32, Vec<SetId>)> {
        let of = |step: &Step| match step {
            Step::Set(set) => self.sets.get(*set).map(|known| (known.commonness, vec![*set])),
            Step::Choice { sequences, optional: false } => {
                let mut all = (0_u32, Vec::new());
                for steps in sequences {
                    let (commonness, anchors) = self.anchors(steps)?;
                    all.0 = all.0.saturating_add(commonness);
                    all.1.extend(anchors);
                }
                Some(all)
            }
            _ => None,
        };
        steps.iter().filter_map(of).min_by_key(|anchors| anchors.0)
    }
}

/// Slot and words of a class that is built in.
fn builtin(name: &str) -> Option<(Slot, u32)> {
    Some(match name {
        "number" => (NUMBER, 1),
        "blob" => (BLOB, 1),
        "url" => (URL, 1),
        "email" => (EMAIL, 1),
        "quote" => (QUOTE, 0),
        _ => return None,
    })
}

/// Whether a choice is one word, literal or class.
fn is_member(choice: &[Node]) -> bool {
    matches!(choice, [Node::Word(_) | Node::Literal(_) | Node::Class(_)])
}

/// The folded words of a word or phrase of a rule; `true` for a prefix.
fn folded_words(raw: &str) -> Result<Vec<(String, bool)>, Fault> {
    let (stem, is_prefix) = raw.strip_suffix('*').map_or((raw, false), |stem| (stem, true));
    if stem.contains('*') {
        return Err(Fault::Word);
    }
    let folded = Folded::of(&stem.replace('_', " "));
    let mut buffer = Vec::new();
    let mut words: Vec<(String, bool)> = Vec::new();
    for word in words::words(&folded) {
        let letters = words::letters(&folded.text, &word, &mut buffer);
        words.push((String::from_utf8_lossy(letters).into_owned(), false));
    }
    match words.last_mut() {
        None => return Err(Fault::Word),
        Some(last) => last.1 = is_prefix,
    }
    Ok(words)
}
