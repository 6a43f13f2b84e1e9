//! What the last panic said: the kernel is told only if it ends the cell.

use inorm_core::protocol::{Location, Message};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

static LAST: Mutex<Option<Message>> = Mutex::new(None);

thread_local! {
    /// Whether the caller of what runs in this thread shows a panic itself.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What a function returns, or the message of its panic, which the kernel is not told.
pub fn catch_quietly<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    let before = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    QUIET.set(before);
    result.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref().cloned()).unwrap_or_else(|| "panicked".to_owned())
    })
}

/// With these the runtime panics right before it ends the program, because of a panic that it cannot
/// let go on.
const FATAL: [&str; 2] =
    ["panic in a function that cannot unwind", "panic in a destructor during cleanup"];

/// Notes every panic from now on, instead of printing it with a backtrace that nobody asked for.
pub fn catch() {
    let cells = std::thread::current().id();
    let backtraces = std::env::var_os("INORM_BACKTRACE").is_some_and(|value| !value.is_empty());
    std::panic::set_hook(Box::new(move |info| {
        if QUIET.get() {
            return;
        }
        let message = info.payload_as_str().unwrap_or("panicked").to_owned();
        if FATAL.contains(&message.as_str()) {
            // Nobody will ask for the last one any more.
            if let Some(Message::Panicked { message, .. }) = last().take() {
                eprintln!("panicked: {message}");
            }
            return eprintln!("{message}");
        }
        if std::thread::current().id() != cells {
            // Files of cells have no full paths, and lines that no reader knows.
            let place = info.location().filter(|at| Path::new(at.file()).is_absolute());
            let place = place.map_or(String::new(), |at| format!(" ({at})"));
            eprintln!("a thread panicked: {message}{place}");
        }
        if backtraces {
            eprintln!("{}", Backtrace::force_capture());
        }
        let location = info
            .location()
            .map(|at| Location { file: at.file().to_owned(), line: at.line() as usize });
        *last() = Some(Message::Panicked { message, location });
    }));
}

/// What the kernel is told of the last panic, once.
pub fn take() -> Message {
    let unknown = || Message::Panicked { message: "panicked".to_owned(), location: None };
    last().take().unwrap_or_else(unknown)
}

fn last() -> MutexGuard<'static, Option<Message>> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner)
}
