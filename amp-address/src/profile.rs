//! How strictly text from outside is read.

/// Whether a reader keeps to the specification or also takes what deployed implementations write.
///
/// Every decoder of the family takes one. What we write stays within the specification under either.
///
/// ```
/// use amp_address::{Address, Profile};
///
/// assert!(Address::parse_with("bob@acme.local", Profile::Spec).is_err());
/// assert!(Address::parse_with("bob@acme.local", Profile::Deployed).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a reader is strict or it is not; there is no third way to read")]
pub enum Profile {
    /// The specification alone.
    Spec,
    /// The specification and the forms that deployed implementations are known to write.
    #[default]
    Deployed,
}
