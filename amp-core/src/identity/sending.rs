//! One keypair, many addresses: which of them a message is sent from (identity, records).

use amp_address::{Address, KnownProviders};

use super::identity_record::IdentityRecord;
use super::registration::RegistrationRecord;

/// The address to send from: that of the registration with the recipient's provider, else the agent's own.
///
/// Where the recipient's provider begins is taken from the registrations, whose providers are known: the longest ending
/// that is one of them.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::identity::{IdentityRecord, RegistrationRecord, address_to_send_from};
///
/// let now = "2026-01-31T10:00:00Z".parse()?;
/// let key = Identity::from_seed(&[7; 32]).verifying_key().clone();
/// let own = IdentityRecord::new(&"alice@acme.aimaestro.local".parse()?, &key, now);
/// let crabmail = RegistrationRecord::new(
///     "crabmail.ai".parse()?,
///     "alice-7@acme.crabmail.ai".parse()?,
///     "https://api.crabmail.ai/v1",
///     "amp_live_sk_7f53efb3fb6588af".parse()?,
///     now,
/// )?;
/// let registrations = [crabmail];
/// let from = |to: &str| Ok::<_, amp_core::AddressError>(
///     address_to_send_from(&to.parse()?, &own, &registrations).as_str(),
/// );
/// assert_eq!(from("bob@other.crabmail.ai")?, "alice-7@acme.crabmail.ai");
/// assert_eq!(from("bob@acme.aimaestro.local")?, "alice@acme.aimaestro.local");
/// assert_eq!(from("bob@notcrabmail.ai.example")?, "alice@acme.aimaestro.local");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn address_to_send_from<'a>(
    recipient: &Address,
    own: &'a IdentityRecord,
    registrations: &'a [RegistrationRecord],
) -> &'a Address {
    let mut known = KnownProviders::new();
    for registration in registrations {
        known.insert(registration.provider().clone());
    }
    let provider_of = |address: &Address| address.clone().with_known_providers(&known);
    let recipient = provider_of(recipient);
    let wanted = recipient.provider();
    // A provider may name itself by a domain below the one in its addresses.
    let by_name = registrations.iter().find(|one| one.provider().as_str() == wanted);
    by_name
        .or_else(|| registrations.iter().find(|one| provider_of(one.address()).provider() == wanted))
        .map_or(own.address(), RegistrationRecord::address)
}
