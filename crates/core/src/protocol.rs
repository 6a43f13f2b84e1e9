//! The messages from a notebook's cell to this project's kernel.
//!
//! The kernel stands in front of an unmodified Rust kernel, which shows lines of text and, at the
//! end of a cell, one value. Everything beyond that is printed as a line of standard output: a
//! [`Mark`], a word of this session that nobody prints by chance, followed by one [`Message`] as
//! JSON. A thread of the program takes such lines out, makes messages of all other text, and writes
//! them to the pipe [`MESSAGES`]. Standard error goes to the pipe [`ERRORS`].
//!
//! A program that runs cells learns the mark from the environment variable [`MARK`]. Without it
//! none of this is printed, and everything works with any other Rust kernel, in plain lines.
//!
//! In the other direction there are two things to say. *Stop and return what you have*: then the
//! file exists that the environment variable [`INTERRUPT`] names. And *the reader has moved a
//! control*: [`controls`](crate::controls) says how.

use crate::controls::Control;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

/// The environment variable that holds the mark.
pub const MARK: &str = "INORM_KERNEL";

/// The environment variable that names the file whose existence asks long calls to return.
pub const INTERRUPT: &str = "INORM_INTERRUPT";

/// The environment variable that names the pipe for messages.
pub const MESSAGES: &str = "INORM_MESSAGES";

/// The environment variable that names the pipe for standard error.
pub const ERRORS: &str = "INORM_ERRORS";

/// Stands on standard error before and behind the error by which `?` has ended a cell.
pub const ERROR: char = '\u{1}';

/// What a cell, or the library on its behalf, tells the kernel.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Message {
    /// Show a value here.
    Display {
        /// The value by format, such as `text/html`.
        data: Map<String, Value>,
        /// What it is called, to be updated later.
        id: String,
    },
    /// Show another value in the place of one that was displayed.
    Update {
        /// The value by format.
        data: Map<String, Value>,
        /// What the one before was called.
        id: String,
    },
    /// Show controls here, and a value that will change with them.
    Interact {
        /// What they are called.
        id: String,
        /// The number of the process that asks.
        program: u32,
        /// At least one.
        controls: Vec<Control>,
        /// The value by format, for what is set first.
        data: Map<String, Value>,
    },
    /// Remove what the cell has shown so far.
    Clear,
    /// Text that need not end with a newline.
    Write {
        /// Any text, for standard output.
        text: String,
    },
    /// The cell has panicked.
    Panicked {
        /// What was said.
        message: String,
        /// Where, if known.
        location: Option<Location>,
    },
    /// `?` has ended the cell with an error; its text is on standard error, between two [`ERROR`].
    Returned,
    /// The request to stop has been noticed; what is finished is kept.
    Stopping,
    /// Standard output was empty when this was written. It goes no further than the thread that
    /// passes the output on.
    Flushed,
    /// Everything that the cell has printed came before this.
    End,
}

/// A place in a source file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Location {
    /// The file, as the compiler calls it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// What messages of one session begin with.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark(String);

impl Mark {
    /// One made of a word that nobody can guess.
    pub fn new(secret: &str) -> Self {
        Self(format!("inorm-{secret}"))
    }

    /// The word itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A message as a line of output.
    pub fn line(&self, message: &Message) -> String {
        let json = serde_json::to_string(message).expect("a message is made of text and numbers");
        format!("{} {json}\n", self.0)
    }

    /// The message in a line of output, if it is one.
    pub fn read(&self, line: &str) -> Option<Message> {
        serde_json::from_str(line.strip_prefix(self.0.as_str())?).ok()
    }

    /// Where a message begins in a line of output.
    pub fn find(&self, line: &str) -> Option<usize> {
        line.find(&format!("{} {{", self.0))
    }

    /// The name of a display, different from those of all other sessions of the notebook.
    pub fn display_id(&self, id: &str) -> String {
        format!("{}-{id}", self.0)
    }
}

/// The mark of the kernel that this program runs cells for, if it does.
pub fn mark() -> Option<&'static Mark> {
    static FOUND: OnceLock<Option<Mark>> = OnceLock::new();
    let find = || std::env::var(MARK).ok().filter(|mark| !mark.is_empty()).map(Mark);
    FOUND.get_or_init(find).as_ref()
}

/// The file whose existence asks to stop, if there is such a kernel.
pub fn interrupt_file() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<std::path::PathBuf>> = OnceLock::new();
    let find = || mark().and_then(|_| std::env::var_os(INTERRUPT)).map(Into::into);
    FOUND.get_or_init(find).as_deref()
}

/// Tells the kernel something, if there is one: in one write, so that nothing comes between.
pub fn send(message: &Message) {
    if let Some(mark) = mark() {
        // A notebook that was closed must not stop what the cell does.
        let _ = std::io::stdout().lock().write_all(mark.line(message).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controls::Kind;

    #[test]
    fn every_message_is_read_as_it_was_written() {
        let mark = Mark::new("word");
        let (data, id) = (Map::from_iter([("text/plain".to_owned(), "x".into())]), "3".to_owned());
        let location = Some(Location { file: "src/lib.rs".to_owned(), line: 7 });
        let (label, kind, start) = ("ε".to_owned(), Kind::Toggle, true.into());
        let controls = vec![Control { label, kind, start }];
        for message in [
            Message::Interact { id: id.clone(), program: 7, controls, data: data.clone() },
            Message::Display { data: data.clone(), id: id.clone() },
            Message::Update { data, id },
            Message::Clear,
            Message::Write { text: "half\na line".to_owned() },
            Message::Panicked { message: "no".to_owned(), location },
            Message::Returned,
            Message::Stopping,
            Message::Flushed,
            Message::End,
        ] {
            let line = mark.line(&message);
            assert_eq!((line.matches('\n').count(), mark.find(&line)), (1, Some(0)));
            assert_eq!(mark.read(&line), Some(message));
        }
    }

    #[test]
    fn only_marked_lines_are_messages() {
        let mark = Mark::new("word");
        let line = mark.line(&Message::End);
        assert_eq!(mark.read(&format!(" {line}")), None);
        assert_eq!(Mark::new("another").read(&line), None);
        assert_eq!(mark.read("inorm-word {\"do\": \"dance\"}"), None);
        assert_eq!(mark.find("inorm-word is printed by nobody"), None);
    }
}
