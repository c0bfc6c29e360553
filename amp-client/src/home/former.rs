//! The keys that an agent had before: what was sealed to them opens for a stated time (identity, rotation; sealed
//! messages).

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use amp_core::envelope::Timestamp;
use amp_core::{Identity, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::agent::{AgentHome, KEYS, PRIVATE_KEY};
use super::directory::{Directory, Readers};
use super::rotation::NEXT_KEY;
use crate::clock;
use crate::error::Error;
use crate::receiving::FORMER_KEY_LASTS;

/// Files of former keys that are read. Who changes keys that often has few senders that know so old a one.
const FORMER_KEYS_MAX: usize = 512;

const FORMER: &str = "former-";
const PREVIOUS: &str = "previous-";
const PEM: &str = ".pem";

/// A key that the agent had before. It opens what was sealed to it, and signs nothing.
#[derive(Debug)]
#[non_exhaustive]
pub struct FormerKey {
    /// The key.
    pub identity: Identity,
    /// From this instant on it opens nothing, and its file is removed.
    pub until: Timestamp,
}

impl AgentHome {
    /// The keys that the agent had before and that still open mail, from `keys/former-….pem`. What is over is removed.
    ///
    /// A file that others may read, or that is no key, is left out, and reported as an event.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) when the directory cannot be read, or a file cannot be removed.
    pub fn former_keys(&self) -> Result<Vec<FormerKey>, Error> {
        let Some(keys) = self.directory.below(KEYS)? else { return Ok(Vec::new()) };
        keys.sweep()?;
        let mut former = Vec::new();
        // Of two files of one key, the one that ends last counts.
        for (name, until) in names_of_former(&keys)?.into_iter().rev() {
            if until <= clock::now() {
                keys.remove(&name)?;
            } else if let Some(identity) = self.key_or_event(&name)
                && former
                    .iter()
                    .all(|one: &FormerKey| one.identity.verifying_key() != identity.verifying_key())
            {
                former.push(FormerKey { identity, until });
            }
        }
        Ok(former)
    }

    /// All keys that mail may be sealed to: the agent's own; one that is to take its place, since a provider may have it
    /// already; those that a registration was left with; and the former ones, each with its end.
    pub(crate) fn opening_identities(&self) -> Result<Vec<(Identity, Option<Timestamp>)>, Error> {
        let Some(keys) = self.directory.below(KEYS)? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        // In the order in which a key moves on: one that is replaced meanwhile is found further on.
        found.extend(self.key_or_event(NEXT_KEY));
        found.extend(self.key_in(PRIVATE_KEY)?);
        for name in keys.names()?.iter().filter(is_left_behind).take(FORMER_KEYS_MAX) {
            found.extend(self.key_or_event(name));
        }
        let mut found: Vec<_> = found.into_iter().map(|key| (key, None)).collect();
        found.extend(self.former_keys()?.into_iter().map(|former| (former.identity, Some(former.until))));
        Ok(found)
    }

    /// Keeps a key that is about to be replaced. When it returns, the file is durable; the oldest of too many are removed.
    pub(super) fn keep_former(&self, keys: &Directory, key: &Identity, lasts: Duration) -> Result<(), Error> {
        let until = clock::now().saturating_add(lasts);
        if lasts.is_zero() {
            return Ok(());
        }
        let name = former_name(key.verifying_key(), until);
        keys.write(&name, key.to_pkcs8_pem().expose(), Readers::Owner)?;
        let mut kept = names_of_former(keys)?;
        kept.sort_unstable_by_key(|(_, until)| core::cmp::Reverse(*until));
        kept.iter().skip(FORMER_KEYS_MAX).try_for_each(|(name, _)| keys.remove(name).map(drop))
    }

    /// Gives those keys an end that no registration was left with any more. Whoever calls it holds the lock.
    pub(super) fn retire_left_behind(&self) -> Result<(), Error> {
        let Some(keys) = self.directory.below(KEYS)? else { return Ok(()) };
        let names = keys.names()?;
        let mut left_behind = names.iter().filter(is_left_behind).peekable();
        if left_behind.peek().is_none() {
            return Ok(());
        }
        let registrations = self.registrations()?;
        let until = clock::now().saturating_add(FORMER_KEY_LASTS);
        for name in left_behind {
            let Some(key) = self.key_or_event(name) else { continue };
            if registrations.iter().all(|one| one.check_key(key.verifying_key()).is_err()) {
                keys.rename(name, &former_name(key.verifying_key(), until))?;
            }
        }
        Ok(())
    }

    fn key_or_event(&self, name: &str) -> Option<Identity> {
        self.key_in(name).unwrap_or_else(|error| {
            tracing::warn!(%error, "a key that mail may be sealed to cannot be read");
            None
        })
    }
}

fn is_left_behind(name: &&String) -> bool {
    name.starts_with(PREVIOUS) && name.ends_with(PEM)
}

fn names_of_former(keys: &Directory) -> Result<Vec<(String, Timestamp)>, Error> {
    let with_end = |name: String| end_of(&name).map(|until| (name, until));
    Ok(keys.names()?.into_iter().filter_map(with_end).collect())
}

/// The file of a key that a registration was left with: one for each key, so that none takes the place of another.
pub(super) fn previous_name(key: &VerifyingKey) -> String {
    [PREVIOUS, &digits_of(key), PEM].concat()
}

/// The file of a former key. Its end stands in the name, so that file and end are made in one step:
/// `former-0011223344556677-until-20270608T120000Z.pem`.
fn former_name(key: &VerifyingKey, until: Timestamp) -> String {
    let whole = Timestamp::from_unix_seconds(until.unix_seconds()).unwrap_or(until);
    let until: String = whole.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    [FORMER, &digits_of(key), "-until-", &until, PEM].concat()
}

/// The end that stands in a name. None for what is no former key's.
fn end_of(name: &str) -> Option<Timestamp> {
    let (digits, until) = name.strip_prefix(FORMER)?.strip_suffix(PEM)?.split_once("-until-")?;
    let is_name = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_end = until.len() == 16 && until.is_ascii();
    let part = |range| until.get(range).filter(|_| is_name && is_end);
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(8..11)?, part(11..13)?, part(13..16)?);
    [year, "-", month, "-", day, hour, ":", minute, ":", second].concat().parse().ok()
}

fn digits_of(key: &VerifyingKey) -> String {
    let digest = Sha256::digest(key.to_pem().as_bytes());
    digest.iter().take(8).fold(String::new(), |digits, byte| digits + &alloc::format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // rule: HOME-12
    #[test]
    fn the_end_of_a_former_key_is_read_from_its_name() {
        let key = Identity::from_seed(&[7; 32]);
        let until: Timestamp = "2027-06-08T12:00:59Z".parse().unwrap();
        let name = former_name(key.verifying_key(), until);
        assert!(name.ends_with("-until-20270608T120059Z.pem"), "{name}");
        assert_eq!(end_of(&name), Some(until));
        let precise: Timestamp = "2027-06-08T12:00:59.250Z".parse().unwrap();
        assert_eq!(former_name(key.verifying_key(), precise), name);
        for other in [
            "former-.pem",
            "former-0011223344556677.pem",
            "former-0011223344556677-until-.pem",
            "former-0011223344556677-until-20271308T120059Z.pem",
            "former-0011223344556677-until-20270608T120059+.pem",
            "former-001122334455667g-until-20270608T120059Z.pem",
            "previous-0011223344556677.pem",
            "former-0011223344556677-until-20270608T120059Z.pem.tmp",
        ] {
            assert_eq!(end_of(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_name_of_a_file_is_too_odd_to_be_looked_at(name in "former-[0-9a-f]{16}-until-\\PC{0,20}\\.pem|\\PC{0,40}") {
            let _ = end_of(&name);
        }

        #[test]
        fn every_end_survives_in_a_name(seconds in 0_i64..253_402_300_799) {
            let until = Timestamp::from_unix_seconds(seconds).unwrap();
            let name = former_name(Identity::from_seed(&[7; 32]).verifying_key(), until);
            prop_assert_eq!(end_of(&name), Some(until));
        }
    }
}
