//! One step of the set-up: says what it does, how long that takes, and that it still goes on.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use inorm_core::{Failure, Outcome, say};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a step that takes long says so where nothing can be overwritten.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// How many of a command's last lines are shown if it fails.
const LAST_LINES: usize = 15;

/// How much of a command's line is shown while it runs.
const LINE_WIDTH: usize = 90;

/// The spinners of the steps that run, one below the other.
static SPINNERS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Where a step says what it does.
#[derive(Clone, Copy)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error, for commands whose standard output is a result.
    Stderr,
}

/// A step that has begun.
pub struct Step {
    name: String,
    output: Output,
    begun: Instant,
    spinner: ProgressBar,
    said: Arc<Mutex<Instant>>,
    last: Arc<Mutex<VecDeque<String>>>,
}

impl Step {
    /// Announces a step that has to be done, and what to expect.
    pub fn begin(name: &str, expected: &str, output: Output) -> Self {
        output.line(format_args!("{name}: {expected}"));
        let spinner = if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("  {spinner} {elapsed} {wide_msg}");
            let spinner = SPINNERS.add(ProgressBar::new_spinner());
            spinner.enable_steady_tick(Duration::from_millis(200));
            spinner.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        } else {
            ProgressBar::hidden()
        };
        let (said, name) = (Arc::new(Mutex::new(Instant::now())), name.to_owned());
        Self { name, output, begun: Instant::now(), spinner, said, last: Arc::default() }
    }

    /// Says that a step has nothing to do.
    pub fn ready(name: &str, what: &str) {
        Output::Stdout.line(format_args!("{name}: {what}"));
    }

    /// Takes note of what is happening, for whoever watches, and in case the step fails.
    pub fn listener(&self) -> impl FnMut(String) + Send + 'static {
        let (spinner, begun, output) = (self.spinner.clone(), self.begun, self.output);
        let (said, last) = (Arc::clone(&self.said), Arc::clone(&self.last));
        move |line: String| {
            let start: String = line.trim().chars().take(LINE_WIDTH).collect();
            spinner.set_message(start.clone());
            let mut said = lock(&said);
            if spinner.is_hidden() && said.elapsed() >= SIGN_OF_LIFE {
                output.line(format_args!("  {} {start}", elapsed(begun)));
                *said = Instant::now();
            }
            let mut last = lock(&last);
            last.push_back(line);
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
    }

    /// Shows what happened last, after which the step failed.
    pub fn show_last_words(&self) {
        self.spinner.finish_and_clear();
        for line in lock(&self.last).iter() {
            Output::Stderr.line(format_args!("  {line}"));
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
        let outputs = [
            child.stdout.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
            child.stderr.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
        ];
        let readers: Vec<_> = outputs
            .into_iter()
            .flatten()
            .map(|output| {
                let listen = self.listener();
                std::thread::spawn(move || {
                    BufReader::new(output).lines().map_while(Result::ok).for_each(listen);
                })
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
        self.show_last_words();
        Err(Failure::new(format!("{program} failed ({status}), its last words are above; {next}")))
    }

    /// The step is done.
    pub fn end(self) {
        self.spinner.finish_and_clear();
        let (name, took) = (&self.name, elapsed(self.begun));
        self.output.line(format_args!("{name}: done in {took}"));
    }
}

impl Output {
    /// One line, above the spinners.
    pub fn line(self, text: impl std::fmt::Display) {
        SPINNERS.suspend(|| match self {
            Self::Stdout => println!("{text}"),
            Self::Stderr => say(text),
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn elapsed(begun: Instant) -> String {
    match begun.elapsed().as_secs() {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}
