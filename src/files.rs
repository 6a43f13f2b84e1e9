//! Files that appear whole or not at all, locks, and checksums.

use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::{fs::File, io::Write, path::Path};

/// Part of the name of every file that is being written.
pub(crate) const DRAFT: &str = ".draft-";

/// The SHA-256 of some bytes, in hex.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Writes a file that appears whole or not at all.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let written = || {
        let mut prefix = path.file_name().unwrap_or_default().to_owned();
        prefix.push(DRAFT);
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut draft = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder)?;
        draft.write_all(content.as_ref())?;
        draft.as_file().sync_all()?;
        draft.persist(path).map_err(|e| e.error)
    };
    written().map(drop).map_err(|e| Error::io("write", path, e))
}

/// A file that one process at a time may hold; let go when dropped or when the process ends.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; if another process has it, calls `waiting` once and then waits.
    pub(crate) fn take(path: &Path, _: impl FnOnce()) -> Result<Self> {
        let file = File::create(path).map_err(|e| Error::io("create", path, e))?;
        file.lock().map_err(|e| Error::io("lock", path, e))?;
        Ok(Self { _file: file })
    }
}
