//! Answers of the provider's API: every type reads any answer or refuses it, and what is read is written so that it
//! reads the same.

use std::time::Duration;

use amp_core::Timestamp;
use amp_core::federation::WellKnown;
use amp_core::wire::{
    Acknowledged, AgentList, Answer, AnswerParts, ApiError, ApiKeyRevoked, ApiKeyRotated, AttachmentState,
    BatchAcknowledged, Card, Delivered, Deregistered, DownloadLocation, Health, HeldMessage, HeldMessages,
    Info, KeysRotated, Me, OwnedAgents, Pending, PendingCount, ReadReceipt, Registered, Resolved, Retry,
    Reviewed, Risk, Routed, Suspended, Unsuspended, Updated, UploadStarted, UserKey,
};

use super::rest_request::{pairs, parted};

/// An answer as HTTP/1.1 writes it: a line with the status, headers, an empty line, and the body.
pub fn rest_answer(data: &[u8]) {
    let (head, body) = parted(data);
    let mut lines = head.split('\n');
    let status = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(200);
    let mut answer = AnswerParts::new(status);
    answer.headers = pairs(lines, ':');
    answer.body = body.to_vec();

    macro_rules! read_as {
        ($($type:ty),* $(,)?) => { $( read::<$type>(&answer); )* };
    }
    read_as!(
        Acknowledged,
        AgentList,
        ApiKeyRevoked,
        ApiKeyRotated,
        AttachmentState,
        BatchAcknowledged,
        Card,
        Delivered,
        Deregistered,
        DownloadLocation,
        Health,
        HeldMessage,
        HeldMessages,
        Info,
        KeysRotated,
        Me,
        OwnedAgents,
        Pending,
        PendingCount,
        ReadReceipt,
        Registered,
        Resolved,
        Reviewed,
        Risk,
        Routed,
        Suspended,
        Unsuspended,
        Updated,
        UploadStarted,
        UserKey,
        WellKnown,
    );
    let refusal = ApiError::from_parts(&answer);
    // What cannot be read is passed on as far as it is text, and that may be readable.
    let again = ApiError::from_parts(&refusal.to_parts()).code;
    assert!(again == refusal.code || refusal.code.is_none(), "{again:?}");
    refused(&refusal);
}

fn read<A: Answer>(answer: &AnswerParts) {
    match A::from_parts(answer) {
        Ok(read) => {
            let parts = read.to_parts();
            let again = A::from_parts(&parts);
            let again = again.unwrap_or_else(|error| panic!("{}: {error}", std::any::type_name::<A>()));
            assert_eq!(again.to_parts(), parts, "{}", std::any::type_name::<A>());
        }
        Err(error) => refused(&error),
    }
}

fn refused(error: &ApiError) {
    assert_harmless(error);
    assert!(error.excerpt().is_none_or(|excerpt| excerpt.len() <= 600));
    assert!(error.suggestions().len() <= 16);
    let now: Timestamp = "2026-01-31T10:00:00Z".parse().unwrap();
    match error.retry(now) {
        Retry::At(at) => assert!(at > now && at <= now.saturating_add(Duration::from_secs(3600))),
        Retry::Never => {}
        _ => assert!(!error.is_unreadable()),
    }
}

/// What is shown is short, and acts on no terminal.
pub(super) fn assert_harmless(error: &ApiError) {
    let shown = error.to_string();
    assert!(shown.chars().count() <= 400 && !shown.chars().any(char::is_control), "{shown:?}");
}
