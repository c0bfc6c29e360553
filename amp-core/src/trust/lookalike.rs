//! Addresses that look like those of known contacts (trust, look-alikes).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use amp_address::Address;

use super::punycode;
use super::suffixes::PUBLIC_SUFFIXES;
use crate::text::{Glyph, for_each_glyph};

/// A known contact that an address could be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Lookalike<'c> {
    contact: &'c Address,
    basis: LookalikeBasis,
}

impl<'c> Lookalike<'c> {
    /// The contact.
    #[must_use]
    pub const fn contact(&self) -> &'c Address {
        self.contact
    }

    /// In what way the two are alike.
    #[must_use]
    pub const fn basis(&self) -> LookalikeBasis {
        self.basis
    }
}

/// In what way two addresses are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LookalikeBasis {
    /// They look the same, or nearly so: `a1ice` and `alice`, `rn` and `m`, with or without dashes, underscores and
    /// dots, doubled letters, letters of other scripts in an `xn--` label.
    Letters,
    /// They look the same but for the last label of the domain.
    Ending,
    /// The names look the same, and the domains but for one letter more, less, other or swapped.
    OneLetter,
}

/// The known contact that an address could be taken for, if there is one and the address itself is not among them.
///
/// Numbers are not letters: `worker-1` and `worker-11` are two workers.
///
/// ```
/// use amp_core::trust::{LookalikeBasis, lookalike_of};
/// use amp_core::Address;
///
/// let contacts: [Address; 2] = ["alice@acme.crabmail.ai".parse()?, "bob@acme.crabmail.ai".parse()?];
/// let found = |text: &str| Ok::<_, amp_core::AddressError>(lookalike_of(&text.parse()?, &contacts).map(|found| found.basis()));
/// assert_eq!(found("a1ice@acme.crabmail.ai")?, Some(LookalikeBasis::Letters));
/// assert_eq!(found("alice@acme.crabmai.ai")?, Some(LookalikeBasis::OneLetter));
/// assert_eq!(found("carol@acme.crabmail.ai")?, None);
/// # Ok::<(), amp_core::AddressError>(())
/// ```
#[must_use]
pub fn lookalike_of<'c>(
    address: &Address,
    contacts: impl IntoIterator<Item = &'c Address>,
) -> Option<Lookalike<'c>> {
    let looks = Looks::of(address);
    let mut nearest: Option<Lookalike<'c>> = None;
    for contact in contacts {
        if contact == address {
            return None;
        }
        if let Some(basis) = looks.likeness(contact)
            && nearest.is_none_or(|nearest| basis < nearest.basis)
        {
            nearest = Some(Lookalike { contact, basis });
        }
    }
    nearest
}

/// Whether the address's provider is a domain under which anybody can register, such as `co.uk` or `github.io`: such a
/// provider vouches for nobody.
///
/// The list holds the common ones, not all: that an address is not flagged proves nothing.
///
/// ```
/// use amp_core::trust::has_public_suffix;
/// assert!(has_public_suffix(&"bob@acme.co.uk".parse()?));
/// assert!(!has_public_suffix(&"bob@acme.crabmail.ai".parse()?));
/// # Ok::<(), amp_core::AddressError>(())
/// ```
#[must_use]
pub fn has_public_suffix(address: &Address) -> bool {
    PUBLIC_SUFFIXES.binary_search(&address.provider()).is_ok()
}

/// Shortest domain for which one other letter is a likeness, in signs.
const DOMAIN_MIN: usize = 7;

/// How the parts of an address look.
struct Looks {
    name: Part,
    domain: Part,
    /// The domain without its last label.
    stem: Part,
}

/// What is seen of a part, and the same with doubled letters written once.
struct Part {
    signs: Vec<Sign>,
    once: Vec<Sign>,
}

impl Part {
    fn of(text: &str) -> Self {
        let signs = signs(text);
        let mut once = signs.clone();
        once.dedup_by(|a, b| a.source == b.source && !a.is_digit());
        Self { signs, once }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.signs == other.signs || self.once == other.once
    }
}

/// A letter, or a digit that is read as one.
#[derive(Clone, Copy)]
struct Sign {
    letter: u8,
    source: char,
}

impl PartialEq for Sign {
    fn eq(&self, other: &Self) -> bool {
        self.letter == other.letter
    }
}

impl Sign {
    const fn is_digit(self) -> bool {
        self.source.is_ascii_digit()
    }
}

impl Looks {
    fn of(address: &Address) -> Self {
        Self { name: Part::of(address.name()), domain: Part::of(address.domain()), stem: stem_of(address) }
    }

    fn likeness(&self, other: &Address) -> Option<LookalikeBasis> {
        // Most are told apart by their names.
        if !self.name.is_like(&Part::of(other.name())) {
            return None;
        }
        let domain = Part::of(other.domain());
        let shortest = self.domain.signs.len().min(domain.signs.len());
        if self.domain.is_like(&domain) {
            Some(LookalikeBasis::Letters)
        } else if self.stem.is_like(&stem_of(other)) {
            Some(LookalikeBasis::Ending)
        } else if shortest >= DOMAIN_MIN && differ_by_one_letter(&self.domain.signs, &domain.signs) {
            Some(LookalikeBasis::OneLetter)
        } else {
            None
        }
    }
}

fn stem_of(address: &Address) -> Part {
    Part::of(address.domain().rsplit_once('.').map_or("", |(stem, _)| stem))
}

/// What is seen of a part: look-alikes as one sign, no separators.
fn signs(part: &str) -> Vec<Sign> {
    let mut signs: Vec<Sign> = Vec::new();
    for label in part.split('.') {
        let decoded = label.strip_prefix("xn--").and_then(punycode::decode);
        let label: String = decoded.unwrap_or_else(|| label.into());
        label.chars().for_each(|c| for_each_glyph(c, |glyph| push(&mut signs, c, glyph)));
    }
    signs
}

fn push(signs: &mut Vec<Sign>, c: char, glyph: Glyph) {
    let letter = match c {
        '-' | '_' => return,
        '1' | 'i' => b'l',
        '0' => b'o',
        '3' => b'e',
        '4' => b'a',
        '5' => b's',
        '7' => b't',
        _ => match u8::try_from(c) {
            Ok(ascii) if c.is_ascii() => ascii,
            _ => match (b'a'..=b'z').find(|&letter| glyph.may_be(Glyph::of(letter))) {
                Some(b'i') => b'l',
                Some(letter) => letter,
                // A mark on the letter before.
                None if glyph.is_unseen() => return,
                None => b'?',
            },
        },
    };
    // Two that look like one.
    let drawn = match (signs.last().map(|sign| sign.letter), letter) {
        (Some(b'r'), b'n') => Some(b'm'),
        (Some(b'v'), b'v') => Some(b'w'),
        (Some(b'c'), b'l') => Some(b'd'),
        _ => None,
    };
    if drawn.is_some() {
        signs.pop();
    }
    signs.push(Sign { letter: drawn.unwrap_or(letter), source: drawn.map_or(c, char::from) });
}

/// Whether one letter more, less, other or two swapped make one out of the other; a number is no such letter.
fn differ_by_one_letter(a: &[Sign], b: &[Sign]) -> bool {
    let alike = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (Some(a), Some(b)) = (a.get(alike..), b.get(alike..)) else { return false };
    match (a, b) {
        ([more, rest @ ..], _) if rest == b => !more.is_digit(),
        (_, [more, rest @ ..]) if rest == a => !more.is_digit(),
        ([x, rest_a @ ..], [y, rest_b @ ..]) if rest_a == rest_b => !x.is_digit() && !y.is_digit(),
        ([x1, x2, rest_a @ ..], [y1, y2, rest_b @ ..]) => {
            x1 == y2 && x2 == y1 && rest_a == rest_b && !x1.is_digit() && !x2.is_digit()
        }
        _ => false,
    }
}
