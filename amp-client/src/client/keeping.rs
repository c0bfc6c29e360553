//! Where registrations and keys are kept, so that the next process has them (local mailbox; identity, rotation).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use amp_core::connection::PreparedRotation;
use amp_core::identity::{ApiKey, RegistrationRecord};
use amp_core::receive::SenderKey;
use amp_core::{Address, Identity, SignedMessage, Timestamp, VerifyingKey};

use super::registration::{Registration, copy_of};
use crate::clock;
use crate::error::{Error, ErrorKind};
#[cfg(unix)]
use crate::home::{AgentHome, Home, KeptRotation, LocalDelivery};

/// A change of the signing key that was begun and is not decided.
#[derive(Clone)]
pub(super) struct Pending {
    pub(super) identity: Arc<Identity>,
    pub(super) prepared: Vec<PreparedRotation>,
}

/// What a process keeps of an agent that ends with it.
#[derive(Default)]
pub(super) struct InProcess {
    pending: Option<Pending>,
    former: Vec<(Arc<Identity>, Timestamp)>,
}

/// A key that mail may be sealed to, and until when it opens, if that has an end.
pub(super) type OpeningIdentity = (Arc<Identity>, Option<Timestamp>);

/// Where registrations and keys are kept.
pub(super) enum Keeping {
    /// In this process: they end with it, or the host keeps them itself.
    Process(Mutex<InProcess>),
    /// In the home directory.
    #[cfg(unix)]
    Home(Arc<InHome>),
}

/// An agent of a home.
#[cfg(unix)]
pub(super) struct InHome {
    home: Home,
    agent: Mutex<AgentHome>,
}

#[cfg(unix)]
impl InHome {
    fn agent(&self) -> std::sync::MutexGuard<'_, AgentHome> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeping {
    pub(super) fn in_process() -> Self {
        Self::Process(Mutex::default())
    }

    #[cfg(unix)]
    pub(super) fn in_home(home: Home, agent: AgentHome) -> Self {
        Self::Home(Arc::new(InHome { home, agent: Mutex::new(agent) }))
    }

    /// Keeps a registration durably, in place of an older one with the same provider.
    pub(super) async fn keep(&self, registration: &Registration) -> Result<(), Error> {
        match self {
            Self::Process(_) => Ok(()),
            #[cfg(unix)]
            Self::Home(home) => {
                let (home, record) = (Arc::clone(home), registration.record()?);
                blocking(move || home.agent().save_registration(&record)).await
            }
        }
    }

    /// Keeps the API key of a registration. The rest of what is kept may be another program's, and newer.
    pub(super) async fn keep_key(&self, at: &Registration) -> Result<(), Error> {
        let key = copy_of(&at.key())?;
        self.change(at, move |mut record| {
            record.set_api_key(key);
            record
        })
        .await
    }

    /// Keeps which signing key a provider has. The rest of what is kept may be another program's, and newer.
    pub(super) async fn keep_fingerprint(&self, at: &Registration) -> Result<(), Error> {
        let fingerprint = at.identity().fingerprint();
        self.change(at, move |record| record.with_fingerprint(&fingerprint)).await
    }

    async fn change<C>(&self, at: &Registration, change: C) -> Result<(), Error>
    where
        C: FnOnce(RegistrationRecord) -> RegistrationRecord + Send + 'static,
    {
        match self {
            Self::Process(_) => Ok(()),
            #[cfg(unix)]
            Self::Home(home) => {
                let (home, at) = (Arc::clone(home), at.clone());
                blocking(move || home.agent().change_registration(at.provider(), at.address(), change)).await
            }
        }
    }

    /// Forgets a registration.
    pub(super) async fn forget(&self, registration: &Registration) -> Result<(), Error> {
        match self {
            Self::Process(_) => Ok(()),
            #[cfg(unix)]
            Self::Home(home) => {
                let (home, provider) = (Arc::clone(home), registration.provider().clone());
                blocking(move || home.agent().remove_registration(&provider).map(drop)).await
            }
        }
    }

    /// The API key that is kept for a registration now: another program may have rotated it.
    pub(super) async fn kept_key(&self, at: &Registration) -> Result<Option<ApiKey>, Error> {
        match self {
            Self::Process(_) => Ok(None),
            #[cfg(unix)]
            Self::Home(home) => {
                let (home, address, api) = (Arc::clone(home), at.address().clone(), at.api().clone());
                blocking(move || {
                    let records = home.agent().registrations()?;
                    let is_it = |record: &&RegistrationRecord| {
                        *record.address() == address && record.api_url().parse() == Ok(api.clone())
                    };
                    records.iter().find(is_it).map(|record| copy_of(record.api_key())).transpose()
                })
                .await
            }
        }
    }

    /// The signing key that is kept now: another program may have rotated it.
    pub(super) async fn kept_identity(&self) -> Result<Option<Identity>, Error> {
        match self {
            Self::Process(_) => Ok(None),
            #[cfg(unix)]
            Self::Home(home) => {
                let home = Arc::clone(home);
                blocking(move || {
                    let mut agent = home.agent();
                    let Some(now) = home.home.agent(agent.address().name())? else { return Ok(None) };
                    let is_same = now.path() == agent.path();
                    let identity = now.identity()?;
                    if is_same {
                        *agent = now;
                    }
                    Ok(is_same.then_some(identity))
                })
                .await
            }
        }
    }

    /// The key of an agent at this machine's own provider.
    pub(super) async fn local_key(&self, address: &Address) -> Result<Option<SenderKey>, Error> {
        match self {
            Self::Process(_) => Ok(None),
            #[cfg(unix)]
            Self::Home(_) if !address.is_local() => Ok(None),
            #[cfg(unix)]
            Self::Home(home) => {
                let (home, address) = (Arc::clone(home), address.clone());
                blocking(move || home.home.local_key(&address)).await
            }
        }
    }

    /// Puts a message into the inbox of another agent of the same home. None where there is no home.
    pub(super) async fn deliver_local(&self, message: &SignedMessage) -> Result<(), Error> {
        let nobody = || Error::new(ErrorKind::Refused, "delivering on this machine: nobody has the address");
        match self {
            Self::Process(_) => Err(nobody()),
            #[cfg(unix)]
            Self::Home(home) => {
                let (home, message) = (Arc::clone(home), message.clone());
                match blocking(move || home.home.deliver_local(&message)).await? {
                    LocalDelivery::NoSuchAgent => Err(nobody()),
                    _ => Ok(()),
                }
            }
        }
    }

    /// The change of key that was begun and is not decided.
    pub(super) async fn pending(&self) -> Result<Option<Pending>, Error> {
        match self {
            Self::Process(kept) => Ok(locked(kept).pending.clone()),
            #[cfg(unix)]
            Self::Home(home) => {
                let home = Arc::clone(home);
                blocking(move || Ok(home.agent().kept_rotation()?.map(Pending::from))).await
            }
        }
    }

    /// Keeps a change of key durably, before anything of it is sent.
    pub(super) async fn keep_pending(&self, pending: &Pending) -> Result<(), Error> {
        match self {
            Self::Process(kept) => {
                locked(kept).pending = Some(pending.clone());
                Ok(())
            }
            #[cfg(unix)]
            Self::Home(home) => {
                let (home, pending) = (Arc::clone(home), pending.clone());
                blocking(move || home.agent().keep_rotation(&pending.identity, &pending.prepared)).await
            }
        }
    }

    /// Whether another program has changed the signing key, or made a registration, since this one looked.
    pub(super) async fn has_changed(&self, key: &VerifyingKey, known: Vec<Address>) -> Result<bool, Error> {
        match self {
            Self::Process(_) => Ok(false),
            #[cfg(unix)]
            Self::Home(home) => {
                let (home, key) = (Arc::clone(home), key.clone());
                blocking(move || home.agent().is_as_known(&key, &known).map(|is_as_known| !is_as_known)).await
            }
        }
    }

    /// Whether a registration is kept that this program does not know.
    pub(super) async fn keeps(&self, address: &Address) -> Result<bool, Error> {
        match self {
            Self::Process(_) => Ok(false),
            #[cfg(unix)]
            Self::Home(home) => {
                let (home, address) = (Arc::clone(home), address.clone());
                blocking(move || {
                    Ok(home.agent().registrations()?.iter().any(|kept| *kept.address() == address))
                })
                .await
            }
        }
    }

    /// The new key is in force everywhere: the old one opens what was sealed to it, for this long.
    pub(super) async fn finish_pending(
        &self,
        old: &Arc<Identity>,
        new: &VerifyingKey,
        former_lasts: Duration,
    ) -> Result<(), Error> {
        match self {
            Self::Process(kept) => {
                let now = clock::now();
                let mut kept = locked(kept);
                kept.pending = None;
                kept.former.retain(|(_, until)| *until > now);
                kept.former.push((Arc::clone(old), now.saturating_add(former_lasts)));
                Ok(())
            }
            #[cfg(unix)]
            Self::Home(home) => {
                let (home, new) = (Arc::clone(home), new.clone());
                blocking(move || home.agent().finish_rotation_keeping(&new, former_lasts)).await
            }
        }
    }

    /// The keys that mail may be sealed to, as they are kept now: another program may have changed them. Where this process
    /// [alone](Self::is_shared) keeps the agent, those in force are not among them.
    pub(super) async fn opening_identities(&self) -> Result<Vec<OpeningIdentity>, Error> {
        match self {
            Self::Process(kept) => {
                let kept = locked(kept);
                let next = kept.pending.iter().map(|pending| (Arc::clone(&pending.identity), None));
                let former = kept.former.iter().map(|(key, until)| (Arc::clone(key), Some(*until)));
                Ok(next.chain(former).collect())
            }
            #[cfg(unix)]
            Self::Home(home) => {
                let home = Arc::clone(home);
                let found = blocking(move || home.agent().opening_identities()).await?;
                Ok(found.into_iter().map(|(key, until)| (Arc::new(key), until)).collect())
            }
        }
    }

    /// Whether what is kept is all there is: other programs change it too.
    pub(super) const fn is_shared(&self) -> bool {
        match self {
            Self::Process(_) => false,
            #[cfg(unix)]
            Self::Home(_) => true,
        }
    }

    /// The new key is in force nowhere: it is given up.
    pub(super) async fn drop_pending(&self) -> Result<(), Error> {
        match self {
            Self::Process(kept) => {
                locked(kept).pending = None;
                Ok(())
            }
            #[cfg(unix)]
            Self::Home(home) => {
                let home = Arc::clone(home);
                blocking(move || home.agent().drop_rotation()).await
            }
        }
    }
}

#[cfg(unix)]
impl From<KeptRotation> for Pending {
    fn from(kept: KeptRotation) -> Self {
        Self { identity: Arc::new(kept.identity), prepared: kept.prepared }
    }
}

fn locked(kept: &Mutex<InProcess>) -> MutexGuard<'_, InProcess> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads or writes small files. What was begun is done to its end, also when nobody waits for it any more.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Closed, "reading or writing the home directory")))
}
