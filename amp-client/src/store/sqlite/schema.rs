//! The database: how it is opened, and its tables (local mailbox).

use core::time::Duration;
use std::path::Path;
use std::thread;

use rusqlite::config::DbConfig;
use rusqlite::ffi::ErrorCode;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::super::{StoreError, StoreErrorKind};
use super::failure::Failure;

/// "AMPs", so that nobody takes another program's database for a store.
const APPLICATION: i64 = 0x414d_5073;
const VERSION: i64 = 1;
/// How long a step waits for other processes.
const PATIENCE: Duration = Duration::from_secs(30);
const NAP: Duration = Duration::from_millis(10);

/// Columns that lists need stand before the message, which may reach over many pages.
const TABLES: &str = "
    CREATE TABLE progress (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        position INTEGER NOT NULL,
        compacted_at INTEGER NOT NULL
    ) STRICT;
    INSERT INTO progress VALUES (1, 0, 0);
    CREATE TABLE effects (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        position INTEGER NOT NULL,
        json BLOB NOT NULL
    ) STRICT;
    CREATE INDEX effects_by_position ON effects (position);
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        folder INTEGER NOT NULL,
        peer TEXT NOT NULL,
        id TEXT NOT NULL,
        content BLOB NOT NULL,
        seconds INTEGER NOT NULL,
        nanos INTEGER NOT NULL,
        is_received INTEGER NOT NULL,
        sent_seconds INTEGER NOT NULL,
        sent_nanos INTEGER NOT NULL,
        thread TEXT NOT NULL,
        status INTEGER NOT NULL,
        priority TEXT NOT NULL,
        subject TEXT NOT NULL,
        holder TEXT,
        stored BLOB NOT NULL,
        UNIQUE (folder, peer, id, content)
    ) STRICT;
    CREATE INDEX messages_by_time ON messages (folder, seconds, nanos, peer, id, content);
    CREATE INDEX messages_by_status ON messages (folder, status, seconds, nanos, peer, id, content);
    CREATE INDEX messages_by_peer ON messages (folder, peer, seconds, nanos, id, content);
    CREATE INDEX messages_by_thread ON messages (folder, thread, seconds, nanos, peer, id, content);
    CREATE INDEX messages_by_id ON messages (folder, id, seconds, nanos, peer, content);
    CREATE INDEX waiting_messages ON messages (holder, number) WHERE holder IS NOT NULL;
    CREATE TABLE held (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        entry BLOB NOT NULL,
        message BLOB NOT NULL
    ) STRICT;
";

/// A connection to the store in a file, which may be empty.
pub(super) fn open(file: &Path) -> Result<Connection, StoreError> {
    patiently(|| connected(file))
}

/// Tries until others have let go: not every lock is waited for by SQLite itself.
fn patiently(open: impl Fn() -> Result<Connection, Failure>) -> Result<Connection, StoreError> {
    let naps = PATIENCE.as_millis() / NAP.as_millis();
    for _ in 0..naps {
        match open() {
            Err(Failure::Sqlite(error)) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                thread::sleep(NAP);
            }
            done => return done.map_err(|failure| failure.at("opening the store")),
        }
    }
    open().map_err(|failure| failure.at("opening the store"))
}

fn connected(file: &Path) -> Result<Connection, Failure> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    check_kind(&connection)?;
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA secure_delete = ON;
         PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;",
    )?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::new(
            StoreErrorKind::Io,
            "writing ahead, which this file system does not allow",
        )
        .into());
    }
    create_tables(&mut connection)?;
    // What a process left behind whose sync failed may be in memory alone: it is written once more, to another file.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
    Ok(connection)
}

fn create_tables(connection: &mut Connection) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !check_kind(&transaction)? {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Whether the file is a store; false when there is nothing in it.
fn check_kind(connection: &Connection) -> Result<bool, Failure> {
    let number = |sql: &str| connection.query_row(sql, (), |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    match (application, version, number("SELECT count(*) FROM sqlite_schema")?) {
        (APPLICATION, VERSION, _) => Ok(true),
        (0, 0, 0) => Ok(false),
        (APPLICATION, ..) => Err(Failure::damaged("reading the version of the store")),
        _ => Err(Failure::damaged("opening another program's database")),
    }
}
