//! Mail as it is written, sent and read, plain and sealed.

use std::hint::black_box;

use amp_crypto::Identity;
use amp_crypto::seal::EncryptionKey;
use amp_envelope::{Draft, Message, OpeningKeys, Timestamp};

use crate::corpus::{self, FROM, SEED, SUBJECT, Scores, Size, TO};
use crate::measure::Subject;

pub const BENCH: &str = if cfg!(feature = "aws-lc") { "sealed-mail-aws-lc" } else { "sealed-mail" };
/// Beyond, only files are sealed.
pub const SIZES: [Size; 3] = [Size::B300, Size::K4, Size::K64];

const NOW: &str = "2026-01-31T10:00:00Z";

/// What mails are made of, and who writes and reads them.
pub struct Mail {
    sender: Identity,
    recipient: EncryptionKey,
    keys: OpeningKeys,
    now: Timestamp,
    /// Text and context.
    parts: Vec<(String, String)>,
}

impl Mail {
    pub fn new(size: Size, messages: usize) -> Self {
        let recipient = Identity::from_seed(&[8; 32]);
        let parts = |n| {
            let payload = corpus::payload(size.bytes(), n, Scores::Fractions);
            let payload: serde_json::Value = serde_json::from_str(&payload).expect("JSON");
            (payload["message"].as_str().expect("a text").to_owned(), payload["context"].to_string())
        };
        Self {
            sender: Identity::from_seed(&SEED),
            recipient: EncryptionKey::of(recipient.verifying_key()).expect("a key"),
            keys: OpeningKeys::new().with_identity(&recipient),
            now: NOW.parse().expect("a time"),
            parts: (0..messages as u64).map(parts).collect(),
        }
    }

    fn draft(&self, n: usize) -> Draft {
        let (text, context) = &self.parts[n];
        let (from, to) = (FROM.parse().expect("an address"), TO.parse().expect("an address"));
        Draft::request(to, SUBJECT, text).context_json(context).expect("a context").from(&from)
    }

    fn signed(&self, draft: Draft) -> String {
        draft.sign(&self.sender, self.now).expect("a signed message").to_json()
    }
}

/// The limit is the same mail in plain.
pub fn subjects(mail: &Mail) -> Vec<Subject<'_>> {
    let key = mail.sender.verifying_key();
    vec![
        Subject::new("limit", move |n| {
            let message = Message::decode(mail.signed(mail.draft(n)).as_bytes()).expect("a message");
            black_box(message.verify(key).expect("a good signature"));
        }),
        Subject::new("amp", move |n| {
            let sealed = mail.signed(mail.draft(n).seal_to(&mail.recipient));
            let message = Message::decode(sealed.as_bytes()).expect("a message");
            let verified = message.verify(key).expect("a good signature");
            black_box(verified.open(&mail.keys, mail.now).expect("what was sealed"));
        }),
    ]
}
