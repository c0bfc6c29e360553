//! Whether a message is sealed and to which key, and the cards that say so (sealed messages; attacks, seal downgrade).

use alloc::vec::Vec;

use amp_core::crypto::seal::EncryptionKey;
use amp_core::identity::{AgentCard, Capability, CardBuilder, CardError, VerifiedCard};
use amp_core::receive::{Refusal, RefusalReason};
use amp_core::sealing::{SealingPlan, SealingWish};
use amp_core::{Address, Draft, SignedMessage};

use super::Client;
use super::registration::Registration;
use super::sending::unfit;
use crate::attachments::{UploadFile, upload, upload_sealed};
use crate::clock;
use crate::error::{Error, ErrorKind};

impl Client {
    /// The agent's card, signed: others who [accept](Self::accept_card) it seal their mail to this agent, until it expires after
    /// 180 days or the signing key changes. It says so by the capability `sealed:v1`, and names the host's own
    /// [key](crate::ClientBuilder::decryption_key), where there is one. With a policy that refuses sealed mail, it says
    /// neither.
    ///
    /// ```
    /// # #[cfg(feature = "loopback")] {
    /// use amp_client::{Client, Draft, Loopback};
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let provider = Loopback::start().await?;
    /// let alice = Client::builder(provider.url()).in_memory().register("alice").await?;
    /// let bob = Client::builder(provider.url()).in_memory().register("bob").await?;
    /// let card = bob.agent_card()?; // its JSON goes to alice, by whatever way
    ///
    /// alice.accept_card(card.as_json().as_bytes()).await?;
    /// let sent = alice.send(Draft::request(bob.address(), "Hello", "For your eyes only.")).await?;
    /// assert!(sent.is_sealed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when it cannot be signed, for which no reason is known.
    pub fn agent_card(&self) -> Result<AgentCard, Error> {
        let account = &self.shared.account;
        let at = account.registration_of(&self.own);
        let identity = at.as_ref().map_or_else(|| account.identity(), Registration::identity);
        let mut card = CardBuilder::new(self.own.clone());
        if let Some(id) = &account.id {
            card = card.id(id.clone());
        }
        if let Some(at) = &at {
            card = card.provider_endpoint(at.api().as_str());
        }
        if !account.settings.is_refusing {
            card = card.capability(Capability::Sealed);
            if let Some(key) = account.settings.encryption_key {
                card = card.encryption_key(key);
            }
        }
        card.sign(&identity, clock::now()).map_err(|error| of_card("signing a card", error))
    }

    /// Lets a peer's card count: mail to the peer is sealed from now on, to the key that it names, if it says that the peer opens
    /// sealed mail. The provider is asked for the peer's key when none is pinned: a card alone proves nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when it is no card, was not signed by the pinned key, has expired, or is older than one that was
    /// accepted; [`ErrorKind::Store`]; as [`resolve`](Self::resolve).
    pub async fn accept_card(&self, card: &[u8]) -> Result<VerifiedCard, Error> {
        let of_card = |error| of_card("accepting a card", error);
        let card = AgentCard::decode(card).and_then(|card| card.verify(clock::now())).map_err(of_card)?;
        if self.known_key(card.address()).await?.is_none() {
            self.pin(card.address()).await?;
        }
        self.shared.receiving.accept_card(&card).await?;
        Ok(card)
    }

    /// A draft as it is to be signed: sealed or not, with its files.
    pub(super) async fn as_planned(
        &self,
        draft: Draft,
        wish: SealingWish,
        files: Vec<UploadFile>,
    ) -> Result<Draft, Error> {
        let wish = match wish {
            SealingWish::Policy if draft.is_sealed() => SealingWish::Seal,
            wish => wish,
        };
        let to = draft.recipient().clone();
        let draft = match self.plan(&to, wish).await? {
            Some(key) => draft.seal_to(&key),
            None => draft.unsealed(),
        };
        if files.is_empty() { Ok(draft) } else { self.with_files(draft, files).await }
    }

    /// The key that a message to a peer is sealed to; none when it is to be plain.
    async fn plan(&self, to: &Address, wish: SealingWish) -> Result<Option<EncryptionKey>, Error> {
        let receiving = &self.shared.receiving;
        let plan = match receiving.plan_sealing(to, wish).await? {
            SealingPlan::Refuse(refusal) if refusal.reason() == RefusalReason::KeyNotFound => {
                self.pin(to).await?;
                receiving.plan_sealing(to, wish).await?
            }
            plan => plan,
        };
        match plan {
            SealingPlan::Seal(key) => Ok(Some(key)),
            SealingPlan::Plain => Ok(None),
            SealingPlan::Refuse(refusal) => Err(not_sealed(refusal)),
            _ => Err(Error::new(ErrorKind::Message, "sealing: this version does not know what to do")),
        }
    }

    /// Asks who has an address, and pins the key that is named.
    async fn pin(&self, address: &Address) -> Result<(), Error> {
        match self.shared.account.key_of(address).await? {
            Some(key) => self.shared.receiving.name_key(address, &key).await,
            None => Err(Error::new(ErrorKind::Key, "sealing: nobody names a key for the address")),
        }
    }

    /// A message that is signed already leaves as it is, or not at all.
    pub(super) async fn check_sealing(
        &self,
        message: &SignedMessage,
        wish: SealingWish,
    ) -> Result<(), Error> {
        let is_sealed = message.payload().is_sealed();
        let wish = match wish {
            SealingWish::Plain if is_sealed => {
                return Err(misfit("a message that was signed sealed stays so"));
            }
            SealingWish::Seal if !is_sealed => {
                return Err(misfit("a message that is signed cannot be sealed"));
            }
            SealingWish::Policy if is_sealed => SealingWish::Seal,
            wish => wish,
        };
        let to = message.to();
        match self.plan(&to, wish).await? {
            None => Ok(()),
            Some(_) if !is_sealed => {
                Err(misfit("mail to this peer is sealed, and the message was signed unsealed: prepare it"))
            }
            Some(key) => {
                let sealed = message.payload().sealed().map_err(unfit)?;
                let pinned = self.known_key(&to).await?;
                let mapped = pinned.and_then(|(pinned, _)| EncryptionKey::of(&pinned).ok());
                let is_to =
                    |key: &EncryptionKey| sealed.as_ref().is_some_and(|one| *one.key_id() == key.id());
                if is_to(&key) || mapped.as_ref().is_some_and(is_to) {
                    Ok(())
                } else {
                    let rule =
                        "sealing: the message is sealed to a key that is not the peer's, prepare it anew";
                    Err(Error::new(ErrorKind::Key, rule))
                }
            }
        }
    }

    /// Uploads files, sealed if the draft is, and attaches them.
    async fn with_files(&self, mut draft: Draft, files: Vec<UploadFile>) -> Result<Draft, Error> {
        let account = &self.shared.account;
        let (from, _) = account.sender(draft.sender_address(), draft.recipient())?;
        let at = account.registration_of(&from).ok_or_else(|| {
            Error::new(
                ErrorKind::Setup,
                "attaching a file: the address that sends has no provider to keep it",
            )
        })?;
        let info = account.call(&at, &amp_core::wire::GetInfo).await;
        // Deployed providers do not all say what they take: the protocol's limits hold then.
        let limits = info.ok().and_then(|info| info.attachment_limits);
        for file in files {
            let (http, key) = (&account.http, at.key());
            draft = if draft.is_sealed() {
                let uploaded = upload_sealed(http, at.api(), &key, limits.as_ref(), file).await?;
                draft.sealed_attachment(uploaded.object(), uploaded.file())
            } else {
                let uploaded = upload(http, at.api(), &key, limits.as_ref(), file).await?;
                draft.attachment_json(uploaded.object())
            }
            .map_err(unfit)?;
        }
        Ok(draft.from(&from))
    }
}

/// Why a message is not sent.
fn not_sealed(refusal: Refusal) -> Error {
    let kind = match refusal.reason() {
        RefusalReason::SealingRequired | RefusalReason::SealingRefused => ErrorKind::Message,
        _ => ErrorKind::Key,
    };
    Error::new(kind, "sealing").because(refusal)
}

fn misfit(rule: &'static str) -> Error {
    Error::new(ErrorKind::Message, rule)
}

fn of_card(step: &'static str, error: CardError) -> Error {
    Error::new(ErrorKind::Key, step).because(error)
}
