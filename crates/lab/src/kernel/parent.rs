//! The process that started the kernel: JupyterLab, or whatever executes a notebook.

use inorm_core::say;
use rustix::process::{Pid, getppid};
use std::time::Duration;

/// Ends this process when the one that started it is gone: nobody will ever ask it again.
pub fn end_with_parent() {
    let parent = getppid();
    // Of the first process of the system: the kernel was started detached on purpose.
    if parent.is_none_or(Pid::is_init) {
        return;
    }
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            if getppid() != parent {
                say("inorm kernel: the client is gone; ending");
                std::process::exit(1);
            }
        }
    });
}
