//! What was said by the last panic.

use serde_json::{Value, json};
use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, PoisonError};

static LAST: Mutex<Option<Panic>> = Mutex::new(None);

/// A panic: the kernel is told only if it ends the cell.
#[derive(Debug)]
pub struct Panic {
    message: String,
    file: String,
    line: u32,
}

/// Notes every panic from now on, instead of printing it with a backtrace that nobody asked for.
pub fn catch() {
    let cells = std::thread::current().id();
    let backtraces = std::env::var_os("INORM_BACKTRACE").is_some_and(|value| !value.is_empty());
    std::panic::set_hook(Box::new(move |info| {
        let panic = Panic::of(info);
        if std::thread::current().id() != cells {
            eprintln!("a thread panicked: {}", panic.text());
        }
        if backtraces {
            eprintln!("{}", Backtrace::force_capture());
        }
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
    }));
}

/// The last panic, once.
pub fn take() -> Option<Panic> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Panic {
    fn of(info: &PanicHookInfo) -> Self {
        let message = info.payload_as_str().unwrap_or("panicked").to_owned();
        let (file, line) =
            info.location().map_or((String::new(), 0), |at| (at.file().to_owned(), at.line()));
        Self { message, file, line }
    }

    /// For the kernel.
    pub fn place(&self) -> Value {
        json!({"file": self.file, "line": self.line})
    }

    /// What was said.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn text(&self) -> String {
        format!("{} ({}:{})", self.message, self.file, self.line)
    }
}
