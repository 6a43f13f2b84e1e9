//! Who is working on a run: one file a run, made by exactly one worker.

use crate::{Error, Result};
use inorm_core::files::{Lock, remove, write_new};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// A claim from another machine counts as abandoned when its file was not touched for this long.
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

/// What this machine is called.
fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok());
    name.map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}

/// The right to work on a run; given back when dropped.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    /// What stands in the file.
    text: Vec<u8>,
}

impl Claim {
    /// Claims what `path` stands for; `None` if a living worker holds it.
    ///
    /// # Errors
    /// If the claim cannot be written.
    pub(super) fn take(path: PathBuf) -> Result<Option<Self>> {
        let text = serde_json::to_vec(&Holder::this_process()).expect("numbers and text");
        if write_new(&path, &text)? {
            return Ok(Some(Self { path, text }));
        }
        if let Some((_, false)) = holder(&path)? {
            return Ok(None);
        }
        // Of all workers that find it abandoned only one may remove it. Another that arrives just
        // after may still be the first to create it again.
        let _alone = Lock::take(&path.with_file_name("takeover.lock"), || ())?;
        match holder(&path)? {
            Some((_, false)) => return Ok(None),
            Some((_, true)) => remove(&path)?,
            None => {}
        }
        Ok(write_new(&path, &text)?.then(|| Self { path, text }))
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
        // Another worker may have taken it over, because this machine had been silent for too long.
        if fs::read(&self.path).is_ok_and(|text| text == self.text) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Who holds the claim at `path`, and whether it is abandoned; `None` if there is none.
pub(super) fn holder(path: &Path) -> Result<Option<(Option<Holder>, bool)>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", path, e)),
    };
    let holder: Option<Holder> = serde_json::from_slice(&text).ok();
    let touched = fs::metadata(path).and_then(|m| m.modified()).ok();
    let silence = touched.and_then(|t| t.elapsed().ok()).unwrap_or_default();
    let abandoned = match &holder {
        None => true,
        Some(holder) => holder.is_gone().unwrap_or(silence > SILENCE),
    };
    Ok(Some((holder, abandoned)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn write_holder(path: &Path, holder: &Holder) {
        fs::write(path, serde_json::to_vec(holder).unwrap()).unwrap();
    }

    #[test]
    fn of_many_who_come_and_go_one_at_a_time_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let dead = Holder { pid: u32::MAX, started: 1, host: host_name() };
        let (holders, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let come_and_go = || {
            for _ in 0..20 {
                let Some(claim) = Claim::take(path.clone()).unwrap() else { continue };
                assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                taken.fetch_add(1, Ordering::SeqCst);
                holders.fetch_sub(1, Ordering::SeqCst);
                drop(claim);
            }
        };
        for round in 1..=10 {
            // The first of them finds it abandoned.
            write_holder(&path, &dead);
            std::thread::scope(|scope| {
                (0..16).for_each(|_| drop(scope.spawn(come_and_go)));
            });
            assert!(taken.load(Ordering::SeqCst) >= round && !path.exists());
        }
    }

    #[test]
    fn a_claim_that_was_taken_over_is_not_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let claim = Claim::take(path.clone()).unwrap().expect("no other worker");
        let other = Holder { host: "elsewhere".to_owned(), ..Holder::this_process() };
        write_holder(&path, &other);
        drop(claim);
        assert_eq!(holder(&path).unwrap(), Some((Some(other), false)));
    }

    #[test]
    fn a_claim_is_abandoned_when_its_process_is_gone_or_its_machine_silent() {
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
