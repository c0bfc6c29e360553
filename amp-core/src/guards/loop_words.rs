//! What a message says, in tokens: words, numbers, references, and what changes by itself (guardrails, loops).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

/// Of a text, so much is read.
const TEXT_READ: usize = 8 * 1024;
/// Courtesy has so many words at most.
const COURTESY: usize = 24;
/// Hexadecimal digits from here on are a digest of data rather than a reference.
const DATA_DIGITS: usize = 20;

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, by its hash.
    Word(u32),
    /// A number, in thousandths.
    Number(i64),
    /// So much of so much: `3/10`, `3 of 10`, `30%`. In thousandths.
    Part(i64),
    /// A short reference: `#4711`, eight hexadecimal digits, a UUID.
    Ticket(u32),
    /// A digest.
    Data(u32),
}

/// A text in tokens, and what its words are.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    pub(super) tokens: Vec<Token>,
    /// Whether every word is one of courtesy, and one of them says so.
    pub(super) is_courtesy: bool,
}

impl Words {
    pub(super) fn words(&self) -> impl Iterator<Item = u32> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Word(word) => Some(*word),
            _ => None,
        })
    }

    /// Reads a text, without what it quotes.
    pub(super) fn of(text: &str) -> Self {
        let text = text.get(..text.floor_char_boundary_at(TEXT_READ)).unwrap_or_default();
        let mut words = Self::default();
        let mut courtesy = Courtesy::default();
        for line in unquoted(text) {
            words.read_line(line, &mut courtesy);
        }
        words.join_parts();
        words.is_courtesy = courtesy.is_all();
        words
    }

    fn read_line(&mut self, line: &str, courtesy: &mut Courtesy) {
        let mut rest = line;
        let mut is_ticket = false;
        while let Some(first) = rest.chars().next() {
            let length = run(rest, first).max(first.len_utf8());
            let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            if first.is_alphanumeric() {
                let (token, percent) = match after.starts_with('%') {
                    true => (token, true),
                    false => (token, false),
                };
                self.read_token(token, is_ticket, percent, courtesy);
            } else if !first.is_ascii() && !first.is_whitespace() && !is_general_punctuation(first) {
                courtesy.see(token);
                self.tokens.push(Token::Word(hash(token.as_bytes())));
            }
            is_ticket = first == '#';
            rest = after;
        }
    }

    fn read_token(&mut self, token: &str, is_ticket: bool, is_percent: bool, courtesy: &mut Courtesy) {
        let starts_with_digit = token.starts_with(|c: char| c.is_ascii_digit());
        let kind = match token {
            _ if is_uuid(token) => Some(Token::Ticket(hash(token.as_bytes()))),
            _ if is_hex_reference(token) && token.len() >= DATA_DIGITS => {
                Some(Token::Data(hash(token.as_bytes())))
            }
            _ if is_hex_reference(token) => Some(Token::Ticket(hash(token.as_bytes()))),
            _ if !starts_with_digit => None,
            _ if is_time(token) => return,
            _ => match number(token) {
                Some(_) if is_ticket => Some(Token::Ticket(hash(token.as_bytes()))),
                Some(thousandths) if is_percent => Some(Token::Part(thousandths)),
                Some(thousandths) => Some(Token::Number(thousandths)),
                None => fraction(token),
            },
        };
        match kind {
            Some(kind) => self.tokens.push(kind),
            None => {
                let word: String = token.chars().flat_map(char::to_lowercase).collect();
                courtesy.see(&word);
                self.tokens.push(Token::Word(hash(word.as_bytes())));
            }
        }
    }

    /// Turns `3 of 10` into one token.
    fn join_parts(&mut self) {
        let mut joined = Vec::with_capacity(self.tokens.len());
        let mut rest = self.tokens.as_slice();
        while let [first, others @ ..] = rest {
            rest = others;
            let joins = |word: &u32| OF.iter().any(|of| hash(of.as_bytes()) == *word);
            match (first, rest) {
                (Token::Number(part), [Token::Word(of), Token::Number(all), others @ ..])
                    if joins(of) && part <= all =>
                {
                    rest = others;
                    joined.push(Token::Part(*part));
                }
                _ => joined.push(*first),
            }
        }
        self.tokens = joined;
    }
}

const OF: [&str; 7] = ["of", "von", "sur", "de", "di", "van", "av"];

trait FloorBoundary {
    fn floor_char_boundary_at(&self, index: usize) -> usize;
}

impl FloorBoundary for str {
    fn floor_char_boundary_at(&self, index: usize) -> usize {
        let index = index.min(self.len());
        (0..=index).rev().find(|at| self.is_char_boundary(*at)).unwrap_or(0)
    }
}

/// The lines of a text that it does not quote. What follows the head of a forwarded message is quoted as well.
fn unquoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(without_reply_marks)
        .take_while(|line| !begins_quotation(line))
        .filter(|line| !line.starts_with('>'))
}

fn begins_quotation(line: &str) -> bool {
    let line = line.trim_end();
    line.starts_with("-----Original")
        || line.starts_with("---------- Forwarded")
        || (line.ends_with("wrote:") && line.starts_with("On "))
        || (line.ends_with("schrieb:") && line.starts_with("Am "))
        || (line.ends_with("écrit :") && line.starts_with("Le "))
}

/// A line without white space and `Re:`, `Fwd:` before it, however many.
pub(super) fn without_reply_marks(line: &str) -> &str {
    const MARKS: [&str; 10] = ["re:", "fwd:", "fw:", "aw:", "wg:", "sv:", "vs:", "antw:", "tr:", "rv:"];
    let mut line = line.trim_start();
    while let Some(rest) = MARKS.iter().find_map(|mark| {
        let (start, rest) = line.split_at_checked(mark.len())?;
        start.eq_ignore_ascii_case(mark).then_some(rest)
    }) {
        line = rest.trim_start();
    }
    line
}

/// The length of the token that begins a text.
fn run(text: &str, first: char) -> usize {
    if !first.is_alphanumeric() {
        return first.len_utf8();
    }
    if is_ideograph(first) {
        return first.len_utf8();
    }
    if let Some(uuid) = text.get(..36).filter(|uuid| is_uuid(uuid)) {
        return uuid.len();
    }
    let is_number = first.is_ascii_digit();
    let mut end = first.len_utf8();
    while let Some(rest) = text.get(end..) {
        let mut next = rest.chars();
        let Some(c) = next.next() else { break };
        let joins = match c {
            '.' | ',' | ':' | '/' | '-' | '+' if is_number => {
                next.next().is_some_and(|after| after.is_ascii_digit())
            }
            '\'' | '’' => next.next().is_some_and(char::is_alphabetic),
            c => c.is_alphanumeric() && !is_ideograph(c),
        };
        if !joins {
            break;
        }
        end = end.saturating_add(c.len_utf8());
    }
    end
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}')
}

const fn is_general_punctuation(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{BF}' | '\u{2000}'..='\u{206F}' | '\u{3000}'..='\u{303F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FF00}'..='\u{FF0F}')
}

fn is_uuid(token: &str) -> bool {
    let parts = [8, 4, 4, 4, 12];
    token.len() == 36
        && token.split('-').count() == parts.len()
        && token
            .split('-')
            .zip(parts)
            .all(|(part, length)| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Hexadecimal digits, some of them letters and some not.
fn is_hex_reference(token: &str) -> bool {
    token.len() >= 6
        && token.bytes().all(|b| b.is_ascii_hexdigit())
        && token.bytes().any(|b| b.is_ascii_digit())
        && token.bytes().any(|b| b.is_ascii_alphabetic())
}

/// A date, a time of day, or seconds since 1970: what changes by itself.
fn is_time(token: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_clock =
        token.contains(':') && token.bytes().all(|b| b.is_ascii_digit() || b"TtZz:.,-+/".contains(&b));
    let is_date = ['-', '/', '.'].iter().any(|mark| {
        let mut parts = token.split('T').next().unwrap_or_default().split(*mark);
        let three = [parts.next(), parts.next(), parts.next()];
        parts.next().is_none()
            && three.iter().all(|part| part.is_some_and(digits))
            && three.iter().flatten().any(|part| part.len() == 4)
    });
    let is_epoch = digits(token) && matches!(token.len(), 10 | 13) && token.starts_with('1');
    is_clock || is_date || is_epoch
}

/// A number in thousandths. A comma stands for a point, or between thousands.
fn number(token: &str) -> Option<i64> {
    let mut parts = token.rsplitn(2, ['.', ',']);
    let (last, before) = (parts.next()?, parts.next());
    let (whole, part) = match before {
        None => (String::from(last), ""),
        Some(before) if last.len() == 3 && token.contains(',') => {
            (before.chars().chain(last.chars()).filter(char::is_ascii_digit).collect(), "")
        }
        Some(before) => (before.into(), last),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(&whole) || !digits(part) {
        return None;
    }
    let whole: i64 = whole.parse().ok().filter(|whole| *whole < 1_000_000_000_000)?;
    let places = part.bytes().chain([b'0', b'0', b'0']).take(3);
    let part = places.fold(0i64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(i64::from(digit.saturating_sub(b'0')))
    });
    Some(whole.saturating_mul(1000).saturating_add(part))
}

/// `3/10`.
fn fraction(token: &str) -> Option<Token> {
    let (part, all) = token.split_once('/')?;
    let (part, all) = (number(part)?, number(all)?);
    (part <= all).then_some(Token::Part(part))
}

/// FNV-1a, folded to 32 bits.
pub(super) fn hash(bytes: &[u8]) -> u32 {
    let hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
    u32::from_be_bytes([a, b, c, d]) ^ u32::from_be_bytes([e, f, g, h])
}

/// Whether a text is nothing but courtesy, word by word.
#[derive(Debug, Default)]
struct Courtesy {
    words: usize,
    says_so: bool,
    says_more: bool,
}

impl Courtesy {
    fn see(&mut self, word: &str) {
        self.words = self.words.saturating_add(1);
        if self.says_more || self.words > COURTESY {
            return;
        }
        let is_core = CORE.split(' ').any(|core| core == word);
        self.says_so |= is_core;
        self.says_more = !is_core && AROUND.split(' ').all(|around| around != word);
    }

    const fn is_all(&self) -> bool {
        self.says_so && !self.says_more && self.words <= COURTESY
    }
}

/// Words that thank, greet, acknowledge or take leave.
const CORE: &str = "thanks thank thx welcome ok okay received noted acknowledged acknowledge ack roger copy understood got \
    cheers appreciate appreciated pleasure glad happy great perfect awesome excellent wonderful bye goodbye \
    likewise confirmed confirm sure problem worries anytime hello hi hey greetings sounds good cool nice \
    fantastic absolutely certainly danke bitte gerne verstanden erhalten prima super merci rien plaisir reçu \
    compris gracias nada recibido entendido gusto grazie prego ricevuto obrigado obrigada recebido bedankt \
    graag ontvangen tack takk kiitos dzięki proszę спасибо пожалуйста понял получено 谢 不 客 气 あ り が と う 👍 🙏 😊 🙂 ❤ \
    🎉 👌 ✅ 👋 🤝";

/// Words that may stand around them.
const AROUND: &str = "you you're your for the so very much i i'm it it's its is to be all again too at any time have a an day \
    and we we're my me that that's this of help helping message reply response note update let know if need \
    anything else feel free reach out are as well same no not with in on will do can here there always \
    really kind kindly words more than further been was am quick confirming letting us take care soon talk \
    later mention don't dear friend everything assistance support patience vielen dank sehr für die \
    nachricht ihre beaucoup de votre muchas por con mille 又 好 did just wish";
