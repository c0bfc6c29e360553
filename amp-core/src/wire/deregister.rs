//! `DELETE /agents/me`: the end of a registration (provider API).

use amp_address::Address;

use super::Extra;

/// Ends the caller's registration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deregister;

bare_request!(Deregister => Deregistered);

object! {
    /// A registration has ended.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Deregistered {
        /// Whether it has.
        pub deregistered: bool,
        /// Whose it was.
        pub address: Option<Address>,
    }
}

json_answer!(Deregistered, 200);

impl Deregistered {
    /// This agent's registration has ended.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { deregistered: true, address: Some(address), extra: Extra::default() }
    }
}
