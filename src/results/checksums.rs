//! Tables as files, with checksums beside them.

use crate::{Error, Result};
use inorm_core::files;
use polars::prelude::{DataFrame, ParquetReader, ParquetWriter, SerReader};
use std::{fs, io::Cursor, path::Path};

/// The file beside tables that says whether they are whole, as `sha256sum` writes it.
const CHECKSUMS: &str = "SHA256SUMS";

/// Stands before the checksum that a table had before it was replaced. `sha256sum -c` ignores it.
const REPLACED: &str = "# replaced: ";

/// The line of a file in [`CHECKSUMS`].
fn line(name: &str, bytes: &[u8]) -> String {
    format!("{}  {name}", files::sha256(bytes))
}

/// Writes tables, in this order.
///
/// An interruption leaves some of them as they were and the others new, each whole: their
/// checksums are written before them, and are kept beside those of the tables that they replace.
///
/// # Errors
/// If one cannot be written whole; then what was there before still is.
pub(super) fn write_tables(folder: &Path, tables: [(&str, &mut DataFrame); 3]) -> Result<()> {
    let mut contents = Vec::new();
    let mut checksums = String::new();
    for (name, table) in tables {
        // In memory first: polars hides what the operating system says when a disk is full.
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(table)?;
        if let Ok(before) = verified(folder, name) {
            checksums += &format!("{REPLACED}{}\n", line(name, &before));
        }
        checksums += &format!("{}\n", line(name, &bytes));
        contents.push((name, bytes));
    }
    files::write(&folder.join(CHECKSUMS), checksums.as_bytes())?;
    for (name, bytes) in contents {
        files::write(&folder.join(name), bytes)?;
    }
    Ok(())
}

/// Reads a table.
///
/// # Errors
/// If the file is not the one that the checksums beside it are of. It is not parsed then: the
/// reader of Parquet may panic, or ask for any amount of memory.
pub(super) fn read_table(folder: &Path, name: &str) -> Result<DataFrame> {
    Ok(ParquetReader::new(Cursor::new(verified(folder, name)?)).finish()?)
}

/// The bytes of a table that is whole.
fn verified(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let read = |path: &Path| fs::read(path).map_err(|e| Error::io("read", path, e));
    let path = folder.join(name);
    let bytes = read(&path)?;
    // Read after the table: they are written before it.
    let checksums = folder.join(CHECKSUMS);
    let checksums = if checksums.exists() { read(&checksums)? } else { Vec::new() };
    let expected = line(name, &bytes);
    let whole = String::from_utf8_lossy(&checksums)
        .lines()
        .any(|line| line.strip_prefix(REPLACED).unwrap_or(line) == expected);
    if whole { Ok(bytes) } else { Err(unlisted(folder, name, &bytes)) }
}

/// How a Parquet file begins, and how it ends.
const MAGIC: &[u8] = b"PAR1";

/// What a table is that is not in [`CHECKSUMS`], and what to do with it.
fn unlisted(folder: &Path, name: &str, bytes: &[u8]) -> Error {
    if !bytes.starts_with(MAGIC) || !bytes.ends_with(MAGIC) {
        let expected = "a whole Parquet file; put back a copy of it";
        return Error::malformed(folder.join(name), "is cut short or damaged", expected);
    }
    let what = match writer(bytes) {
        Some(writer) => format!("{writer} has written it"),
        None => "another program has written it, or it is damaged".to_owned(),
    };
    let problem = format!("is not listed in {CHECKSUMS} beside it: {what}");
    let folder_name = folder.display();
    let expected = format!(
        "a table as `inorm sweep merge` writes it; if you trust this one, run \
         `sha256sum *.parquet > {CHECKSUMS}` in {folder_name}, and \
         `inorm sweep merge --store {folder_name} --into DIR` makes such tables of those there"
    );
    Error::malformed(folder.join(name), problem, expected)
}

/// The program that wrote a Parquet file, if its footer says so as most do: name, "version", number.
fn writer(bytes: &[u8]) -> Option<&str> {
    let (rest, end) = bytes.split_last_chunk::<8>()?;
    let length = u32::from_le_bytes([end[0], end[1], end[2], end[3]]) as usize;
    let footer = &rest[rest.len().checked_sub(length)?..];
    // A text has its length before it.
    (0..footer.len()).find_map(|at| {
        let text = footer[at + 1..].get(..usize::from(footer[at]))?;
        let text = std::str::from_utf8(text).ok()?;
        let is_writer = text.contains(" version ") && !text.contains(char::is_control);
        is_writer.then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{ParquetCompression, df};

    const NAMES: [&str; 3] = ["a.parquet", "b.parquet", "c.parquet"];

    fn write(folder: &Path, number: i32) {
        let mut tables = [0, 1, 2].map(|k| df!("n" => [number, k]).unwrap());
        let [a, b, c] = &mut tables;
        write_tables(folder, [(NAMES[0], a), (NAMES[1], b), (NAMES[2], c)]).unwrap();
    }

    fn number(folder: &Path, name: &str) -> Result<i32> {
        let table = read_table(folder, name)?;
        Ok(table.column("n")?.i32()?.get(0).unwrap())
    }

    #[test]
    fn any_changed_byte_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 1);
        let path = folder.path().join(NAMES[0]);
        let whole = fs::read(&path).unwrap();
        for k in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[k] ^= 1;
            for damaged in [&damaged, &whole[..k]] {
                fs::write(&path, damaged).unwrap();
                let message = number(folder.path(), NAMES[0]).unwrap_err().to_string();
                assert!(message.contains("damaged"), "{message}");
            }
        }
        fs::write(&path, &whole).unwrap();
        assert!(number(folder.path(), NAMES[0]).is_ok());
        fs::remove_file(folder.path().join(CHECKSUMS)).unwrap();
        assert!(number(folder.path(), NAMES[0]).is_err());
    }

    #[test]
    fn a_table_of_another_program_is_called_that_and_can_be_listed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, 1);
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes)
            .with_compression(ParquetCompression::Uncompressed)
            .finish(&mut read_table(folder, NAMES[0]).unwrap())
            .unwrap();
        // The same with the name of another writer in its footer.
        let name = b"\x20parquet-cpp-arrow version 14.0.1";
        let at = bytes.windows(7).rposition(|window| window == b"\x06Polars").unwrap();
        let named = [&bytes[..at], name, &bytes[at + 7..bytes.len() - 8]].concat();
        let length = &bytes[bytes.len() - 8..bytes.len() - 4];
        let length = u32::from_le_bytes(length.try_into().unwrap()) + name.len() as u32 - 7;
        let named = [&named[..], &length.to_le_bytes()[..], MAGIC].concat();
        for (bytes, what) in [
            (bytes, "another program has written it, or it is damaged"),
            (named, "parquet-cpp-arrow version 14.0.1 has written it"),
        ] {
            write(folder, 2);
            fs::write(folder.join(NAMES[0]), bytes).unwrap();
            let message = number(folder, NAMES[0]).unwrap_err().to_string();
            let command = format!("sha256sum *.parquet > {CHECKSUMS}");
            let next = format!("inorm sweep merge --store {}", folder.display());
            for part in [what, &command, &next] {
                assert!(message.contains(part) && !message.contains("delete"), "{message}");
            }
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", &command]).current_dir(folder);
            assert!(shell.status().unwrap().success());
            assert_eq!(NAMES.map(|name| number(folder, name).unwrap()), [1, 2, 2]);
        }
    }

    #[test]
    fn an_interruption_leaves_whole_tables() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, 1);
        let before = NAMES.map(|name| fs::read(folder.join(name)).unwrap());
        for replaced in 0..=3 {
            write(folder, 2);
            for (name, bytes) in NAMES.iter().zip(&before).skip(replaced) {
                fs::write(folder.join(name), bytes).unwrap();
            }
            let found = NAMES.map(|name| number(folder, name).unwrap());
            let expected = [0, 1, 2].map(|k| if k < replaced { 2 } else { 1 });
            assert_eq!(found, expected);
            // The next one knows both, too.
            write(folder, 3);
            assert_eq!(NAMES.map(|name| number(folder, name).unwrap()), [3; 3]);
            write(folder, 1);
        }
    }

    #[test]
    fn sha256sum_agrees() {
        let folder = tempfile::tempdir().unwrap();
        for number in [1, 2] {
            write(folder.path(), number);
            let mut check = std::process::Command::new("sha256sum");
            let output = check.args(["-c", CHECKSUMS]).current_dir(folder.path()).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
    }
}
