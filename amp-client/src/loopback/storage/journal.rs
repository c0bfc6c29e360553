//! The file of transactions: how they are written one behind the other, and read again (provider API).
//!
//! A transaction is lines `effect <bytes>` and `body <number> <bytes>`, each followed by that many bytes and a line feed,
//! lines `released <number>`, and at its end `commit <SHA-256 of it in hexadecimal>`. What has no such end was cut off.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::io::{self, BufRead, Read};

use amp_core::provider::{Decision, Effect};
use sha2::{Digest, Sha256};

/// The first line of the file.
pub(super) const BEGINNING: &[u8] = b"amp provider journal 1\n";

/// The longest effect or body that is read, in bytes.
const ITEM_MAX: usize = 16 * 1024 * 1024;
/// The longest line between them.
const LINE_MAX: u64 = 128;

/// A transaction as it is written.
#[derive(Default)]
pub(super) struct Transaction {
    bytes: Vec<u8>,
    /// Where each body begins in `bytes`, and how long it is.
    bodies: Vec<(u64, usize, usize)>,
}

impl Transaction {
    /// What a decision changes.
    pub(super) fn of(decision: &Decision<'_>) -> Self {
        let mut transaction = Self::default();
        for effect in decision.effects() {
            transaction.effect(effect);
        }
        for body in decision.bodies() {
            transaction.body(body.number().get(), body.as_bytes());
        }
        for number in decision.released() {
            transaction.bytes.extend_from_slice(format!("released {number}\n").as_bytes());
        }
        transaction
    }

    pub(super) fn effect(&mut self, effect: &Effect) {
        let json = effect.to_json();
        self.bytes.extend_from_slice(format!("effect {}\n{json}\n", json.len()).as_bytes());
    }

    pub(super) fn body(&mut self, number: u64, body: &[u8]) {
        self.bytes.extend_from_slice(format!("body {number} {}\n", body.len()).as_bytes());
        self.bodies.push((number, self.bytes.len(), body.len()));
        self.bytes.extend_from_slice(body);
        self.bytes.push(b'\n');
    }

    /// The bytes with their end, and where the bodies are in them.
    pub(super) fn end(mut self) -> (Vec<u8>, Vec<(u64, usize, usize)>) {
        let end = format!("commit {}\n", hex(&Sha256::digest(&self.bytes)));
        self.bytes.extend_from_slice(end.as_bytes());
        (self.bytes, self.bodies)
    }
}

/// A transaction as it was read.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) effects: Vec<Effect>,
    /// Number, place in the file, length.
    pub(super) bodies: Vec<(u64, u64, usize)>,
    pub(super) released: Vec<u64>,
    /// Where the file goes on behind it.
    pub(super) end: u64,
}

/// Reads the transaction that begins at a place of the file; none when there is no whole one.
///
/// # Errors
/// When the file cannot be read, or a whole transaction holds an effect of a later version.
pub(super) fn read(reader: &mut impl BufRead, begins: u64) -> io::Result<Option<Entry>> {
    let (mut entry, mut at, mut sum) = (Entry::default(), begins, Sha256::new());
    let mut effects: Vec<Vec<u8>> = Vec::new();
    loop {
        let Some(line) = read_line(reader)? else { return Ok(None) };
        let mut words = line.trim_end_matches('\n').split(' ');
        let (kind, first, second) = (words.next(), words.next(), words.next());
        if kind == Some("commit") {
            if first != Some(hex(&sum.finalize()).as_str()) {
                return Ok(None);
            }
            entry.end = at.saturating_add(length(&line));
            for json in &effects {
                let effect = Effect::from_json(json);
                entry
                    .effects
                    .push(effect.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?);
            }
            return Ok(Some(entry));
        }
        sum.update(line.as_bytes());
        at = at.saturating_add(length(&line));
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<u64>().ok());
        match (kind, number(first), number(second)) {
            (Some("released"), Some(released), None) => entry.released.push(released),
            (Some("effect"), Some(bytes), None) => {
                let Some(item) = read_item(reader, bytes, &mut sum)? else { return Ok(None) };
                at = at.saturating_add(bytes).saturating_add(1);
                effects.push(item);
            }
            (Some("body"), Some(body), Some(bytes)) => {
                let Some(item) = read_item(reader, bytes, &mut sum)? else { return Ok(None) };
                entry.bodies.push((body, at, item.len()));
                at = at.saturating_add(bytes).saturating_add(1);
            }
            _ => return Ok(None),
        }
    }
}

/// A line with its line feed; none when there is no whole one.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8(line).ok().filter(|line| line.ends_with('\n')))
}

/// So many bytes, and the line feed behind them.
fn read_item(reader: &mut impl BufRead, bytes: u64, sum: &mut Sha256) -> io::Result<Option<Vec<u8>>> {
    let Some(bytes) = usize::try_from(bytes).ok().filter(|bytes| *bytes <= ITEM_MAX) else { return Ok(None) };
    let mut item = alloc::vec![0; bytes.saturating_add(1)];
    match reader.read_exact(&mut item) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    sum.update(&item);
    Ok((item.pop() == Some(b'\n')).then_some(item))
}

fn length(line: &str) -> u64 {
    u64::try_from(line.len()).unwrap_or(u64::MAX)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
