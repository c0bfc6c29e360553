//! The task behind an inbox: one lane for each registration, and the store in which others leave messages (delivery; local
//! mailbox).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

use amp_core::Address;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::event::{EventQueue, InboxEvent};
use super::lane::{Lane, tell};
use super::settings::InboxSettings;
use crate::client::Shared;
use crate::receiving::{Incoming, TakenIn};
use crate::store::ForeignMessage;

/// How often it is looked whether the agent has registered elsewhere meanwhile.
const REGISTRATIONS_EVERY: Duration = Duration::from_secs(5);
/// How many messages of other programs are looked at at once, beside those that are put off.
const FOREIGN_AT_ONCE: usize = 100;
/// Messages of other programs that are put off.
const PUT_OFF_MAX: usize = 900;
/// For how long such a message is put off first, and at most.
const PUT_OFF: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(10 * 60));
/// For how long nothing is done with a store that failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What the program wants of the task.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    pub(super) is_stop: bool,
    /// Counts how often the program wanted everything looked at.
    pub(super) looks: u64,
}

/// The task behind an inbox.
pub(super) struct Driver {
    shared: Arc<Shared>,
    settings: InboxSettings,
    events: Arc<EventQueue>,
    orders: watch::Receiver<Order>,
}

impl Driver {
    pub(super) const fn new(
        shared: Arc<Shared>,
        settings: InboxSettings,
        events: Arc<EventQueue>,
        orders: watch::Receiver<Order>,
    ) -> Self {
        Self { shared, settings, events, orders }
    }

    /// Until the program wants it stopped.
    pub(super) async fn run(self) {
        tokio::join!(self.close_when_stopped(), self.run_lanes(), self.watch_store());
        self.events.close();
    }

    async fn close_when_stopped(&self) {
        let mut orders = self.orders.clone();
        // An inbox that is gone stops too.
        let _ = orders.wait_for(|order| order.is_stop).await;
        self.shared.receiving.ready().close();
    }

    /// One lane for each registration, also for those that come later.
    async fn run_lanes(&self) {
        let mut orders = self.orders.clone();
        let mut lanes = FuturesUnordered::<Pin<Box<dyn Future<Output = ()> + Send>>>::new();
        let mut known = BTreeSet::<Address>::new();
        while !orders.borrow().is_stop {
            for registration in self.shared.account.registrations() {
                if known.insert(registration.address().clone()) {
                    let events = Arc::clone(&self.events);
                    let lane = Lane::new(Arc::clone(&self.shared), registration, &self.settings, events);
                    lanes.push(Box::pin(lane.run(self.orders.clone())));
                }
            }
            tokio::select! {
                _ = orders.wait_for(|order| order.is_stop) => break,
                Some(()) = lanes.next() => {}
                () = sleep(REGISTRATIONS_EVERY) => {}
            }
        }
        while lanes.next().await.is_some() {}
    }

    /// Takes in what other programs, and processes that ended, left in the store.
    async fn watch_store(&self) {
        let mut orders = self.orders.clone();
        let interval =
            self.settings.store_interval.clamp(Duration::from_millis(100), Duration::from_secs(3_600));
        let mut put_off = PutOff::default();
        loop {
            let looks = orders.borrow().looks;
            let pause = if self.look_into_store(&mut put_off, &orders).await {
                Duration::from_millis(20)
            } else {
                interval
            };
            let changed = orders.wait_for(|order| order.is_stop || order.looks != looks);
            match tokio::time::timeout(pause, changed).await {
                Ok(Ok(order)) if !order.is_stop => {}
                Ok(_) => return,
                Err(_) => {}
            }
        }
    }

    /// Whether there may be more.
    async fn look_into_store(&self, put_off: &mut PutOff, orders: &watch::Receiver<Order>) -> bool {
        let receiving = &self.shared.receiving;
        // While many wait for the program, it is no news that more do.
        let more_abandoned = match receiving.take_abandoned().await {
            Ok(may_be_more) => may_be_more && receiving.ready().is_short(),
            Err(error) => return self.store_failed(error).await,
        };
        let limit = FOREIGN_AT_ONCE.saturating_add(put_off.messages.len());
        let foreign = match self.shared.store.foreign(limit).await {
            Ok(foreign) => foreign,
            Err(error) => return self.store_failed(error.into()).await,
        };
        put_off.keep_only(&foreign);
        let mut may_be_more = false;
        let is_full = foreign.len() >= limit;
        for message in foreign {
            if orders.borrow().is_stop || !receiving.ready().has_room() {
                return false;
            }
            if put_off.holds(&message.name) {
                continue;
            }
            let name = message.name.clone();
            match receiving.take_in(Incoming::foreign(message)).await {
                Ok(taken) => {
                    // A look that changed nothing is no reason for the next one.
                    may_be_more |= is_full && (taken.may_be_acknowledged() || put_off.again(name));
                    self.tell(taken);
                }
                Err(error) => return self.store_failed(error).await,
            }
        }
        more_abandoned || may_be_more
    }

    fn tell(&self, taken: TakenIn) {
        if let Some(event) = tell(taken, None) {
            self.events.push(event);
        }
    }

    async fn store_failed(&self, error: crate::Error) -> bool {
        tracing::warn!(%error, "looking into the store");
        self.events.push(InboxEvent::Failed(error));
        sleep_until(Instant::now() + STORE_PAUSE).await;
        false
    }
}

/// Messages of other programs about which nothing could be decided, and when that is tried again.
#[derive(Default)]
struct PutOff {
    messages: BTreeMap<String, (Instant, Duration)>,
}

impl PutOff {
    fn holds(&self, name: &str) -> bool {
        self.messages.get(name).is_some_and(|(until, _)| Instant::now() < *until)
    }

    /// Whether there was room for it, and it was not there before.
    fn again(&mut self, name: String) -> bool {
        let (first, longest) = PUT_OFF;
        let pause = self.messages.get(&name).map_or(first, |(_, pause)| pause.saturating_mul(2).min(longest));
        let is_known = self.messages.contains_key(&name);
        if is_known || self.messages.len() < PUT_OFF_MAX {
            self.messages.insert(name, (Instant::now() + pause, pause));
            return !is_known;
        }
        false
    }

    /// Forgets those that are gone.
    fn keep_only(&mut self, listed: &[ForeignMessage]) {
        self.messages.retain(|name, _| listed.iter().any(|message| message.name == *name));
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_there_is_no_room_for_is_no_reason_to_look_again_at_once() {
        let mut put_off = PutOff::default();
        for number in 0..PUT_OFF_MAX {
            assert!(put_off.again(format!("{number}.json")));
        }
        assert!(!put_off.again("0.json".into()), "it was put off before");
        assert!(!put_off.again("one too many.json".into()));
        assert!(put_off.holds("0.json") && !put_off.holds("one too many.json"));
    }
}
