//! The directory of downloads, and a file in it that has no lasting name yet (attachments, receiving).

use alloc::format;
use alloc::string::String;
use std::io;
use std::path::{Path, PathBuf};

use amp_core::envelope::limits::FILENAME_MAX_BYTES;
use tokio::fs::File;

/// How many names beside the first are tried.
const NAMES_MAX: u32 = 10_000;

/// An open directory in which nobody but its owner writes.
pub(super) struct Directory {
    path: PathBuf,
    #[cfg(unix)]
    open: rustix::fd::OwnedFd,
}

/// A file that is written. It is deleted unless it is [named](Self::name).
pub(super) struct Unnamed {
    directory: Directory,
    /// The name that it has until then, where files cannot be without one.
    temporary: Option<String>,
    /// None once it has its name.
    file: Option<File>,
}

impl Directory {
    /// A new file, for its owner alone. Where the system can, it has no name at all: nothing of it is left when the process
    /// is killed.
    pub(super) fn create(self) -> io::Result<Unnamed> {
        match self.create_nameless() {
            Some(file) => Ok(Unnamed { directory: self, temporary: None, file: Some(File::from_std(file)) }),
            None => self.create_temporary(),
        }
    }

    fn create_temporary(self) -> io::Result<Unnamed> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| io::Error::other("no randomness"))?;
        let temporary = format!(".{:032x}.part", u128::from_ne_bytes(random));
        let file = self.create_file(&temporary)?;
        Ok(Unnamed { directory: self, temporary: Some(temporary), file: Some(File::from_std(file)) })
    }
}

impl Unnamed {
    pub(super) fn file(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Makes the file durable and gives it this name, or one beside it that is free. Blocks. The file has been flushed.
    pub(super) fn name(mut self, name: &str) -> io::Result<(std::fs::File, PathBuf)> {
        let busy = |_| io::Error::from(io::ErrorKind::ResourceBusy);
        let file = self.file.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let mut file = file.try_into_std().map_err(busy)?;
        io::Seek::rewind(&mut file)?;
        file.sync_all()?;
        for number in 1..=NAMES_MAX {
            let name = beside(name, number);
            let linked = match &self.temporary {
                Some(temporary) => self.directory.link(temporary, &name),
                None => self.directory.link_nameless(&file, &name),
            };
            match linked {
                Ok(()) => {
                    if let Some(temporary) = &self.temporary {
                        self.directory.remove(temporary)?;
                    }
                    self.directory.sync()?;
                    let path = self.directory.path.join(name);
                    return Ok((file, path));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }
}

/// What has a lasting name by now has lost the temporary one.
impl Drop for Unnamed {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = self.directory.remove(temporary);
        }
    }
}

/// `report.pdf`, `report-2.pdf`, `report-3.pdf`; a name that is as long as names are is cut.
fn beside(name: &str, number: u32) -> String {
    if number <= 1 {
        return name.into();
    }
    let dot = name.rfind('.').filter(|dot| *dot > 0).unwrap_or(name.len());
    let (stem, extension) = name.split_at_checked(dot).unwrap_or((name, ""));
    let suffix = format!("-{number}{extension}");
    let room = FILENAME_MAX_BYTES.saturating_sub(suffix.len()).min(stem.len());
    // Safe names are ASCII.
    [stem.get(..room).unwrap_or_default(), &suffix].concat()
}

#[cfg(unix)]
impl Directory {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        use rustix::fs::{Mode, OFlags};
        use std::os::unix::fs::DirBuilderExt as _;

        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = rustix::fs::open(path, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&open)?;
        let is_own = stat.st_uid == rustix::process::geteuid().as_raw();
        let others_write = Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH);
        if !is_own || others_write {
            let rule = "the directory belongs to another user, or others may write in it";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, rule));
        }
        Ok(Self { path: path.into(), open })
    }

    fn create_file(&self, name: &str) -> io::Result<std::fs::File> {
        use rustix::fs::{Mode, OFlags};

        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.open, name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(file.into())
    }

    /// A second name for a file. Nothing that exists is replaced.
    fn link(&self, name: &str, second: &str) -> io::Result<()> {
        use rustix::fs::AtFlags;

        Ok(rustix::fs::linkat(&self.open, name, &self.open, second, AtFlags::empty())?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        use rustix::fs::AtFlags;

        Ok(rustix::fs::unlinkat(&self.open, name, AtFlags::empty())?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.open)?)
    }
}

#[cfg(target_os = "linux")]
impl Directory {
    /// Not every file system can, and the name that comes later needs `/proc`.
    fn create_nameless(&self) -> Option<std::fs::File> {
        use rustix::fs::{Mode, OFlags};

        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.open, ".", flags, Mode::RUSR | Mode::WUSR).ok()?;
        let file = std::fs::File::from(file);
        std::fs::metadata(path_of(&file)).is_ok().then_some(file)
    }

    /// Nothing that exists is replaced.
    fn link_nameless(&self, file: &std::fs::File, name: &str) -> io::Result<()> {
        use rustix::fs::{AtFlags, CWD};

        Ok(rustix::fs::linkat(CWD, path_of(file), &self.open, name, AtFlags::SYMLINK_FOLLOW)?)
    }
}

#[cfg(target_os = "linux")]
fn path_of(file: &std::fs::File) -> String {
    use std::os::fd::AsRawFd as _;

    format!("/proc/self/fd/{}", file.as_raw_fd())
}

#[cfg(not(target_os = "linux"))]
impl Directory {
    fn create_nameless(&self) -> Option<std::fs::File> {
        None
    }

    fn link_nameless(&self, _: &std::fs::File, _: &str) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

#[cfg(not(unix))]
impl Directory {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self { path: path.into() })
    }

    fn create_file(&self, name: &str) -> io::Result<std::fs::File> {
        std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(self.path.join(name))
    }

    /// A second name for a file. Nothing that exists is replaced.
    fn link(&self, name: &str, second: &str) -> io::Result<()> {
        std::fs::hard_link(self.path.join(name), self.path.join(second))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_beside_another_keeps_its_extension_and_the_limit() {
        assert_eq!(beside("report.pdf", 1), "report.pdf");
        assert_eq!(beside("report.pdf", 2), "report-2.pdf");
        assert_eq!(beside("a.tar.gz", 3), "a.tar-3.gz");
        assert_eq!(beside("report", 10), "report-10");
        let long = "x".repeat(251) + ".pdf";
        assert_eq!(beside(&long, 12).len(), FILENAME_MAX_BYTES);
        assert!(beside(&long, 12).ends_with("x-12.pdf"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_gets_no_name_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        let count = || std::fs::read_dir(&path).unwrap().count();
        drop(Directory::open(&path).unwrap().create().unwrap());
        assert_eq!(count(), 0);
        let temporary = Directory::open(&path).unwrap().create_temporary().unwrap();
        assert_eq!(count(), 1);
        drop(temporary);
        assert_eq!(count(), 0);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_is_downloaded_is_nowhere_to_be_found_before_it_is_whole() {
        use tokio::io::AsyncWriteExt as _;

        let root = tempfile::tempdir().unwrap();
        let mut unnamed = Directory::open(root.path()).unwrap().create().unwrap();
        unnamed.file().unwrap().write_all(b"half of it").await.unwrap();
        unnamed.file().unwrap().flush().await.unwrap();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0, "also after a kill");
        let (_, path) = unnamed.name("a.txt").unwrap();
        assert_eq!(std::fs::read(path).unwrap(), b"half of it");
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_that_others_write_in_or_that_is_a_link_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let root = tempfile::tempdir().unwrap();
        let open = root.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(Directory::open(&open).is_err());
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Directory::open(&open).is_ok());
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&open, &link).unwrap();
        assert!(Directory::open(&link).is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_name_that_is_taken_is_left_alone() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("files");
        for (expected, is_nameless) in [("a.txt", true), ("a-2.txt", false), ("a-3.txt", true)] {
            let directory = Directory::open(&path).unwrap();
            let unnamed =
                if is_nameless { directory.create() } else { directory.create_temporary() }.unwrap();
            let (file, named) = unnamed.name("a.txt").unwrap();
            assert_eq!(named, path.join(expected));
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(file.metadata().unwrap().nlink(), 1);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 3);
    }
}
