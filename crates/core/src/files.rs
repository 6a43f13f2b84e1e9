//! Files that are written whole or not at all, locks, and digests.

use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use tempfile::Builder;

/// Part of the name of every file that is being written.
pub const DRAFT: &str = ".draft-";

/// Permissions of ordinary files, of those for the owner alone, and of programs; before the user's
/// mask.
const SHARED: u32 = 0o666;
const PRIVATE: u32 = 0o600;
const PROGRAM: u32 = 0o777;

/// Writes a file that appears whole or not at all: what was there before stays until all is on the
/// disk.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    write_with(path, |file| file.write_all(content.as_ref()))
}

/// The same for content that is produced piece by piece.
///
/// # Errors
/// If it cannot be written, or `produce` fails.
pub fn write_with(
    path: &Path,
    produce: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<()> {
    replace(path, SHARED, produce).map_err(|error| Error::io("write", path, error))
}

/// The same for a file that only its owner may read.
///
/// # Errors
/// If it cannot be written.
pub fn write_private(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    replace(path, PRIVATE, |file| file.write_all(content.as_ref()))
        .map_err(|error| Error::io("write", path, error))
}

/// The same for a program, unless it has this content already: it may be running.
///
/// # Errors
/// If it cannot be written.
pub fn write_program(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == content.as_ref()) {
        return Ok(());
    }
    replace(path, PROGRAM, |file| file.write_all(content.as_ref()))
        .map_err(|error| Error::io("write", path, error))
}

/// Writes a file and the folders that it lies in, unless it has this content already.
///
/// # Errors
/// If it cannot be written.
pub fn write_if_different(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == content.as_ref()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
    }
    write(path, content)
}

fn replace(
    path: &Path,
    mode: u32,
    produce: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(DRAFT);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Opened here because the crate's own message names the draft, of which nobody has heard.
    let open = |draft: &Path| File::options().write(true).create_new(true).mode(mode).open(draft);
    let draft = Builder::new().prefix(&prefix).make_in(folder.unwrap_or(Path::new(".")), open)?;
    let mut writer = BufWriter::new(draft.as_file());
    produce(&mut writer)?;
    writer.flush()?;
    drop(writer);
    draft.as_file().sync_all()?;
    draft.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A file that one process at a time may hold; let go when dropped or when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; if another process has it, calls `waiting` once and then waits.
    ///
    /// # Errors
    /// If the file cannot be created or locked.
    pub fn take(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        let file = open_lock(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(|error| Error::io("lock", path, error))?;
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
        }
        Ok(Self { _file: file })
    }

    /// Takes the lock if nobody has it.
    ///
    /// # Errors
    /// If the file cannot be created or locked.
    pub fn try_take(path: &Path) -> Result<Option<Self>> {
        let file = open_lock(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", path, error)),
        }
    }
}

fn open_lock(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
    }
    // Over a network only what is open for writing can be locked.
    let file = File::options().create(true).truncate(false).write(true).open(path);
    file.map_err(|error| Error::io("open", path, error))
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
        write(&path, "one").unwrap();
        let failed = write_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert!(failed.unwrap_err().to_string().contains("cannot write"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a draft is left");
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
