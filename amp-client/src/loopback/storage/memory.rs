//! A storage that ends with the process.

use alloc::vec::Vec;
use std::collections::HashMap;
use std::io;

use amp_core::provider::{Decision, Effect, MessageNumber};

use super::{Files, Storage};

/// Bodies by number.
#[derive(Default)]
pub(super) struct Memory {
    bodies: HashMap<MessageNumber, Vec<u8>>,
    files: Files,
}

impl Storage for Memory {
    fn write(&mut self, decision: &Decision<'_>) {
        for body in decision.bodies() {
            self.bodies.insert(body.number(), body.as_bytes().to_vec());
        }
        for file in decision.files() {
            // Memory takes every file.
            let _ = self.files.keep(file.id(), file.as_bytes());
        }
        for number in decision.released() {
            self.bodies.remove(number);
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn body(&self, number: MessageNumber) -> Option<Vec<u8>> {
        self.bodies.get(&number).cloned()
    }

    fn begin_anew(&mut self, memory: Vec<Effect>) -> io::Result<Vec<Effect>> {
        Ok(memory)
    }

    fn files(&self) -> Files {
        self.files.clone()
    }
}
