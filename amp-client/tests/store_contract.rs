//! One suite for all stores (local mailbox).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs,
    unreachable_pub
)]

mod stores;

mod memory {
    use std::sync::Arc;

    use amp_client::store::MemoryStore;

    use crate::stores::{Place, conforms};

    fn place() -> Place {
        let store = MemoryStore::new();
        Place::new((), move || Arc::new(store.another_holder()))
    }

    conforms!(place, 512);
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::sync::Arc;

    use amp_client::store::SqliteStore;

    use crate::stores::{Place, conforms};

    fn place() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("mail.db");
        Place::new(directory, move || Arc::new(SqliteStore::open(&file).unwrap()))
    }

    conforms!(place, 128);
}
