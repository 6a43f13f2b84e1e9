//! What the cells print, on its way to this project's kernel.
//!
//! The Rust kernel reads what a program prints line by line, only while a cell runs, and only as
//! long as it is UTF-8. It recognizes its own signals only if they are whole lines; and what it
//! learns from two of these, that the cell has panicked or that `?` has ended it, it keeps to
//! itself. So standard error goes to a pipe of this project's kernel. Standard output goes through
//! a thread that passes the signals on to the Rust kernel, each on a line of its own, and everything
//! else as messages to a second pipe.

use super::input::{Input, PERIOD};
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
/// It ends here.
const END_OF_CONTENT: &str = "EVCXR_END_CONTENT";
/// How lines begin that only the Rust kernel understands.
const SIGNAL: &str = "EVCXR_";
/// How one begins that asks the reader.
const QUESTION: &str = "EVCXR_INPUT_REQUEST";

/// Text without a newline is passed on if nothing follows within this time.
const PATIENCE: Duration = Duration::from_millis(40);

/// How long the library may take to hand over text that it has not written yet. It cannot while
/// some thread of the cell holds standard output.
const FLUSHING: Duration = Duration::from_millis(200);

/// Starts that thread. If the system refuses, output goes where it went before.
pub fn redirect(mark: &'static Mark) {
    let (Some(messages), Some(errors)) = (pipe(protocol::MESSAGES), pipe(protocol::ERRORS)) else {
        return;
    };
    let Ok((reader, writer)) = std::io::pipe() else { return };
    let Ok(real) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3) else { return };
    if rustix::stdio::dup2_stdout(&writer).is_err() {
        return;
    }
    // Without it errors appear all the same, if they are text.
    let _ = rustix::stdio::dup2_stderr(&errors);
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
        kernel: messages,
        backend: File::from(real),
        text: String::new(),
        messages: String::new(),
        signals: String::new(),
        pending: Vec::new(),
        shown: 0,
        in_content: false,
        ended: false,
        // Without it a cell that reads waits for ever.
        input: Input::redirect().ok(),
        ask,
    };
    std::thread::spawn(move || filter.run(reader));
}

/// The pipe that a variable names.
fn pipe(variable: &str) -> Option<File> {
    File::options().write(true).open(std::env::var_os(variable)?).ok()
}

struct Filter {
    mark: &'static Mark,
    /// The line that shows that the buffer of standard output is empty.
    flushed: String,
    /// This project's kernel.
    kernel: File,
    /// The Rust kernel.
    backend: File,
    /// Text that will be the next message.
    text: String,
    /// What goes to `kernel` next.
    messages: String,
    /// What goes to `backend` next.
    signals: String,
    /// What follows the last newline.
    pending: Vec<u8>,
    /// How much of that was already passed on.
    shown: usize,
    /// The value of the cell is being printed.
    in_content: bool,
    /// The signal that the cell is over has come, and is held until all text has.
    ended: bool,
    input: Option<Input>,
    ask: Sender<()>,
}

impl Filter {
    fn run(&mut self, mut reader: PipeReader) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let waiting = match self.ended {
                true => Some(FLUSHING),
                false if self.pending.len() > self.shown => Some(PATIENCE),
                false => self.input.as_ref().is_some_and(Input::may_wait).then_some(PERIOD),
            };
            let [printed, told] = readable(&reader, self.input.as_ref(), waiting);
            if told
                && let Some(input) = &mut self.input
                && !input.pass_on()
            {
                // The end of the commands is the end of the program.
                self.input = None;
            }
            if printed {
                match reader.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(length) => self.take(&buffer[..length]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            } else if !told {
                self.show_pending();
                self.end();
                self.input.iter_mut().for_each(Input::end_if_in_vain);
            }
            self.flush();
        }
    }

    /// The messages first: what a cell has printed comes before its end. If nobody reads them any
    /// more the program is about to be ended.
    fn flush(&mut self) {
        self.tell_text();
        let _ = self.kernel.write_all(std::mem::take(&mut self.messages).as_bytes());
        let _ = self.backend.write_all(std::mem::take(&mut self.signals).as_bytes());
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
        if self.in_content && ![COMPLETE, PANICKED].contains(&signal) {
            self.in_content = line != END_OF_CONTENT;
            return self.write_line(line);
        }
        self.text += text;
        match signal {
            "" if line.starts_with(SIGNAL) && !continued => {
                if line.starts_with(QUESTION) {
                    self.input.iter_mut().for_each(Input::expect_answer);
                }
                self.text.truncate(self.text.len() - line.len());
                self.write_line(line);
            }
            "" => self.text.push('\n'),
            COMPLETE if self.ask.send(()).is_ok() => {
                self.input.iter_mut().for_each(Input::expect_command);
                self.ended = true;
            }
            PANICKED => {
                self.tell(&panics::take());
                self.write_line(signal);
            }
            FAILED => {
                self.tell(&Message::Returned);
                self.write_line(signal);
            }
            _ if signal == self.flushed => self.end(),
            _ if signal.starts_with(CONTENT) => {
                self.in_content = true;
                self.write_line(signal);
            }
            _ if signal.starts_with(self.mark.as_str()) => {
                self.tell_text();
                self.messages += signal;
                self.messages.push('\n');
            }
            _ => self.write_line(signal),
        }
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
        if self.in_content {
            return;
        }
        // A signal is written in one piece, but the pipe may split it.
        if text.is_empty() || text.contains(self.mark.as_str()) || text.contains(SIGNAL) {
            return;
        }
        self.text += text;
        self.shown = self.pending.len();
    }

    fn write_line(&mut self, line: &str) {
        self.signals += line;
        self.signals.push('\n');
    }

    fn tell(&mut self, message: &Message) {
        self.tell_text();
        self.messages += &self.mark.line(message);
    }

    /// Makes a message of the text so far.
    fn tell_text(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            self.messages += &self.mark.line(&Message::Write { text });
        }
    }
}

/// Whether something was printed, and whether there is input, after at most this time.
fn readable(printed: &PipeReader, input: Option<&Input>, patience: Option<Duration>) -> [bool; 2] {
    let source = input.map(Input::source);
    let mut wanted = vec![PollFd::new(printed, PollFlags::IN)];
    wanted.extend(source.iter().map(|source| PollFd::new(source, PollFlags::IN)));
    let patience = patience.and_then(|time| Timespec::try_from(time).ok());
    let _ = poll(&mut wanted, patience.as_ref());
    [0, 1].map(|which| wanted.get(which).is_some_and(|it| !it.revents().is_empty()))
}
