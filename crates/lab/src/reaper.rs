//! The end of everything that a process of this program has started, in whatever way that process
//! itself ends.
//!
//! A kernel or a set-up can be killed at any moment. A small second process, the reaper, waits for
//! that, ends what was started, and removes the directory that was used. Cargo, for example, would
//! go on, and the next one would compile into the same directory.

use inorm_core::{Context, Outcome};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// This program, even if another build has taken its place meanwhile.
pub const THIS_PROGRAM: &str = "/proc/self/exe";

/// The second process, as the first one sees it.
#[derive(Clone, Debug)]
pub struct Reaper(Arc<Process>);

#[derive(Debug)]
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    removes: bool,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        // It ends at once then, unless it has a directory to remove. JupyterLab, which takes the
        // place of a set-up, would not wait for it.
        if !self.removes {
            let _ = self.child.wait();
        }
    }
}

impl Reaper {
    /// Starts it; it will remove `directory`, if there is one.
    pub fn start(directory: Option<&Path>) -> io::Result<Self> {
        let mut child = Command::new(THIS_PROGRAM)
            .arg("reaper")
            .args(directory)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let input = child.stdin.take();
        Ok(Self(Arc::new(Process { child, input, removes: directory.is_some() })))
    }

    /// Starts a command whose whole process group will not outlive the value beside it, nor this
    /// process.
    pub fn spawn(&self, command: &mut Command) -> io::Result<(Child, Group)> {
        let child = command.process_group(0).spawn()?;
        let group = Group { number: child.id() as i32, reaper: self.clone() };
        self.tell(group.number)?;
        Ok((child, group))
    }

    /// A group to remember, or with its sign changed, to forget.
    fn tell(&self, group: i32) -> io::Result<()> {
        let mut input = self.0.input.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(format!("{group}\n").as_bytes())
    }
}

/// A process group that ends with this value.
#[derive(Debug)]
pub struct Group {
    number: i32,
    reaper: Reaper,
}

impl Drop for Group {
    fn drop(&mut self) {
        end(self.number);
        // Hours later the number may be that of an unrelated group.
        let _ = self.reaper.tell(-self.number);
    }
}

/// What the second process does: learns the process groups on its standard input, and when that
/// closes, because the first one has ended, ends them and removes the directory.
pub fn reap(directory: Option<&Path>) -> Outcome {
    let mut groups = BTreeSet::new();
    let lines = io::stdin().lock().lines().map_while(Result::ok);
    for group in lines.filter_map(|line| line.trim().parse::<i32>().ok()) {
        match group > 0 {
            true => groups.insert(group),
            false => groups.remove(&-group),
        };
    }
    groups.into_iter().for_each(end);
    directory.map_or(Ok(()), remove)
}

/// Kills every process of a group.
fn end(group: i32) {
    if let Some(group) = Pid::from_raw(group) {
        // One that is gone already does no harm.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Processes that are being killed may still create files: a few tries.
fn remove(directory: &Path) -> Outcome {
    let mut tries = 0..50;
    loop {
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) if tries.next().is_some() => std::thread::sleep(Duration::from_millis(100)),
            removed => return Ok(removed.context("remove", directory)?),
        }
    }
}
