//! From bytes to a message that is judged, stored and waiting for the program: every path goes through here (trust;
//! local mailbox).
//!
//! [`Receiving`] holds the one receiver of a client. What it decides is appended to the store before anything is
//! acknowledged, at the position up to which it knows the store: when another process has appended meanwhile, what that
//! decided is taken in first, and the message is judged anew.

mod incoming;
mod keys;
mod opening;
mod reading;
mod ready;
mod sealing;
mod state;
mod take_in;

use alloc::sync::Arc;
use alloc::vec::Vec;

use amp_core::Timestamp;
use amp_core::address::Address;
use amp_core::receive::{Change, Receiver, ReceiverBuilder};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::store::{Appended, Entry, Store};

pub(crate) use incoming::{Incoming, TakenIn};
pub(crate) use keys::{LookUp, LookUpFuture, OpeningFuture};
pub(crate) use opening::FORMER_KEY_LASTS;
pub(crate) use reading::Turn;
pub(crate) use ready::{Ready, Stored, Waiting};
use state::State;
pub(crate) use state::scanner;

/// How often an entry is decided again because others appended before it.
const TRIES_MAX: u32 = 64;

/// What the host sets of a receiver beside its addresses.
pub(crate) type Prepare = Arc<dyn Fn(ReceiverBuilder) -> ReceiverBuilder + Send + Sync>;

/// Takes in what arrives for one agent, on whatever way.
#[derive(Clone)]
pub(crate) struct Receiving {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    state: Arc<Mutex<State>>,
    keys: Arc<dyn LookUp>,
    asked: keys::Asked,
    opening: opening::Opening,
    ready: Ready,
}

impl Receiving {
    /// Serves an agent with these addresses. The store is read when something is asked for the first time.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        addresses: Vec<Address>,
        prepare: Prepare,
        keys: Arc<dyn LookUp>,
    ) -> Self {
        let state = Arc::new(Mutex::new(State::new(addresses, prepare)));
        Self {
            inner: Arc::new(Inner {
                store,
                state,
                keys,
                asked: keys::Asked::default(),
                opening: opening::Opening::default(),
                ready: Ready::default(),
            }),
        }
    }

    /// The messages that wait for the program.
    pub(crate) fn ready(&self) -> &Ready {
        &self.inner.ready
    }

    /// Takes messages for one more address of the agent.
    pub(crate) async fn serve_also(&self, address: Address) {
        self.inner.state.lock().await.serve_also(address);
    }

    /// Changes what the receiver remembers, and makes that durable.
    pub(crate) async fn change<D, E>(&self, step: &'static str, decide: D) -> Result<(), Error>
    where
        D: for<'r> Fn(&'r mut Receiver, Timestamp) -> Result<Change<'r>, E> + Send + Sync + 'static,
        E: core::error::Error + Send + Sync + 'static,
    {
        let mut state = self.state().await?;
        let inner = Arc::clone(&self.inner);
        // What is being appended is not given up halfway, whoever stops waiting for it.
        let task = tokio::spawn(async move { inner.append_change(&mut state, step, &decide).await });
        task.await.unwrap_or_else(|_| Err(ended()))
    }

    /// The state, up to date as far as is known.
    async fn state(&self) -> Result<OwnedMutexGuard<State>, Error> {
        let mut state = Arc::clone(&self.inner.state).lock_owned().await;
        state.restore(&self.inner.store).await?;
        Ok(state)
    }
}

impl Inner {
    async fn append_change<D, E>(
        &self,
        state: &mut State,
        step: &'static str,
        decide: &D,
    ) -> Result<(), Error>
    where
        D: for<'r> Fn(&'r mut Receiver, Timestamp) -> Result<Change<'r>, E> + Sync,
        E: core::error::Error + Send + Sync + 'static,
    {
        for _ in 0..TRIES_MAX {
            let (receiver, position) = state.parts()?;
            let change = match decide(receiver, clock::now()) {
                Ok(change) => change,
                Err(refusal) => {
                    if state.catch_up(&self.store).await? {
                        continue;
                    }
                    return Err(Error::new(ErrorKind::Key, step).because(refusal));
                }
            };
            let effects = state::durable(change.effects());
            if effects.is_empty() {
                change.commit();
                return Ok(());
            }
            match self.store.append(Entry::new(*position, effects)).await? {
                Appended::Stored(at) => {
                    *position = at;
                    change.commit();
                    return Ok(());
                }
                Appended::Behind => {
                    drop(change);
                    state.catch_up(&self.store).await?;
                }
            }
        }
        Err(crowded())
    }
}

/// The runtime ends.
fn ended() -> Error {
    Error::new(ErrorKind::Closed, "taking a message in")
}

/// Others append all the time.
fn crowded() -> Error {
    Error::new(ErrorKind::Store, "appending to a store that others append to without a pause")
}
