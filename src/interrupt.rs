//! Whether the reader of a notebook wants what is running to stop.

use inorm_core::protocol::{self, Message};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

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
    /// When the file was last looked for, and whether it was there.
    static LAST: Mutex<Option<(Instant, bool)>> = Mutex::new(None);
    let Some(file) = protocol::interrupt_file() else { return false };
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((looked, found)) = *last
        && looked.elapsed() < INTERVAL
    {
        return found;
    }
    let found = file.exists();
    if found && last.is_none_or(|(_, before)| !before) {
        protocol::send(&Message::Stopping);
    }
    *last = Some((Instant::now(), found));
    found
}
