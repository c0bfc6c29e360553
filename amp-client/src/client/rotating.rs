//! Going over to new keys without ever being without one (identity, rotation; provider API, authentication).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use amp_core::Identity;
use amp_core::connection::{
    ApiKeyGeneration, ApiKeyOutcome, ApiKeyRotation, Call, KeyRotation, PreparedRotation, RotationOutcome,
};
use amp_core::envelope::Timestamp;
use amp_core::identity::ApiKey;
use amp_core::wire::AnswerParts;
use tokio::time::Instant;

use super::Client;
use super::account::Account;
use super::calling::name;
use super::keeping::Pending;
use super::registration::{Registration, copy_of};
use crate::clock;
use crate::error::{Error, ErrorKind};

/// Longest sleep between two looks at the clock: the machine may have slept, or its clock been set.
const SLEEP_MAX: Duration = Duration::from_secs(5);

impl Client {
    /// Replaces the signing key, at every provider that the agent is registered with.
    ///
    /// The new key and what is sent are durable before anything is sent, where the client has a [`Home`](crate::Home). When it
    /// fails, call it again: it goes on where it ended, also in another process, and asks each provider first which key is
    /// in force. Messages that are signed meanwhile may be refused.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when a provider keeps to the old key, which then goes on signing there;
    /// [`ErrorKind::Key`] when a provider has a third one: somebody else may hold the address;
    /// [`ErrorKind::Setup`] when another program has changed the agent meanwhile: open it again;
    /// [`ErrorKind::TimedOut`] when it is not known yet: call it again.
    pub async fn rotate_keys(&self) -> Result<(), Error> {
        let identity = Identity::try_generate()
            .map_err(|error| Error::new(ErrorKind::Key, "making a new key").because(error))?;
        self.rotate_keys_to(identity).await
    }

    /// Replaces the signing key by this one, as [`rotate_keys`](Self::rotate_keys) does. For programs that keep their keys
    /// themselves: it has to be stored durably before. A change of key that was begun before goes on with its own key, and
    /// this one is not used.
    ///
    /// # Errors
    /// As [`rotate_keys`](Self::rotate_keys).
    pub async fn rotate_keys_to(&self, identity: Identity) -> Result<(), Error> {
        let account = &self.shared.account;
        let _one_at_a_time = account.changing.lock().await;
        let (pending, is_resumed) = match account.keeping.pending().await? {
            Some(pending) => (pending, true),
            None => (account.prepare_rotation(identity).await?, false),
        };
        let mut failure = None;
        let mut is_anywhere = false;
        for prepared in pending.prepared {
            let address = prepared.record().address();
            let Some(at) = account.registration_of(address) else {
                if account.keeping.keeps(address).await? {
                    return Err(changed_elsewhere());
                }
                // It was ended meanwhile.
                continue;
            };
            if at.identity().verifying_key() != pending.identity.verifying_key() {
                let seed = clock::seed();
                let rotation = if is_resumed { prepared.resume(seed) } else { prepared.begin(seed) };
                match account.rotate_at(&at, rotation).await {
                    Ok(()) => {
                        at.set_identity(&pending.identity)?;
                        account.keeping.keep_fingerprint(&at).await?;
                        self.know_own_key(&at).await?;
                    }
                    Err(error) if error.kind() == ErrorKind::Refused => {
                        failure = Some(error);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            is_anywhere = true;
        }
        match failure {
            None => {
                let (old, lasts) = (account.identity(), account.settings.former_keys_last);
                account.keeping.finish_pending(&old, pending.identity.verifying_key(), lasts).await?;
                account.set_identity(&pending.identity);
                self.shared.receiving.forget_opening_keys().await;
                Ok(())
            }
            Some(error) if is_anywhere => Err(error),
            Some(error) => account.keeping.drop_pending().await.and(Err(error)),
        }
    }

    /// An agent that writes to itself has its own key pinned.
    async fn know_own_key(&self, at: &Registration) -> Result<(), Error> {
        let receiving = &self.shared.receiving;
        match receiving.known_key(at.address()).await? {
            Some(_) => receiving.confirm_key(at.address(), at.identity().verifying_key()).await,
            None => Ok(()),
        }
    }

    /// Replaces the API key of the registration that calls go to. The new one is durable, where the client has a
    /// [`Home`](crate::Home), before it is tried. The old one works until the time that is given back, if the provider gave one.
    ///
    /// A program that keeps registrations itself stores [`Registration::record`] afterwards. Two programs that share a home
    /// must not do this at the same time: the key that is kept last may be the one that was made first.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] with the provider's code: the old key is used on; [`ErrorKind::TimedOut`] when no answer
    /// came: the provider may have made a key that nobody knows, and the old one works for a while, so call it again;
    /// [`ErrorKind::Store`] when the new key could not be kept.
    pub async fn rotate_api_key(&self) -> Result<Option<Timestamp>, Error> {
        let account = &self.shared.account;
        let at = self.at()?;
        let _one_at_a_time = account.changing.lock().await;
        let old = at.key();
        let mut rotation = ApiKeyRotation::new(clock::seed());
        let mut valid_until = None;
        let deadline = Instant::now() + account.timeout();
        loop {
            if let Some(outcome) = rotation.outcome() {
                let outcome = outcome.clone();
                return match ended(outcome) {
                    Ok(()) => Ok(valid_until),
                    Err(error) => account.go_back(&at, &old).await.and(Err(error)),
                };
            }
            if let Some(new) = rotation.take_new_key() {
                valid_until = new.previous_key_valid_until;
                account.go_over(&at, &old, &new.api_key).await?;
                rotation.stored();
                continue;
            }
            let now = clock::now();
            let Some((call, generation)) = rotation.poll_call(now) else {
                sleep_until(rotation.next_timeout(), deadline).await?;
                continue;
            };
            let key = if generation == ApiKeyGeneration::New { at.key() } else { Arc::clone(&old) };
            let ticket = call.ticket();
            match account.attempt(&at, call, &key, deadline).await {
                Ok(answer) => rotation.handle_answer(ticket, &answer, clock::now()),
                Err(_) => rotation.handle_failure(ticket, clock::now()),
            }
        }
    }
}

impl Account {
    /// A registration that is made in the middle of a change of key would be left behind with the old one.
    pub(super) async fn no_key_is_changing(&self) -> Result<(), Error> {
        match self.keeping.pending().await? {
            Some(_) => {
                let rule = "registering: a change of the signing key is not decided, rotate the keys first";
                Err(Error::new(ErrorKind::Setup, rule))
            }
            None => Ok(()),
        }
    }

    /// Makes a change of key durable, with what every provider is to be sent.
    async fn prepare_rotation(&self, identity: Identity) -> Result<Pending, Error> {
        let now = clock::now();
        let known = self.registrations().iter().map(|at| at.address().clone()).collect();
        if self.keeping.has_changed(self.identity().verifying_key(), known).await? {
            return Err(changed_elsewhere());
        }
        let prepared: Result<Vec<_>, _> = self
            .registrations()
            .iter()
            .map(|at| PreparedRotation::new(at.address(), &at.identity(), &identity, now))
            .collect();
        let prepared =
            prepared.map_err(|error| Error::new(ErrorKind::Key, "preparing a new key").because(error))?;
        let pending = Pending { identity: Arc::new(identity), prepared };
        self.keeping.keep_pending(&pending).await?;
        Ok(pending)
    }

    /// Has one provider take the new key.
    async fn rotate_at(&self, at: &Registration, mut rotation: KeyRotation) -> Result<(), Error> {
        let deadline = Instant::now() + self.timeout();
        loop {
            match rotation.outcome() {
                None => {}
                Some(RotationOutcome::Rotated) => return Ok(()),
                Some(RotationOutcome::NotRotated(error)) => {
                    return Err(Error::refused("rotating the signing key", (**error).clone()));
                }
                Some(_) => {
                    return Err(Error::new(
                        ErrorKind::Key,
                        "rotating the signing key: the provider has a third one",
                    ));
                }
            }
            let Some(call) = rotation.poll_call(clock::now()) else {
                sleep_until(rotation.next_timeout(), deadline).await?;
                continue;
            };
            let ticket = call.ticket();
            match self.attempt(at, call, &at.key(), deadline).await {
                Ok(answer) => rotation.handle_answer(ticket, &answer, clock::now()),
                Err(_) => rotation.handle_failure(ticket, clock::now()),
            }
        }
    }

    /// One attempt at a call of a rotation, which decides itself what to do next.
    async fn attempt(
        &self,
        at: &Registration,
        call: Call,
        key: &ApiKey,
        deadline: Instant,
    ) -> Result<AnswerParts, Error> {
        let limit = call.timeout().min(deadline.saturating_duration_since(Instant::now()));
        let endpoint = call.endpoint();
        let answer = self.http.call(at.api(), Some(key), call.into_parts(), limit).await;
        match &answer {
            Ok(answer) => tracing::debug!(endpoint = %name(endpoint), status = answer.status, "rotating"),
            Err(error) => tracing::debug!(endpoint = %name(endpoint), cause = %error, "rotating"),
        }
        answer.map_err(|error| error.at(name(endpoint)))
    }

    /// Keeps the new API key, and uses it. When it cannot be kept, the old one is used on.
    async fn go_over(&self, at: &Registration, old: &ApiKey, new: &ApiKey) -> Result<(), Error> {
        at.set_key(new)?;
        match self.keeping.keep_key(at).await {
            Ok(()) => Ok(()),
            Err(error) => at.set_key(old).and(Err(error)),
        }
    }

    /// Goes back to the old API key, if another one is in use.
    async fn go_back(&self, at: &Registration, old: &ApiKey) -> Result<(), Error> {
        if at.key().expose() == old.expose() {
            return Ok(());
        }
        at.set_key(&copy_of(old)?)?;
        self.keeping.keep_key(at).await
    }
}

/// What this process knows is not what is kept.
fn changed_elsewhere() -> Error {
    let rule = "rotating the signing key: another program has changed the agent, open it again";
    Error::new(ErrorKind::Setup, rule)
}

fn ended(outcome: ApiKeyOutcome) -> Result<(), Error> {
    const STEP: &str = "rotating the API key";
    match outcome {
        ApiKeyOutcome::Rotated => Ok(()),
        ApiKeyOutcome::NotRotated(error)
        | ApiKeyOutcome::KeyMayBeLost(error)
        | ApiKeyOutcome::NewKeyRefused(error) => Err(Error::refused(STEP, error)),
        _ => Err(Error::new(ErrorKind::Refused, "rotating the API key: the old one is not accepted")),
    }
}

/// Sleeps until a time of a state machine, or for a while, and not beyond the end.
async fn sleep_until(until: Option<Timestamp>, deadline: Instant) -> Result<(), Error> {
    let wanted = until.and_then(|until| until.duration_since(clock::now())).unwrap_or_default();
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() || wanted > left {
        return Err(Error::new(ErrorKind::TimedOut, "rotating: it is not decided yet, call it again"));
    }
    tokio::time::sleep(wanted.clamp(Duration::from_millis(1), SLEEP_MAX)).await;
    Ok(())
}
