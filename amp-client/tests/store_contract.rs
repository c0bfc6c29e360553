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

    mod room {
        use amp_client::envelope::{Status, StoredMessage};
        use amp_client::store::{Entry, Folder, MemoryStore, MessageKey, Query, Store, StoreErrorKind};

        use crate::stores::append;
        use crate::stores::messages::{BOB, Letter, at, held};

        /// A kilobyte and a half.
        fn letter(number: u64) -> StoredMessage {
            Letter::number(number).text(&"x".repeat(1_000)).received(number)
        }

        fn key(number: u64) -> MessageKey {
            MessageKey::of(letter(number).message())
        }

        #[tokio::test]
        async fn a_full_store_refuses_a_message_that_no_handed_out_one_makes_room_for() {
            let store = MemoryStore::with_capacity(10_000);
            let mut kept = 0;
            let error = loop {
                let at = store.load(Default::default()).await.unwrap().position;
                match store.append(Entry::new(at, vec![]).with_message(letter(kept))).await {
                    Ok(_) => kept += 1,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), StoreErrorKind::Full);
            assert_eq!(store.unread().await.unwrap(), kept);
            assert!((5..10).contains(&kept), "{kept}");
            let at = store.load(Default::default()).await.unwrap().position;
            let error = store.append(Entry::new(at, vec![]).with_held(held(50))).await;
            assert!(error.is_ok() || error.is_err_and(|error| error.kind() == StoreErrorKind::Full));
            // What a program had makes room.
            store.handed_out(&key(0)).await.unwrap();
            store.mark(&key(1), Status::Read, at_ten()).await.unwrap();
            append(&store, |at| Entry::new(at, vec![]).with_message(letter(kept))).await;
            assert!(store.get(Folder::Inbox, &key(0)).await.unwrap().is_none());
            assert!(store.get(Folder::Inbox, &key(2)).await.unwrap().is_some());
            assert!(store.get(Folder::Inbox, &key(kept)).await.unwrap().is_some());
        }

        fn at_ten() -> amp_client::envelope::Timestamp {
            at(0)
        }

        #[tokio::test]
        async fn sent_messages_make_room_first_and_what_nobody_had_stays() {
            let store = MemoryStore::with_capacity(20_000);
            for number in 0..4 {
                append(&store, |at| Entry::new(at, vec![]).with_message(letter(number))).await;
            }
            for number in 100..200 {
                let sent = Letter::number(number).from(BOB).text(&"x".repeat(1_000)).received(number);
                store.keep_sent(sent).await.unwrap();
            }
            assert_eq!(store.unread().await.unwrap(), 4);
            let sent = store.list(&Query::new(Folder::Sent)).await.unwrap().messages;
            assert!((4..16).contains(&sent.len()), "{}", sent.len());
            let newest =
                MessageKey::of_sent(&Letter::number(199).from(BOB).text(&"x".repeat(1_000)).message());
            assert_eq!(sent[0].key, newest);
            let ids: Vec<_> = sent.iter().map(|summary| summary.received_at.unwrap()).collect();
            assert_eq!(ids.last(), Some(&at(200 - sent.len() as u64)), "the newest stay");
        }

        #[tokio::test]
        async fn an_agent_that_takes_its_messages_never_finds_the_store_full() {
            let store = MemoryStore::with_capacity(10_000);
            for number in 0..500 {
                append(&store, |at| Entry::new(at, vec![]).with_message(letter(number))).await;
                store.handed_out(&key(number)).await.unwrap();
            }
            assert!(store.get(Folder::Inbox, &key(499)).await.unwrap().is_some());
        }
    }
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

    conforms!(place, 64);
}
