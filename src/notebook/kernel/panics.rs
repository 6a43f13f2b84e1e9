//! What the last panic said.

use inorm_core::protocol::{Location, Message};
use std::backtrace::Backtrace;
use std::fmt;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, PoisonError};

static LAST: Mutex<Option<Panic>> = Mutex::new(None);

/// A panic: the kernel is told only if it ends the cell.
#[derive(Debug)]
struct Panic {
    message: String,
    location: Option<Location>,
}

/// Notes every panic from now on, instead of printing it with a backtrace that nobody asked for.
pub fn catch() {
    let cells = std::thread::current().id();
    let backtraces = std::env::var_os("INORM_BACKTRACE").is_some_and(|value| !value.is_empty());
    std::panic::set_hook(Box::new(move |info| {
        let panic = Panic::of(info);
        if std::thread::current().id() != cells {
            eprintln!("a thread panicked: {panic}");
        }
        if backtraces {
            eprintln!("{}", Backtrace::force_capture());
        }
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
    }));
}

impl Panic {
    fn of(info: &PanicHookInfo) -> Self {
        let message = info.payload_as_str().unwrap_or("panicked").to_owned();
        let location = info.location();
        let location =
            location.map(|at| Location { file: at.file().to_owned(), line: at.line() as usize });
        Self { message, location }
    }
}

/// What the kernel is told of the last panic, once.
pub fn take() -> Message {
    let panic = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
    let unknown = || Panic { message: "panicked".to_owned(), location: None };
    let Panic { message, location } = panic.unwrap_or_else(unknown);
    Message::Panicked { message, location }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(at) => write!(f, "{} ({}:{})", self.message, at.file, at.line),
            None => f.write_str(&self.message),
        }
    }
}
