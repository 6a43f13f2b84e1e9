//! Values that a cell shows before it ends, and that may change in place.

use super::kernel;
use inorm_core::protocol::{self, Message};
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicU64, Ordering};

/// Something that a notebook can show, in one or more formats.
pub trait Show {
    /// The same content in several formats, among them `text/plain`.
    fn formats(&self) -> Vec<(&'static str, String)>;

    /// Shows it here and now, so that a cell can show several values. What comes back can be
    /// [replaced](Display::replace).
    ///
    /// With another Rust kernel than this project's, which shows one value a cell, the last one
    /// is seen; in a terminal the plain text is.
    fn show(&self) -> Display {
        let display = Display::next();
        display.send(self.formats(), |data, id| Message::Display { data, id });
        display
    }
}

impl Show for str {
    fn formats(&self) -> Vec<(&'static str, String)> {
        vec![("text/plain", self.to_owned())]
    }
}

/// A place in the output of a cell.
#[derive(Debug)]
pub struct Display {
    id: String,
}

impl Display {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // The program may end and another begin to count.
        Self { id: format!("{}-{number}", std::process::id()) }
    }

    /// Shows this instead of what is there.
    pub fn replace(&self, value: &(impl Show + ?Sized)) {
        self.send(value.formats(), |data, id| Message::Update { data, id });
    }

    fn send(
        &self,
        formats: Vec<(&'static str, String)>,
        message: fn(Map<String, Value>, String) -> Message,
    ) {
        if kernel::supports_updates() {
            let data = formats.into_iter().map(|(format, text)| (format.to_owned(), text.into()));
            protocol::send(&message(data.collect(), self.id.clone()));
        } else if kernel::is_notebook() {
            let formats = formats.iter().map(|(name, text)| (*name, text.as_str()));
            super::show(&formats.collect::<Vec<_>>());
        } else if let Some((_, text)) = formats.iter().find(|(name, _)| *name == "text/plain") {
            super::print(text);
        }
    }
}
