//! A slow matcher, to compare the fast one with: every start, every step, sets of positions.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::language::{Guard, Node, Pattern, RuleFile, Side, read};
use super::normalize::Folded;
use super::scanner::Scanner;
use super::words::{Word, letters, words};

/// One rule for every construct of the language, over words of one letter.
const RULES: &str = "
class ab = a b
class phrase = a_b b_c c_c_d d
class pre = be* ~abcdefghij
class all = @ab @phrase \"->\"
rule sequence instruction_override high: a b c
rule set instruction_override high: @ab @phrase
rule gap instruction_override high: a ..3 c
rule free instruction_override high: a ...3 c
rule optional instruction_override high: a b? c
rule group instruction_override high: a (b c|d|@phrase a) d?
rule alternatives instruction_override high: (a a|c c d|^ d $)
rule line instruction_override high: ^ a ..2 b $
rule clause instruction_override high: & c
rule any instruction_override high: a _ a
rule not instruction_override high: a !b _ c
rule literal instruction_override high: a \"->\" ..2 b
rule words instruction_override high: \"a -> b\" c
rule prefix instruction_override high: @pre a
rule near instruction_override high: near(5): a @phrase (c|\"->\")
rule before instruction_override high: a b unless before(3) d
rule after instruction_override high: a ..4 b unless after(2) (d|c_c)
rule near-after instruction_override high: near(4): a b unless after(1) d
rule nested instruction_override high: (a (b|c ..2 d)? c|@all @all @all)
rule number tool_abuse low: @number ..2 @quote a
";

struct Slow<'a> {
    classes: BTreeMap<&'a str, Vec<&'a Node>>,
    folded: &'a Folded,
    words: &'a [Word],
}

impl Slow<'_> {
    fn matches(&self, pattern: &Pattern, guards: &[Guard]) -> bool {
        (0..=self.words.len()).any(|start| {
            let guarded = guards.iter().any(|guard| {
                guard.side == Side::Before
                    && (start.saturating_sub(guard.words as usize)..start)
                        .any(|at| self.begins(&guard.node, at))
            });
            !guarded && self.ends(pattern, start).into_iter().any(|end| !self.is_guarded_behind(guards, end))
        })
    }

    fn is_guarded_behind(&self, guards: &[Guard], end: usize) -> bool {
        guards.iter().any(|guard| {
            guard.side == Side::After
                && (end..end + guard.words as usize).any(|at| self.begins(&guard.node, at))
        })
    }

    fn ends(&self, pattern: &Pattern, start: usize) -> BTreeSet<usize> {
        match pattern {
            Pattern::Sequence(nodes) => self.sequence(nodes, start),
            Pattern::Near { words, nodes } => {
                let firsts: Vec<Option<usize>> = nodes
                    .iter()
                    .map(|node| (start..start + *words as usize).find(|at| self.begins(node, *at)))
                    .collect();
                if firsts.iter().any(Option::is_none) || !firsts.contains(&Some(start)) {
                    return BTreeSet::new();
                }
                let end = |(node, at): (&Node, Option<usize>)| {
                    self.node(node, at.unwrap()).into_iter().min().unwrap()
                };
                nodes.iter().zip(firsts).map(end).max().into_iter().collect()
            }
        }
    }

    fn sequence(&self, nodes: &[Node], start: usize) -> BTreeSet<usize> {
        nodes.iter().fold(BTreeSet::from([start]), |places, node| {
            places.into_iter().flat_map(|place| self.node(node, place)).collect()
        })
    }

    fn begins(&self, node: &Node, at: usize) -> bool {
        !self.node(node, at).is_empty()
    }

    fn node(&self, node: &Node, at: usize) -> BTreeSet<usize> {
        let here = |is: bool| if is { BTreeSet::from([at]) } else { BTreeSet::new() };
        let line = self.words.get(at).is_none_or(Word::begins_line);
        match node {
            Node::Word(word) => self.word(word, at),
            Node::Literal(literal) => self.literal(literal, at),
            Node::Class(name) if name == "number" => {
                if self.words.get(at).is_some_and(Word::is_number) {
                    BTreeSet::from([at + 1])
                } else {
                    BTreeSet::new()
                }
            }
            Node::Class(name) if name == "quote" => {
                here(self.words.get(at).is_some_and(Word::begins_quotation))
            }
            Node::Class(name) => {
                self.classes[name.as_str()].iter().flat_map(|node| self.node(node, at)).collect()
            }
            Node::Group(choices) => choices.iter().flat_map(|choice| self.sequence(choice, at)).collect(),
            Node::Optional(inner) => self.node(inner, at).into_iter().chain([at]).collect(),
            Node::Gap { words, free } => {
                let mut crossed = 0;
                let mut places = here(true);
                for place in at + 1..=at + *words as usize {
                    crossed += usize::from(self.words.get(place).is_some_and(Word::begins_sentence));
                    if *free || crossed <= 1 {
                        places.insert(place);
                    }
                }
                places
            }
            Node::Any => BTreeSet::from([at + 1]),
            Node::LineStart | Node::LineEnd => here(line),
            Node::ClauseStart => here(self.words.get(at).is_some_and(Word::begins_clause)),
            Node::Not(inner) => here(!self.begins(inner, at)),
        }
    }

    fn letters(&self, at: usize) -> String {
        let mut buffer = Vec::new();
        let word = self.words.get(at).map(|word| letters(&self.folded.text, word, &mut buffer));
        word.map(|word| String::from_utf8_lossy(word).into_owned()).unwrap_or_default()
    }

    fn word(&self, raw: &str, at: usize) -> BTreeSet<usize> {
        let fuzzy = raw.starts_with('~');
        let parts: Vec<&str> = raw.trim_start_matches('~').split('_').collect();
        let fits = parts.iter().enumerate().all(|(n, part)| {
            let word = self.letters(at + n);
            match part.strip_suffix('*') {
                Some(stem) => word.starts_with(stem),
                None => word == *part || (fuzzy && word.len() + 1 == part.len() && part.starts_with(&word)),
            }
        });
        if fits { BTreeSet::from([at + parts.len()]) } else { BTreeSet::new() }
    }

    fn literal(&self, literal: &str, at: usize) -> BTreeSet<usize> {
        let text = &self.folded.text;
        if at > self.words.len() {
            return BTreeSet::new();
        }
        let before =
            at.checked_sub(1).and_then(|before| self.words.get(before)).map_or(0, |word| word.end as usize);
        let start = self.words.get(at).map_or(text.len(), |word| word.start as usize);
        if literal == "->" {
            return if text[before..start].contains("->") { BTreeSet::from([at]) } else { BTreeSet::new() };
        }
        let fits = text[start..].starts_with(literal)
            && self.words.get(at + 1).is_some_and(|word| word.end as usize == start + literal.len());
        if fits { BTreeSet::from([at + 2]) } else { BTreeSet::new() }
    }
}

fn by_slow(file: &RuleFile, folded: &Folded, words: &[Word]) -> BTreeSet<String> {
    let mut classes: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
    for class in &file.classes {
        classes.entry(&class.name).or_default().extend(&class.entries);
    }
    let slow = Slow { classes, folded, words };
    let found = file
        .rules
        .iter()
        .filter(|rule| rule.patterns.iter().any(|pattern| slow.matches(pattern, &rule.guards)));
    found.map(|rule| rule.id.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_fast_matcher_finds_what_the_slow_one_finds(
        pieces in prop::collection::vec(
            prop::sample::select(alloc::vec![
                "a ", "b ", "c ", "d ", "x ", "be ", "bent ", "abcdefghij ", "abcdefghi ", "12 ", "a. ", "b! ", "\n", "\n\n", ", ",
                "-> ", "\"", "c: ", "x x x x x x x x ",
            ]),
            0..240,
        ),
    ) {
        let file = read(RULES);
        let text: String = pieces.concat();
        let folded = Folded::of(&text);
        let words = words(&folded);
        let (slow, fast) = (by_slow(&file, &folded, &words), Scanner::matching(&file, &folded, &words));
        prop_assert_eq!(slow, fast, "{:?}", text);
    }
}
