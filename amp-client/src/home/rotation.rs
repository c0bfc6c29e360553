//! A change of the agent's key, kept until it is decided (identity, rotation).

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use amp_core::address::Address;
use amp_core::connection::PreparedRotation;
use amp_core::envelope::JsonValue;
use amp_core::identity::RegistrationRecord;
use amp_core::{Identity, VerifyingKey};

use super::agent::{AgentHome, KEYS, PRIVATE_KEY, PUBLIC_KEY};
use super::directory::Readers;
use super::error::{damaged, refused, unreadable};
use super::former::previous_name;
use crate::error::Error;
use crate::receiving::FORMER_KEY_LASTS;

pub(super) const NEXT_KEY: &str = "next.pem";
const ROTATIONS: &str = "rotations.json";
const ROTATIONS_MAX_BYTES: usize = 256 * 1024;

/// A change of key that was begun and is not decided.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeptRotation {
    /// The new key.
    pub identity: Identity,
    /// What was prepared, one for each registration.
    pub prepared: Vec<PreparedRotation>,
}

impl AgentHome {
    /// Keeps a new key and what was prepared with it. When it returns they are durable, and the rotation may begin.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`](crate::ErrorKind::Setup) while another one is not decided;
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) when the files cannot be written.
    pub fn keep_rotation(&self, key: &Identity, prepared: &[PreparedRotation]) -> Result<(), Error> {
        let _lock = self.directory.lock()?;
        let keys = self.directory.below_or_new(KEYS)?;
        if keys.has(ROTATIONS)? {
            return Err(refused("a change of key is not decided yet"));
        }
        let records: Vec<String> = prepared.iter().map(PreparedRotation::to_json).collect();
        let json = alloc::format!("{{\"rotations\":[{}]}}\n", records.join(","));
        keys.write(NEXT_KEY, key.to_pkcs8_pem().expose(), Readers::Owner)?;
        keys.write(ROTATIONS, &json, Readers::Owner)
    }

    /// The change of key that was begun and is not decided, after a restart in its middle.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) or [`ErrorKind::Key`](crate::ErrorKind::Key) when it cannot be read.
    pub fn kept_rotation(&self) -> Result<Option<KeptRotation>, Error> {
        let Some(prepared) = self.prepared()? else { return Ok(None) };
        let identity = self.key_in(NEXT_KEY)?;
        let identity = identity.ok_or_else(|| damaged("a change of key was kept without the new key"))?;
        Ok(Some(KeptRotation { identity, prepared }))
    }

    /// Makes the new key the agent's own, everywhere: the key files, `config.json`, the registrations, `IDENTITY.md`. What a
    /// crash leaves undone is done when the agent is read again.
    ///
    /// The old private key signs nothing afterwards, so this is called when every provider has taken the new one. What was
    /// sealed to it opens for 200 days more: see [`former_keys`](Self::former_keys). A provider that was registered with
    /// meanwhile, and is not among those that were prepared, keeps to it: it then stays in `keys/previous-….pem`.
    ///
    /// `key` is the new one, as the caller has it: another process may have finished this change, and begun the next. Where
    /// this one is finished already, nothing is done.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`](crate::ErrorKind::Setup) when this change was not kept; [`ErrorKind::Store`](crate::ErrorKind::Store) when
    /// the files cannot be written.
    pub fn finish_rotation(&mut self, key: &VerifyingKey) -> Result<(), Error> {
        self.finish_rotation_keeping(key, FORMER_KEY_LASTS)
    }

    /// As [`finish_rotation`](Self::finish_rotation). The old key opens mail for this long.
    pub(crate) fn finish_rotation_keeping(
        &mut self,
        key: &VerifyingKey,
        former_lasts: Duration,
    ) -> Result<(), Error> {
        let directory = self.directory.clone();
        let _lock = directory.lock()?;
        let old = self.key_in(PRIVATE_KEY)?.ok_or_else(|| damaged("there is no keys/private.pem"))?;
        let kept = match self.kept_rotation()? {
            Some(kept) if kept.identity.verifying_key() == key => kept,
            _ if old.verifying_key() == key => return Ok(()),
            _ => return Err(refused("no change to this key was begun")),
        };
        let keys = self.directory.below_or_new(KEYS)?;
        let is_left_out = |registration: &RegistrationRecord| {
            !kept.prepared.iter().any(|one| one.record().address() == registration.address())
        };
        if self.registrations()?.iter().any(is_left_out) {
            keys.write(&previous_name(old.verifying_key()), old.to_pkcs8_pem().expose(), Readers::Owner)?;
        }
        self.keep_former(&keys, &old, former_lasts)?;
        keys.rename(NEXT_KEY, PRIVATE_KEY)?;
        self.settle()
    }

    /// Keeps to the old key. The new one stays in its file until the next change: a request that was long on its way may
    /// take effect late.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) when the file cannot be removed.
    pub fn drop_rotation(&self) -> Result<(), Error> {
        let _lock = self.directory.lock()?;
        self.directory.below_or_new(KEYS)?.remove(ROTATIONS).map(|_| ())
    }

    /// Does what a crash left undone after the new key took the place of the old one.
    pub(super) fn complete_rotation(&mut self) -> Result<(), Error> {
        let Some(keys) = self.directory.below(KEYS)? else { return Ok(()) };
        if !keys.has(ROTATIONS)? || keys.has(NEXT_KEY)? {
            return Ok(());
        }
        let directory = self.directory.clone();
        let _lock = directory.lock()?;
        if keys.has(ROTATIONS)? { self.settle() } else { Ok(()) }
    }

    /// Writes down everywhere what the private key is. Doing it twice changes nothing.
    fn settle(&mut self) -> Result<(), Error> {
        let key = self.key_in(PRIVATE_KEY)?.ok_or_else(|| damaged("there is no keys/private.pem"))?;
        let key = key.verifying_key();
        let prepared = self.prepared()?.unwrap_or_default();
        if prepared.iter().any(|one| one.record().new_key() != key) {
            return Err(damaged("the private key is not the one that was to come"));
        }
        let keys = self.directory.below_or_new(KEYS)?;
        keys.write(PUBLIC_KEY, &key.to_pem(), Readers::Anybody)?;
        self.record = self.record.clone().with_key(key);
        self.write_record()?;
        let is_prepared = |registration: &RegistrationRecord| {
            prepared.iter().any(|one| one.record().address() == registration.address())
        };
        for registration in self.registrations()?.into_iter().filter(is_prepared) {
            self.write_registration(&registration.with_fingerprint(&key.fingerprint()))?;
        }
        self.write_identity_text()?;
        keys.remove(ROTATIONS).map(|_| ())
    }

    /// Tells whether the agent still has this key, and no registrations beside these.
    pub(crate) fn is_as_known(&self, key: &VerifyingKey, addresses: &[Address]) -> Result<bool, Error> {
        let own = self.key_in(PRIVATE_KEY)?;
        let is_known = |one: &RegistrationRecord| addresses.contains(one.address());
        Ok(own.is_some_and(|own| own.verifying_key() == key) && self.registrations()?.iter().all(is_known))
    }

    fn prepared(&self) -> Result<Option<Vec<PreparedRotation>>, Error> {
        let Some(keys) = self.directory.below(KEYS)? else { return Ok(None) };
        let Some(text) = keys.read(ROTATIONS, ROTATIONS_MAX_BYTES, Readers::Owner)? else { return Ok(None) };
        let step = "reading a kept change of key";
        let object =
            JsonValue::read_object(text.expose().as_bytes()).map_err(|error| unreadable(step, error))?;
        let records = object.get("rotations").ok_or_else(|| damaged(step))?;
        let prepared = records.elements().map(|one| PreparedRotation::from_json(one.raw().as_bytes()));
        prepared.collect::<Result<Vec<_>, _>>().map(Some).map_err(|error| unreadable(step, error))
    }
}
