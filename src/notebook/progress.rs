//! How a cell that takes a while says how far it is.

use crate::Result;
use crate::dataset::FashionMnist;
use crate::engine::OwnGradNorm;
use crate::learning::{self, Observer, Outcome, Record, Run, Trainer};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Trains `runs`, as many at once as there are cores, and prints a line an epoch. The records
/// come back in the order of the runs.
///
/// # Errors
/// If a run's numbers make no sense; nothing is trained then. A run that diverges is a record.
pub fn train_all(runs: &[Run], data: &FashionMnist) -> Result<Vec<Record>> {
    let names = names(runs);
    let total = runs.iter().map(|run| run.epochs as usize).sum();
    let board = Mutex::new(Progress::new(total));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let observe = |index: usize| Reporter { name: &names[index], board: &board };
    let records = learning::train_all(runs, data, cores, observe)?;
    for (name, record) in names.iter().zip(&records) {
        if let Outcome::Diverged { step } = record.outcome {
            print(&format!("{name} diverged: its loss was no number any more at step {step}"));
        }
    }
    Ok(records)
}

/// Trains `run` with a GradNorm of one's own instead of the condition's, and prints a line an
/// epoch.
///
/// # Errors
/// If the run's numbers make no sense.
pub fn train_own(run: &Run, data: &FashionMnist, own: OwnGradNorm<f32>) -> Result<Record> {
    let board = Mutex::new(Progress::new(run.epochs as usize));
    let mut trainer = Trainer::new(run, data)?.with_grad_norm(own);
    trainer.finish(&mut Reporter { name: "yours", board: &board });
    Ok(trainer.into_record())
}

/// What tells the runs apart: the condition, and whatever else is not the same for all.
fn names(runs: &[Run]) -> Vec<String> {
    let differ = |f: fn(&Run) -> String| runs.windows(2).any(|pair| f(&pair[0]) != f(&pair[1]));
    let parts: [(bool, fn(&Run) -> String); 5] = [
        (true, |run| run.condition.to_string()),
        (differ(|run| run.epsilon.to_string()), |run| format!("ε = {}", run.epsilon)),
        (differ(|run| run.width.to_string()), |run| format!("width {}", run.width)),
        (differ(|run| run.rule.lambda.to_string()), |run| format!("λ = {}", run.rule.lambda)),
        (differ(|run| run.seed.to_string()), |run| format!("seed {}", run.seed)),
    ];
    let name = |run| {
        let told = parts.iter().filter(|(told, _)| *told).map(|(_, part)| part(run));
        told.collect::<Vec<_>>().join(", ")
    };
    let names: Vec<_> = runs.iter().map(name).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    names.into_iter().map(|name| format!("{name:<width$}")).collect()
}

/// Watches one of several runs that share a board.
struct Reporter<'a> {
    name: &'a str,
    board: &'a Mutex<Progress>,
}

impl Observer for Reporter<'_> {
    fn epoch(&mut self, record: &Record) -> ControlFlow<()> {
        // A board that another thread left in the middle of a line still counts epochs.
        let mut board = self.board.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        board.report(self.name, record);
        ControlFlow::Continue(())
    }
}

/// Epochs done and to do, of all runs together.
///
/// A stock Rust kernel shows what a cell prints line by line and nothing else: it can neither
/// overwrite a line nor show half of one (text without a newline would hang the cell). So a
/// report is always one whole line in one write.
#[derive(Debug)]
struct Progress {
    started: Instant,
    total: usize,
    done: usize,
}

impl Progress {
    fn new(total: usize) -> Self {
        Self { started: Instant::now(), total, done: 0 }
    }

    fn report(&mut self, name: &str, record: &Record) {
        self.done += 1;
        if let Some(last) = record.epochs.last() {
            let (epoch, of) = (last.epoch, record.run.epochs);
            let accuracy = last.test_accuracy * 100.0;
            let clock = clock(self.started.elapsed(), self.done, self.total);
            print(&format!(
                "{name}  epoch {epoch:>2} of {of}: test accuracy {accuracy:.1} % {clock}"
            ));
        }
    }
}

fn clock(elapsed: Duration, done: usize, total: usize) -> String {
    let elapsed = elapsed.as_secs_f64();
    let left = elapsed / done.max(1) as f64 * total.saturating_sub(done) as f64;
    format!("({elapsed:.0} s, {left:.0} s left)")
}

fn print(line: &str) {
    // A reader who closed the notebook must not stop the training.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Condition;
    use crate::configuration::configuration;

    #[test]
    fn the_time_left_is_estimated_from_the_epochs_done() {
        assert_eq!(clock(Duration::from_secs(12), 2, 6), "(12 s, 24 s left)");
        assert_eq!(clock(Duration::from_secs(36), 6, 6), "(36 s, 0 s left)");
        assert_eq!(clock(Duration::from_secs(1), 0, 0), "(1 s, 0 s left)");
    }

    #[test]
    fn runs_are_named_by_what_tells_them_apart() {
        let run = |condition| Run::new(condition, &configuration(13).unwrap());
        let one = names(&[run(Condition::ELn), run(Condition::INormFull)]);
        assert_eq!(one, ["e_ln      ", "inorm_full"]);
        let two = names(&[run(Condition::ELn).epsilon(0.0), run(Condition::ELn).seed(1)]);
        assert_eq!(two, ["e_ln, ε = 0, seed 0   ", "e_ln, ε = 0.75, seed 1"]);
    }

    #[test]
    fn records_come_back_in_order_and_a_bad_run_is_refused() {
        let mut data = FashionMnist::subset().unwrap();
        data.train = data.train.first(64);
        data.test = data.test.first(100);
        let run = |c| Run::new(c, &configuration(13).unwrap()).epochs(1);
        let runs = [run(Condition::INormFull), run(Condition::ELn)];
        let records = train_all(&runs, &data).unwrap();
        assert_eq!(
            records.iter().map(|r| r.run.condition).collect::<Vec<_>>(),
            [Condition::INormFull, Condition::ELn]
        );
        assert!(records.iter().all(|r| r.outcome == Outcome::Finished && r.epochs.len() == 1));
        assert!(train_all(&[run(Condition::ELn).epsilon(2.0)], &data).is_err());
    }
}
