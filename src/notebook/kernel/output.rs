//! Standard output, on its way from the cells to the Rust kernel.
//!
//! The Rust kernel reads it line by line and recognizes its own signals only if they are whole
//! lines, so that text without a newline hangs the cell or appears with the next one. And what it
//! learns from two of these signals, that the cell has panicked or that `?` has ended it, it keeps
//! to itself. So the output goes through a thread that puts every signal on a line of its own,
//! passes on text without a newline as a message, and tells this project's kernel of the signals.

use super::panics;
use inorm_core::protocol::{self, Mark, Message};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{ErrorKind, PipeReader, Read, Write};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// The cell is over.
const COMPLETE: &str = "EVCXR_EXECUTION_COMPLETE";
/// It was ended by a panic.
const PANICKED: &str = "EVCXR_PANIC_NOTIFICATION";
/// It was ended by `?`.
const FAILED: &str = "EVCXR_ERROR_OCCURRED";
/// What follows is a value, not text.
const CONTENT: &str = "EVCXR_BEGIN_CONTENT ";

/// Text without a newline is passed on if nothing follows within this time.
const PATIENCE: Duration = Duration::from_millis(40);

/// How long the library may take to hand over text that it has not written yet. It cannot while
/// some thread of the cell holds standard output.
const FLUSHING: Duration = Duration::from_millis(200);

/// Starts that thread. If the system refuses, output goes where it went before.
pub fn filter(mark: &'static Mark) {
    let Ok((reader, writer)) = std::io::pipe() else { return };
    let Ok(real) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3) else { return };
    if rustix::stdio::dup2_stdout(&writer).is_err() {
        return;
    }
    let (ask, asked) = channel::<()>();
    std::thread::spawn(move || {
        while asked.recv().is_ok() {
            // A line empties the buffer of standard output, and its arrival shows that it is empty.
            protocol::send(&Message::Flushed);
        }
    });
    let mut filter = Filter {
        mark,
        flushed: mark.line(&Message::Flushed).trim_end().to_owned(),
        real: File::from(real),
        out: Vec::new(),
        pending: Vec::new(),
        shown: 0,
        ended: false,
        ask,
    };
    std::thread::spawn(move || filter.run(reader));
}

struct Filter {
    mark: &'static Mark,
    /// The line that shows that the buffer of standard output is empty.
    flushed: String,
    real: File,
    /// What goes to `real` next.
    out: Vec<u8>,
    /// What follows the last newline.
    pending: Vec<u8>,
    /// How much of that was already passed on.
    shown: usize,
    /// The signal that the cell is over has come, and is held until all text has.
    ended: bool,
    ask: Sender<()>,
}

impl Filter {
    fn run(&mut self, mut reader: PipeReader) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let waiting = match self.ended {
                true => Some(FLUSHING),
                false => (self.pending.len() > self.shown).then_some(PATIENCE),
            };
            if is_readable(&reader, waiting) {
                match reader.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(length) => self.take(&buffer[..length]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            } else {
                self.show_pending();
                self.end();
            }
            // If nobody reads it any more the program is about to be ended.
            let _ = self.real.write_all(&std::mem::take(&mut self.out));
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.pending.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.pending);
                let shown = std::mem::take(&mut self.shown);
                let line = String::from_utf8_lossy(&line[shown..]);
                self.line(line.trim_end_matches('\n'), shown > 0);
            }
        }
    }

    /// One line, or the rest of one whose start was passed on already.
    fn line(&mut self, line: &str, continued: bool) {
        let (text, signal) = line.split_at(self.signal(line));
        if signal.is_empty() {
            return match continued {
                true => self.pass_on(format!("{text}\n")),
                false => self.write_line(text),
            };
        }
        if !text.is_empty() {
            self.pass_on(text.to_owned());
        }
        match signal {
            COMPLETE if self.ask.send(()).is_ok() => {
                self.ended = true;
                return;
            }
            PANICKED => self.tell(&panics::take()),
            FAILED => self.tell(&Message::Returned),
            _ if signal == self.flushed => return self.end(),
            _ => {}
        }
        self.write_line(signal);
    }

    /// Where the signal begins with which a line ends; the length of the line if there is none.
    fn signal(&self, line: &str) -> usize {
        let at_end = [COMPLETE, PANICKED, FAILED].into_iter().find(|signal| line.ends_with(signal));
        let inside = || [line.find(CONTENT), self.mark.find(line)].into_iter().flatten().min();
        at_end.map(|signal| line.len() - signal.len()).or_else(inside).unwrap_or(line.len())
    }

    /// All text has come: now the cell may be over.
    fn end(&mut self) {
        if std::mem::take(&mut self.ended) {
            // A panic that the cell has caught itself is no failure.
            drop(panics::take());
            self.tell(&Message::End);
            self.write_line(COMPLETE);
        }
    }

    fn show_pending(&mut self) {
        let Ok(text) = std::str::from_utf8(&self.pending[self.shown..]) else { return };
        // A signal is written in one piece, but the pipe may split it.
        if text.is_empty() || text.contains(self.mark.as_str()) || text.contains("EVCXR_") {
            return;
        }
        self.pass_on(text.to_owned());
        self.shown = self.pending.len();
    }

    fn pass_on(&mut self, text: String) {
        self.tell(&Message::Write { text });
    }

    fn write_line(&mut self, line: &str) {
        self.out.extend_from_slice(format!("{line}\n").as_bytes());
    }

    fn tell(&mut self, message: &Message) {
        self.out.extend_from_slice(self.mark.line(message).as_bytes());
    }
}

/// Whether there is something to read, after at most this time.
fn is_readable(reader: &PipeReader, patience: Option<Duration>) -> bool {
    let mut wanted = [PollFd::new(reader, PollFlags::IN)];
    let patience = patience.and_then(|time| Timespec::try_from(time).ok());
    poll(&mut wanted, patience.as_ref()).is_ok_and(|ready| ready > 0)
}
