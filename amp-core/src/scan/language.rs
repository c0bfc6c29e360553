//! Reading the rule language (guardrails, rules as data); `rules/README.md` describes it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use super::category::{Category, Severity};

/// The longest match, in words.
pub(super) const MAX_SPAN: u32 = 48;
/// The farthest that a guard looks.
pub(super) const MAX_GUARD: u32 = 16;
const MAX_GAP: u32 = 32;
const MAX_DEPTH: u8 = 8;

/// Why a text in the rule language was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
#[non_exhaustive]
pub struct RuleError {
    line: usize,
    fault: Fault,
}

impl RuleError {
    pub(super) const fn new(line: usize, fault: Fault) -> Self {
        Self { line, fault }
    }

    /// The same, when this many lines came before the text.
    pub(super) fn counted_from(&self, earlier: usize) -> Self {
        Self { line: self.line.saturating_sub(earlier), fault: self.fault.clone() }
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

/// Reads a text in the rule language.
pub(super) fn read(text: &str) -> RuleFile {
    let mut file = RuleFile::default();
    for (line, statement) in statements(text) {
        let read = lex(&statement).and_then(|tokens| read_statement(line, &tokens, &mut file));
        if let Err(fault) = read {
            file.errors.push(RuleError::new(line, fault));
        }
    }
    file
}

/// Statements with the lines they begin on: continuation lines joined, comments gone.
fn statements(text: &str) -> Vec<(usize, String)> {
    let mut statements: Vec<(usize, String)> = Vec::new();
    for (line, raw) in text.lines().enumerate() {
        let content = without_comment(raw);
        if content.trim().is_empty() {
            continue;
        }
        match statements.last_mut() {
            Some((_, open)) if raw.starts_with([' ', '\t']) => {
                open.push(' ');
                open.push_str(content.trim());
            }
            _ => statements.push((line.saturating_add(1), content.trim().to_string())),
        }
    }
    statements
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
    if !name.is_empty() && name.len() <= 64 && name.chars().all(fits) { Ok(()) } else { Err(Fault::Name) }
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
