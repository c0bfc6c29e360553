//! One message: kept, read, marked, removed, and whose business it is (local mailbox).

use alloc::string::String;
use alloc::vec::Vec;

use amp_core::envelope::{SecurityPlacement, Status, StoredMessage, Timestamp};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::super::{Folder, MessageKey, Summary, rules};
use super::failure::Failure;
use super::holder::Holder;

/// The number of a folder in the database.
pub(super) const fn number_of_folder(folder: Folder) -> i64 {
    match folder {
        Folder::Inbox => 0,
        Folder::Sent => 1,
    }
}

/// The number of a status in the database.
pub(super) const fn number_of_status(status: Status) -> i64 {
    match status {
        Status::Unread => 0,
        Status::Read => 1,
        _ => 2,
    }
}

/// Keeps a message, unless one with its key is there.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    folder: Folder,
    stored: &StoredMessage,
    holder: Option<&Holder>,
) -> Result<(), Failure> {
    let json = stored.to_json(SecurityPlacement::TopLevel).into_bytes();
    rules::check_size(json.len())?;
    let summary = Summary::of(folder, stored);
    let at = summary.cursor().at();
    let holder = holder.filter(|_| summary.status == Status::Unread).map(Holder::name);
    transaction.execute(
        "INSERT OR IGNORE INTO messages (folder, peer, id, content, seconds, nanos, is_received, sent_seconds,
             sent_nanos, thread, status, priority, subject, holder, stored)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            number_of_folder(folder),
            summary.key.peer().as_str(),
            summary.key.id().as_str(),
            summary.key.content().as_slice(),
            at.unix_seconds(),
            at.subsec_nanos(),
            summary.received_at.is_some(),
            summary.sent_at.unix_seconds(),
            summary.sent_at.subsec_nanos(),
            summary.thread.as_str(),
            number_of_status(summary.status),
            summary.priority.as_str(),
            summary.subject,
            holder,
            json,
        ],
    )?;
    Ok(())
}

/// The row of a message, and its bytes.
fn find(
    transaction: &Transaction<'_>,
    folder: Folder,
    key: &MessageKey,
) -> Result<Option<(i64, Vec<u8>)>, Failure> {
    let found = transaction.query_row(
        "SELECT number, stored FROM messages WHERE folder = ? AND peer = ? AND id = ? AND content = ?",
        params![number_of_folder(folder), key.peer().as_str(), key.id().as_str(), key.content().as_slice()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    );
    Ok(found.optional()?)
}

fn decoded(json: &[u8]) -> Result<StoredMessage, Failure> {
    StoredMessage::decode(json).map_err(|_| Failure::damaged("reading a message"))
}

pub(super) fn get(
    transaction: &Transaction<'_>,
    folder: Folder,
    key: &MessageKey,
) -> Result<Option<StoredMessage>, Failure> {
    find(transaction, folder, key)?.map(|(_, json)| decoded(&json)).transpose()
}

pub(super) fn mark(
    transaction: &Transaction<'_>,
    key: &MessageKey,
    status: Status,
    now: Timestamp,
) -> Result<bool, Failure> {
    let Some((number, json)) = find(transaction, Folder::Inbox, key)? else { return Ok(false) };
    let mut stored = decoded(&json)?;
    rules::set_status(&mut stored, status, now);
    let json = stored.to_json(SecurityPlacement::TopLevel).into_bytes();
    rules::check_size(json.len())?;
    transaction.execute(
        "UPDATE messages SET status = ?1, stored = ?2, holder = CASE WHEN ?1 = 0 THEN holder END WHERE number = ?3",
        params![number_of_status(status), json, number],
    )?;
    Ok(true)
}

pub(super) fn delete(
    transaction: &Transaction<'_>,
    folder: Folder,
    key: &MessageKey,
) -> Result<bool, Failure> {
    let removed = transaction.execute(
        "DELETE FROM messages WHERE folder = ? AND peer = ? AND id = ? AND content = ?",
        params![number_of_folder(folder), key.peer().as_str(), key.id().as_str(), key.content().as_slice()],
    )?;
    Ok(removed > 0)
}

/// A message is nobody's business any more.
pub(super) fn let_go(transaction: &Transaction<'_>, key: &MessageKey) -> Result<(), Failure> {
    transaction.execute(
        "UPDATE messages SET holder = NULL WHERE folder = 0 AND peer = ? AND id = ? AND content = ?",
        params![key.peer().as_str(), key.id().as_str(), key.content().as_slice()],
    )?;
    Ok(())
}

pub(super) fn take_abandoned(
    transaction: &Transaction<'_>,
    holder: &Holder,
    limit: usize,
) -> Result<Vec<StoredMessage>, Failure> {
    let mut names = transaction.prepare("SELECT DISTINCT holder FROM messages WHERE holder IS NOT NULL")?;
    let names = names.query_map((), |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    for name in names.iter().filter(|name| holder.is_gone(name)) {
        // From now on known to be gone, also when its file is.
        transaction.execute("UPDATE messages SET holder = '' WHERE holder = ?", params![name])?;
    }
    let mut rows = transaction.prepare(
        "UPDATE messages SET holder = ?1 WHERE number IN
             (SELECT number FROM messages WHERE holder = '' ORDER BY number LIMIT ?2)
         RETURNING number, stored",
    )?;
    let limit = i64::try_from(rules::within_limits(limit)).unwrap_or(1);
    let rows = rows.query_map(params![holder.name(), limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut taken = rows.collect::<Result<Vec<(i64, Vec<u8>)>, _>>()?;
    taken.sort_unstable_by_key(|(number, _)| *number);
    taken.iter().map(|(_, json)| decoded(json)).collect()
}
