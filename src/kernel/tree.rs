//! A copy of a directory of build results that costs next to nothing.

use std::fs::{self, FileTimes};
use std::io;
use std::path::Path;

/// Files up to this size are copied. The small ones are those that cargo rewrites in place
/// (fingerprints, dependency lists); rustc and the linker put the large ones in place by
/// renaming, so that a name in one tree can change without changing the other.
const COPIED_BYTES: u64 = 64 * 1024;

/// Makes `to` a directory with the content of `from`: large files as further names of the same
/// file, small ones as copies. Modification times are kept, as cargo compares them.
pub fn clone(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let destination = to.join(entry.file_name());
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            clone(&entry.path(), &destination)?;
        } else if metadata.is_file() {
            if metadata.len() > COPIED_BYTES && fs::hard_link(entry.path(), &destination).is_ok() {
                continue;
            }
            copy(&entry.path(), &destination, &metadata)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    fs::copy(from, to)?;
    let times = FileTimes::new().set_modified(metadata.modified()?);
    fs::File::options().write(true).open(to)?.set_times(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_shares_large_files_and_keeps_times() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        let from = directory.path().join("from");
        fs::create_dir_all(from.join("deps")).unwrap();
        fs::write(from.join("deps/large"), vec![7; 100_000]).unwrap();
        fs::write(from.join("deps/small"), b"fingerprint").unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let small = fs::File::options().write(true).open(from.join("deps/small")).unwrap();
        small.set_modified(old).unwrap();

        let to = directory.path().join("to");
        clone(&from, &to).unwrap();
        let inode = |path: &str| fs::metadata(directory.path().join(path)).unwrap().ino();
        assert_eq!(inode("from/deps/large"), inode("to/deps/large"));
        assert_ne!(inode("from/deps/small"), inode("to/deps/small"));
        assert_eq!(fs::metadata(to.join("deps/small")).unwrap().modified().unwrap(), old);
        fs::write(to.join("deps/small"), b"another").unwrap();
        assert_eq!(fs::read(from.join("deps/small")).unwrap(), b"fingerprint");
    }
}
