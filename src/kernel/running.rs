//! The private directory of a running kernel, and its certain end.
//!
//! Two kernels that compile in one directory overwrite each other's results, so each has its
//! own. A kernel can be killed at any moment: a small second process, the undertaker, waits for
//! that, ends what the kernel has started, and removes the directory. What even this leaves
//! behind (a power failure) is removed when the next kernel starts.

use super::cache::Lock;
use super::recipe::Recipe;
use crate::cli::{Failure, Outcome};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A directory that exists as long as the process that made it.
#[derive(Debug)]
pub struct Running {
    directory: PathBuf,
    undertaker: Undertaker,
    // Held as a sign of life.
    _alive: File,
}

impl Running {
    /// Makes the directory, after removing those of kernels that are no more.
    pub fn new(recipe: &Recipe) -> Outcome<Self> {
        let all = recipe.running();
        fs::create_dir_all(&all).map_err(|error| Failure::io("make", &all, &error))?;
        let _guard = Lock::take(&recipe.lock("running"), || {})?;
        remove_dead(&all);
        let directory = all.join(std::process::id().to_string());
        let failure = |error| Failure::io("make", &directory, &error);
        // What is in it is code that will be run, and a key: for the owner alone.
        DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(failure)?;
        let alive = File::create(directory.join("alive")).map_err(failure)?;
        alive.lock().map_err(failure)?;
        let undertaker = Undertaker::start(&directory).map_err(failure)?;
        Ok(Self { directory, undertaker, _alive: alive })
    }

    /// A file or directory in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Starts a command whose whole process group will not outlive the value beside it, nor this
    /// process.
    pub fn spawn(&self, command: &mut Command) -> io::Result<(Child, Group)> {
        let child = command.process_group(0).spawn()?;
        let group = Group { number: child.id() as i32, undertaker: self.undertaker.clone() };
        self.undertaker.tell(group.number)?;
        Ok((child, group))
    }
}

/// A process group that ends with this value.
#[derive(Debug)]
pub struct Group {
    number: i32,
    undertaker: Undertaker,
}

impl Drop for Group {
    fn drop(&mut self) {
        end_group(self.number);
        // Hours later the number may be a stranger's.
        let _ = self.undertaker.tell(-self.number);
    }
}

/// The second process, as the kernel sees it.
#[derive(Clone, Debug)]
struct Undertaker(Arc<Mutex<ChildStdin>>);

impl Undertaker {
    fn start(directory: &Path) -> io::Result<Self> {
        let mut child = Command::new(this_program()?)
            .arg("undertaker")
            .arg(directory)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self(Arc::new(Mutex::new(input))))
    }

    /// A group to remember, or with its sign changed, to forget.
    fn tell(&self, group: i32) -> io::Result<()> {
        let mut input = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        input.write_all(format!("{group}\n").as_bytes())
    }
}

/// This program, even if another build has taken its place meanwhile.
pub fn this_program() -> io::Result<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Ok(PathBuf::from("/proc/self/exe")),
        false => std::env::current_exe(),
    }
}

/// What the second process does: learns the process groups on its standard input, and when that
/// closes, because the kernel has ended in whatever way, ends them and removes the directory.
pub fn undertaker(directory: &Path) -> Outcome {
    let mut groups = BTreeSet::new();
    let lines = io::stdin().lock().lines().map_while(Result::ok);
    for group in lines.filter_map(|line| line.trim().parse::<i32>().ok()) {
        match group > 0 {
            true => groups.insert(group),
            false => groups.remove(&-group),
        };
    }
    for group in groups {
        end_group(group);
    }
    remove(directory)
}

/// Kills every process of a group.
fn end_group(group: i32) {
    // SAFETY: a system call without pointers; a group that is gone already is no harm.
    unsafe { libc::killpg(group, libc::SIGKILL) };
}

/// Processes that are being killed may still create files: a few tries.
fn remove(directory: &Path) -> Outcome {
    let mut result = fs::remove_dir_all(directory);
    for _ in 0..50 {
        match &result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {}
            _ => return Ok(()),
        }
        std::thread::sleep(Duration::from_millis(100));
        result = fs::remove_dir_all(directory);
    }
    result.map_err(|error| Failure::io("remove", directory, &error))
}

fn remove_dead(all: &Path) {
    let Ok(entries) = fs::read_dir(all) else { return };
    for entry in entries.flatten() {
        // Over a network only what is open for writing can be locked.
        let dead = match File::options().write(true).open(entry.path().join("alive")) {
            Ok(file) => file.try_lock().is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if dead {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
