//! What a sweep prints while it runs: a line a run, and when it will be over.

use inorm::{
    learning::{self, Record},
    sweep::{Planned, Store, SweepEvent, cost},
};
use inorm_core::say;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Prints events. The time that is left is what is left to compute, by this worker and by others,
/// divided by the speed since this worker began.
pub struct ProgressReporter<'a> {
    store: &'a Store,
    plan: &'a [Planned],
    state: Mutex<State>,
}

/// Epochs are reported no more often than this.
const QUIET: Duration = Duration::from_secs(60);

struct State {
    began: Instant,
    reported: Instant,
    left_at_start: f64,
    /// Finished share of the runs that are being trained here.
    shares: HashMap<String, f64>,
}

impl<'a> ProgressReporter<'a> {
    /// Reports on `plan` from now on.
    pub fn new(store: &'a Store, plan: &'a [Planned]) -> Self {
        let now = Instant::now();
        let state =
            State { began: now, reported: now, left_at_start: f64::NAN, shares: HashMap::new() };
        let reporter = Self { store, plan, state: Mutex::new(state) };
        reporter.with(|state| state.left_at_start = reporter.cost_left(state));
        reporter
    }

    /// Reports one event.
    pub fn report(&self, event: &SweepEvent) {
        match *event {
            SweepEvent::Ensemble(runs, bytes) => {
                say(format_args!(
                    "an ensemble of {runs} runs, in {} MB",
                    bytes.div_ceil(1_000_000)
                ));
            }
            SweepEvent::Started(planned, epochs) => {
                self.begin(planned, epochs);
                if epochs > 0 {
                    say(format_args!("{planned}: resumes after epoch {epochs}"));
                }
            }
            SweepEvent::Epoch(planned, record) => {
                let (epoch, epochs) = (record.epochs.len(), planned.run.training.epochs);
                let share = epoch as f64 / f64::from(epochs);
                self.with(|state| state.shares.insert(planned.id.clone(), share));
                if self.is_due() {
                    say(format_args!("{planned}: epoch {epoch}/{epochs}; {}", self.outlook()));
                }
            }
            SweepEvent::Filed(planned, record, wall) => {
                self.forget(planned);
                let outcome = outcome_of(record);
                say(format_args!("{planned}: {outcome} in {}; {}", duration(wall), self.outlook()));
            }
            SweepEvent::Saved(planned, record) => {
                self.forget(planned);
                say(format_args!("{planned}: saved after epoch {}", record.epochs.len()));
            }
            SweepEvent::Failed(planned, reason) => {
                self.forget(planned);
                say(format_args!("{planned}: failed: {reason}"));
            }
        }
    }

    /// Whether it is time to report an epoch.
    fn is_due(&self) -> bool {
        self.with(|state| {
            let due = state.reported.elapsed() > QUIET;
            if due {
                state.reported = Instant::now();
            }
            due
        })
    }

    /// A resumed run did part of its work before this worker began.
    fn begin(&self, planned: &Planned, epochs: usize) {
        let share = epochs as f64 / f64::from(planned.run.training.epochs);
        self.with(|state| {
            state.left_at_start -= share * cost(&planned.run);
            state.shares.insert(planned.id.clone(), share);
        });
    }

    fn forget(&self, planned: &Planned) {
        self.with(|state| state.shares.remove(&planned.id));
    }

    fn unfinished(&self) -> impl Iterator<Item = &Planned> {
        let is_done = move |planned: &Planned| self.store.is_done(&planned.id).unwrap_or(false);
        self.plan.iter().filter(move |planned| !is_done(planned))
    }

    fn cost_left(&self, state: &State) -> f64 {
        let share = |planned: &Planned| state.shares.get(&planned.id).copied().unwrap_or(0.0);
        self.unfinished().map(|planned| cost(&planned.run) * (1.0 - share(planned))).sum()
    }

    /// How many runs are left, and how long they will take.
    fn outlook(&self) -> String {
        let runs = self.unfinished().count();
        let (left, speed) = self.with(|state| {
            let left = self.cost_left(state);
            (left, (state.left_at_start - left) / state.began.elapsed().as_secs_f64())
        });
        match Duration::try_from_secs_f64(left / speed) {
            Ok(time) if runs > 0 => format!("{runs} left, about {}", duration(time)),
            _ => format!("{runs} left"),
        }
    }

    fn with<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        action(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn outcome_of(record: &Record) -> String {
    match (record.outcome, record.test_accuracy()) {
        (learning::Outcome::Diverged { step }, _) => format!("diverged at step {step}"),
        (_, Some(accuracy)) => format!("{:.2} %", 100.0 * accuracy),
        (_, None) => "no epoch".to_owned(),
    }
}

/// In the two largest units that matter.
fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_two_units() {
        for (seconds, said) in [(7, "7 s"), (61, "1 min 1 s"), (3 * 3600 + 120, "3 h 2 min")] {
            assert_eq!(duration(Duration::from_secs(seconds)), said);
        }
    }
}
