//! One step of the set-up: says what it does, how long that takes, and that it still goes on.

use crate::reaper::Reaper;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use inorm_core::{Context, Failure, Outcome, print, say};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a long step reports where no spinner can be drawn.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// How many of a command's last lines are shown if it fails.
const LAST_LINES: usize = 15;

/// How much of a command's line is shown while it runs.
const LINE_WIDTH: usize = 90;

/// What to do when cargo has failed.
pub const GO_ON: &str =
    "check the network and the disk, then run the command again: it goes on from there";

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
    last: Arc<Mutex<VecDeque<String>>>,
}

impl Step {
    /// Announces a step that has to be done, and what to expect.
    pub fn begin(name: &str, expected: &str, output: Output) -> Self {
        output.line(format_args!("{name}: {expected}"));
        let style = ProgressStyle::with_template("  {spinner} {elapsed} {wide_msg}");
        // Hidden where standard error is not a terminal.
        let spinner = SPINNERS.add(ProgressBar::new_spinner());
        spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        spinner.enable_steady_tick(Duration::from_millis(200));
        let (name, begun) = (name.to_owned(), Instant::now());
        Self { name, output, begun, spinner, last: Arc::default() }
    }

    /// Says that a step has nothing to do.
    pub fn ready(name: &str, what: &str) {
        Output::Stdout.line(format_args!("{name}: {what}"));
    }

    /// Takes note of what is happening, for whoever watches, and in case the step fails.
    pub fn listener(&self) -> impl FnMut(String) + Send + 'static {
        let (spinner, begun, output) = (self.spinner.clone(), self.begun, self.output);
        let last = Arc::clone(&self.last);
        let mut said = begun;
        move |line: String| {
            let start: String = line.trim().chars().take(LINE_WIDTH).collect();
            spinner.set_message(start.clone());
            if spinner.is_hidden() && said.elapsed() >= SIGN_OF_LIFE {
                output.line(format_args!("  {} {start}", elapsed(begun)));
                said = Instant::now();
            }
            let mut last = lock(&last);
            last.push_back(line);
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
    }

    /// Shows the last lines of a step that failed.
    pub fn show_last_words(&self) {
        self.spinner.finish_and_clear();
        for line in lock(&self.last).iter() {
            Output::Stderr.line(format_args!("  {line}"));
        }
    }

    /// Runs a command to its end; if it fails, shows its last lines.
    pub fn run(&self, mut command: Command, next: &str) -> Outcome {
        let program = command.get_program().to_string_lossy().into_owned();
        let (output, input) = io::pipe().context("read from", &program)?;
        let errors = input.try_clone().context("read from", &program)?;
        command.stdin(Stdio::null()).stdout(input).stderr(errors);
        let reaper = Reaper::start(None).context("watch over", &program)?;
        let (mut child, _group) = reaper.spawn(&mut command).context("run", &program)?;
        // Its ends of the pipe: with them the output would have no end.
        drop(command);
        BufReader::new(output).lines().map_while(Result::ok).for_each(self.listener());
        let status = child.wait().context("wait for", &program)?;
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
            // Whoever does not see it is not kept from what it is about.
            Self::Stdout => drop(print(text)),
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
