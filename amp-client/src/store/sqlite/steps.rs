//! What the receiver remembers, and what is held for review (local mailbox).

use alloc::vec::Vec;

use amp_core::envelope::QuarantineId;
use amp_core::receive::{Effect, QuarantineEntry};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::super::{Appended, Entry, Folder, HeldMessage, Loaded, Position, rules};
use super::failure::Failure;
use super::holder::Holder;
use super::messages;

/// The latest position, and the one at which was compacted last.
fn progress(transaction: &Transaction<'_>) -> Result<(Position, Position), Failure> {
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let (position, compacted_at) =
        transaction.query_row("SELECT position, compacted_at FROM progress", (), row)?;
    Ok((position_of(position)?, position_of(compacted_at)?))
}

fn position_of(number: i64) -> Result<Position, Failure> {
    u64::try_from(number).map(Position::new).map_err(|_| Failure::damaged("reading a position"))
}

fn number_of(position: Position) -> i64 {
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}

pub(super) fn load(transaction: &Transaction<'_>, after: Position) -> Result<Loaded, Failure> {
    let (position, compacted_at) = progress(transaction)?;
    let is_whole = after == Position::START || after < compacted_at || after > position;
    let since = if is_whole { -1 } else { number_of(after) };
    let mut rows = transaction.prepare("SELECT json FROM effects WHERE position > ? ORDER BY number")?;
    let mut rows = rows.query(params![since])?;
    let mut effects = Vec::new();
    while let Some(row) = rows.next()? {
        let json = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        effects.push(Effect::from_json(json).map_err(|_| Failure::damaged("reading an effect"))?);
    }
    Ok(if is_whole { Loaded::whole(effects, position) } else { Loaded::new(effects, position) })
}

pub(super) fn append(
    transaction: &Transaction<'_>,
    holder: &Holder,
    entry: &Entry,
) -> Result<Appended, Failure> {
    let (latest, _) = progress(transaction)?;
    if entry.at != latest {
        return Ok(Appended::Behind);
    }
    let position = Position::new(latest.get().saturating_add(1));
    transaction.execute("UPDATE progress SET position = ?", params![number_of(position)])?;
    keep_effects(transaction, position, &entry.effects)?;
    if let Some(message) = &entry.message {
        messages::keep(transaction, Folder::Inbox, message, Some(holder))?;
    }
    if let Some(id) = &entry.released {
        remove_held(transaction, id)?;
    }
    if let Some(HeldMessage { entry, message }) = &entry.held {
        transaction.execute(
            "INSERT OR IGNORE INTO held (id, entry, message) VALUES (?, ?, ?)",
            params![entry.id().as_str(), entry.to_json().into_bytes(), message],
        )?;
    }
    Ok(Appended::Stored(position))
}

pub(super) fn compact(
    transaction: &Transaction<'_>,
    at: Position,
    effects: &[Effect],
) -> Result<bool, Failure> {
    if progress(transaction)?.0 != at {
        return Ok(false);
    }
    transaction.execute("DELETE FROM effects", ())?;
    transaction.execute("UPDATE progress SET compacted_at = position", ())?;
    keep_effects(transaction, at, effects)?;
    Ok(true)
}

fn keep_effects(
    transaction: &Transaction<'_>,
    position: Position,
    effects: &[Effect],
) -> Result<(), Failure> {
    let mut insert = transaction.prepare("INSERT INTO effects (position, json) VALUES (?, ?)")?;
    for effect in effects.iter().filter(|effect| effect.is_durable()) {
        insert.execute(params![number_of(position), effect.to_json().into_bytes()])?;
    }
    Ok(())
}

pub(super) fn held(transaction: &Transaction<'_>) -> Result<Vec<QuarantineEntry>, Failure> {
    let mut rows = transaction.prepare("SELECT entry FROM held ORDER BY number")?;
    let mut rows = rows.query(())?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(entry_of(&row.get::<_, Vec<u8>>(0)?)?);
    }
    Ok(entries)
}

fn entry_of(json: &[u8]) -> Result<QuarantineEntry, Failure> {
    QuarantineEntry::from_json(json).map_err(|_| Failure::damaged("reading the entry of a held message"))
}

pub(super) fn get_held(
    transaction: &Transaction<'_>,
    id: &QuarantineId,
) -> Result<Option<HeldMessage>, Failure> {
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
    let found = transaction
        .query_row("SELECT entry, message FROM held WHERE id = ?", params![id.as_str()], row)
        .optional()?;
    let Some((entry, message)) = found else { return Ok(None) };
    Ok(Some(HeldMessage::new(entry_of(&entry)?, message)))
}

pub(super) fn decide_held(transaction: &Transaction<'_>, entry: &QuarantineEntry) -> Result<bool, Failure> {
    let Some(held) = get_held(transaction, entry.id())?.filter(|held| rules::is_undecided(&held.entry))
    else {
        return Ok(false);
    };
    transaction.execute(
        "UPDATE held SET entry = ? WHERE id = ?",
        params![entry.to_json().into_bytes(), held.entry.id().as_str()],
    )?;
    Ok(true)
}

pub(super) fn remove_held(transaction: &Transaction<'_>, id: &QuarantineId) -> Result<bool, Failure> {
    Ok(transaction.execute("DELETE FROM held WHERE id = ?", params![id.as_str()])? > 0)
}
