//! Who has an address, by the agent's own provider, and whether that is who it was before (provider API; trust, known keys).

use amp_core::receive::SenderKey;
use amp_core::trust::PinState;
use amp_core::wire::{Resolve, Resolved};
use amp_core::{Address, VerifyingKey};

use super::Client;
use crate::error::{Error, ErrorKind};

/// Who has an address, as the agent's own provider says, and how firmly the key is known.
#[derive(Clone, Debug)]
pub struct Peer {
    resolved: Resolved,
    pin: PinState,
}

impl Peer {
    /// The address.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.resolved.address
    }

    /// The key. It is the pinned one.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        self.resolved.public_key()
    }

    /// How firmly the key is known: [`PinState::FirstSeen`] rests on one answer of the provider.
    #[must_use]
    pub const fn pin(&self) -> PinState {
        self.pin
    }

    /// All that the provider said: alias and capabilities are text from outside.
    #[must_use]
    pub const fn resolved(&self) -> &Resolved {
        &self.resolved
    }
}

impl Client {
    /// Asks the agent's provider who has an address, and pins the key that it names.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when another key is pinned already: the conflict is remembered, messages of that address are marked,
    /// and a person has to [decide](Self::confirm_key). As [`call`](Self::call) and the store besides.
    pub async fn resolve(&self, address: &Address) -> Result<Peer, Error> {
        let at = self.shared.account.registration_for(address)?;
        let resolved = self.shared.account.call(&at, &Resolve::new(address.clone())).await?;
        let receiving = &self.shared.receiving;
        receiving.name_key(address, &SenderKey::resolved(resolved.public_key().clone())).await?;
        match receiving.known_key(address).await? {
            Some((pinned, pin)) if pinned == *resolved.public_key() => Ok(Peer { resolved, pin }),
            Some(_) => Err(Error::new(
                ErrorKind::Key,
                "resolving: the provider names another key than the one that is pinned",
            )),
            None => Err(Error::new(ErrorKind::Key, "resolving: the key could not be pinned")),
        }
    }

    /// Pins a key because a person compared its fingerprint over another channel. This settles a conflict.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] for a revoked key or one that is another address's; [`ErrorKind::Store`].
    pub async fn confirm_key(&self, address: &Address, key: &VerifyingKey) -> Result<(), Error> {
        self.shared.receiving.confirm_key(address, key).await
    }

    /// The key that is pinned to an address, and how firmly. Nobody is asked.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub async fn known_key(&self, address: &Address) -> Result<Option<(VerifyingKey, PinState)>, Error> {
        self.shared.receiving.known_key(address).await
    }
}
