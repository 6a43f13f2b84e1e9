//! A progress bar in the output of a cell.

use crate::show::{self, Display, Show};
use std::time::{Duration, Instant};

/// How often what is shown is updated.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);

/// Characters of a full bar.
const WIDTH: usize = 30;

/// Where lines cannot be overwritten, the whole job prints this many.
const LINES: u64 = 10;

/// How much of a long job is done, how fast it goes, and how long it will take.
///
/// ```
/// let mut progress = inorm::notebook::Progress::new("squares", 50);
/// for n in 0..50u64 {
///     let _ = n * n;
///     progress.advance(1);
/// }
/// progress.finish();
/// ```
#[derive(Debug)]
pub struct Progress {
    what: String,
    done: u64,
    total: u64,
    started: Instant,
    updated: Instant,
    display: Option<Display>,
    lines: u64,
}

impl Progress {
    /// A bar for `total` items, none of them done.
    pub fn new(what: impl Into<String>, total: u64) -> Self {
        let (what, now) = (what.into(), Instant::now());
        let display =
            show::supports_updates().then(|| describe(&what, 0, total, Duration::ZERO).show());
        Self { what, done: 0, total, started: now, updated: now, display, lines: 0 }
    }

    /// Counts `count` more items as done.
    pub fn advance(&mut self, count: u64) {
        self.done = self.total.min(self.done.saturating_add(count));
        let describe = || describe(&self.what, self.done, self.total, self.started.elapsed());
        match &self.display {
            Some(display) if self.updated.elapsed() >= INTERVAL => {
                display.replace(describe().as_str());
                self.updated = Instant::now();
            }
            None if self.done * LINES / self.total.max(1) > self.lines => {
                self.lines = self.done * LINES / self.total.max(1);
                show::print(&describe());
            }
            _ => {}
        }
    }

    /// Replaces the bar by a line that says what was done, the same in every run.
    pub fn finish(self) {
        if let Some(display) = &self.display {
            let line = match self.done == self.total {
                true => format!("{}: all {} done", self.what, self.total),
                false => format!("{}: {} of {} done", self.what, self.done, self.total),
            };
            display.replace(line.as_str());
        }
    }
}

fn describe(what: &str, done: u64, total: u64, elapsed: Duration) -> String {
    format!("{what}  {}  {done} of {total}{}", bar(done, total), pace(done, total, elapsed, ""))
}

/// `██████▌░░░  62 %`
pub(super) fn bar(done: u64, total: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = done as f64 / total.max(1) as f64;
    let eighths = (share * (8 * WIDTH) as f64).floor() as usize;
    let (full, part) = (eighths / 8, EIGHTHS[eighths % 8]);
    let empty = WIDTH - full - usize::from(!part.is_empty());
    format!("{}{part}{}  {:>3.0} %", "█".repeat(full), "░".repeat(empty), share * 100.0)
}

/// `, 31 steps/s, about 12 s left`, once there is enough to estimate it from.
pub(super) fn pace(done: u64, total: u64, elapsed: Duration, unit: &str) -> String {
    let seconds = elapsed.as_secs_f64();
    if done == 0 || seconds < 0.2 {
        return String::new();
    }
    let rate = done as f64 / seconds;
    let left = total.saturating_sub(done) as f64 / rate;
    let decimals = usize::from(rate < 10.0);
    format!(", {rate:.decimals$}{unit}/s, {}", left_in_words(left))
}

fn left_in_words(seconds: f64) -> String {
    match seconds.round() as u64 {
        seconds @ 0..100 => format!("about {seconds} s left"),
        seconds => format!("about {} min left", (seconds + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_always_as_wide() {
        for done in 0..=1000 {
            let bar = bar(done, 1000);
            assert_eq!(bar.chars().filter(|c| !c.is_ascii()).count(), WIDTH, "{bar}");
        }
        assert_eq!(bar(1, 2), format!("{}{}   50 %", "█".repeat(15), "░".repeat(15)));
        assert!(bar(3, 3).ends_with("100 %") && bar(0, 0).ends_with("  0 %"));
    }

    #[test]
    fn the_time_left_is_estimated_from_what_is_done() {
        let pace = |done, seconds| pace(done, 60, Duration::from_secs(seconds), " steps");
        assert_eq!(pace(20, 10), ", 2.0 steps/s, about 20 s left");
        assert_eq!(pace(1, 10), ", 0.1 steps/s, about 10 min left");
        assert_eq!(pace(0, 10), "");
    }
}
