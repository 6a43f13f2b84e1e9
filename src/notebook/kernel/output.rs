//! Standard output, on its way from the cells to the Rust kernel.
//!
//! The Rust kernel reads it line by line and recognizes its own signs only if they are lines, so
//! that text without a newline hangs the cell or appears with the next one. And what it learns
//! from two of these signs, that the cell has panicked or that `?` has ended it, it keeps to
//! itself. So the output goes through a thread that puts every sign on a line of its own, passes
//! on text without a newline as an instruction, and tells this project's kernel about the signs.

use super::{Kernel, panics};
use serde_json::json;
use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
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

/// Text without a newline is passed on if nothing follows for so long.
const PATIENCE: Duration = Duration::from_millis(40);

/// How long the library may take to hand over text that it has not written yet. It cannot while
/// some thread of the cell holds standard output.
const FLUSHING: Duration = Duration::from_millis(200);

/// Puts the thread between. If the system refuses, output goes where it went before.
pub fn filter(kernel: &'static Kernel) {
    let Ok((reader, writer)) = std::io::pipe() else { return };
    // SAFETY: system calls that take and return file descriptors; the new one is owned by `real`.
    let real = unsafe {
        let real = libc::fcntl(1, libc::F_DUPFD_CLOEXEC, 3);
        if real < 0 || libc::dup2(writer.as_raw_fd(), 1) < 0 {
            return;
        }
        File::from(OwnedFd::from_raw_fd(real))
    };
    let (ask, asked) = channel::<()>();
    std::thread::spawn(move || {
        while asked.recv().is_ok() {
            // A line empties the buffer of standard output, and its arrival shows that it is empty.
            super::say(&json!({"do": "flushed"}));
        }
    });
    let mut filter = Filter { kernel, real, pending: Vec::new(), shown: 0, ended: false, ask };
    std::thread::spawn(move || filter.run(reader));
}

struct Filter {
    kernel: &'static Kernel,
    real: File,
    /// What follows the last newline.
    pending: Vec<u8>,
    /// How much of that was already passed on.
    shown: usize,
    /// The sign that the cell is over has come, and is held until all text has.
    ended: bool,
    ask: Sender<()>,
}

impl Filter {
    fn run(&mut self, mut reader: PipeReader) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let waiting = if self.ended {
                Some(FLUSHING)
            } else {
                (self.pending.len() > self.shown).then_some(PATIENCE)
            };
            if !is_readable(&reader, waiting) {
                self.show_pending();
                self.end();
                continue;
            }
            match reader.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => self.take(&buffer[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut passed_on = Vec::with_capacity(bytes.len());
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.pending.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.pending);
                let shown = std::mem::take(&mut self.shown);
                let line = String::from_utf8_lossy(&line[shown..]).into_owned();
                self.line(line.trim_end_matches('\n'), shown > 0, &mut passed_on);
            }
        }
        self.write(&passed_on);
    }

    /// One line, or the rest of one of which the start was shown already.
    fn line(&mut self, line: &str, continued: bool, out: &mut Vec<u8>) {
        let (text, sign) = line.split_at(self.sign(line));
        if sign.is_empty() {
            match continued {
                true => self.instruct("write", &format!("{text}\n"), out),
                false => out.extend_from_slice(format!("{text}\n").as_bytes()),
            }
            return;
        }
        if !text.is_empty() {
            self.instruct("write", text, out);
        }
        match sign {
            COMPLETE => {
                self.ended = self.ask.send(()).is_ok();
                if !self.ended {
                    out.extend_from_slice(format!("{COMPLETE}\n").as_bytes());
                }
            }
            PANICKED => {
                let panic = panics::take();
                let message = panic.as_ref().map_or("panicked", |panic| panic.message());
                let place = panic.as_ref().map(panics::Panic::place);
                let failed =
                    json!({"do": "failed", "how": "panic", "message": message, "place": place});
                out.extend_from_slice(self.kernel.line(&failed).as_bytes());
                out.extend_from_slice(format!("{PANICKED}\n").as_bytes());
            }
            FAILED => {
                let failed = json!({"do": "failed", "how": "error", "message": "", "place": null});
                out.extend_from_slice(self.kernel.line(&failed).as_bytes());
                out.extend_from_slice(format!("{FAILED}\n").as_bytes());
            }
            _ if self.is_flushed(sign) => {
                let before = std::mem::take(out);
                self.write(&before);
                self.end();
            }
            _ => out.extend_from_slice(format!("{sign}\n").as_bytes()),
        }
    }

    /// Where the sign begins with which a line ends; the length of the line if there is none.
    fn sign(&self, line: &str) -> usize {
        let at_end = [COMPLETE, PANICKED, FAILED].into_iter().find(|sign| line.ends_with(sign));
        let inside = || {
            let mark = format!("{} {{", self.kernel.mark);
            [line.find(CONTENT), line.find(&mark)].into_iter().flatten().min()
        };
        at_end.map(|sign| line.len() - sign.len()).or_else(inside).unwrap_or(line.len())
    }

    fn is_flushed(&self, sign: &str) -> bool {
        self.kernel.line(&json!({"do": "flushed"})).trim_end() == sign
    }

    /// All text has come: now the cell may be over.
    fn end(&mut self) {
        if std::mem::take(&mut self.ended) {
            // One that the cell has caught itself is none of ours.
            drop(panics::take());
            let end = self.kernel.line(&json!({"do": "end"}));
            self.write(format!("{end}{COMPLETE}\n").as_bytes());
        }
    }

    fn show_pending(&mut self) {
        let Ok(text) = std::str::from_utf8(&self.pending[self.shown..]) else { return };
        // A sign is written in one piece, but the pipe may split it.
        if text.is_empty() || text.contains(&self.kernel.mark) || text.contains("EVCXR_") {
            return;
        }
        let mut out = Vec::new();
        self.instruct("write", text, &mut out);
        self.shown = self.pending.len();
        self.write(&out);
    }

    fn instruct(&self, what: &str, text: &str, out: &mut Vec<u8>) {
        let line = self.kernel.line(&json!({"do": what, "name": "stdout", "text": text}));
        out.extend_from_slice(line.as_bytes());
    }

    fn write(&mut self, bytes: &[u8]) {
        // If nobody reads it any more the program is about to be ended.
        let _ = self.real.write_all(bytes);
    }
}

/// Whether there is something to read, after at most this time.
fn is_readable(reader: &PipeReader, patience: Option<Duration>) -> bool {
    let mut wanted = libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let milliseconds = patience.map_or(-1, |time| time.as_millis() as i32);
    // SAFETY: one structure, which lives longer than the call.
    unsafe { libc::poll(&raw mut wanted, 1, milliseconds) > 0 }
}
