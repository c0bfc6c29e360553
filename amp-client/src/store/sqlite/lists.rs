//! Lists of messages, from columns and without reading the messages (local mailbox).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use amp_core::address::{Address, Profile};
use amp_core::envelope::{MessageId, Status, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Row, Transaction, params_from_iter};

use super::super::{MessageKey, Page, Query, Summary};
use super::failure::Failure;
use super::messages::{number_of_folder, number_of_status};

const COLUMNS: &str =
    "SELECT peer, id, content, seconds, nanos, is_received, sent_seconds, sent_nanos, thread, status,
    priority, subject FROM messages WHERE folder = ";
const ORDER: &str = " ORDER BY seconds DESC, nanos DESC, peer DESC, id DESC, content DESC LIMIT ?";

pub(super) fn list(transaction: &Transaction<'_>, query: &Query) -> Result<Page, Failure> {
    let (sql, values) = statement(query);
    let mut rows = transaction.prepare(&sql)?;
    let mut rows = rows.query(params_from_iter(values))?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(summary_of(row)?);
    }
    // One more was asked for than a page has.
    let has_more = messages.len() > query.page_size();
    messages.truncate(query.page_size());
    let next = messages.last().filter(|_| has_more).map(Summary::cursor);
    Ok(Page::new(messages, next))
}

fn statement(query: &Query) -> (String, Vec<Value>) {
    let mut sql = format!("{COLUMNS}{}", number_of_folder(query.folder));
    // Ids name few messages, a peer names many, a status most: the plus keeps a column from choosing the index.
    let is_rare = query.thread.is_some() || query.id.is_some();
    if let Some(status) = query.status {
        let plus = if is_rare || query.peer.is_some() { "+" } else { "" };
        sql.push_str(&format!(" AND {plus}status = {}", number_of_status(status)));
    }
    let mut values = Vec::new();
    let mut add = |condition: &str, value: Value| {
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(peer) = &query.peer {
        add(if is_rare { " AND +peer = ?" } else { " AND peer = ?" }, String::from(peer.as_str()).into());
    }
    if let Some(thread) = &query.thread {
        add(" AND thread = ?", String::from(thread.as_str()).into());
    }
    if let Some(id) = &query.id {
        add(" AND id = ?", String::from(id.as_str()).into());
    }
    if let Some(after) = &query.after {
        add(" AND (seconds, nanos, peer, id, content) < (?", after.at().unix_seconds().into());
        add(", ?", i64::from(after.at().subsec_nanos()).into());
        add(", ?", String::from(after.key().peer().as_str()).into());
        add(", ?", String::from(after.key().id().as_str()).into());
        add(", ?)", after.key().content().to_vec().into());
    }
    add(ORDER, i64::try_from(query.page_size().saturating_add(1)).unwrap_or(i64::MAX).into());
    (sql, values)
}

fn summary_of(row: &Row<'_>) -> Result<Summary, Failure> {
    let peer = Address::parse_with(&row.get::<_, String>("peer")?, Profile::Deployed)
        .map_err(|_| Failure::damaged("reading an address"))?;
    let key = MessageKey::from_parts(peer, id_at(row, "id")?, row.get("content")?);
    let at = timestamp_at(row, "seconds", "nanos")?;
    Ok(Summary {
        key,
        subject: row.get("subject")?,
        priority: row
            .get::<_, String>("priority")?
            .parse()
            .map_err(|_| Failure::damaged("reading a priority"))?,
        thread: id_at(row, "thread")?,
        sent_at: timestamp_at(row, "sent_seconds", "sent_nanos")?,
        received_at: row.get::<_, bool>("is_received")?.then_some(at),
        status: match row.get::<_, i64>("status")? {
            0 => Status::Unread,
            1 => Status::Read,
            2 => Status::Archived,
            _ => return Err(Failure::damaged("reading a status")),
        },
    })
}

fn id_at(row: &Row<'_>, column: &str) -> Result<MessageId, Failure> {
    MessageId::parse_with(&row.get::<_, String>(column)?, Profile::Deployed)
        .map_err(|_| Failure::damaged("reading an id"))
}

fn timestamp_at(row: &Row<'_>, seconds: &str, nanos: &str) -> Result<Timestamp, Failure> {
    let whole = Timestamp::from_unix_seconds(row.get(seconds)?);
    let nanos = Duration::from_nanos(u64::from(row.get::<_, u32>(nanos)?));
    whole.and_then(|whole| whole.checked_add(nanos)).ok_or(Failure::damaged("reading a time"))
}

pub(super) fn unread(transaction: &Transaction<'_>) -> Result<u64, Failure> {
    let sql = "SELECT count(*) FROM messages WHERE folder = 0 AND status = 0";
    let count: i64 = transaction.query_row(sql, (), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
