//! The IDX format: a magic number, the sizes, then one byte a value.

use crate::{Context, Error, Result};
use flate2::read::MultiGzDecoder;
use std::{
    fs::File,
    io::{BufReader, Cursor, Read},
    path::Path,
};

/// How gzip files begin.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// What is found in place of an IDX file: how it begins, what it is, and what to do.
const OTHERS: [(&[u8], &str, &str); 7] = [
    (b"version https://git-lfs", "is a pointer of Git LFS", "`git lfs pull` gets the file itself"),
    (b"<", "is a web page", "fetch it again with `inorm data fetch`"),
    (GZIP, "is compressed twice", "decompress it once"),
    (b"PK\x03\x04", "is a ZIP archive", "unpack it"),
    (b"BZh", "is compressed by bzip2", "decompress it"),
    (b"\xfd7zXZ", "is compressed by xz", "decompress it"),
    (b"\x28\xb5\x2f\xfd", "is compressed by zstd", "decompress it"),
];

/// What to do about a file that was damaged on its way here.
const WHOLE: &str = "a whole IDX file; fetch it again with `inorm data fetch`";

/// Reads an IDX file of unsigned bytes with `DIMENSIONS` axes, plain or gzipped, also in several
/// members.
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
    source: impl Read,
    name: &Path,
    limit: usize,
) -> Result<([usize; DIMENSIONS], Vec<u8>)> {
    let mut source: Box<dyn Read + '_> = Box::new(source);
    let mut start = read_start(&mut source, name)?;
    if start.starts_with(GZIP) {
        source = Box::new(MultiGzDecoder::new(Cursor::new(start).chain(source)));
        start = read_start(&mut source, name)?;
    }
    let magic = [0, 0, 0x08, DIMENSIONS as u8];
    if start.len() >= magic.len() && !start.starts_with(&magic) {
        let (problem, what_to_do) = describe(&start);
        let expected = format!(
            "an IDX file of bytes with {DIMENSIONS} axes, which starts with {magic:02x?}, plain or \
             gzipped{what_to_do}"
        );
        return Err(Error::malformed(name, problem, expected));
    }
    let mut source = start.as_slice().chain(source);
    read_exactly(&mut source, &mut [0; 4], name)?;
    let wrong = |problem: String, expected: String| Err(Error::malformed(name, problem, expected));
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
        // A checksum that is missing or wrong, or something after the compressed data.
        Err(e) if e.raw_os_error().is_none() => {
            wrong(format!("is damaged at its end ({e})"), WHOLE.to_owned())
        }
        Err(e) => Err(broken(name, &e)),
    }
}

/// The first bytes, enough to tell what it is; fewer if there are no more.
fn read_start(source: &mut dyn Read, name: &Path) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    source.take(32).read_to_end(&mut start).map_err(|e| broken(name, &e))?;
    Ok(start)
}

/// What a file is that starts like this, and what to do about it, after a semicolon.
fn describe(start: &[u8]) -> (String, String) {
    // A web page may begin with a mark of its encoding and empty lines.
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    if let Some((_, what, to_do)) = OTHERS.iter().find(|(begin, ..)| text.starts_with(begin)) {
        return ((*what).to_owned(), format!("; {to_do}"));
    }
    let is_text = text.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let problem = match std::str::from_utf8(text) {
        Ok(text) if is_text => format!("is a text that starts with {text:?}"),
        _ => format!("starts with {:02x?}", &start[..4]),
    };
    (problem, String::new())
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
    Error::malformed(name, problem, WHOLE)
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
        // In several members, wherever they are cut, with an empty one at the end as block gzip.
        for cut in 0..plain.len() {
            let (first, second) = plain.split_at(cut);
            let members = [gz(first), gz(second), gz(&[])].concat();
            assert_eq!(parse(&members).unwrap(), expected, "{cut}");
        }
    }

    #[test]
    fn every_kind_of_damage_has_its_message() {
        let good = file([20, 3], &[7; 60]);
        assert!(message(&good[..good.len() - 1]).contains("cut short"));
        assert!(message(&[]).contains("cut short"));
        assert!(message(&[&good[..], &[0]].concat()).contains("goes on after"));
        assert!(message(&file([u32::MAX, u32::MAX], &[])).contains("at most 1000 values"));
        let mut other = good.clone();
        other[3] = 1;
        assert!(message(&other).contains("starts with [00, 00, 08, 01]"));
        let zipped = gz(&good);
        for length in 2..zipped.len() {
            let message = message(&zipped[..length]);
            assert!(message.contains("cut short") || message.contains("at its end"), "{message}");
        }
        let mut damaged = zipped.clone();
        let last = damaged.len() - 6;
        damaged[last] ^= 0xff;
        assert!(message(&damaged).contains("damaged"));
        // What follows the compressed data: a line end, padding, text, half a member, a member.
        let long = [b'x'; 100];
        for rest in [&b"\n"[..], &[0; 512], &long, &zipped[..9], &gz(b"x")] {
            let message = message(&[&zipped[..], rest].concat());
            assert!(message.contains("at its end") || message.contains("goes on"), "{message}");
        }
    }

    #[test]
    fn another_kind_of_file_is_named() {
        for (begin, named) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a"[..], "git lfs pull"),
            (b"\xef\xbb\xbf\r\n  <!DOCTYPE html><html><head>", "a web page"),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>", "inorm data fetch"),
            (b"PK\x03\x04\x14\0\0\0", "a ZIP archive"),
            (b"BZh91AY&SY", "bzip2"),
            (b"\xfd7zXZ\0\0\x04", "xz"),
            (b"\x28\xb5\x2f\xfd\x04\x58", "zstd"),
            (b"{\"message\": \"Not Found\"}", r#"a text that starts with "{\"message\""#),
            (b"\x89PNG\r\n", "starts with [89, 50, 4e, 47]"),
        ] {
            for message in [message(begin), message(&gz(begin))] {
                assert!(message.contains(named) && message.contains("an IDX file"), "{message}");
            }
        }
        let twice = message(&gz(&gz(&file([1, 1], &[1]))));
        assert!(twice.contains("compressed twice"), "{twice}");
    }
}
