//! The process that started the kernel: JupyterLab, or whatever executes a notebook.

use crate::cli::say;
use std::time::Duration;

/// Ends this process when the one that started it is gone: nobody will ever ask it again.
pub fn end_with_parent() {
    // SAFETY: a system call without arguments that cannot fail.
    let parent = unsafe { libc::getppid() };
    // 1 is the first process of the system: the kernel was started detached on purpose.
    if parent == 1 {
        return;
    }
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            // SAFETY: as above.
            if unsafe { libc::getppid() } != parent {
                say("inorm kernel: the client is gone; ending");
                std::process::exit(1);
            }
        }
    });
}
