//! How a cell that takes a while says how far it is.

use std::io::Write;
use std::time::{Duration, Instant};

/// How far one run is.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is running, short: the name of a condition.
    pub name: String,
    /// Epochs done.
    pub done: usize,
    /// Epochs to do.
    pub of: usize,
    /// Test accuracy so far, a fraction.
    pub test_accuracy: f64,
}

/// Prints a line an epoch, with the time used and an estimate of the time left.
///
/// A stock Rust kernel shows what a cell prints line by line and nothing else: it can neither
/// overwrite a line nor show half of one (text without a newline would hang the cell). So a
/// report is always one whole line, in one write, and runs on several threads may share one.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
    total: usize,
    done: usize,
}

impl Progress {
    /// Starts the clock for `total` epochs, of all runs together.
    pub fn new(total: usize) -> Self {
        Self { started: Instant::now(), total, done: 0 }
    }

    /// Reports one more epoch.
    pub fn report(&mut self, step: &Step) {
        self.done += 1;
        let line = line(step, self.started.elapsed(), self.done, self.total);
        // A reader who closed the notebook must not stop the training.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

fn line(step: &Step, elapsed: Duration, done: usize, total: usize) -> String {
    let Step { name, done: epoch, of, test_accuracy } = step;
    let elapsed = elapsed.as_secs_f64();
    let left = elapsed / done.max(1) as f64 * total.saturating_sub(done) as f64;
    let clock = match left {
        0.0 => format!("[{elapsed:.0} s]"),
        _ => format!("[{elapsed:.0} s, about {left:.0} s left]"),
    };
    let accuracy = test_accuracy * 100.0;
    format!("{name:<18} epoch {epoch} of {of}: test accuracy {accuracy:.1} % {clock}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_whole_line() {
        let step = Step { name: "inorm_full".into(), done: 1, of: 2, test_accuracy: 0.7634 };
        assert_eq!(
            line(&step, Duration::from_secs(12), 2, 6),
            "inorm_full         epoch 1 of 2: test accuracy 76.3 % [12 s, about 24 s left]"
        );
        assert_eq!(
            line(&step, Duration::from_secs(36), 6, 6),
            "inorm_full         epoch 1 of 2: test accuracy 76.3 % [36 s]"
        );
    }
}
