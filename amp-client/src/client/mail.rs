//! The provider's queue and receipts, asked for one by one (delivery; provider API). An inbox does all this by itself.

use amp_core::envelope::{MessageId, Status};
use amp_core::receive::{Reading, Received};
use amp_core::wire::{
    Acknowledge, AcknowledgeBatch, CountPending, GetPending, MarkRead, Pending, PendingCount, ReadReceipt,
    ReceiptOutcome,
};

use super::Client;
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::store::{Folder, MessageKey};

impl Client {
    /// What waits at the provider: bytes that nobody has checked. An [`Inbox`](crate::Inbox) checks, stores and acknowledges
    /// them; this is for programs that look only.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn pending(&self) -> Result<Pending, Error> {
        self.call(&GetPending::new()).await
    }

    /// How many messages wait at the provider, where it has the capability `notify:v1`.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn pending_count(&self) -> Result<PendingCount, Error> {
        self.call(&CountPending).await
    }

    /// Tells the provider that messages are stored or not wanted: it forgets them. Gives how many it forgot.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn acknowledge(&self, ids: &[MessageId]) -> Result<u64, Error> {
        let mut forgotten = 0_u64;
        for part in ids.chunks(BATCH_MAX) {
            let count = match part {
                [id] => u64::from(self.acknowledge_one(id).await?),
                part => match AcknowledgeBatch::new(part.iter().cloned()) {
                    Some(batch) => self.call(&batch).await?.acknowledged,
                    None => 0,
                },
            };
            forgotten = forgotten.saturating_add(count);
        }
        Ok(forgotten)
    }

    /// A deployed provider answers that there is no such message when it was acknowledged before.
    async fn acknowledge_one(&self, id: &MessageId) -> Result<bool, Error> {
        match self.call(&Acknowledge::new(id.clone())).await {
            Ok(answer) => Ok(answer.acknowledged && answer.already_acked != Some(true)),
            Err(error) if error.api().is_some_and(|api| api.status == 404) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Marks a received message as read: in the store, and, where a provider carried it, by a receipt for its sender.
    ///
    /// # Errors
    /// [`ErrorKind::Store`]; as [`call`](Self::call) when it is marked in the store and no receipt was sent.
    pub async fn mark_read(&self, message: &Received) -> Result<ReadReceipt, Error> {
        let key = MessageKey::of(message.verified());
        self.shared.store.mark(&key, Status::Read, clock::now()).await?;
        let account = &self.shared.account;
        let Some(at) = account.registration_of(&message.verified().to()) else {
            return Ok(ReadReceipt::new(ReceiptOutcome::NotSent));
        };
        account.call(&at, &MarkRead::new(key.id().clone()).to(&message.from())).await
    }

    /// Reads a stored message of the inbox again, and judges it by what is known now. None when there is no such message.
    ///
    /// # Errors
    /// [`ErrorKind::Store`]; [`ErrorKind::Message`] when it does not hold any more: its key was revoked, perhaps, or somebody
    /// has changed the file.
    pub async fn read_stored(&self, key: &MessageKey) -> Result<Option<Reading>, Error> {
        match self.shared.store.get(Folder::Inbox, key).await? {
            Some(stored) => match self.shared.receiving.read_again(&stored).await? {
                Ok(reading) => Ok(Some(reading)),
                Err(refusal) => {
                    Err(Error::new(ErrorKind::Message, "reading a stored message").because(refusal))
                }
            },
            None => Ok(None),
        }
    }
}

/// Most messages that are acknowledged at once.
const BATCH_MAX: usize = 100;
