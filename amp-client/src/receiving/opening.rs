//! The keys that open what is received sealed (sealed messages).

use core::time::Duration;

/// How long a key opens mail after another one took its place, unless the host says otherwise: a card that names it lives
/// 184 days at most, and a relay keeps mail for 7. The rest is for clocks and slow hands.
pub(crate) const FORMER_KEY_LASTS: Duration = Duration::from_secs(200 * 24 * 60 * 60);
