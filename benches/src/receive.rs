//! Receiving as a whole, beside verification alone: decode, verify, trust, replay, scan, and the text for a model.

use std::hint::black_box;
use std::sync::Arc;

use amp_core::receive::{Context, Disposition, Effect, Receiver, Via};
use amp_core::scan::Scanner;
use amp_core::trust::PromptOptions;
use amp_core::{Message, Timestamp};

use crate::corpus::{Corpus, FROM, Size, TO};
use crate::measure::{Subject, timed};
use crate::verify;

/// The sizes at which receiving is measured.
pub const SIZES: [Size; 3] = [Size::B300, Size::K4, Size::K64];

/// Messages with ids of their own, and a receiver that knows their sender.
pub struct Mail<'c> {
    corpus: &'c Corpus,
    messages: Vec<Vec<u8>>,
    scanner: Arc<Scanner>,
    known: Vec<Effect>,
    now: Timestamp,
}

impl<'c> Mail<'c> {
    pub fn new(corpus: &'c Corpus) -> Self {
        let messages = corpus.samples.iter().enumerate().map(|(n, sample)| {
            let message = std::str::from_utf8(&sample.message).expect("UTF-8");
            message.replace("k3j9x2m", &format!("k3j9{n:03}")).into_bytes()
        });
        let now: Timestamp = "2026-01-31T10:00:05Z".parse().expect("a time");
        let scanner = Arc::new(Scanner::new());
        let mut receiver = receiver(&scanner, &[]);
        let key = corpus.identity.verifying_key();
        let pinned = receiver.confirm_key(&FROM.parse().expect("an address"), key, now).expect("a key");
        let known = pinned.effects().to_vec();
        Self { corpus, messages: messages.collect(), scanner, known, now }
    }

    /// What is done with every message, with a receiver that has seen none of them.
    fn subject<'m>(
        &'m self,
        name: &'static str,
        each: impl Fn(&mut Receiver, &[u8], &Context<'_>) + 'm,
    ) -> Subject<'m> {
        let context = Context::new(self.now, Via::Direct);
        let run = move |range: core::ops::Range<usize>| {
            let mut receiver = receiver(&self.scanner, &self.known);
            timed(|| range.for_each(|n| each(&mut receiver, &self.messages[n], &context)))
        };
        Subject { name, run: Box::new(run) }
    }
}

fn receiver(scanner: &Arc<Scanner>, known: &[Effect]) -> Receiver {
    let address = TO.parse().expect("an address");
    Receiver::builder(address).scanner(Arc::clone(scanner)).restore(known).build()
}

/// The limit of verification first, then verification alone, then what receiving adds step by step.
pub fn subjects<'m>(mail: &'m Mail<'_>) -> Vec<Subject<'m>> {
    let key = mail.corpus.identity.verifying_key();
    let verify = Subject::new("amp-verify", move |n| {
        let message = Message::decode(&mail.messages[n]).expect("a message");
        black_box(message.verify(key).expect("a good signature"));
    });
    vec![
        verify::limit(mail.corpus),
        verify,
        mail.subject("amp-decide", |receiver, bytes, context| {
            black_box(receiver.receive(bytes, context).effects());
        }),
        mail.subject("amp-receive", |receiver, bytes, context| {
            black_box(received(receiver, bytes, context));
        }),
        mail.subject("amp-receive-wrap", |receiver, bytes, context| {
            let received = received(receiver, bytes, context);
            black_box(received.for_prompt_with(PromptOptions::new().always_wrap()));
        }),
    ]
}

fn received(
    receiver: &mut Receiver,
    bytes: &[u8],
    context: &Context<'_>,
) -> Box<amp_core::receive::Received> {
    match receiver.receive(bytes, context).commit() {
        Disposition::Deliver(received) => received,
        other => panic!("a harmless message of a known sender is delivered: {other:?}"),
    }
}
