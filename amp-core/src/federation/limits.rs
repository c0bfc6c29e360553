//! How many forwards are admitted in a minute (federation, trust between providers).

use amp_address::{Address, Provider};

use crate::guards::{RateCharge, RateClass, RateKey};

/// What a forward counts as: 100 a minute of one provider, 20 to one recipient, 1,000 in all.
///
/// Count what is [authenticated](super::AuthenticForward): a header that anybody can write must not use up what belongs to
/// the provider that it names. All three are counted together or none
/// ([`RateLimiter::take_all`](crate::guards::RateLimiter::take_all)).
///
/// ```
/// use amp_core::federation::forward_charges;
/// use amp_core::guards::RateLimiter;
///
/// let (provider, bob) = ("crabmail.ai".parse()?, "bob@team.example.org".parse()?);
/// let (mut limiter, now) = (RateLimiter::default(), "2026-01-31T10:00:00Z".parse()?);
/// let charges = forward_charges(&provider, &bob);
/// assert!((0..20).all(|_| limiter.take_all(&charges, now).is_some_and(|taken| taken.is_admitted())));
/// assert!(limiter.take_all(&charges, now).is_some_and(|taken| !taken.is_admitted()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn forward_charges(provider: &Provider, recipient: &Address) -> [RateCharge; 3] {
    [
        RateCharge::new(RateClass::FederationProvider, RateKey::of(provider.as_str())),
        RateCharge::new(RateClass::FederationRecipient, RateKey::of(recipient.as_str())),
        RateCharge::new(RateClass::FederationAll, RateKey::of("")),
    ]
}
