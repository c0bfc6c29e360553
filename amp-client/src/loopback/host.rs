//! The thread that owns the provider: every decision is made, stored and handed on here (provider API).
//!
//! Decisions that come in together are made durable together. Nothing of a decision leaves this thread before that.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use amp_core::envelope::{AttachmentId, Timestamp};
use amp_core::provider::{
    Action, Decision, Moment, Notice, Outcome, Provider, Push, Reply, SocketId, Ticket,
};
use amp_core::wire::{AnswerParts, ApiUrl};
use tokio::sync::{mpsc, oneshot};

use super::deployed;
use super::errand::Errand;
use super::handle::{Input, ReceivedFile};
use super::line::{Line, Order};
use super::settings::{Behaviour, Settings};
use super::storage::Storage;

/// How many inputs are made durable together at most.
const TOGETHER_MAX: usize = 64;
/// How long the thread sleeps at most: the clock may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// How many notices are remembered.
const NOTICES_MAX: usize = 1_000;

/// What happened that a person should know.
pub(super) type Notices = Arc<Mutex<VecDeque<Notice>>>;

/// A decision that is not yet durable.
struct Decided {
    ticket: Option<Ticket>,
    outcome: Outcome,
    released: Vec<AttachmentId>,
}

/// The provider, what it keeps, and who waits for it.
pub(super) struct Host {
    settings: Settings,
    api: ApiUrl,
    files: ApiUrl,
    provider: Provider,
    storage: Box<dyn Storage>,
    callers: HashMap<Ticket, oneshot::Sender<AnswerParts>>,
    sockets: HashMap<SocketId, Line>,
    /// What came of performing; taken in like everything else.
    own: VecDeque<Input>,
    /// What is decided and not yet durable.
    decided: Vec<Decided>,
    /// Whether it is not known what is stored: nothing is decided until that was read.
    is_lost: bool,
    errands: mpsc::UnboundedSender<Errand>,
    notices: Notices,
}

impl Host {
    pub(super) fn new(
        settings: Settings,
        (api, files): (ApiUrl, ApiUrl),
        (provider, storage): (Provider, Box<dyn Storage>),
        errands: mpsc::UnboundedSender<Errand>,
        notices: Notices,
    ) -> Self {
        let (callers, sockets) = (HashMap::new(), HashMap::new());
        let (own, decided) = (VecDeque::new(), Vec::new());
        Self {
            settings,
            api,
            files,
            provider,
            storage,
            callers,
            sockets,
            own,
            decided,
            is_lost: false,
            errands,
            notices,
        }
    }

    /// Runs until it is told to stop, or nobody is left who could.
    pub(super) fn run(mut self, inputs: &Receiver<Input>) {
        loop {
            let first = match inputs.recv_timeout(self.sleep()) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            for input in first.into_iter().chain(inputs.try_iter().take(TOGETHER_MAX)) {
                if let Input::Stop(done) = input {
                    self.settle();
                    // Gone before anybody is told: a directory is free again.
                    drop(self);
                    let _ = done.send(());
                    return;
                }
                self.take_in(input);
            }
            if self.sleep().is_zero() {
                self.decide(None, Provider::tick);
            }
            self.settle();
            while !self.own.is_empty() {
                let led_to: Vec<Input> = self.own.drain(..).collect();
                led_to.into_iter().for_each(|input| self.take_in(input));
                self.settle();
            }
        }
    }

    fn sleep(&self) -> Duration {
        let due = self.provider.next_timeout().zip(now());
        due.map_or(SLEEP_MAX, |(due, now)| due.duration_since(now).unwrap_or_default().min(SLEEP_MAX))
    }

    fn take_in(&mut self, input: Input) {
        match input {
            Input::Called { ticket, call, answer } => {
                self.callers.insert(ticket, answer);
                self.decide(Some(ticket), |provider, moment| provider.handle(&call, moment));
            }
            Input::CallDropped(ticket) => {
                self.callers.remove(&ticket);
                self.provider.call_dropped(ticket);
            }
            Input::SocketOpened { socket, line } => {
                self.sockets.insert(socket, line);
                self.decide(None, |provider, moment| provider.socket_opened(socket, moment));
            }
            Input::SocketSaid { socket, frame, room } => {
                self.decide(None, |provider, moment| provider.socket_frame(socket, &frame, moment));
                drop(room);
            }
            Input::SocketAlive(socket) => {
                self.decide(None, |provider, moment| provider.socket_alive(socket, moment));
            }
            Input::SocketClosed(socket) => {
                self.sockets.remove(&socket);
                self.decide(None, |provider, moment| provider.socket_closed(socket, moment));
            }
            Input::Performed(performed) => {
                self.decide(None, |provider, moment| provider.performed(performed, moment));
            }
            Input::Learned(learned) => {
                self.decide(None, |provider, moment| provider.learned(&learned, moment));
            }
            Input::FileWanted { id, token, answer } => {
                let file = now().and_then(|now| self.provider.expected_file(&id, &token, now));
                let _ = answer.send(file);
            }
            Input::FileReceived { ticket, file, answer } => {
                self.callers.insert(ticket, answer);
                let ReceivedFile { id, token, checked } = *file;
                self.decide(Some(ticket), |provider, moment| {
                    provider.attachment_received(&id, &token, checked.as_ref(), moment)
                });
            }
            Input::FileAsked { id, token, answer } => {
                let file = now().and_then(|now| self.provider.served_file(&id, &token, now));
                let _ = answer.send(file);
            }
            Input::Restart(done) => {
                self.settle();
                let _ = done.send(self.begin_anew());
            }
            // Taken by whoever runs this.
            Input::Stop(done) => drop(done),
        }
    }

    /// Decides, and takes the decision into the storage. It leaves when it is durable.
    fn decide(
        &mut self,
        ticket: Option<Ticket>,
        input: impl for<'p> FnOnce(&'p mut Provider, Moment) -> Decision<'p>,
    ) {
        let moment = now().and_then(|now| Moment::generate(now).ok());
        let Some(moment) = moment.filter(|_| !self.is_lost || self.begin_anew()) else {
            tracing::error!("no time, no randomness or no store: nothing is decided");
            return self.dismiss(ticket);
        };
        let decision = input(&mut self.provider, moment);
        self.storage.write(&decision);
        let released = decision.released_files().to_vec();
        self.decided.push(Decided { ticket, outcome: decision.commit(), released });
    }

    /// Whoever waits for this answer is told that nothing was done, when nobody is left who could give it.
    fn dismiss(&mut self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.callers.remove(&ticket);
        }
    }

    /// Makes durable what was decided, answers it and performs it.
    fn settle(&mut self) {
        let decided = core::mem::take(&mut self.decided);
        if let Err(error) = self.storage.sync() {
            tracing::error!(%error, "what was decided could not be stored");
            decided.iter().for_each(|decided| self.dismiss(decided.ticket));
            self.is_lost = true;
            self.begin_anew();
            return;
        }
        for Decided { ticket, outcome, released } in decided {
            for id in released {
                // A file that stays is a stray, and deleted at the next start.
                let _ = self.storage.files().remove(&id);
            }
            if let Some((ticket, reply)) = ticket.zip(outcome.reply) {
                self.answer(ticket, reply);
            }
            for action in outcome.actions {
                self.perform(action);
            }
        }
    }

    /// Lets the provider go and makes another one of what is durable. Sockets end, and calls that wait time out.
    fn begin_anew(&mut self) -> bool {
        self.sockets.clear();
        self.own.clear();
        let effects = self.storage.begin_anew(self.provider.snapshot());
        let provider = effects.ok().and_then(|effects| {
            let provider = self.settings.provider(&self.api, &self.files, effects);
            provider.ok()
        });
        self.is_lost = provider.is_none();
        match provider {
            Some(provider) => self.provider = provider,
            None => tracing::error!("what is stored cannot be read"),
        }
        !self.is_lost
    }

    fn answer(&mut self, ticket: Ticket, reply: Reply) {
        let is_deployed = self.settings.behaviour == Behaviour::Deployed;
        let body_of = |number| {
            let body = self.storage.body(number)?;
            Some(if is_deployed { deployed::with_hex_key(body) } else { body })
        };
        let answer = reply.into_answer(body_of).unwrap_or_else(|missing| {
            tracing::error!(messages = missing.messages().len(), "bodies are missing in the store");
            Some(missing.into_answer())
        });
        if let Some(answer) = answer
            && let Some(caller) = self.callers.remove(&ticket)
        {
            // A caller that is gone wants no answer.
            let _ = caller.send(answer);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::SendFrame { socket, text } => self.order(socket, Order::Frame(text)),
            Action::CloseSocket { socket, code } => self.order(socket, Order::Close(code)),
            Action::PushMessage(push) => self.push(push),
            Action::PostWebhook(post) => match self.storage.body(post.message()) {
                Some(body) => self.send_out(Errand::Post { post, body }),
                None => self.own.push_back(Input::Performed(post.failed())),
            },
            Action::Forward(forwarding) => {
                let body = self.storage.body(forwarding.message()).unwrap_or_default();
                let request =
                    now().and_then(|now| self.provider.forward_request(&forwarding, &body, now).ok());
                match request {
                    Some(request) => {
                        self.send_out(Errand::Forward { forwarding, request: Box::new(request) })
                    }
                    None => self.own.push_back(Input::Performed(forwarding.failed())),
                }
            }
            Action::LookUp(look_up) => self.send_out(Errand::LookUp(look_up)),
            // There is one host, and no mesh is set up.
            Action::HandOn(handing) => self.own.push_back(Input::Performed(handing.failed())),
            Action::Note(event) => {
                tracing::info!(kind = event.kind().as_str(), code = event.code(), "federation");
            }
            Action::Notify(notice) => self.note(notice),
            Action::Answer { ticket, reply } => self.answer(ticket, *reply),
            // Files have passed all checks there are when they are taken in.
            _ => {}
        }
    }

    /// Gives a socket something to do. One that does not keep up is closed: its messages are in the queue.
    fn order(&mut self, socket: SocketId, order: Order) {
        let Some(line) = self.sockets.get(&socket) else { return };
        if line.give(order).is_err() {
            self.sockets.remove(&socket);
        }
    }

    fn push(&mut self, push: Push) {
        let is_deployed = self.settings.behaviour == Behaviour::Deployed;
        let socket = push.socket();
        let body = self.storage.body(push.message()).unwrap_or_default();
        let body = if is_deployed { deployed::with_hex_key(body) } else { body };
        let frame = push.frame(&body).ok();
        let (Some(text), Some(line)) = (frame, self.sockets.get(&socket)) else {
            return self.own.push_back(Input::Performed(push.failed()));
        };
        if is_deployed && !push.is_replay() {
            // It pushes nothing while a socket is open: only what waited when that was opened.
            return self.own.push_back(Input::Performed(push.failed()));
        }
        let order = Order::Push { push: Box::new(push), text };
        match line.give(order) {
            Ok(()) if is_deployed => {
                // What it pushes is acknowledged by itself.
                if let Some(frame) = deployed::acknowledgement(&body) {
                    self.own.push_back(Input::SocketSaid { socket, frame, room: None });
                }
            }
            Ok(()) => {}
            Err(refused) => {
                self.sockets.remove(&socket);
                if let Order::Push { push, .. } = refused {
                    self.own.push_back(Input::Performed(push.failed()));
                }
            }
        }
    }

    fn send_out(&self, errand: Errand) {
        // Nobody takes errands when the provider stops: what they are about is in the queue.
        let _ = self.errands.send(errand);
    }

    fn note(&self, notice: Notice) {
        let what = match &notice {
            Notice::RiskRaised { .. } => "risk raised",
            Notice::MessageHeld { .. } => "message held",
            Notice::LoopStopped { .. } => "loop stopped",
            _ => "notice",
        };
        tracing::info!(what, "the provider's operator is told");
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.len() >= NOTICES_MAX {
            notices.pop_front();
        }
        notices.push_back(notice);
    }
}

/// What the wall clock says. None when it says what cannot be written.
pub(super) fn now() -> Option<Timestamp> {
    Timestamp::try_from(SystemTime::now()).ok()
}
