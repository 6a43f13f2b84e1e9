//! Copies of build directories that cost next to nothing.

use std::fs::{self, FileTimes};
use std::io;
use std::path::Path;

/// Files up to this size are copied: those that cargo rewrites in place are among them.
const COPIED_BYTES: u64 = 64 * 1024;

/// Makes `to` a directory with the content of `from`: large files as further names of the same
/// file, small ones as copies. Modification times are kept, as cargo compares them.
///
/// Rustc and the linker put what they made in place by renaming, so that a name in one tree can
/// change without changing the other. Build scripts, in their directories `out`, and whoever
/// lists dependencies write into the file that is there: those are copied whatever their size.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let destination = to.join(entry.file_name());
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            copy(&entry.path(), &destination)?;
        } else if metadata.is_file() {
            let rewritten = from.ends_with("out") || destination.extension() == Some("d".as_ref());
            let shared = metadata.len() > COPIED_BYTES && !rewritten;
            if shared && fs::hard_link(entry.path(), &destination).is_ok() {
                continue;
            }
            copy_file(&entry.path(), &destination, &metadata)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    fs::copy(from, to)?;
    let times = FileTimes::new().set_modified(metadata.modified()?);
    fs::File::options().write(true).open(to)?.set_times(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_shares_large_files_and_keeps_times() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        let from = directory.path().join("from");
        fs::create_dir_all(from.join("deps")).unwrap();
        fs::create_dir_all(from.join("build/out")).unwrap();
        for rewritten in ["deps/large.d", "build/out/large"] {
            fs::write(from.join(rewritten), vec![7; 100_000]).unwrap();
        }
        fs::write(from.join("deps/large"), vec![7; 100_000]).unwrap();
        fs::write(from.join("deps/small"), b"fingerprint").unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let small = fs::File::options().write(true).open(from.join("deps/small")).unwrap();
        small.set_modified(old).unwrap();

        let to = directory.path().join("to");
        copy(&from, &to).unwrap();
        let inode = |path: &str| fs::metadata(directory.path().join(path)).unwrap().ino();
        assert_eq!(inode("from/deps/large"), inode("to/deps/large"));
        for copied in ["deps/small", "deps/large.d", "build/out/large"] {
            assert_ne!(inode(&format!("from/{copied}")), inode(&format!("to/{copied}")));
        }
        assert_eq!(fs::metadata(to.join("deps/small")).unwrap().modified().unwrap(), old);
        fs::write(to.join("deps/small"), b"another").unwrap();
        assert_eq!(fs::read(from.join("deps/small")).unwrap(), b"fingerprint");
    }
}
