//! Who holds the mailbox: a file each, locked as long as its holder lives (local mailbox).
//!
//! The lock says more than that somebody is there. Whole, it is exclusive. A holder that has left something undone shares
//! it: whoever comes next does what is left, and takes nothing of the holder's last record for durable.

use alloc::format;
use alloc::string::String;

use super::disk::{Access, Disk, DiskResult, Errno, Lock};
use super::ledger::{HolderId, holder_id};

const SUFFIX: &str = ".lock";

/// How it is with a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It lives, and has left nothing undone.
    Sound,
    /// It lives, and has left something undone.
    Troubled,
    /// It ended without saying so: killed, or with something undone.
    Dead,
    /// It ended in order.
    Gone,
}

impl Standing {
    /// Whether its last record may be in memory only, or its work unfinished.
    pub(super) const fn is_doubtful(self) -> bool {
        matches!(self, Self::Troubled | Self::Dead)
    }

    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Dead | Self::Gone)
    }
}

/// The files of all holders, and this one's.
pub(super) struct Holders<D: Disk> {
    dir: D::Dir,
    file: D::File,
    id: HolderId,
}

impl<D: Disk> Holders<D> {
    /// Becomes a holder.
    pub(super) fn join(disk: &D, dir: D::Dir) -> DiskResult<Self> {
        let id = holder_id(disk.random()?);
        let file = disk.create(&dir, &file_of(&id))?;
        if !disk.try_lock(&file, Lock::Exclusive)? {
            return Err(Errno::WOULDBLOCK);
        }
        // After a power cut the file has to tell that there was somebody.
        disk.sync_dir(&dir)?;
        Ok(Self { dir, file, id })
    }

    pub(super) fn id(&self) -> &HolderId {
        &self.id
    }

    /// How it is with a holder. The mailbox is locked meanwhile, so that none joins unseen.
    pub(super) fn standing(&self, disk: &D, holder: &str) -> DiskResult<Standing> {
        if *holder == *self.id {
            return Ok(Standing::Sound);
        }
        let file = match disk.open(&self.dir, &file_of(holder), Access::ReadWrite) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Standing::Gone),
            Err(error) => return Err(error),
        };
        if disk.try_lock(&file, Lock::Exclusive)? {
            return Ok(Standing::Dead);
        }
        let is_shared = disk.try_lock(&file, Lock::Shared)?;
        Ok(if is_shared { Standing::Troubled } else { Standing::Sound })
    }

    /// Tells the others whether something of this holder's is undone.
    pub(super) fn set_troubled(&self, disk: &D, is_troubled: bool) {
        let lock = if is_troubled { Lock::Shared } else { Lock::Exclusive };
        if !matches!(disk.try_lock(&self.file, lock), Ok(true)) {
            tracing::warn!("the mailbox's lock on its own holder could not be changed");
        }
    }

    /// Removes the file of a dead holder, after everything of it was done.
    pub(super) fn bury(&self, disk: &D, holder: &str) {
        // If it stays, the next one tries.
        let _ = disk.unlink(&self.dir, &file_of(holder));
    }

    /// The dead.
    pub(super) fn dead(&self, disk: &D) -> DiskResult<alloc::vec::Vec<String>> {
        let mut dead = alloc::vec::Vec::new();
        for listed in disk.list(&self.dir)? {
            let Ok(name) = String::from_utf8(listed.name) else { continue };
            let Some(holder) = name.strip_suffix(SUFFIX) else { continue };
            if self.standing(disk, holder)? == Standing::Dead {
                dead.push(holder.into());
            }
        }
        Ok(dead)
    }

    /// Ends in order.
    pub(super) fn leave(&self, disk: &D) {
        let _ = disk.unlink(&self.dir, &file_of(&self.id));
    }
}

fn file_of(holder: &str) -> String {
    format!("{holder}{SUFFIX}")
}
