//! Lines of a cell's output that are instructions from the library to this kernel.
//!
//! A line that begins with the mark of this session, a word that nobody prints by chance, is
//! followed by one JSON object. Its field `do` says what is to be done:
//!
//! | `do` | other fields | what |
//! | --- | --- | --- |
//! | `display` | `data`, perhaps `id` | shows a value, in several formats, here |
//! | `update` | `data`, `id` | shows this instead of what has that id |
//! | `clear` | | removes what the cell has shown so far |
//! | `write` | `name`, `text` | text that need not end with a line |
//! | `failed` | `how`, `message`, `place` | the cell has panicked, or `?` has ended it |
//! | `stopping` | | the interrupt has been noticed; what is finished is kept |
//! | `end` | | all that the cell has printed came before this |
//!
//! The library learns the mark from the environment variable [`MARK`] of the backend. Without it
//! it prints none of this, so that everything works, less lively, with any other Rust kernel.

use serde::Deserialize;
use serde_json::Value;

/// The variable of the backend's environment that holds the mark.
pub const MARK: &str = "INORM_KERNEL";

/// The variable that names the file whose existence asks long calls to return.
pub const INTERRUPT: &str = "INORM_INTERRUPT";

/// What a line asks for.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Instruction {
    /// Show a value; with an id it can be changed later.
    Display {
        /// The value by format.
        data: Value,
        /// What it is called.
        id: Option<String>,
    },
    /// Show another value in its place.
    Update {
        /// The value by format.
        data: Value,
        /// What it is called.
        id: String,
    },
    /// Remove what the cell has shown.
    Clear,
    /// Write text to a stream.
    Write {
        /// `stdout` or `stderr`.
        name: String,
        /// Any text.
        text: String,
    },
    /// The cell has failed.
    Failed {
        /// In what way.
        how: Failing,
        /// What was said.
        message: String,
        /// The file and line, if known.
        place: Option<Place>,
    },
    /// The interrupt was noticed.
    Stopping,
    /// The cell has nothing more to say.
    End,
}

/// How a cell fails while it runs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Failing {
    /// By a panic.
    Panic,
    /// By `?` with an error.
    Error,
}

/// A place in a source file.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Place {
    /// The file, as the compiler calls it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// The mark of a session.
#[derive(Clone, Debug)]
pub struct Mark(pub String);

impl Mark {
    /// A new one.
    pub fn new() -> Self {
        let key = crate::kernel::backend::random_key();
        Self(format!("inorm-{}", &key[..16]))
    }

    /// The instruction in a line of output, if it is one.
    pub fn read(&self, line: &str) -> Option<Instruction> {
        let json = line.strip_prefix(self.0.as_str())?;
        serde_json::from_str(json).ok()
    }

    /// A name for what has an id, one that is not used in any other session of the notebook.
    pub fn display_id(&self, id: &str) -> String {
        format!("{}-{id}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_marked_lines_are_instructions() {
        let mark = Mark::new();
        let line = format!("{} {{\"do\": \"update\", \"id\": \"3\", \"data\": {{}}}}\n", mark.0);
        assert_eq!(mark.read(&line), Some(Instruction::Update { data: json!({}), id: "3".into() }));
        assert_eq!(mark.read(&format!(" {line}")), None);
        assert_eq!(Mark::new().read(&line), None);
        assert_eq!(mark.read(&format!("{} {{\"do\": \"dance\"}}", mark.0)), None);
        assert_eq!(mark.read(&format!("{} {{\"do\": \"end\"}}", mark.0)), Some(Instruction::End));
    }
}
