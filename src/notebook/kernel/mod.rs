//! The conversation with this project's kernel, from inside the program that runs the cells.
//!
//! The kernel stands in front of a Rust kernel that shows whole lines of text and, at the end of
//! a cell, one value. What goes beyond that is said in lines of standard output that begin with
//! a mark, a word of this session that the environment variable `INORM_KERNEL` holds, and go on
//! with a JSON object: show this value here, show that one in its place, the cell has panicked.
//! The kernel acts on such lines and shows none of them. Without the variable none is printed,
//! and everything works with any other Rust kernel, only less lively.
//!
//! The other way round there is one thing to say, *stop and return what you have*: then the file
//! exists that the variable `INORM_INTERRUPT` names.

#[cfg(unix)]
mod output;
mod panics;

use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often the file is looked for.
const INTERVAL: Duration = Duration::from_millis(20);

/// A kernel that understands marked lines.
#[derive(Debug)]
struct Kernel {
    mark: String,
    interrupt: Option<PathBuf>,
}

fn kernel() -> Option<&'static Kernel> {
    static KERNEL: OnceLock<Option<Kernel>> = OnceLock::new();
    let find = || {
        let mark = std::env::var("INORM_KERNEL").ok().filter(|mark| !mark.is_empty())?;
        Some(Kernel { mark, interrupt: std::env::var_os("INORM_INTERRUPT").map(PathBuf::from) })
    };
    KERNEL.get_or_init(find).as_ref()
}

/// Whether there is a kernel that shows more than lines.
pub(crate) fn is_lively() -> bool {
    kernel().is_some()
}

/// Whether this program runs the cells of any Rust kernel.
pub(crate) fn is_notebook() -> bool {
    is_lively() || std::env::var_os("EVCXR_IS_RUNTIME").is_some()
}

/// Makes panics and `?` errors of this session, and text without a newline. The kernel calls it
/// before the first cell.
#[doc(hidden)]
pub fn attach() {
    static ATTACHED: AtomicBool = AtomicBool::new(false);
    let Some(kernel) = kernel() else { return };
    if ATTACHED.swap(true, Ordering::SeqCst) {
        return;
    }
    panics::catch();
    #[cfg(unix)]
    output::filter(kernel);
    #[cfg(not(unix))]
    let _ = kernel;
}

/// Whether the reader has pressed the button that interrupts the cell.
///
/// Trainings of this library look themselves, and return what they have; a sweep puts its runs
/// aside, in ensembles at the end of an epoch. A loop of your own can do the same; one that does
/// not is ended by force after three seconds, and every variable is lost. It costs next to nothing
/// to ask often. Outside of this project's kernel it is never so.
///
/// ```
/// let mut steps = 0;
/// while steps < 1000 && !inorm::notebook::interrupted() {
///     steps += 1;
/// }
/// assert_eq!(steps, 1000);
/// ```
pub fn interrupted() -> bool {
    static LOOKED: AtomicU64 = AtomicU64::new(u64::MAX);
    static FOUND: AtomicBool = AtomicBool::new(false);
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    let Some(file) = kernel().and_then(|kernel| kernel.interrupt.as_ref()) else { return false };
    let now = BEGUN.get_or_init(Instant::now).elapsed().as_millis() as u64;
    let looked = LOOKED.load(Ordering::Relaxed);
    if looked != u64::MAX && now.saturating_sub(looked) < INTERVAL.as_millis() as u64 {
        return FOUND.load(Ordering::Relaxed);
    }
    LOOKED.store(now, Ordering::Relaxed);
    let found = file.exists();
    if found && !FOUND.swap(true, Ordering::Relaxed) {
        say(&json!({"do": "stopping"}));
    }
    FOUND.store(found, Ordering::Relaxed);
    found
}

/// Removes what the cell has shown so far. Another kernel than this project's keeps it.
pub fn clear() {
    say(&json!({"do": "clear"}));
}

/// Says something to the kernel, in one write so that nothing comes between.
pub(crate) fn say(instruction: &Value) {
    if let Some(kernel) = kernel() {
        let line = kernel.line(instruction);
        // A reader who closed the notebook must not stop what the cell does.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

impl Kernel {
    fn line(&self, instruction: &Value) -> String {
        format!("{} {instruction}\n", self.mark)
    }
}
