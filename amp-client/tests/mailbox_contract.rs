//! The mailbox on disk keeps what every store keeps (local mailbox).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs,
    unreachable_pub,
    dead_code
)]
#![cfg(unix)]

mod stores;

mod mailbox {
    use std::sync::Arc;

    use amp_client::mailbox::Mailbox;

    use crate::stores::{Place, conforms};

    fn place() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        Place::new(directory, move || Arc::new(Mailbox::open(&path).unwrap()))
    }

    conforms!(place, 48);
}
