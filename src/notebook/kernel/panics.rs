//! What the last panic said: the kernel is told only if it ends the cell.

use inorm_core::protocol::{Location, Message};
use std::backtrace::Backtrace;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

static LAST: Mutex<Option<Message>> = Mutex::new(None);

/// Notes every panic from now on, instead of printing it with a backtrace that nobody asked for.
pub fn catch() {
    let cells = std::thread::current().id();
    let backtraces = std::env::var_os("INORM_BACKTRACE").is_some_and(|value| !value.is_empty());
    std::panic::set_hook(Box::new(move |info| {
        let message = info.payload_as_str().unwrap_or("panicked").to_owned();
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
