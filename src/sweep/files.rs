//! Files that appear whole or not at all, and tables in them.

use crate::{Error, Result};
use polars::prelude::{DataFrame, ParquetReader, ParquetWriter, SerReader};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Cursor, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Part of the name of every file that is being written.
pub(super) const DRAFT: &str = ".draft-";

/// Comes before the checksum in a table.
const SEAL: &[u8] = b"sha256 of the rest:";

/// Whether a Parquet file is there and ends as one does. A cut one is as good as none.
pub(super) fn is_whole(path: &Path) -> Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(Error::io("read", path, e)),
    };
    let mut end = [0; 4];
    let read = file.seek(SeekFrom::End(-4)).and_then(|_| file.read_exact(&mut end));
    Ok(read.is_ok() && end == *b"PAR1")
}

/// Reads a table.
///
/// # Errors
/// If the file is not a table that [`write_table`] has written, byte for byte.
pub fn read_table(path: &Path) -> Result<DataFrame> {
    let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let table =
        if is_sealed(&bytes) { ParquetReader::new(Cursor::new(bytes)).finish().ok() } else { None };
    table.ok_or_else(|| {
        Error::malformed(
            path,
            "is cut short or damaged",
            "a whole Parquet file written by this program; delete it, and the command that made \
             it makes it again",
        )
    })
}

/// Where the footer of a Parquet file starts: after the data, before its own length and `PAR1`.
fn footer(bytes: &[u8]) -> Option<usize> {
    let (rest, end) = bytes.split_last_chunk::<8>()?;
    let (length, magic) = end.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if magic == b"PAR1" { rest.len().checked_sub(length) } else { None }
}

/// Puts a checksum of the file between its data and its footer, where no reader of Parquet looks.
/// A reader of Parquet that is given a damaged file can take wrong numbers for right ones, panic,
/// or ask for a thousand times the memory; so no damaged file is given to it.
fn sealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (data, footer) = bytes.split_at_checked(footer(bytes)?)?;
    Some([data, SEAL, &digest(data, footer), footer].concat())
}

/// Whether a file is as [`sealed`] left it.
fn is_sealed(bytes: &[u8]) -> bool {
    let parts = || {
        let (before, footer) = bytes.split_at_checked(footer(bytes)?)?;
        let (before, checksum) = before.split_last_chunk::<32>()?;
        Some((before.strip_suffix(SEAL)?, checksum, footer))
    };
    parts().is_some_and(|(data, checksum, footer)| digest(data, footer) == *checksum)
}

fn digest(data: &[u8], footer: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(data).chain_update(footer).finalize().into()
}

/// Writes a table.
///
/// # Errors
/// If it cannot be written whole; then what was there before still is.
pub fn write_table(path: &Path, table: &mut DataFrame) -> Result<()> {
    // In memory first: polars hides what the operating system says when a disk is full.
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(table)?;
    let bytes = sealed(&bytes).expect("polars writes Parquet");
    write_atomically(path, |file| file.write_all(&bytes))
}

/// Writes a file that appears whole or not at all.
pub(super) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let draft = draft_of(path);
    let written = File::create(&draft).and_then(|file| {
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()
    });
    written.and_then(|()| fs::rename(&draft, path)).map_err(|e| {
        let _ = fs::remove_file(&draft);
        Error::io("write", path, e)
    })
}

/// Waits for everybody else who holds this lock, which is a file; holds it until the file that
/// this returns is dropped.
pub(super) fn locked(door: &Path) -> Result<File> {
    let lock = File::create(door).map_err(|e| Error::io("create", door, e))?;
    lock.lock().map_err(|e| Error::io("lock", door, e))?;
    Ok(lock)
}

/// A name beside `path` that nobody else uses.
pub(super) fn draft_of(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let host = host_name();
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!("{DRAFT}{host}-{}-{number}", std::process::id()));
    path.with_file_name(name)
}

/// What this machine is called.
pub(super) fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok());
    name.map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::df;

    #[test]
    fn a_sealed_table_is_plain_parquet_and_any_changed_byte_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.parquet");
        let mut table = df!("a" => [1, 2, 3], "b" => ["x", "y", "z"]).unwrap();
        write_table(&path, &mut table).unwrap();
        assert!(read_table(&path).unwrap().equals(&table));
        assert!(ParquetReader::new(File::open(&path).unwrap()).finish().unwrap().equals(&table));
        let whole = fs::read(&path).unwrap();
        for k in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[k] ^= 1;
            assert!(!is_sealed(&damaged), "byte {k}");
            assert!(!is_sealed(&whole[..k]), "cut at {k}");
        }
    }
}
