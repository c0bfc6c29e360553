//! The keys that open what is received sealed: as they are kept, which another program may have changed (sealed messages).

use alloc::sync::Arc;
use core::time::Duration;

use amp_core::crypto::Fingerprint;
use amp_core::envelope::{JsonValue, OpeningKeys, limits};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{LookUp, Receiving};
use crate::clock;
use crate::error::Error;

/// How long a key opens mail after another one took its place, unless the host says otherwise: a card that names it lives
/// 184 days at most, and a relay keeps mail for 7. The rest is for clocks and slow hands.
pub(crate) const FORMER_KEY_LASTS: Duration = Duration::from_secs(200 * 24 * 60 * 60);

/// For so long the keys are used as they were read: another program may have ended one.
const KEYS_LAST: Duration = Duration::from_secs(60);
/// They are read anew so many times in that span for keys that are not held. Only a message that is authentic has that done.
const AGAIN_MOST: u32 = 64;

/// The type of what is sealed begins with this, in every version.
const SEALED: &str = "sealed:";

/// The keys as they were read last.
#[derive(Default)]
pub(super) struct Opening {
    held: Mutex<Option<Held>>,
}

struct Held {
    keys: Arc<OpeningKeys>,
    read_at: Instant,
    /// When, and how often since, they were read for a key that was not among them.
    again: (Instant, u32),
}

impl Receiving {
    /// The keys that may open a message, which is as it was received, or as it was stored. None where it is not sealed.
    pub(super) async fn opening_keys(&self, message: &[u8]) -> Result<Arc<OpeningKeys>, Error> {
        match JsonValue::read_carrier(message, limits::HTTP_BODY_MAX_BYTES) {
            Ok(message) => self.opening_keys_of(message).await,
            Err(_) => Ok(Arc::default()),
        }
    }

    /// As [`opening_keys`](Self::opening_keys).
    pub(super) async fn opening_keys_of(&self, message: JsonValue<'_>) -> Result<Arc<OpeningKeys>, Error> {
        match sealed_to(message) {
            Some(_) => self.inner.opening.read(&*self.inner.keys).await,
            None => Ok(Arc::default()),
        }
    }

    /// The keys, once more: an authentic message is sealed to one that was not among them.
    pub(super) async fn opening_keys_again(&self) -> Result<Arc<OpeningKeys>, Error> {
        self.inner.opening.read_again(&*self.inner.keys).await
    }

    /// The agent's keys have changed: they are read when they are needed next.
    pub(crate) async fn forget_opening_keys(&self) {
        *self.inner.opening.held.lock().await = None;
    }
}

impl Opening {
    /// The keys as they were read a short while ago, or are now.
    async fn read(&self, source: &dyn LookUp) -> Result<Arc<OpeningKeys>, Error> {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        match held.as_ref() {
            Some(kept) if now.duration_since(kept.read_at) < KEYS_LAST => Ok(Arc::clone(&kept.keys)),
            kept => {
                let again = kept.map_or((now, 0), |kept| kept.again);
                Self::renew(&mut held, source, again).await
            }
        }
    }

    /// The keys as they are now, unless that was asked for too often.
    async fn read_again(&self, source: &dyn LookUp) -> Result<Arc<OpeningKeys>, Error> {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        let again = held.as_ref().map_or((now, 0), |kept| kept.again);
        let again = if now.duration_since(again.0) >= KEYS_LAST { (now, 0) } else { again };
        match held.as_ref() {
            Some(kept) if again.1 >= AGAIN_MOST => Ok(Arc::clone(&kept.keys)),
            _ => Self::renew(&mut held, source, (again.0, again.1.saturating_add(1))).await,
        }
    }

    async fn renew(
        held: &mut Option<Held>,
        source: &dyn LookUp,
        again: (Instant, u32),
    ) -> Result<Arc<OpeningKeys>, Error> {
        let keys = Arc::new(source.opening_keys().await?);
        *held = Some(Held { keys: Arc::clone(&keys), read_at: Instant::now(), again });
        Ok(keys)
    }
}

/// Whether a message is sealed to a key that is not among these.
pub(super) fn lacks_key(message: &[u8], keys: &OpeningKeys) -> bool {
    let message = JsonValue::read_carrier(message, limits::HTTP_BODY_MAX_BYTES).ok();
    message.and_then(sealed_to).flatten().is_some_and(|key_id| !keys.holds(&key_id, clock::now()))
}

/// Whether a message is sealed; if so, to which key it says it is, where that can be read.
fn sealed_to(message: JsonValue<'_>) -> Option<Option<Fingerprint>> {
    let payload = message.get("payload")?;
    payload.get("type")?.as_str().filter(|name| name.starts_with(SEALED))?;
    let sealed = payload.get("context").and_then(|context| context.get("sealed"));
    let key_id = sealed.and_then(|sealed| sealed.get("kid"));
    Some(key_id.and_then(|key_id| Fingerprint::parse(&key_id.as_str()?).ok()))
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU32, Ordering};

    use amp_core::address::Address;
    use amp_core::crypto::seal::DecryptionKey;

    use super::super::keys::{LookUpFuture, OpeningFuture};
    use super::*;

    /// Holds one key, and another one from the second reading on.
    #[derive(Default)]
    struct Rotating(AtomicU32);

    fn key(seed: u32) -> DecryptionKey {
        DecryptionKey::from_bytes(&[u8::try_from(seed).unwrap(); 32])
    }

    impl LookUp for Rotating {
        fn look_up<'a>(&'a self, _: &'a Address) -> LookUpFuture<'a> {
            Box::pin(async { Ok(None) })
        }

        fn opening_keys(&self) -> OpeningFuture<'_> {
            let times = self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move { Ok(OpeningKeys::new().with_key(key(1 + times.min(1)))) })
        }
    }

    // rule: HOME-11
    #[tokio::test(start_paused = true)]
    async fn keys_are_read_anew_for_one_that_is_not_held_and_not_without_end() {
        let (opening, source) = (Opening::default(), Rotating::default());
        let reads = || source.0.load(Ordering::Relaxed);
        let id_of = |seed| Some(key(seed).encryption_key().id());
        for _ in 0..3 {
            opening.read(&source).await.unwrap();
        }
        assert_eq!(reads(), 1);
        let keys = opening.read_again(&source).await.unwrap();
        assert!(keys.holds(&id_of(2).unwrap(), clock::now()));
        assert_eq!(reads(), 2);
        for _ in 0..100 {
            opening.read_again(&source).await.unwrap();
        }
        assert_eq!(reads(), 1 + AGAIN_MOST);
        tokio::time::advance(KEYS_LAST).await;
        opening.read(&source).await.unwrap();
        assert_eq!(reads(), 2 + AGAIN_MOST, "another program may have ended one");
    }

    #[test]
    fn what_is_sealed_is_known_by_its_type() {
        let id = key(1).encryption_key().id();
        let of = |json: &str| sealed_to(JsonValue::read_object(json.as_bytes()).unwrap());
        let sealed = |name: &str, kid: &str| {
            alloc::format!(r#"{{"payload":{{"type":"{name}","context":{{"sealed":{{"kid":{kid}}}}}}}}}"#)
        };
        assert_eq!(of(&sealed("sealed:v1", &alloc::format!("\"{id}\""))), Some(Some(id)));
        assert_eq!(of(&sealed("sealed:v2", "7")), Some(None));
        assert_eq!(of(&sealed("request", "7")), None);
        assert_eq!(of(r#"{"payload":{"type":"sealed:v1"}}"#), Some(None));
        assert_eq!(of("{}"), None);
    }
}
