//! Reading the rule language (guardrails, rules as data); `rules/README.md` describes it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::category::{Category, Severity};

/// The longest match, in words.
pub(super) const MAX_SPAN: u32 = 48;
/// The farthest that a guard looks.
pub(super) const MAX_GUARD: u32 = 16;
const MAX_GAP: u32 = 32;
const MAX_DEPTH: u8 = 8;
/// The most characters of a name, also in errors.
const MAX_NAME: usize = 64;
/// The classes that no file defines.
const BUILT_IN: [&str; 5] = ["number", "blob", "url", "email", "quote"];

/// Why a text in the rule language was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}{}", Named(.name.as_deref()))]
#[non_exhaustive]
pub struct RuleError {
    line: usize,
    fault: Fault,
    /// The class or rule at fault, escaped and shortened.
    name: Option<String>,
}

/// `: name`, if there is one.
struct Named<'a>(Option<&'a str>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |name| write!(f, ": {name}"))
    }
}

impl RuleError {
    pub(super) const fn new(line: usize, fault: Fault) -> Self {
        Self { line, fault, name: None }
    }

    /// The same, with the class or rule at fault.
    pub(super) fn naming(mut self, name: &str) -> Self {
        let shown = name.chars().flat_map(char::escape_default).take(MAX_NAME).collect();
        self.name = Some(shown);
        self
    }

    /// The same, when this many lines came before the text.
    pub(super) fn counted_from(&self, earlier: usize) -> Self {
        Self { line: self.line.saturating_sub(earlier), ..self.clone() }
    }

    /// The same, with the class that is not there or contains itself, if that is the fault.
    pub(super) fn with_class_of(self, file: &RuleFile) -> Self {
        match file.faulty_class(self.line).filter(|_| self.fault == Fault::UnknownClass) {
            Some(name) => self.naming(name),
            None => self,
        }
    }

    /// What is wrong with classes that were added, from this line on, if what was there before is faulty with them.
    pub(super) fn of_added_classes(file: &RuleFile, first: usize) -> Self {
        let mut lines = file.classes.iter().map(|class| class.line).filter(|line| *line >= first);
        let unknown = lines.clone().find(|line| file.faulty_class(*line).is_some());
        unknown.map_or_else(
            || Self::new(lines.next().unwrap_or(first), Fault::BreaksEarlier),
            |line| Self::new(line, Fault::UnknownClass).with_class_of(file),
        )
    }

    /// The line on which the faulty statement begins, counted from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("a statement begins with `class` or `rule`")]
    Statement,
    #[error("the first statement is indented more than a later one")]
    Indented,
    #[error("with these classes a rule or class that was there before is faulty")]
    BreaksEarlier,
    #[error("a class is written `class name = entries` or `class name += entries`")]
    ClassForm,
    #[error("a rule is written `rule id category severity: pattern`")]
    RuleForm,
    #[error("no such category")]
    Category,
    #[error("no such severity")]
    Severity,
    #[error("a name has letters a-z, digits, `-`, `_` and `.`")]
    Name,
    #[error("two rules with one id, but not one category and severity")]
    TwiceDefined,
    #[error("no class of that name, or classes that contain each other")]
    UnknownClass,
    #[error("a quotation that does not end")]
    OpenQuotation,
    #[error("a parenthesis too many or too few, or nested too deeply")]
    Parentheses,
    #[error("a number is missing or out of range")]
    Number,
    #[error("a word has no letter or digit, or a `*` that is not at its end")]
    Word,
    #[error("an element that cannot stand here")]
    Misplaced,
    #[error("the pattern could match nothing at all")]
    Empty,
    #[error("a match could span more than 48 words")]
    TooLong,
}

/// A piece of a pattern.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Word(String),
    Literal(String),
    Class(String),
    Group(Vec<Vec<Self>>),
    Optional(Box<Self>),
    Gap { words: u32, free: bool },
    Any,
    LineStart,
    LineEnd,
    ClauseStart,
    Not(Box<Self>),
}

impl Node {
    /// Adds the classes that it names.
    fn classes<'n>(&'n self, into: &mut Vec<&'n str>) {
        match self {
            Self::Class(name) => into.push(name),
            Self::Group(choices) => choices.iter().flatten().for_each(|node| node.classes(into)),
            Self::Optional(node) | Self::Not(node) => node.classes(into),
            _ => {}
        }
    }
}

#[derive(Debug)]
pub(super) enum Pattern {
    Sequence(Vec<Node>),
    Near { words: u32, nodes: Vec<Node> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

#[derive(Debug)]
pub(super) struct Guard {
    pub(super) side: Side,
    pub(super) words: u32,
    pub(super) node: Node,
}

#[derive(Debug)]
pub(super) struct RuleText {
    pub(super) line: usize,
    pub(super) id: String,
    pub(super) category: Category,
    pub(super) severity: Severity,
    /// Alternatives.
    pub(super) patterns: Vec<Pattern>,
    pub(super) guards: Vec<Guard>,
}

#[derive(Debug)]
pub(super) struct ClassText {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) entries: Vec<Node>,
}

/// What a text in the rule language says; faulty statements are listed and left out.
#[derive(Debug, Default)]
pub(super) struct RuleFile {
    pub(super) classes: Vec<ClassText>,
    pub(super) rules: Vec<RuleText>,
    pub(super) errors: Vec<RuleError>,
}

impl RuleFile {
    /// Adds what a text says of whose lines as many come before it.
    pub(super) fn add(&mut self, text: &str, earlier: usize) {
        let (statements, indented) = statements(text);
        if let Some(line) = indented {
            self.errors.push(RuleError::new(line.saturating_add(earlier), Fault::Indented));
            return;
        }
        for (line, statement) in statements {
            let line = line.saturating_add(earlier);
            let Err(fault) = lex(&statement).and_then(|tokens| read_statement(line, &tokens, self)) else {
                continue;
            };
            let twice = fault == Fault::TwiceDefined;
            let error = RuleError::new(line, fault);
            let id = statement.split_whitespace().nth(1).filter(|_| twice);
            self.errors.push(match id {
                Some(id) => error.naming(id),
                None => error,
            });
        }
    }

    /// The first class that is not there, or that contains itself, of those that the statement on a line reaches.
    fn faulty_class(&self, line: usize) -> Option<&str> {
        let mut names = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.line == line) {
            for pattern in &rule.patterns {
                let (Pattern::Sequence(nodes) | Pattern::Near { nodes, .. }) = pattern;
                nodes.iter().for_each(|node| node.classes(&mut names));
            }
            rule.guards.iter().for_each(|guard| guard.node.classes(&mut names));
        }
        names.extend(self.classes.iter().filter(|class| class.line == line).map(|class| class.name.as_str()));
        let mut sound = BTreeSet::from(BUILT_IN);
        names.into_iter().find_map(|name| self.fault_in(name, &mut Vec::new(), &mut sound))
    }

    /// The class at fault among one and what it contains.
    fn fault_in<'f>(
        &'f self,
        name: &'f str,
        open: &mut Vec<&'f str>,
        sound: &mut BTreeSet<&'f str>,
    ) -> Option<&'f str> {
        if sound.contains(name) {
            return None;
        }
        let mut entries = self.classes.iter().filter(|class| class.name == name).peekable();
        if entries.peek().is_none() || open.contains(&name) {
            return Some(name);
        }
        open.push(name);
        let mut inner = Vec::new();
        entries.flat_map(|class| &class.entries).for_each(|entry| entry.classes(&mut inner));
        let fault = inner.into_iter().find_map(|name| self.fault_in(name, open, sound));
        open.pop();
        sound.insert(name);
        fault
    }
}

/// Reads a text in the rule language.
#[cfg(test)]
pub(super) fn read(text: &str) -> RuleFile {
    let mut file = RuleFile::default();
    file.add(text, 0);
    file
}

/// Statements with the lines they begin on: continuation lines joined, comments and common indentation gone. Also the
/// line of a first statement that is indented all the same.
fn statements(text: &str) -> (Vec<(usize, String)>, Option<usize>) {
    let lines = (1_usize..).zip(text.lines().map(without_comment));
    let lines: Vec<(usize, &str)> = lines.filter(|(_, line)| !line.trim().is_empty()).collect();
    let indentation = |line: &str| line.len().saturating_sub(line.trim_start_matches([' ', '\t']).len());
    let common = lines.iter().map(|(_, line)| indentation(line)).min().unwrap_or_default();
    let mut statements: Vec<(usize, String)> = Vec::new();
    for (number, line) in lines {
        let continues = indentation(line) > common;
        match statements.last_mut() {
            None if continues => return (statements, Some(number)),
            Some((_, open)) if continues => {
                open.push(' ');
                open.push_str(line.trim());
            }
            _ => statements.push((number, line.trim().to_string())),
        }
    }
    (statements, None)
}

fn without_comment(line: &str) -> &str {
    let (mut quoted, mut escaped, mut after_space) = (false, false, true);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '#' if after_space && !quoted => return line.get(..at).unwrap_or_default(),
            _ => {}
        }
        after_space = c.is_whitespace();
    }
    line
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Literal(String),
    Class(String),
    Gap { words: u32, free: bool },
    Sign(char),
    Adds,
}

fn lex(statement: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut chars = statement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            _ if c.is_whitespace() => {}
            '(' | ')' | '|' | '?' | '^' | '$' | '&' | '!' | ':' | '=' => tokens.push(Token::Sign(c)),
            '+' if chars.next_if_eq(&'=').is_some() => tokens.push(Token::Adds),
            '"' => {
                let mut literal = String::new();
                loop {
                    match chars.next().ok_or(Fault::OpenQuotation)? {
                        '"' => break,
                        '\\' => literal.push(chars.next().ok_or(Fault::OpenQuotation)?),
                        other => literal.push(other),
                    }
                }
                tokens.push(Token::Literal(literal));
            }
            '.' => {
                let mut dots = 1_u8;
                while chars.next_if_eq(&'.').is_some() {
                    dots = dots.saturating_add(1);
                }
                let mut digits = String::new();
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    digits.push(digit);
                }
                let words =
                    digits.parse().ok().filter(|words| (1..=MAX_GAP).contains(words)).ok_or(Fault::Number)?;
                if !(2..=3).contains(&dots) {
                    return Err(Fault::Misplaced);
                }
                tokens.push(Token::Gap { words, free: dots == 3 });
            }
            _ => {
                let mut word = String::new();
                let class = c == '@';
                if !class {
                    word.push(c);
                }
                while let Some(next) = chars.next_if(|c| !c.is_whitespace() && !"()|?!&:=\"".contains(*c)) {
                    word.push(next);
                }
                tokens.push(if class { Token::Class(word) } else { Token::Word(word) });
            }
        }
    }
    Ok(tokens)
}

fn read_statement(line: usize, tokens: &[Token], file: &mut RuleFile) -> Result<(), Fault> {
    match tokens.split_first() {
        Some((Token::Word(word), rest)) if word == "class" => {
            let [Token::Word(name), Token::Sign('=') | Token::Adds, entries @ ..] = rest else {
                return Err(Fault::ClassForm);
            };
            named(name)?;
            let mut cursor = Cursor { tokens: entries, depth: 0 };
            let entries = cursor.sequence()?;
            let plain = |node: &Node| matches!(node, Node::Word(_) | Node::Literal(_) | Node::Class(_));
            if !cursor.tokens.is_empty() || entries.is_empty() || !entries.iter().all(plain) {
                return Err(Fault::ClassForm);
            }
            file.classes.push(ClassText { line, name: name.clone(), entries });
            Ok(())
        }
        Some((Token::Word(word), rest)) if word == "rule" => {
            let [
                Token::Word(id),
                Token::Word(category),
                Token::Word(severity),
                Token::Sign(':'),
                pattern @ ..,
            ] = rest
            else {
                return Err(Fault::RuleForm);
            };
            named(id)?;
            let category = category.parse().map_err(|_| Fault::Category)?;
            let severity = severity.parse().map_err(|_| Fault::Severity)?;
            let differs =
                |rule: &RuleText| rule.id == *id && (rule.category, rule.severity) != (category, severity);
            if file.rules.iter().any(differs) {
                return Err(Fault::TwiceDefined);
            }
            let mut cursor = Cursor { tokens: pattern, depth: 0 };
            let mut patterns = cursor.pattern()?;
            while cursor.next_if('|') {
                patterns.append(&mut cursor.pattern()?);
            }
            let guards = cursor.guards()?;
            if !cursor.tokens.is_empty() {
                return Err(Fault::Parentheses);
            }
            file.rules.push(RuleText { line, id: id.clone(), category, severity, patterns, guards });
            Ok(())
        }
        _ => Err(Fault::Statement),
    }
}

fn named(name: &str) -> Result<(), Fault> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(fits) {
        Ok(())
    } else {
        Err(Fault::Name)
    }
}

struct Cursor<'a> {
    tokens: &'a [Token],
    depth: u8,
}

impl<'a> Cursor<'a> {
    fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn next_if(&mut self, sign: char) -> bool {
        let is = self.tokens.first() == Some(&Token::Sign(sign));
        if is {
            self.next();
        }
        is
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.tokens.first(), Some(Token::Word(first)) if first == word)
    }

    /// `(12)`
    fn number(&mut self, most: u32) -> Result<u32, Fault> {
        let [Token::Sign('('), Token::Word(digits), Token::Sign(')'), rest @ ..] = self.tokens else {
            return Err(Fault::Number);
        };
        self.tokens = rest;
        digits.parse().ok().filter(|number| (1..=most).contains(number)).ok_or(Fault::Number)
    }

    /// One pattern, or those of a group that stands alone.
    fn pattern(&mut self) -> Result<Vec<Pattern>, Fault> {
        let is_near = self.at_word("near") && self.tokens.get(1) == Some(&Token::Sign('('));
        if !is_near {
            let mut nodes = self.sequence()?;
            if let [Node::Group(choices)] = nodes.as_mut_slice() {
                return Ok(choices.drain(..).map(Pattern::Sequence).collect());
            }
            return Ok(vec![Pattern::Sequence(nodes)]);
        }
        self.next();
        let words = self.number(MAX_SPAN)?;
        if !self.next_if(':') {
            return Err(Fault::RuleForm);
        }
        Ok(vec![Pattern::Near { words, nodes: self.sequence()? }])
    }

    fn guards(&mut self) -> Result<Vec<Guard>, Fault> {
        let mut guards = Vec::new();
        while self.at_word("unless") {
            self.next();
            let side = match self.next() {
                Some(Token::Word(word)) if word == "before" => Side::Before,
                Some(Token::Word(word)) if word == "after" => Side::After,
                _ => return Err(Fault::Misplaced),
            };
            let words = self.number(MAX_GUARD)?;
            let node = self.element()?.ok_or(Fault::Misplaced)?;
            guards.push(Guard { side, words, node });
        }
        Ok(guards)
    }

    /// Elements up to a `|`, a `)`, a guard or the end.
    fn sequence(&mut self) -> Result<Vec<Node>, Fault> {
        let mut nodes = Vec::new();
        while !self.at_word("unless") {
            let Some(node) = self.element()? else { break };
            nodes.push(node);
        }
        Ok(nodes)
    }

    fn element(&mut self) -> Result<Option<Node>, Fault> {
        if matches!(self.tokens.first(), None | Some(Token::Sign(')' | '|'))) {
            return Ok(None);
        }
        let node = match self.next() {
            Some(Token::Word(word)) if word == "_" => Node::Any,
            Some(Token::Word(word)) => Node::Word(word.clone()),
            Some(Token::Literal(literal)) => Node::Literal(literal.clone()),
            Some(Token::Class(name)) => Node::Class(name.clone()),
            Some(Token::Gap { words, free }) => Node::Gap { words: *words, free: *free },
            Some(Token::Sign('^')) => Node::LineStart,
            Some(Token::Sign('$')) => Node::LineEnd,
            Some(Token::Sign('&')) => Node::ClauseStart,
            Some(Token::Sign('!')) => Node::Not(Box::new(self.element()?.ok_or(Fault::Misplaced)?)),
            Some(Token::Sign('(')) => self.group()?,
            _ => return Err(Fault::Misplaced),
        };
        Ok(Some(if self.next_if('?') { Node::Optional(Box::new(node)) } else { node }))
    }

    /// The rest of a group whose parenthesis is open.
    fn group(&mut self) -> Result<Node, Fault> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(Fault::Parentheses);
        }
        let mut choices = Vec::new();
        loop {
            choices.push(self.sequence()?);
            match self.next() {
                Some(Token::Sign('|')) => {}
                Some(Token::Sign(')')) => break,
                _ => return Err(Fault::Parentheses),
            }
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(Node::Group(choices))
    }
}
