//! Mail between agents of one home: a file in the recipient's inbox, as the deployed clients put it (local mailbox).

use alloc::format;
use alloc::string::String;

use amp_core::address::Address;
use amp_core::envelope::{SecurityPlacement, StoredMessage};
use amp_core::receive::SenderKey;
use amp_core::{Message, SignedMessage};
use sha2::{Digest as _, Sha256};

use super::agent::AgentHome;
use super::directory::{Placed, Readers, directory_of};
use super::error::refused;
use super::place::Home;
use crate::clock;
use crate::error::Error;

/// As large as a stored message may be.
const STORED_MAX_BYTES: usize = 1024 * 1024;
/// What the deployed clients call the provider of one machine.
const LOCAL_PROVIDERS: [&str; 2] = ["aimaestro.local", "local"];

/// What became of a message to an agent of the same home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalDelivery {
    /// It lies in the recipient's inbox, durably.
    Delivered,
    /// It lay there already.
    WasThere,
    /// No agent of this home has the address.
    NoSuchAgent,
}

impl Home {
    /// The agent of this home with a local address. One of an organization's agents is not another's, also where they have
    /// the same name.
    ///
    /// # Errors
    /// As [`agent`](Self::agent).
    pub fn agent_at(&self, address: &Address) -> Result<Option<AgentHome>, Error> {
        if !address.is_local() {
            return Ok(None);
        }
        Ok(self.agent(address.name())?.filter(|agent| is_same(agent.address(), address)))
    }

    /// Puts a message into the inbox of an agent of this home, in the form in which the deployed clients read it.
    ///
    /// It is a file that anybody of this user could have written: the recipient verifies it like any other.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`](crate::ErrorKind::Setup) when other files lie under the message's names;
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) when it cannot be written.
    pub fn deliver_local(&self, message: &SignedMessage) -> Result<LocalDelivery, Error> {
        let Some(recipient) = self.agent_at(&message.to())? else { return Ok(LocalDelivery::NoSuchAgent) };
        recipient.take_in(message.as_message())
    }

    /// The key of an agent of this home, for its local address.
    ///
    /// The home is what a provider is elsewhere: it belongs to this user, nobody else can write into it, and
    /// whoever could may read the private keys as well. So it counts as asking one's own provider. For any other address,
    /// and when the home is open to others, it says nothing.
    ///
    /// # Errors
    /// As [`agent`](Self::agent).
    pub fn local_key(&self, address: &Address) -> Result<Option<SenderKey>, Error> {
        let Some(agent) = self.agent_at(address)? else { return Ok(None) };
        agent.verifying_key().map(|key| Some(SenderKey::resolved(key)))
    }
}

impl AgentHome {
    fn take_in(&self, message: &Message) -> Result<LocalDelivery, Error> {
        let inbox = self.directory.below_or_new("messages")?.below_or_new("inbox")?;
        let directory = inbox.below_or_new(&directory_of(message.from().as_str()))?;
        let id = message.unsigned().id();
        let bare = message.to_json();
        let stored = StoredMessage::new(message.clone(), clock::now());
        let stored = stored.to_json(SecurityPlacement::TopLevelAndLocal);
        // Two senders can share a directory, and choose one id: neither may take the other's place.
        let digest = Sha256::digest(bare.as_bytes());
        let derived =
            digest.iter().take(8).fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
        for name in [format!("{id}.json"), format!("{id}-{derived}.json")] {
            if directory.place(&name, &stored, Readers::Owner)? == Placed::New {
                return Ok(LocalDelivery::Delivered);
            }
            let there = directory.read(&name, STORED_MAX_BYTES, Readers::Anybody)?;
            let there = there.and_then(|text| StoredMessage::decode(text.expose().as_bytes()).ok());
            if there.is_some_and(|there| there.message().to_json() == bare) {
                return Ok(LocalDelivery::WasThere);
            }
        }
        Err(refused("other messages lie under this id"))
    }
}

/// Whether two local addresses are one agent's. The deployed clients leave the provider's first label out at times.
fn is_same(own: &Address, asked: &Address) -> bool {
    let is_local = |address: &Address| LOCAL_PROVIDERS.contains(&address.provider());
    let is_alias =
        is_local(own) && is_local(asked) && own.scope() == asked.scope() && own.name() == asked.name();
    own.is_local() && (own == asked || is_alias)
}
