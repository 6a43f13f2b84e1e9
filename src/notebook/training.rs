//! Training in a cell: learning curves while it runs, and one line for each network at the end.

use super::progress::{INTERVAL, bar, pace};
use crate::Result;
use crate::dataset::FashionMnist;
use crate::figures::live::{self, Trained};
use crate::figures::style::{self, Look};
use crate::layers::OwnGradNorm;
use crate::learning::{self, Epoch, Observer, Outcome, Protocol, Record, Run, Trainer, Training};
use crate::networks::{ToTrain, Trainable};
use crate::show::{self, Display, Formats, Show};
use std::ops::ControlFlow;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A loss curve gets a new point each time the number of steps has grown by 1 / `POINTS`.
const POINTS: u64 = 150;

/// The number of steps is taken to be at least this, so that the first points are means of several.
const BEFORE: u64 = 3000;

/// How many updates of the text there are for one of the picture, which takes longer to draw.
const PICTURES: u32 = 3;

/// Trains `runs`, as many at once as there are cores, and shows their progress. The records come
/// back in the order of the runs; after an interrupt, they hold what was done so far.
///
/// # Errors
/// If a run is not valid; nothing is trained then. A run that diverges is a record.
pub fn train_all(runs: &[Run], data: &FashionMnist) -> Result<Vec<Record>> {
    let looks = runs.iter().map(|run| style::condition(run.condition));
    let board = Board::new(names(runs).into_iter().zip(looks), runs, data);
    board.watch(|| learning::train_all(runs, data, cores(), |index| board.reporter(index)))
}

/// Trains `network`, and shows its progress. After an interrupt it has learned what it has.
///
/// # Errors
/// If the training's numbers make no sense, or the network is none from 784 inputs to 10 classes.
pub fn train(
    network: &mut dyn Trainable,
    training: &Training,
    data: &FashionMnist,
) -> Result<Record<Training>> {
    let mut records = train_together(&mut [network], training, data)?;
    Ok(records.pop().expect("there is one network"))
}

/// Trains networks, which may be of different types, as many at once as there are cores, and shows
/// their progress: `train_together(&mut [&mut plain, &mut normed], &training, &data)?`.
///
/// # Errors
/// As [`train`]; no network has changed then.
pub fn train_together(
    networks: &mut [&mut dyn Trainable],
    training: &Training,
    data: &FashionMnist,
) -> Result<Vec<Record<Training>>> {
    let jobs: Vec<_> = networks.iter().map(|network| network.to_train()).collect();
    let board = Board::new(described(&jobs), &vec![*training; jobs.len()], data);
    let trained = Mutex::new(Vec::new());
    let records = board.watch(|| {
        let work = |index: usize| jobs[index].train(training, data, &mut board.reporter(index));
        let (weights, records): (Vec<_>, Vec<_>) =
            learning::in_parallel(jobs.len(), cores(), work)?.into_iter().unzip();
        *lock(&trained) = weights;
        Ok(records)
    })?;
    let trained = std::mem::take(&mut *lock(&trained));
    let mut pairs = networks.iter_mut().zip(&trained);
    pairs.try_for_each(|(network, weights)| network.set_weights(weights))?;
    Ok(records)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Names and looks of networks: the condition, if only one is of it; the whole network else.
fn described(networks: &[ToTrain]) -> Vec<(String, Look)> {
    let conditions: Vec<_> =
        networks.iter().map(|network| network.weights.architecture.condition()).collect();
    let only = |condition| conditions.iter().filter(|other| **other == condition).count() == 1;
    let name = |(number, network): (usize, &ToTrain)| match conditions[number] {
        Some(condition) if only(Some(condition)) => {
            (condition.to_string(), style::condition(condition))
        }
        _ => (network.weights.architecture.to_string(), style::own(number)),
    };
    let (names, looks): (Vec<_>, Vec<_>) = networks.iter().enumerate().map(name).unzip();
    padded(names).into_iter().zip(looks).collect()
}

/// Names that are equally long.
fn padded(names: Vec<String>) -> Vec<String> {
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    names.into_iter().map(|name| format!("{name:<width$}")).collect()
}

/// Trains `run` with a GradNorm of one's own instead of the condition's, and shows its progress.
///
/// # Errors
/// If the run is not valid.
pub fn train_own(run: &Run, data: &FashionMnist, own: OwnGradNorm<f32>) -> Result<Record> {
    let named = [("yours".to_owned(), style::condition(run.condition))];
    let board = Board::new(named, std::slice::from_ref(run), data);
    let mut trainer = Trainer::new(run, data)?.with_grad_norm(own);
    let records = board.watch(|| {
        trainer.finish(&mut board.reporter(0));
        Ok(vec![trainer.into_record()])
    })?;
    Ok(records.into_iter().next().expect("there is one run"))
}

/// What distinguishes the runs: the condition, and whatever else is not the same for all.
fn names(runs: &[Run]) -> Vec<String> {
    let parts: [fn(&Run) -> String; 4] = [
        |run| format!(", ε = {}", run.epsilon),
        |run| format!(", width {}", run.width),
        |run| format!(", λ = {}", run.rule.lambda),
        |run| format!(", seed {}", run.seed),
    ];
    let differ =
        |part: &&fn(&Run) -> String| runs.windows(2).any(|pair| part(&pair[0]) != part(&pair[1]));
    let parts: Vec<_> = parts.iter().filter(differ).collect();
    let name = |run: &Run| {
        let others: String = parts.iter().map(|part| part(run)).collect();
        format!("{}{others}", run.condition)
    };
    padded(runs.iter().map(name).collect())
}

/// The status of all runs: each run reports to it, and a thread of its own shows it.
struct Board {
    started: Instant,
    statuses: Vec<Mutex<Status>>,
}

/// The status of one run.
#[derive(Clone)]
struct Status {
    done: u64,
    total: u64,
    epochs: u32,
    trained: Trained,
}

impl Board {
    fn new<R: Protocol>(
        named: impl IntoIterator<Item = (String, Look)>,
        runs: &[R],
        data: &FashionMnist,
    ) -> Self {
        let status = |((name, look), run): ((String, Look), &R)| {
            let Training { batch, epochs, .. } = run.training();
            let trained = Trained { name, look, losses: Vec::new(), accuracies: Vec::new() };
            // A batch of no images is refused before anything is trained.
            let steps = data.train.len().div_ceil(batch.max(1)) as u64;
            Mutex::new(Status { done: 0, total: steps * u64::from(epochs), epochs, trained })
        };
        let statuses = named.into_iter().zip(runs).map(status).collect();
        Self { started: Instant::now(), statuses }
    }

    fn reporter(&self, index: usize) -> Reporter<'_> {
        Reporter { board: self, status: &self.statuses[index], sum: 0.0, count: 0, reported: 0 }
    }

    /// Trains, and shows the progress as well as the kernel can.
    fn watch<R>(&self, train: impl FnOnce() -> Result<Vec<Record<R>>>) -> Result<Vec<Record<R>>> {
        if !show::supports_updates() {
            let records = train()?;
            for (status, record) in self.snapshot().iter().zip(&records) {
                if matches!(record.outcome, Outcome::Diverged { .. }) {
                    show::print(&status.summary(record));
                }
            }
            return Ok(records);
        }
        let display = self.view(&self.snapshot(), None).show();
        let (over, running) = channel::<()>();
        let records = std::thread::scope(|scope| {
            let display = &display;
            scope.spawn(move || {
                let mut picture = None;
                for round in 0.. {
                    if running.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                        return;
                    }
                    self.update(display, &mut picture, round % PICTURES == 0);
                }
            });
            let records = train();
            drop(over);
            records
        });
        match &records {
            Ok(records) => display.replace(self.summary(records).as_str()),
            Err(_) => display.replace("nothing was trained"),
        }
        records
    }

    fn update(&self, display: &Display, picture: &mut Option<String>, draw: bool) {
        let statuses = self.snapshot();
        if draw {
            let epochs = statuses.iter().map(|status| status.epochs).max().unwrap_or(1);
            let trained: Vec<_> = statuses.iter().map(|status| status.trained.clone()).collect();
            // Without a picture the text still shows the progress.
            *picture = live::picture(&trained, epochs).ok().map(|png| show::base64(&png));
        }
        display.replace(&self.view(&statuses, picture.as_deref()));
    }

    fn snapshot(&self) -> Vec<Status> {
        self.statuses.iter().map(|status| lock(status).clone()).collect()
    }

    /// What is shown during training: the text below the picture, if there is one.
    fn view(&self, statuses: &[Status], picture: Option<&str>) -> Formats {
        let described = statuses.iter().map(|status| format!("\n{}", status.described()));
        let text = self.progress(statuses) + &described.collect::<String>();
        let html = picture.map(|png| {
            format!(
                "<img width=\"{}\" alt=\"Training loss and test accuracy so far\" \
                 src=\"data:image/png;base64,{png}\"><pre>{}</pre>",
                style::WIDTH,
                show::escape(&text)
            )
        });
        html.map(|html| ("text/html", html)).into_iter().chain([("text/plain", text)]).collect()
    }

    /// How much of all runs together is done, how fast it goes, and how long it will take.
    fn progress(&self, statuses: &[Status]) -> String {
        let done = statuses.iter().map(|status| status.done).sum();
        let total = statuses.iter().map(|status| status.total).sum();
        format!("{}{}", bar(done, total), pace(done, total, self.started.elapsed(), " steps"))
    }

    /// What remains: the same words in every run, so that a notebook can be compared.
    fn summary<R>(&self, records: &[Record<R>]) -> String {
        let statuses = self.snapshot();
        let statuses = statuses.iter().zip(records).map(|(status, record)| status.summary(record));
        statuses.collect::<Vec<_>>().join("\n")
    }
}

impl Status {
    fn described(&self) -> String {
        let (name, epochs) = (&self.trained.name, self.epochs);
        match (self.done, &self.trained.accuracies[..]) {
            (0, _) => format!("{name}  waiting"),
            (_, []) => format!("{name}  epoch  1 of {epochs}"),
            (_, [.., last]) => {
                let (done, last) = (self.trained.accuracies.len(), style::percent(*last));
                format!("{name}  epoch {done:>2} of {epochs}: test accuracy {last}")
            }
        }
    }

    fn summary<R>(&self, record: &Record<R>) -> String {
        let (name, epochs) = (&self.trained.name, record.epochs.len());
        let word = if epochs == 1 { "epoch" } else { "epochs" };
        let accuracy = record.epochs.last().map(|last| style::percent(last.test_accuracy));
        match (record.outcome, accuracy) {
            (Outcome::Diverged { step }, _) => {
                format!("{name}  diverged: its loss was no longer finite at step {step}")
            }
            (_, None) => format!("{name}  interrupted before its first epoch ended"),
            (outcome, Some(accuracy)) => {
                let early = if outcome == Outcome::Interrupted { ", interrupted" } else { "" };
                format!("{name}  test accuracy {accuracy} after {epochs} {word}{early}")
            }
        }
    }
}

/// Watches one of the runs that share a board.
struct Reporter<'b> {
    board: &'b Board,
    status: &'b Mutex<Status>,
    sum: f64,
    count: u32,
    reported: u64,
}

impl Observer for Reporter<'_> {
    fn step(&mut self, done: u64, total: u64, loss: f64) -> ControlFlow<()> {
        self.sum += loss;
        self.count += 1;
        let mut status = lock(self.status);
        status.done = done;
        if (done - self.reported) * POINTS >= total.min(done.max(BEFORE)) || done == total {
            let epoch = done as f64 / total as f64 * f64::from(status.epochs);
            status.trained.losses.push((epoch, self.sum / f64::from(self.count)));
            (self.sum, self.count, self.reported) = (0.0, 0, done);
        }
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, epochs: &[Epoch], _: u32) -> ControlFlow<()> {
        let Some(last) = epochs.last() else { return ControlFlow::Continue(()) };
        let mut status = lock(self.status);
        status.trained.accuracies.push(last.test_accuracy);
        if !show::supports_updates() {
            // Any other kernel shows what a cell prints line by line and nothing else: it can
            // neither overwrite a line nor show half of one. So this is always a whole one.
            let described = status.described();
            drop(status);
            show::print(&format!("{described}  {}", self.board.progress(&self.board.snapshot())));
        }
        ControlFlow::Continue(())
    }
}

/// A thread that panicked leaves a status that can still be shown.
fn lock<T>(status: &Mutex<T>) -> MutexGuard<'_, T> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Condition;
    use crate::configuration::configuration;

    fn run(condition: Condition) -> Run {
        Run::new(condition, &configuration(13).unwrap())
    }

    fn small() -> FashionMnist {
        let mut data = FashionMnist::subset().unwrap();
        (data.train, data.test) = (data.train.first(64), data.test.first(100));
        data
    }

    #[test]
    fn runs_are_named_by_what_tells_them_apart() {
        let one = names(&[run(Condition::ELn), run(Condition::INormFull)]);
        assert_eq!(one, ["e_ln      ", "inorm_full"]);
        let two = names(&[run(Condition::ELn).epsilon(0.0), run(Condition::ELn).seed(1)]);
        assert_eq!(two, ["e_ln, ε = 0, seed 0   ", "e_ln, ε = 0.75, seed 1"]);
    }

    #[test]
    fn records_come_back_in_order_and_a_bad_run_is_refused() {
        let data = small();
        let runs = [run(Condition::INormFull).epochs(1), run(Condition::ELn).epochs(1)];
        let records = train_all(&runs, &data).unwrap();
        let conditions: Vec<_> = records.iter().map(|record| record.run.condition).collect();
        assert_eq!(conditions, [Condition::INormFull, Condition::ELn]);
        assert!(records.iter().all(|r| r.outcome == Outcome::Finished && r.epochs.len() == 1));
        assert!(train_all(&[run(Condition::ELn).epsilon(2.0)], &data).is_err());
    }

    #[test]
    fn networks_of_several_types_are_trained_together() {
        use crate::layers::{Center, Ei, INorm, LayerNorm};
        use crate::networks::{Network, paper::ENone};
        let data = small();
        let mut plain = ENone::<20>::new(0).unwrap();
        let mut normed =
            Network::<(INorm<784, 20, 2, Center>, Ei<20, 30, 3, LayerNorm>)>::new(0).unwrap();
        let before = (plain.weights(), normed.weights());
        let training = Training::paper(configuration(13).unwrap().rates).epochs(2);
        let records = train_together(&mut [&mut plain, &mut normed], &training, &data).unwrap();
        assert!(records.iter().all(|r| r.outcome == Outcome::Finished && r.epochs.len() == 2));
        assert!(plain.weights() != before.0 && normed.weights() != before.1);
        // What a network learned does not depend on what it was trained beside.
        let mut alone = ENone::<20>::new(0).unwrap();
        let record = train(&mut alone, &training, &data).unwrap();
        assert_eq!((alone.weights(), record.epochs), (plain.weights(), records[0].epochs.clone()));
        assert!(train(&mut alone, &training.epsilon(2.0), &data).is_err());
        let names: Vec<_> = described(&[plain.to_train(), normed.to_train()])
            .into_iter()
            .map(|(name, _)| name.trim().to_owned())
            .collect();
        assert_eq!(names, ["e_none", "784 → INorm 20/2 Center → Ei 30/3 LayerNorm → 10"]);
    }

    #[test]
    fn what_is_shown_follows_the_training_and_what_stays_has_no_clock() {
        let data = small();
        let runs = [run(Condition::ELn).epochs(2), run(Condition::INormFull).epochs(1)];
        let named = names(&runs).into_iter().map(|name| (name, style::OWN));
        let board = Board::new(named, &runs, &data);
        let view = board.view(&board.snapshot(), None);
        let text = &view[0].1;
        assert!(text.contains("  0 %") && text.contains("e_ln        waiting"), "{text}");
        let mut trainer = Trainer::new(&runs[0], &data).unwrap();
        let mut reporter = board.reporter(0);
        trainer.epoch(&mut reporter);
        let view = board.view(&board.snapshot(), Some("QUJD"));
        let (html, text) = (&view[0].1, &view[1].1);
        // The second network will have half as many steps as the first.
        assert!(text.starts_with("██████████░"), "{text}");
        assert!(text.contains("e_ln        epoch  1 of 2: test accuracy "), "{text}");
        assert!(html.contains("base64,QUJD"), "{html}");
        let status = board.snapshot().swap_remove(0);
        assert_eq!(status.trained.losses.len(), 2);
        let mut record = trainer.into_record();
        let accuracy = style::percent(record.epochs[0].test_accuracy);
        record.outcome = Outcome::Interrupted;
        let expected = format!("e_ln        test accuracy {accuracy} after 1 epoch, interrupted");
        assert_eq!(status.summary(&record), expected);
        record.epochs.clear();
        assert!(status.summary(&record).ends_with("interrupted before its first epoch ended"));
        record.outcome = Outcome::Diverged { step: 7 };
        assert!(status.summary(&record).ends_with("at step 7"));
    }
}
