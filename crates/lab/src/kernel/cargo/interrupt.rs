//! An interrupt while cargo works for a cell that has not begun.

use super::processes::end_with_children;
use inorm_core::protocol::INTERRUPT;
use inorm_core::{Context, Failure, Outcome};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Does something in this process that an interrupt of the cell ends.
pub fn interruptible<T>(workspace: &Path, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let running = running(workspace);
    fs::write(&running, std::process::id().to_string()).context("write", &running)?;
    // Only now: an interrupt that does not find the file above is found here.
    let interrupted = env::var_os(INTERRUPT).is_some_and(|file| Path::new(&file).exists());
    let result = match interrupted {
        true => {
            let refused = refused(workspace);
            fs::write(&refused, "").context("write", &refused)?;
            Err(Failure::new("interrupted"))
        }
        false => work(),
    };
    let _ = fs::remove_file(running);
    result
}

/// The file with the number of the process that works for a cell in this workspace, while there is
/// one.
fn running(workspace: &Path) -> PathBuf {
    workspace.join("compiling")
}

/// Exists if an interrupt came so early that cargo was not called.
fn refused(workspace: &Path) -> PathBuf {
    workspace.join("not-called")
}

/// Whether an interrupt came so early that cargo was not called; said once.
pub fn was_refused(workspace: &Path) -> bool {
    fs::remove_file(refused(workspace)).is_ok()
}

/// Ends what works for a cell in this workspace; false if nothing does.
pub fn interrupt_cargo(workspace: &Path) -> bool {
    let running = running(workspace);
    let process = fs::read_to_string(&running).ok().and_then(|number| number.parse().ok());
    let Some(process) = process else { return false };
    end_with_children(process);
    // It cannot do so itself, and its number may become that of another process.
    let _ = fs::remove_file(running);
    true
}
