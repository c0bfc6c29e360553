//! What every store does, as tests over any of them (local mailbox).

pub mod effects;
pub mod held;
pub mod holders;
pub mod lists;
pub mod mail;
pub mod messages;
pub mod model;

use std::any::Any;
use std::sync::Arc;

use amp_client::store::{Appended, Entry, Position, Store};

/// A place where one agent's mail is kept.
pub struct Place {
    open: Box<dyn Fn() -> Arc<dyn Store> + Send + Sync>,
    /// What has to live as long as the place.
    _ground: Box<dyn Any + Send + Sync>,
}

impl Place {
    pub fn new(
        ground: impl Any + Send + Sync,
        open: impl Fn() -> Arc<dyn Store> + Send + Sync + 'static,
    ) -> Self {
        Self { open: Box::new(open), _ground: Box::new(ground) }
    }

    /// One more holder, as another process would be one.
    pub fn open(&self) -> Arc<dyn Store> {
        (self.open)()
    }
}

/// Appends at the latest position.
pub async fn append(store: &dyn Store, make: impl Fn(Position) -> Entry) -> Position {
    loop {
        let at = store.load(Position::START).await.unwrap().position;
        match store.append(make(at)).await.unwrap() {
            Appended::Stored(position) => return position,
            Appended::Behind => {}
            other => panic!("{other:?}"),
        }
    }
}

/// One test for each thing that a store does, over the places that `$place` makes; `$cases` random histories.
macro_rules! conforms {
    ($place:path, $cases:expr) => {
        conforms! { @each $place,
            effects: [
                an_empty_store_has_nothing,
                effects_are_loaded_in_the_order_of_their_appending,
                loading_from_a_position_gives_what_came_after_it,
                a_position_that_the_store_does_not_know_gives_everything,
                an_entry_at_an_old_position_is_behind_and_changes_nothing,
                an_entry_at_a_position_that_was_never_given_is_behind,
                effects_that_are_not_durable_are_not_kept,
                compaction_at_an_old_position_does_nothing,
                who_has_read_all_goes_on_after_a_compaction_and_who_has_not_begins_anew,
                compaction_leaves_messages_and_what_is_held,
                a_receiver_restored_after_a_compaction_remembers_the_same,
                a33_tasks_that_append_at_once_take_each_message_in_exactly_once,
                a34_effects_and_message_are_stored_together_or_not_at_all,
                a_future_that_is_dropped_has_happened_or_has_not,
            ],
            mail: [
                a_message_comes_out_byte_for_byte,
                the_owners_notes_survive,
                the_largest_message_is_kept,
                a_stored_form_that_could_not_be_read_again_is_refused,
                a_message_that_is_there_is_left_as_it_is,
                a32_one_id_of_two_senders_names_two_messages,
                a32_two_contents_under_one_id_are_both_kept,
                a37_addresses_that_one_directory_name_stands_for_stay_apart,
                a37_ids_that_differ_by_case_or_hyphen_stay_apart,
                a_message_keeps_its_key_when_its_spaces_change,
                reading_a_message_sets_its_status_and_the_first_time,
                what_is_not_there_is_neither_marked_nor_deleted,
                a_deleted_message_is_gone_and_can_come_again,
                a_sent_message_is_kept_apart_from_the_inbox,
                everything_is_there_when_the_store_is_opened_again,
            ],
            lists: [
                the_newest_message_is_listed_first,
                a_message_without_a_note_of_its_coming_is_listed_by_its_stamp,
                pages_go_on_where_the_last_one_ended,
                a_page_goes_on_though_messages_come_and_go,
                messages_of_one_moment_are_listed_in_the_order_of_their_keys,
                messages_are_found_by_status_peer_thread_and_id,
                a_limit_outside_its_range_is_the_nearer_end,
            ],
            held: [
                a_held_message_waits_for_its_decision,
                an_entry_is_decided_once,
                of_two_decisions_at_once_one_counts,
                a_held_message_is_handed_out_and_removed_in_one_entry,
                a_held_message_that_is_there_is_left_as_it_is,
            ],
            holders: [
                a_message_of_a_living_holder_is_not_abandoned,
                a_message_of_a_holder_that_is_gone_is_taken_once,
                a_message_that_was_handed_out_is_not_abandoned,
                a_message_that_was_read_or_deleted_is_not_abandoned,
                abandoned_messages_come_in_the_order_of_their_keeping_and_by_the_limit,
                what_was_taken_on_and_not_handed_out_is_abandoned_again,
                nothing_foreign_is_in_an_empty_store,
                of_two_holders_one_takes_an_abandoned_message,
            ],
        }

        #[test]
        fn a_random_history_leads_to_what_a_simple_model_says() {
            $crate::stores::model::run(&$place, $cases);
        }
    };
    (@each $place:path, $($group:ident: [$($name:ident,)*],)*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::stores::$group::$name(&$place()).await;
            }
        )*)*
    };
}
pub(crate) use conforms;
