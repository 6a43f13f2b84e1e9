//! Copies of build directories that cost next to nothing.

use std::fs::{self, FileTimes};
use std::io;
use std::os::unix::fs::MetadataExt;
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
    copy_but(&|file, size| size > COPIED_BYTES && !is_rewritten(file), from, to)
}

/// The same in less time, with further names of every file that `is_shared`. Whoever then writes
/// into files of the tree has to [`separate`] it before.
pub fn link(is_shared: &dyn Fn(&Path) -> bool, from: &Path, to: &Path) -> io::Result<()> {
    copy_but(&|file, _| is_shared(file.strip_prefix(from).unwrap_or(file)), from, to)
}

fn copy_but(is_shared: &dyn Fn(&Path, u64) -> bool, from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (file, destination) = (entry.path(), to.join(entry.file_name()));
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            copy_but(is_shared, &file, &destination)?;
        } else if metadata.is_file() {
            if is_shared(&file, metadata.len()) && fs::hard_link(&file, &destination).is_ok() {
                continue;
            }
            copy_file(&file, &destination, &metadata)?;
        }
    }
    Ok(())
}

fn is_rewritten(file: &Path) -> bool {
    file.extension() == Some("d".as_ref())
        || file.parent().is_some_and(|folder| folder.ends_with("out"))
}

/// Makes a tree that was [linked](link) what [`copy`] would have made of it. One that was removed
/// since, as by `cargo clean`, needs nothing.
pub fn separate(tree: &Path) -> io::Result<()> {
    if !tree.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(tree)? {
        let entry = entry?;
        let (file, metadata) = (entry.path(), entry.metadata()?);
        if metadata.is_dir() {
            separate(&file)?;
        } else if metadata.is_file()
            && metadata.nlink() > 1
            && (metadata.len() <= COPIED_BYTES || is_rewritten(&file))
        {
            let draft = file.with_extension("separate");
            copy_file(&file, &draft, &metadata)?;
            fs::rename(draft, file)?;
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

    #[test]
    fn a_linked_tree_becomes_a_copy_when_it_is_separated() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs::create_dir_all(from.join("build/out")).unwrap();
        for (file, bytes) in
            [("large", 100_000), ("small", 7), ("own", 7), ("build/out/large", 100_000)]
        {
            fs::write(from.join(file), vec![7; bytes]).unwrap();
        }
        let inode = |tree: &Path, file: &str| fs::metadata(tree.join(file)).unwrap().ino();
        let is_same = |file: &str| inode(&from, file) == inode(&to, file);
        link(&|file| file != "own", &from, &to).unwrap();
        assert!(is_same("large") && is_same("small") && is_same("build/out/large"));
        assert!(!is_same("own"));
        separate(&to).unwrap();
        assert!(is_same("large"));
        assert!(!is_same("small") && !is_same("build/out/large"));
        let modified = |tree: &Path| fs::metadata(tree.join("small")).unwrap().modified().unwrap();
        assert_eq!(modified(&from), modified(&to));
        assert_eq!(fs::read(to.join("small")).unwrap(), [7; 7]);
        assert_eq!(fs::read_dir(&to).unwrap().count(), 4);
        // As after `cargo clean`.
        fs::remove_dir_all(&to).unwrap();
        separate(&to).unwrap();
    }
}
