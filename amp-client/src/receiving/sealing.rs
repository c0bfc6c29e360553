//! Whether mail to a peer is sealed, and what is remembered for it (sealed messages; attacks, seal downgrade).

use amp_core::address::Address;
use amp_core::identity::VerifiedCard;
use amp_core::receive::Refusal;
use amp_core::sealing::{SealingPlan, SealingWish};

use super::Receiving;
use crate::clock;
use crate::error::Error;

impl Receiving {
    /// What becomes of a message to a peer, by all that is known now: another process may have had sealed mail of it.
    pub(crate) async fn plan_sealing(&self, to: &Address, wish: SealingWish) -> Result<SealingPlan, Error> {
        let mut state = self.state().await?;
        state.catch_up(&self.inner.store).await?;
        Ok(state.receiver()?.plan_sealing(to, wish, clock::now()))
    }

    /// Remembers that mail to a peer is sealed. When it returns, that is durable, and nothing of the message may have left
    /// before. (A31)
    pub(crate) async fn note_sealed_to(&self, to: &Address) -> Result<(), Error> {
        let to = to.clone();
        self.change("noting that mail to a peer is sealed", move |receiver, now| {
            Ok::<_, Refusal>(receiver.note_sealed_to(&to, now))
        })
        .await
    }

    /// Lets a peer's card count.
    pub(crate) async fn accept_card(&self, card: &VerifiedCard) -> Result<(), Error> {
        let card = card.clone();
        self.change("accepting a card", move |receiver, now| receiver.accept_card(&card, now)).await
    }
}
