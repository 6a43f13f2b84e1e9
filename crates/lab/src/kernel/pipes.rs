//! What the program that runs the cells says to this kernel, past the Rust kernel.
//!
//! Two named pipes: one for messages, one for standard error. Both are read whether or not a cell
//! runs, in bytes, so that text appears when it is written, in whatever form. And a program that
//! says more than is read has to wait, so that nothing is left to be read once it has ended.

use super::running::Running;
use inorm_core::files::remove;
use inorm_core::protocol::{self, Mark, Message};
use inorm_core::{Context, Outcome};
use rustix::fs::{CWD, Mode, mkfifoat};
use std::collections::VecDeque;
use std::path::PathBuf;
use tokio::net::unix::pipe::{OpenOptions, Receiver};

/// As much as a pipe holds.
const BYTES: usize = 64 * 1024;

/// What the program has said.
#[derive(Debug, PartialEq)]
pub enum Said {
    Message(Message),
    /// Text on standard error.
    Error(String),
}

/// The ends of the pipes that are read.
pub struct Pipes {
    mark: Mark,
    messages: Pipe,
    errors: Pipe,
    /// Whole lines that have arrived and were not read yet.
    lines: VecDeque<String>,
}

struct Pipe {
    path: PathBuf,
    receiver: Receiver,
    /// What has arrived and is not complete.
    bytes: Vec<u8>,
}

impl Pipes {
    /// Makes them in the directory of a running kernel, for messages with this mark.
    pub fn make(running: &Running, mark: &Mark) -> Outcome<Self> {
        let messages = Pipe::make(running.join("messages"))?;
        let errors = Pipe::make(running.join("errors"))?;
        Ok(Self { mark: mark.clone(), messages, errors, lines: VecDeque::new() })
    }

    /// The variables by which a program finds them.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        [(protocol::MESSAGES, &self.messages), (protocol::ERRORS, &self.errors)]
            .map(|(name, pipe)| (name, pipe.path.display().to_string()))
    }

    /// What is said next.
    pub async fn next(&mut self) -> Said {
        loop {
            if let Some(said) = self.try_next() {
                return said;
            }
            tokio::select! {
                _ = self.messages.receiver.readable() => {}
                _ = self.errors.receiver.readable() => {}
            }
        }
    }

    /// What was said already. Errors first: whoever writes a message about one has written it.
    pub fn try_next(&mut self) -> Option<Said> {
        if self.lines.is_empty() {
            if self.messages.read() {
                self.lines.extend(whole_lines(&mut self.messages.bytes));
            }
            let is_over = !(self.errors.read() && self.errors.read());
            let text = whole_characters(&mut self.errors.bytes, is_over && !self.lines.is_empty());
            if !text.is_empty() {
                return Some(Said::Error(text));
            }
        }
        let mut lines = std::iter::from_fn(|| self.lines.pop_front());
        lines.find_map(|line| self.mark.read(&line)).map(Said::Message)
    }
}

impl Pipe {
    fn make(path: PathBuf) -> Outcome<Self> {
        remove(&path)?;
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)
            .map_err(std::io::Error::from)
            .context("create", &path)?;
        // Open for writing too: it does not end when a program does.
        let receiver = OpenOptions::new().read_write(true).open_receiver(&path);
        Ok(Self { receiver: receiver.context("open", &path)?, path, bytes: Vec::new() })
    }

    /// Takes what is there without waiting; false if nothing is.
    fn read(&mut self) -> bool {
        let mut buffer = vec![0; BYTES];
        // Directly, because the runtime learns a moment later that there is something. If there is
        // nothing the runtime has to learn that too.
        let read = rustix::io::read(&self.receiver, &mut buffer[..]).ok();
        let length = read.or_else(|| self.receiver.try_read(&mut buffer).ok()).unwrap_or(0);
        self.bytes.extend_from_slice(&buffer[..length]);
        length > 0
    }
}

/// Takes the lines that have ended.
fn whole_lines(bytes: &mut Vec<u8>) -> Vec<String> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let lines: Vec<u8> = bytes.drain(..end).collect();
    String::from_utf8_lossy(&lines).lines().map(str::to_owned).collect()
}

/// Takes the characters that are complete, or all if the rest will not come. What is not text
/// becomes replacement characters.
fn whole_characters(bytes: &mut Vec<u8>, all: bool) -> String {
    let is_start = |start: &usize| {
        let character = std::str::from_utf8(&bytes[*start..]);
        character.is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    let mut starts = bytes.len().saturating_sub(3)..bytes.len();
    let end = starts.find(is_start).filter(|_| !all).unwrap_or(bytes.len());
    let text: Vec<u8> = bytes.drain(..end).collect();
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_in_two_pieces_is_one_and_other_bytes_are_replaced() {
        let mut bytes = "a\u{e9}\u{1f600}".as_bytes()[..5].to_vec();
        assert_eq!(whole_characters(&mut bytes, false), "a\u{e9}");
        bytes.extend_from_slice(&"\u{1f600}".as_bytes()[2..]);
        assert_eq!(whole_characters(&mut bytes, false), "\u{1f600}");
        let mut bytes = b"a\xffb\xc3".to_vec();
        assert_eq!(whole_characters(&mut bytes, false), "a\u{fffd}b");
        assert_eq!(whole_characters(&mut bytes, true), "\u{fffd}");
        assert!(bytes.is_empty());
    }

    #[test]
    fn lines_are_taken_when_they_have_ended() {
        let mut bytes = b"one\ntwo\nthr".to_vec();
        assert_eq!(whole_lines(&mut bytes), ["one", "two"]);
        assert_eq!(bytes, b"thr");
    }
}
