//! The file: its owner's alone, and no way to somewhere else (local mailbox).

use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::super::{StoreError, StoreErrorKind};

/// The path of a file that may be opened. Makes it when it is not there.
///
/// A file that is there is looked at and not opened: closing it would give up the locks that another holder in this
/// process has on it.
pub(super) fn prepared(file: &Path) -> Result<PathBuf, StoreError> {
    const NAMED: StoreError = StoreError::new(StoreErrorKind::Refused, "looking for the name of a file");
    let name = file.file_name().ok_or(NAMED)?;
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory =
        fs::canonicalize(directory).map_err(|error| failed("looking for the store's folder", &error))?;
    check_directory(&directory)?;
    let file = directory.join(name);
    match created(&file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let metadata =
                fs::symlink_metadata(&file).map_err(|error| failed("looking at the store's file", &error))?;
            check_file(&metadata)?;
        }
        Err(error) => return Err(failed("making the store's file", &error)),
        Ok(()) => sync(&directory)?,
    }
    Ok(file)
}

/// Makes a new file that is its owner's alone.
pub(super) fn created(file: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

fn failed(step: &'static str, error: &io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        _ => StoreErrorKind::Io,
    };
    // The kind of the error alone: its text may hold a path.
    StoreError::new(kind, step).because(io::Error::from(error.kind()))
}

const fn refused(step: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unsafe, step)
}

#[cfg(unix)]
fn check_directory(directory: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata =
        fs::metadata(directory).map_err(|error| failed("looking at the store's folder", &error))?;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw() || metadata.uid() == 0;
    // Others may write into a sticky folder; they may not replace what is ours there.
    let is_safe = metadata.mode() & 0o022 == 0 || metadata.mode() & 0o1000 != 0;
    if is_ours && is_safe { Ok(()) } else { Err(refused("checking who may replace the store's file")) }
}

#[cfg(unix)]
fn check_file(metadata: &Metadata) -> Result<(), StoreError> {
    use std::os::unix::fs::MetadataExt as _;

    if !metadata.is_file() || metadata.nlink() != 1 {
        return Err(refused("checking that the store is a file with one name"));
    }
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if is_ours && metadata.mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(refused("checking that the store's file is its owner's alone"))
    }
}

/// Makes a new name in the folder durable.
#[cfg(unix)]
fn sync(directory: &Path) -> Result<(), StoreError> {
    fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| failed("syncing the store's folder", &error))
}

#[cfg(not(unix))]
fn check_directory(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

#[cfg(not(unix))]
fn check_file(metadata: &Metadata) -> Result<(), StoreError> {
    if metadata.is_file() { Ok(()) } else { Err(refused("checking that the store is a file")) }
}

#[cfg(not(unix))]
fn sync(_: &Path) -> Result<(), StoreError> {
    Ok(())
}
