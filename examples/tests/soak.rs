//! A small run of many agents that write to each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use amp_examples::soak::{Plan, run};

#[tokio::test(flavor = "multi_thread")]
async fn every_message_between_many_agents_arrives_once() {
    let report = run(Plan { agents: 40, messages: 1_000 }).await.unwrap();
    assert_eq!((report.arrived, report.twice, report.lost), (1_000, 0, 0), "{report}");
}
