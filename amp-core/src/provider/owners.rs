//! The keys of owners, with which their agents register (provider API, registration).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};

use super::agent::ApiKeyHash;

/// Each owner's key, by its hash. There is one for an owner whom the host named, so their number bounds it.
#[derive(Debug, Default)]
pub(super) struct OwnerKeys {
    by_owner: BTreeMap<Box<str>, ApiKeyHash>,
    /// By the first eight bytes of the hash, so that the rest is compared in constant time.
    by_key: BTreeSet<([u8; 8], Box<str>)>,
}

impl OwnerKeys {
    /// Takes in an owner's key, in the place of the one before.
    pub(super) fn set(&mut self, owner: &str, hash: ApiKeyHash) {
        if let Some(former) = self.by_owner.insert(owner.into(), hash) {
            self.by_key.remove(&(former.beginning(), owner.into()));
        }
        self.by_key.insert((hash.beginning(), owner.into()));
    }

    /// Whose key this is.
    pub(super) fn owner_with(&self, key: &str) -> Option<&str> {
        let hash = ApiKeyHash::of(key);
        let from = (hash.beginning(), Box::from(""));
        let alike = self.by_key.range(from..).take_while(|(beginning, _)| *beginning == hash.beginning());
        let mut found = None;
        for (_, owner) in alike {
            if self.by_owner.get(owner).is_some_and(|own| own.matches(&hash)) {
                found = Some(&**owner);
            }
        }
        found
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, ApiKeyHash)> {
        self.by_owner.iter().map(|(owner, hash)| (&**owner, *hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_whole_hash() {
        let mut hash = ApiKeyHash::of("uk_the_key");
        let mut keys = OwnerKeys::default();
        keys.set("user-7", hash);
        assert_eq!(keys.owner_with("uk_the_key"), Some("user-7"));
        hash.0.0[31] ^= 1;
        keys.set("user-7", hash);
        assert_eq!(keys.owner_with("uk_the_key"), None);
    }

    #[test]
    fn a_replaced_key_takes_no_room() {
        let mut keys = OwnerKeys::default();
        for key in ["uk_one", "uk_two", "uk_three"] {
            keys.set("user-7", ApiKeyHash::of(key));
        }
        assert_eq!((keys.by_owner.len(), keys.by_key.len()), (1, 1));
    }
}
