//! The IDX format: a magic number, the sizes, then one byte a value.

use crate::{Context, Error, Result};
use flate2::read::GzDecoder;
use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

/// Reads an IDX file of unsigned bytes with `DIMENSIONS` axes, gzipped or plain.
///
/// Returns its sizes and its values. `limit` bounds the number of values, so that a corrupt
/// header cannot ask for more memory than a real file would need.
///
/// # Errors
/// If the file cannot be read, is not such a file, is cut short or goes on after its last value.
pub fn read_idx<const DIMENSIONS: usize>(
    path: &Path,
    limit: usize,
) -> Result<([usize; DIMENSIONS], Vec<u8>)> {
    let file = File::open(path).context("read", path)?;
    parse_idx(BufReader::new(file), path, limit)
}

/// [`read_idx`] from any source of bytes; `name` appears in error messages.
pub(super) fn parse_idx<const DIMENSIONS: usize>(
    mut source: impl Read,
    name: &Path,
    limit: usize,
) -> Result<([usize; DIMENSIONS], Vec<u8>)> {
    let mut start = [0; 2];
    read_exactly(&mut source, &mut start, name)?;
    let rest = start.as_slice().chain(source);
    let mut source: Box<dyn Read + '_> = match start {
        [0x1f, 0x8b] => Box::new(GzDecoder::new(rest)),
        _ => Box::new(rest),
    };
    let mut magic = [0; 4];
    read_exactly(&mut source, &mut magic, name)?;
    let wrong = |problem: String, expected: String| Err(Error::malformed(name, problem, expected));
    let expected = [0, 0, 0x08, DIMENSIONS as u8];
    if magic != expected {
        let kind = format!("an IDX file of bytes with {DIMENSIONS} axes");
        let expected = format!("{kind}, which starts with {expected:02x?}");
        return wrong(format!("starts with {magic:02x?}"), expected);
    }
    let mut sizes = [0; DIMENSIONS];
    for size in &mut sizes {
        let mut bytes = [0; 4];
        read_exactly(&mut source, &mut bytes, name)?;
        *size = u32::from_be_bytes(bytes) as usize;
    }
    let count = sizes.iter().try_fold(1_usize, |n, &s| n.checked_mul(s)).filter(|&n| n <= limit);
    let Some(count) = count else {
        return wrong(format!("announces sizes {sizes:?}"), format!("at most {limit} values"));
    };
    let mut values = vec![0; count];
    read_exactly(&mut source, &mut values, name)?;
    match source.read(&mut [0]) {
        Ok(0) => Ok((sizes, values)),
        Ok(_) => wrong(
            "goes on after its last value".to_owned(),
            format!("{count} values for sizes {sizes:?}"),
        ),
        Err(e) => Err(broken(name, &e)),
    }
}

fn read_exactly(source: &mut impl Read, buffer: &mut [u8], name: &Path) -> Result<()> {
    source.read_exact(buffer).map_err(|e| broken(name, &e))
}

fn broken(name: &Path, e: &std::io::Error) -> Error {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    let problem = match e.kind() {
        UnexpectedEof => "is cut short".to_owned(),
        InvalidData | InvalidInput => format!("is damaged ({e})"),
        _ => format!("cannot be read ({e})"),
    };
    Error::malformed(name, problem, "a whole IDX file; fetch it again with `inorm data fetch`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(sizes: [u32; 2], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 2];
        sizes.iter().for_each(|s| bytes.extend(s.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn parse(bytes: &[u8]) -> Result<([usize; 2], Vec<u8>)> {
        parse_idx::<2>(bytes, Path::new("images"), 1000)
    }

    fn message(bytes: &[u8]) -> String {
        parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn plain_and_gzipped_files_read_the_same() {
        let plain = file([2, 3], &[1, 2, 3, 4, 5, 6]);
        let expected = ([2, 3], vec![1, 2, 3, 4, 5, 6]);
        assert_eq!(parse(&plain).unwrap(), expected);
        assert_eq!(parse(&gz(&plain)).unwrap(), expected);
    }

    #[test]
    fn every_kind_of_damage_has_its_message() {
        let good = file([2, 3], &[1, 2, 3, 4, 5, 6]);
        assert!(message(&good[..good.len() - 1]).contains("cut short"));
        assert!(message(&[]).contains("cut short"));
        assert!(message(&[&good[..], &[0]].concat()).contains("goes on after"));
        assert!(message(&file([u32::MAX, u32::MAX], &[])).contains("at most 1000 values"));
        let mut other = good.clone();
        other[3] = 1;
        assert!(message(&other).contains("starts with"));
        let zipped = gz(&good);
        assert!(message(&zipped[..zipped.len() - 9]).contains("cut short"));
        let mut damaged = zipped;
        let last = damaged.len() - 6;
        damaged[last] ^= 0xff;
        assert!(message(&damaged).contains("damaged"));
    }
}
