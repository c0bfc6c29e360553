//! Files of messages: read as if somebody had laid a trap, made so that nobody sees half of one (local mailbox).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use amp_core::envelope::StoredMessage;
use amp_core::envelope::limits::HTTP_BODY_MAX_BYTES;

use super::disk::{Access, Disk, DiskResult, Errno, Kind, Stat, read_full, write_all};
use super::names::{is_place_of, unfinished_name};
use super::odd::OddityKind;
use crate::store::{Folder, MessageKey};

/// A file holds at most a stored message.
pub(super) const FILE_MAX_BYTES: usize = HTTP_BODY_MAX_BYTES;

/// How often a file is read again that somebody seems to be writing, and how long is waited between.
const READINGS: u32 = 5;
const PAUSE_MILLISECONDS: u64 = 10;

/// What was found under a name.
pub(super) enum Found {
    /// A message, in its place.
    Message(Box<Letter>),
    /// Nothing.
    Nothing,
    /// Something that is skipped.
    Odd(OddityKind),
}

/// A message as it lies in its file.
pub(super) struct Letter {
    pub(super) key: MessageKey,
    pub(super) stored: StoredMessage,
    pub(super) bytes: Vec<u8>,
    pub(super) stat: Stat,
}

/// Reads the message of a folder that has a name, `directory/file` or `file`.
pub(super) fn read_message<D: Disk>(
    disk: &D,
    folder: &D::Dir,
    which: Folder,
    name: &str,
) -> DiskResult<Found> {
    let (directory, file) = split(name);
    match directory.map(|directory| disk.open_dir(folder, directory)).transpose() {
        Ok(directory) => read_in(disk, directory.as_ref().unwrap_or(folder), which, name, file),
        Err(Errno::NOENT) => Ok(Found::Nothing),
        Err(error) => odd_directory(error).map(Found::Odd),
    }
}

/// What stands where a directory should.
pub(super) fn odd_directory(error: Errno) -> DiskResult<OddityKind> {
    match error {
        Errno::LOOP | Errno::MLINK => Ok(OddityKind::Link),
        Errno::NOTDIR | Errno::NXIO => Ok(OddityKind::NotAFile),
        Errno::ACCESS | Errno::PERM => Ok(OddityKind::Unreadable),
        error => Err(error),
    }
}

/// The same, in the directory that is open.
pub(super) fn read_in<D: Disk>(
    disk: &D,
    directory: &D::Dir,
    which: Folder,
    name: &str,
    file: &str,
) -> DiskResult<Found> {
    let (bytes, stat) = match read_bytes(disk, directory, file) {
        Ok(Ok(read)) => read,
        Ok(Err(kind)) => return Ok(Found::Odd(kind)),
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    let Ok(stored) = StoredMessage::decode(&bytes) else {
        return Ok(Found::Odd(OddityKind::NotAMessage));
    };
    let key = key_of(which, &stored);
    if !is_place_of(name, key.peer(), key.id()) {
        return Ok(Found::Odd(OddityKind::WrongPlace));
    }
    Ok(Found::Message(Box::new(Letter { key, stored, bytes, stat })))
}

/// The same, and again while somebody else seems to be writing it.
pub(super) fn read_patiently<D: Disk>(
    disk: &D,
    folder: &D::Dir,
    which: Folder,
    name: &str,
) -> DiskResult<Found> {
    for _ in 1..READINGS {
        match read_message(disk, folder, which, name)? {
            Found::Odd(OddityKind::NotAMessage) => disk.pause(PAUSE_MILLISECONDS),
            found => return Ok(found),
        }
    }
    read_message(disk, folder, which, name)
}

pub(super) fn key_of(which: Folder, stored: &StoredMessage) -> MessageKey {
    match which {
        Folder::Sent => MessageKey::of_sent(stored.message()),
        _ => MessageKey::of(stored.message()),
    }
}

fn read_bytes<D: Disk>(
    disk: &D,
    directory: &D::Dir,
    file: &str,
) -> DiskResult<Result<(Vec<u8>, Stat), OddityKind>> {
    // A device may do something when it is opened, so it is looked at before.
    let before = disk.stat_at(directory, file)?;
    if let Some(kind) = oddity_of(disk, &before) {
        return Ok(Err(kind));
    }
    let open = match disk.open(directory, file, Access::Read) {
        Ok(open) => open,
        Err(Errno::LOOP | Errno::MLINK) => return Ok(Err(OddityKind::Link)),
        Err(Errno::NXIO) => return Ok(Err(OddityKind::NotAFile)),
        Err(Errno::ACCESS | Errno::PERM) => return Ok(Err(OddityKind::Unreadable)),
        Err(error) => return Err(error),
    };
    let stat = disk.stat(&open)?;
    if let Some(kind) = oddity_of(disk, &stat) {
        return Ok(Err(kind));
    }
    // It may grow meanwhile: one byte more than there may be is read, and no more.
    let size = usize::try_from(stat.size).unwrap_or(FILE_MAX_BYTES).min(FILE_MAX_BYTES);
    let mut bytes = alloc::vec![0; size + 1];
    let read = read_full(disk, &open, 0, &mut bytes)?;
    bytes.truncate(read);
    // One that grew is read again next time.
    Ok(if read == size { Ok((bytes, stat)) } else { Err(OddityKind::NotAMessage) })
}

fn oddity_of<D: Disk>(disk: &D, stat: &Stat) -> Option<OddityKind> {
    match stat.kind {
        Kind::Link => Some(OddityKind::Link),
        Kind::Directory | Kind::Other => Some(OddityKind::NotAFile),
        Kind::File if stat.links > 1 => Some(OddityKind::HardLink),
        Kind::File if stat.owner != disk.owner() => Some(OddityKind::NotOurs),
        Kind::File if stat.size > FILE_MAX_BYTES as u64 => Some(OddityKind::TooLarge),
        Kind::File => None,
    }
}

/// Makes a file that was not there: [`Errno::EXIST`] when it was. Afterwards it is durable under its name.
pub(super) fn make<D: Disk>(disk: &D, directory: &D::Dir, file: &str, bytes: &[u8]) -> DiskResult<()> {
    let unfinished = write_aside(disk, directory, file, bytes)?;
    if let Err(error) = disk.rename_new(directory, &unfinished, file) {
        let _ = disk.unlink(directory, &unfinished);
        return Err(error);
    }
    disk.sync_dir(directory)
}

/// Puts new content into the place of a file.
pub(super) fn replace<D: Disk>(disk: &D, directory: &D::Dir, file: &str, bytes: &[u8]) -> DiskResult<()> {
    let unfinished = write_aside(disk, directory, file, bytes)?;
    if let Err(error) = disk.rename(directory, &unfinished, file) {
        let _ = disk.unlink(directory, &unfinished);
        return Err(error);
    }
    disk.sync_dir(directory)
}

/// Writes the content into a file beside, durably. After a failure it is gone, and so is what the system made of it.
fn write_aside<D: Disk>(disk: &D, directory: &D::Dir, file: &str, bytes: &[u8]) -> DiskResult<String> {
    let name = unfinished_name(file);
    match disk.unlink(directory, &name) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    let open = disk.create(directory, &name)?;
    let written = write_all(disk, &open, 0, bytes).and_then(|()| disk.sync(&open));
    if let Err(error) = written {
        let _ = disk.unlink(directory, &name);
        return Err(error);
    }
    Ok(name)
}

/// A name's directory, if it has one, and its file.
pub(super) fn split(name: &str) -> (Option<&str>, &str) {
    name.split_once('/').map_or((None, name), |(directory, file)| (Some(directory), file))
}
