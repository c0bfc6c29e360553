//! What the embedded provider keeps between two decisions: in memory, or in a directory (provider API).

mod directory;
mod files;
mod journal;
mod memory;

use alloc::boxed::Box;
use alloc::vec::Vec;
use std::io;
use std::path::Path;

use amp_core::provider::{Decision, Effect, MessageNumber};

pub(super) use files::{FileReader, FileWriter, Files};

/// Effects and bodies. What [`write`](Self::write) was given holds once [`sync`](Self::sync) returns, and not before.
pub(super) trait Storage: Send {
    /// Takes a decision in, after those that were taken in before.
    fn write(&mut self, decision: &Decision<'_>);

    /// Makes durable what was taken in. When it fails, nothing of it is kept.
    fn sync(&mut self) -> io::Result<()>;

    /// The body of a message.
    fn body(&self, number: MessageNumber) -> Option<Vec<u8>>;

    /// What is durable, to begin anew with. A storage in memory has the provider's own memory for it.
    fn begin_anew(&mut self, memory: Vec<Effect>) -> io::Result<Vec<Effect>>;

    /// Where the files of attachments are.
    fn files(&self) -> Files;
}

/// A storage, and the effects that are in it.
pub(super) fn open(directory: Option<&Path>) -> io::Result<(Box<dyn Storage>, Vec<Effect>)> {
    match directory {
        None => Ok((Box::new(memory::Memory::default()), Vec::new())),
        Some(path) => {
            let (directory, effects) = directory::Directory::open(path)?;
            Ok((Box::new(directory), effects))
        }
    }
}
