//! Whether the reader of a notebook wants what is running to stop.

use inorm_core::protocol::{self, Message};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often the file is looked for whose existence asks to stop.
const INTERVAL: Duration = Duration::from_millis(20);

/// Whether the reader has pressed the button that interrupts the cell.
///
/// The trainings of this library ask it themselves, and return what they have; a sweep saves
/// checkpoints of its runs, in ensembles at the end of an epoch. A loop of your own can do the
/// same; one that does not is ended by force after three seconds, and every variable is lost. It
/// costs next to nothing to ask often. Outside of this project's kernel the answer is always no.
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
    let Some(file) = protocol::interrupt_file() else { return false };
    let now = BEGUN.get_or_init(Instant::now).elapsed().as_millis() as u64;
    let looked = LOOKED.load(Ordering::Relaxed);
    if looked != u64::MAX && now.saturating_sub(looked) < INTERVAL.as_millis() as u64 {
        return FOUND.load(Ordering::Relaxed);
    }
    LOOKED.store(now, Ordering::Relaxed);
    let found = file.exists();
    if found && !FOUND.swap(true, Ordering::Relaxed) {
        protocol::send(&Message::Stopping);
    }
    FOUND.store(found, Ordering::Relaxed);
    found
}
