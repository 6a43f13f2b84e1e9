//! Who is working on a run: one file a run, made by exactly one worker.

use super::files::{draft_of, host_name, write_atomically};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// A claim from another machine counts as left behind when its file was not touched for so long.
const SILENCE: Duration = Duration::from_secs(600);

/// The process that holds a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// When it started, as its machine counts: a number may be given to another process later.
    pub started: u64,
    /// Its machine.
    pub host: String,
}

impl Holder {
    /// This process.
    pub fn this_process() -> Self {
        let pid = std::process::id();
        Self { pid, started: start_of(pid).unwrap_or(0), host: host_name() }
    }

    /// Whether the process is known to be gone: `None` if it is on another machine.
    fn is_gone(&self) -> Option<bool> {
        let here = self.host == host_name() && Path::new("/proc/self/stat").exists();
        here.then(|| start_of(self.pid) != Some(self.started))
    }
}

/// When a process started, in clock ticks since the machine did; `None` if there is no such
/// process. The command's name stands in parentheses and may itself hold blanks.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next() == Some("Z") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The right to work on a run; given back when dropped.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
}

impl Claim {
    /// Claims what `path` stands for; `None` if a living worker holds it.
    ///
    /// # Errors
    /// If the claim cannot be written.
    pub(super) fn take(path: PathBuf) -> Result<Option<Self>> {
        let text = serde_json::to_vec(&Holder::this_process()).expect("numbers and text");
        if create(&path, &text)? {
            return Ok(Some(Self { path }));
        }
        if !left_behind(&path)? {
            return Ok(None);
        }
        // Of all who find it left behind only one may take it over.
        let folder = path.parent().unwrap_or(Path::new("."));
        let door = folder.join("takeover.lock");
        let lock = File::create(&door).map_err(|e| Error::io("create", &door, e))?;
        lock.lock().map_err(|e| Error::io("lock", &door, e))?;
        if !left_behind(&path)? {
            return Ok(None);
        }
        write_atomically(&path, |file| std::io::Write::write_all(file, &text))?;
        Ok(Some(Self { path }))
    }

    /// Shows workers on other machines that this one is alive.
    pub(super) fn touch(&self) {
        // A claim that cannot be touched is at worst taken over, which costs time, not results.
        let _ = File::options()
            .write(true)
            .open(&self.path)
            .and_then(|file| file.set_modified(SystemTime::now()));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes `path` with this content unless it exists. The content is there from the first moment:
/// a file is written beside it and linked under its name.
fn create(path: &Path, text: &[u8]) -> Result<bool> {
    let draft = draft_of(path);
    fs::write(&draft, text).map_err(|e| Error::io("write", &draft, e))?;
    let linked = fs::hard_link(&draft, path);
    let _ = fs::remove_file(&draft);
    match linked {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(Error::io("create", path, e)),
    }
}

/// Who holds the claim at `path`, and whether they have left it behind; `None` if nobody does.
pub(super) fn holder(path: &Path) -> Result<Option<(Option<Holder>, bool)>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", path, e)),
    };
    let holder: Option<Holder> = serde_json::from_slice(&text).ok();
    let touched = fs::metadata(path).and_then(|m| m.modified()).ok();
    let silence = touched.and_then(|t| t.elapsed().ok()).unwrap_or_default();
    let gone = match &holder {
        None => true,
        Some(holder) => holder.is_gone().unwrap_or(silence > SILENCE),
    };
    Ok(Some((holder, gone)))
}

fn left_behind(path: &Path) -> Result<bool> {
    Ok(holder(path)?.is_none_or(|(_, gone)| gone))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_holder(path: &Path, holder: &Holder) {
        fs::write(path, serde_json::to_vec(holder).unwrap()).unwrap();
    }

    #[test]
    fn of_many_who_claim_one_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let dead = Holder { pid: u32::MAX, started: 1, host: host_name() };
        for left_behind in [false, true] {
            if left_behind {
                write_holder(&path, &dead);
            }
            let claims: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..16).map(|_| scope.spawn(|| Claim::take(path.clone()).unwrap())).collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            assert_eq!(claims.iter().flatten().count(), 1);
            drop(claims);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_claim_is_left_behind_when_its_process_is_gone_or_its_machine_silent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let this = Holder::this_process();
        write_holder(&path, &this);
        assert!(Claim::take(path.clone()).unwrap().is_none(), "this process is alive");
        write_holder(&path, &Holder { started: this.started + 1, ..this.clone() });
        assert!(Claim::take(path.clone()).unwrap().is_some(), "another process of that number");
        write_holder(&path, &Holder { host: "elsewhere".to_owned(), ..this });
        assert!(Claim::take(path.clone()).unwrap().is_none(), "touched just now");
        let long_ago = SystemTime::now() - SILENCE - Duration::from_secs(1);
        File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        assert!(Claim::take(path.clone()).unwrap().is_some(), "silent for too long");
        fs::write(&path, "not a claim").unwrap();
        assert!(Claim::take(path).unwrap().is_some(), "damaged");
    }
}
