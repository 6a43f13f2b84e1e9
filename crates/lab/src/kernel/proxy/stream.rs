//! Printed text. Many lines at once become one message.

use std::time::Duration;
use tokio::time::Instant;

/// A reader does not notice that a line comes this much later.
const PATIENCE: Duration = Duration::from_millis(15);

/// A message of this size is sent on at once.
const BYTES: usize = 64 * 1024;

/// Text of one stream that has not been sent on yet.
#[derive(Debug, Default)]
pub struct Stream {
    name: String,
    text: String,
    since: Option<Instant>,
}

/// The name of a stream, and what was written to it.
pub type Written = (String, String);

impl Stream {
    /// Adds text; returns what has to be sent on first.
    #[must_use]
    pub fn push(&mut self, name: &str, text: &str) -> Option<Written> {
        let before = match self.name == name && self.text.len() < BYTES {
            true => None,
            false => self.take(),
        };
        name.clone_into(&mut self.name);
        self.text += text;
        self.since.get_or_insert_with(Instant::now);
        before
    }

    /// When the text has to be sent on.
    pub fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + PATIENCE)
    }

    /// The text, if there is any.
    #[must_use]
    pub fn take(&mut self) -> Option<Written> {
        self.since = None;
        let text = std::mem::take(&mut self.text);
        (!text.is_empty()).then(|| (self.name.clone(), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_until_the_stream_changes() {
        let mut stream = Stream::default();
        assert_eq!(stream.push("stdout", "a\n"), None);
        assert_eq!(stream.push("stdout", "b\n"), None);
        let stdout = ("stdout".to_owned(), "a\nb\n".to_owned());
        assert_eq!(stream.push("stderr", "c\n"), Some(stdout));
        assert_eq!(stream.take(), Some(("stderr".to_owned(), "c\n".to_owned())));
        assert!(stream.take().is_none() && stream.deadline().is_none());
    }

    #[test]
    fn a_long_text_is_sent_in_pieces() {
        let mut stream = Stream::default();
        let line = "x".repeat(BYTES);
        assert_eq!(stream.push("stdout", &line), None);
        assert_eq!(stream.push("stdout", "y").map(|(_, text)| text), Some(line));
    }
}
