//! Processes and what they have started.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;

/// The processes that this one has started, and that still run.
pub fn children(process: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    // A child belongs to the thread that started it.
    let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")));
    let lists: Vec<String> = lists.filter_map(Result::ok).collect();
    lists.iter().flat_map(|list| list.split_whitespace()).filter_map(|it| it.parse().ok()).collect()
}

/// Ends a process and all that it has started. The children first: an orphan could not be found
/// any more.
pub fn end_with_children(process: i32) {
    children(process).into_iter().for_each(end_with_children);
    end(process);
}

/// Ends a process. One that is gone already does no harm.
pub fn end(process: i32) {
    if let Some(process) = Pid::from_raw(process) {
        let _ = kill_process(process, Signal::KILL);
    }
}
