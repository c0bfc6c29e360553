//! Messages that the client itself holds for review, until a person has decided (guardrails, quarantine).

use alloc::vec::Vec;

use amp_core::envelope::QuarantineId;
use amp_core::receive::QuarantineEntry;

use crate::client::Client;
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::receiving::TakenIn;
use crate::store::HeldMessage;

impl Client {
    /// What this client holds for review, oldest first. What the provider holds is asked for with
    /// [`admin`](Self::admin).
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub async fn held(&self) -> Result<Vec<QuarantineEntry>, Error> {
        Ok(self.shared().store.held().await?)
    }

    /// Lets a held message through, because a person has looked at it: it is judged again, stored among the messages, and
    /// comes out of the inbox.
    ///
    /// # Errors
    /// [`ErrorKind::Message`] when there is no such message, it was decided before, or is refused by now; [`ErrorKind::Store`].
    pub async fn approve_held(&self, id: &QuarantineId) -> Result<(), Error> {
        let mut held = self.held_message(id).await?;
        // One that was approved before may not have been released.
        if held.entry.approve(clock::now()).is_ok() {
            self.shared().store.decide_held(&held.entry).await?;
        }
        match self.shared().receiving.release(id).await? {
            TakenIn::Refused(refusal) => {
                Err(Error::new(ErrorKind::Message, "releasing a held message").because(refusal))
            }
            _ => Ok(()),
        }
    }

    /// Keeps a held message from ever being delivered, and removes it.
    ///
    /// # Errors
    /// [`ErrorKind::Message`] when there is no such message, or it was decided before; [`ErrorKind::Store`].
    pub async fn reject_held(&self, id: &QuarantineId) -> Result<(), Error> {
        let mut held = self.held_message(id).await?;
        held.entry
            .reject(clock::now())
            .map_err(|refusal| Error::new(ErrorKind::Message, "rejecting a held message").because(refusal))?;
        self.shared().store.decide_held(&held.entry).await?;
        self.shared().store.remove_held(id).await?;
        Ok(())
    }

    async fn held_message(&self, id: &QuarantineId) -> Result<HeldMessage, Error> {
        let held = self.shared().store.get_held(id).await?;
        held.ok_or_else(|| Error::new(ErrorKind::Message, "finding a held message"))
    }
}
