//! Files that are written whole or not at all, locks, and digests.

use crate::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Part of the name of every file that is being written.
pub const DRAFT: &str = ".draft-";

/// Permissions of ordinary files, of those for the owner alone, and of programs; before the user's
/// mask.
const SHARED: u32 = 0o666;
const PRIVATE: u32 = 0o600;
const PROGRAM: u32 = 0o777;

/// Writes a file that appears whole or not at all: what was there before stays until all is on the
/// disk.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    replace(path, SHARED, content.as_ref()).context("write", path)
}

/// The same for a file that only its owner may read.
pub fn write_private(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    replace(path, PRIVATE, content.as_ref()).context("write", path)
}

/// Writes a file that appears whole, unless there is one; tells whether there was none. Of several
/// processes one writes it.
pub fn write_new(path: &Path, content: impl AsRef<[u8]>) -> Result<bool> {
    let written = draft(path, SHARED, content.as_ref())
        .and_then(|draft| draft.persist_noclobber(path).map_err(|error| error.error));
    match written {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).context("create", path),
    }
}

/// Writes a file and the folders that it lies in, unless it has this content already.
pub fn write_if_different(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    replace_if_different(path, SHARED, content.as_ref())
}

/// The same for a program, which may be running.
pub fn write_program(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    replace_if_different(path, PROGRAM, content.as_ref())
}

fn replace_if_different(path: &Path, mode: u32, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    create_folder_of(path)?;
    replace(path, mode, content).context("write", path)
}

fn replace(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    draft(path, mode, content)?.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// All of a file's content on the disk, under another name.
fn draft(path: &Path, mode: u32, content: &[u8]) -> io::Result<NamedTempFile<File>> {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(DRAFT);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Opened here because the crate's own message names the draft, of which nobody has heard.
    let open = |draft: &Path| File::options().write(true).create_new(true).mode(mode).open(draft);
    let draft = Builder::new().prefix(&prefix).make_in(folder.unwrap_or(Path::new(".")), open)?;
    draft.as_file().write_all(content)?;
    draft.as_file().sync_all()?;
    Ok(draft)
}

fn create_folder_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).context("create", folder),
        None => Ok(()),
    }
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.context("remove", path),
    }
}

/// What lies in a folder, in no order; nothing if it cannot be read.
pub fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// A file that one process at a time may hold; let go when dropped or when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; if another process has it, calls `waiting` once and then waits.
    pub fn take(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        if let Some(lock) = Self::try_take(path)? {
            return Ok(lock);
        }
        waiting();
        let file = open_lock(path)?;
        file.lock().context("lock", path)?;
        Ok(Self { _file: file })
    }

    /// Takes the lock if nobody has it.
    pub fn try_take(path: &Path) -> Result<Option<Self>> {
        let file = open_lock(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("lock", path),
        }
    }
}

fn open_lock(path: &Path) -> Result<File> {
    create_folder_of(path)?;
    // Over a network only what is open for writing can be locked.
    File::options().create(true).truncate(false).write(true).open(path).context("open", path)
}

/// The clone of the repository that this crate was compiled in.
pub fn repository() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("this package lies two folders below the root")
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The first 16 hexadecimal digits of the SHA-256: a name.
pub fn short_sha256(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(&Sha256::digest(bytes)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_file_is_replaced_whole_or_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers");
        for text in ["one", "two"] {
            write(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let occupied = folder.path().join("occupied");
        fs::create_dir(&occupied).unwrap();
        let refused = write(&occupied, "three").unwrap_err().to_string();
        assert!(refused.starts_with(&format!("cannot write {}", occupied.display())), "{refused}");
        assert_eq!(entries(folder.path()).count(), 2, "a draft is left");
    }

    #[test]
    fn others_may_read_a_file_unless_it_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().mode() & 0o777;
        File::create(folder.path().join("usual")).unwrap();
        write(&folder.path().join("shared"), "").unwrap();
        write_private(&folder.path().join("private"), "").unwrap();
        assert_eq!((mode("shared"), mode("private")), (mode("usual"), 0o600));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named_without_the_draft() {
        let message = write(Path::new("/nowhere/file"), "").unwrap_err().to_string();
        assert_eq!(message, "cannot write /nowhere/file: No such file or directory (os error 2)");
    }

    #[test]
    fn a_lock_is_held_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locks/one");
        let held = Lock::take(&path, || panic!("nobody has it")).unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(held);
        assert!(Lock::try_take(&path).unwrap().is_some());
    }

    #[test]
    fn digests_are_hexadecimal() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(""), empty);
        assert_eq!(short_sha256(""), empty[..16]);
    }
}
