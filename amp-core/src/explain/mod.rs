//! Why a message did not verify or was refused, for people (signing, deployed dialects).
//!
//! A program wants a code and acts on it. A person who integrates two implementations wants to know which bytes were
//! hashed, and what the other side did differently. [`Explainer`] takes the bytes that failed and whatever is known
//! beside them (a key, other keys, the original) and gives an [`Explanation`]: the rule and the field, the canonical form
//! and its hash under every dialect, the parts of the signing string, and by bounded trial what would make it pass.
//!
//! An explanation proves nothing. No path leads from it to a [`Verified`](crate::Verified) message: a change that makes a
//! signature hold tells what was signed, and what was received is something else.

mod advice;
mod change;
mod difference;
mod explainer;
mod explanation;
mod fields;
mod form;
mod hint;
mod key;
mod payload;
mod search;
mod show;

pub use change::{AddressSpelling, Change};
pub use difference::{Difference, DifferenceKind};
pub use explainer::{Explainer, MAX_CANONICAL_FORMS, MAX_OTHER_KEYS, MAX_SIGNATURE_CHECKS};
pub use explanation::{Explanation, Outcome};
pub use fields::SignedParts;
pub use form::CanonicalForm;
pub use hint::{Hint, Remedy};
pub use key::{KeyOrigin, TriedKey};
