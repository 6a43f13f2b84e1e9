//! One step of the set-up: says what it does, how long that takes, and that it still goes on.

use crate::cli::{Failure, Outcome};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often a step that takes long says so where nothing can be overwritten.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// How many of a command's last lines are shown if it fails.
const LAST_LINES: usize = 15;

/// A step that has begun.
pub struct Step {
    begun: Instant,
    spinner: ProgressBar,
    said: Arc<Mutex<Instant>>,
}

impl Step {
    /// Announces a step that has to be done, and what to expect.
    pub fn begin(name: &str, expected: &str) -> Self {
        println!("{name}: {expected}");
        let spinner = if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("  {spinner} {elapsed} {wide_msg}");
            let spinner = ProgressBar::new_spinner();
            spinner.enable_steady_tick(Duration::from_millis(200));
            spinner.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        } else {
            ProgressBar::hidden()
        };
        Self { begun: Instant::now(), spinner, said: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Says that a step has nothing to do.
    pub fn ready(name: &str, what: &str) {
        println!("{name}: {what}");
    }

    /// Takes note of what is happening, for whoever watches.
    pub fn listener(&self) -> impl FnMut(&str) + Send + 'static {
        let (spinner, said, begun) = (self.spinner.clone(), Arc::clone(&self.said), self.begun);
        move |line| {
            spinner.set_message(line.trim().to_owned());
            let mut said = said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if spinner.is_hidden() && said.elapsed() >= SIGN_OF_LIFE {
                println!("  {} {}", elapsed(begun), line.trim());
                *said = Instant::now();
            }
        }
    }

    /// Runs a command to its end; if it fails, shows its last lines.
    pub fn run(&self, command: &mut Command, next: &str) -> Outcome {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::new(format!("cannot run {program}: {error}; {next}")))?;
        let last = Arc::new(Mutex::new(VecDeque::new()));
        let outputs = [
            child.stdout.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
            child.stderr.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
        ];
        let readers: Vec<_> = outputs
            .into_iter()
            .flatten()
            .map(|output| {
                let (mut listen, last) = (self.listener(), Arc::clone(&last));
                std::thread::spawn(move || read_lines(output, &mut listen, &last))
            })
            .collect();
        let status = child
            .wait()
            .map_err(|error| Failure::new(format!("cannot wait for {program}: {error}")))?;
        for reader in readers {
            let _ = reader.join();
        }
        if status.success() {
            return Ok(());
        }
        self.spinner.finish_and_clear();
        for line in last.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
            eprintln!("  {line}");
        }
        Err(Failure::new(format!("{program} failed ({status}), its last words are above; {next}")))
    }

    /// The step is done.
    pub fn end(self) {
        self.spinner.finish_and_clear();
        println!("  done in {}", elapsed(self.begun));
    }
}

fn read_lines(
    output: Box<dyn Read + Send>,
    listen: &mut impl FnMut(&str),
    last: &Mutex<VecDeque<String>>,
) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        listen(&line);
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        last.push_back(line);
        if last.len() > LAST_LINES {
            last.pop_front();
        }
    }
}

fn elapsed(begun: Instant) -> String {
    match begun.elapsed().as_secs() {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}
