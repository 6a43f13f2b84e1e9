//! Standard input, on its way from the Rust kernel to the program that runs the cells.
//!
//! The Rust kernel writes there what the program is to run, and what the reader has answered when
//! a cell has asked for it. A cell that reads without having asked would wait for ever: for it
//! standard input is at its end.

use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How a command of the Rust kernel begins.
const RUN: &[u8] = b"LOAD_AND_RUN ";

/// How long a cell waits for input that nobody was asked for.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it is asked whether it waits.
pub const PERIOD: Duration = Duration::from_millis(200);

const NOTICE: &str = "A cell cannot read what nobody was asked for: standard input is at its end. \
     The functions of the package `evcxr_input` ask the reader.";

/// What stands between.
pub struct Input {
    kernel: File,
    /// Standard input as the program sees it: what it reads, and the other end.
    program: (PipeReader, PipeWriter),
    is_running: bool,
    has_asked: bool,
    waiting_since: Option<Instant>,
}

impl Input {
    /// From now on the program reads what is passed on.
    pub fn redirect() -> io::Result<Self> {
        let kernel = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        let program = io::pipe()?;
        rustix::stdio::dup2_stdin(&program.0)?;
        let (is_running, has_asked, waiting_since) = (true, false, None);
        Ok(Self { kernel: File::from(kernel), program, is_running, has_asked, waiting_since })
    }

    /// Where something to pass on arrives.
    pub fn source(&self) -> BorrowedFd<'_> {
        self.kernel.as_fd()
    }

    /// Passes on what has arrived; false if nothing more will come.
    pub fn pass_on(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        let length = self.kernel.read(&mut buffer).unwrap_or(0);
        let said = &buffer[..length];
        match said.starts_with(RUN) {
            true => self.is_running = true,
            false => self.has_asked = false,
        }
        self.waiting_since = None;
        length > 0 && self.program.1.write_all(said).is_ok()
    }

    /// The cell has asked the reader.
    pub fn expect_answer(&mut self) {
        self.has_asked = true;
    }

    /// The cell is over.
    pub fn expect_command(&mut self) {
        self.is_running = false;
    }

    /// Whether a cell may be waiting in vain.
    pub fn may_wait(&self) -> bool {
        self.is_running && !self.has_asked
    }

    /// Nothing was printed meanwhile: if the cell has waited for long, it waits in vain.
    pub fn end_if_in_vain(&mut self) {
        if !(self.may_wait() && self.is_waiting()) {
            self.waiting_since = None;
        } else if self.waiting_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            self.waiting_since = None;
            eprintln!("{NOTICE}");
            // What is being read ends with its last writer; what is read next is another pipe.
            if let Ok(next) = io::pipe()
                && rustix::stdio::dup2_stdin(&next.0).is_ok()
            {
                self.program = next;
            }
        }
    }

    /// Whether the thread that runs the cells, the first one, waits for more than it was given.
    fn is_waiting(&self) -> bool {
        // The number of the system call, and that of standard input.
        let reads = match std::env::consts::ARCH {
            "x86_64" => "0 0x0 ",
            "aarch64" => "63 0x0 ",
            _ => return false,
        };
        let thread = std::process::id();
        let call = fs::read_to_string(format!("/proc/self/task/{thread}/syscall"));
        call.is_ok_and(|call| call.starts_with(reads))
            && rustix::io::ioctl_fionread(&self.program.0).is_ok_and(|left| left == 0)
    }
}
