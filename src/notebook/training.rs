//! Training in a cell: learning curves while it runs, and one line for each network at the end.

use super::progress::{INTERVAL, bar, pace};
use crate::dataset::FashionMnist;
use crate::figures::live::{self, Trained};
use crate::figures::style::{self, Look};
use crate::learning::{
    self, Change, Epoch, NetworkRun, Observer, Outcome, Record, Recorded, Run, Settings, Steering,
    Training,
};
use crate::networks::{ToTrain, Trainable};
use crate::show::{self, Display, Formats, Show};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
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
    let board = Board::new(runs, data);
    board.watch(|| learning::train_all(runs, data, cores(), |index| board.reporter(index)))
}

/// Trains `network`, and shows its progress. After an interrupt it has learned what it has.
///
/// # Errors
/// If the training's numbers make no sense, the network is none from 784 inputs to 10 classes, or a
/// layer is not one of the library's.
pub fn train(
    network: &mut dyn Trainable,
    training: &Training,
    data: &FashionMnist,
) -> Result<Record<NetworkRun>> {
    let mut records = train_together(&mut [network], training, data)?;
    Ok(records.pop().expect("there is one network"))
}

/// Trains networks, which may be of different types, as many at once as there are cores, and shows
/// their progress: `train_together(&mut [&mut plain, &mut normed], &training, &data)?`, or with a
/// training for each: `[slow, fast]`.
///
/// Those of a `Vec` are listed first:
///
/// ```
/// use inorm::networks::{Trainable, paper::INormFull};
/// use inorm::notebook::train_together;
/// # use inorm::{configuration::configuration, dataset::FashionMnist, learning::Training};
/// # let data = FashionMnist::subset()?.first(320, 100);
/// # let training = Training::paper(configuration(13)?.rates).epochs(1);
/// let seeds = (0..3).map(INormFull::<20, 2>::new);
/// let mut networks = seeds.collect::<inorm::Result<Vec<_>>>()?;
/// let mut listed: Vec<&mut dyn Trainable> = networks.iter_mut().map(|one| one as _).collect();
/// let records = train_together(&mut listed, &training, &data)?;
/// assert_eq!(records.len(), 3);
/// # Ok::<(), inorm::Error>(())
/// ```
///
/// # Errors
/// As [`train`], and if there is neither one training nor one for each; no network has changed
/// then.
pub fn train_together(
    networks: &mut [&mut dyn Trainable],
    trainings: impl AsRef<[Training]>,
    data: &FashionMnist,
) -> Result<Vec<Record<NetworkRun>>> {
    together(networks, trainings.as_ref(), None, data)
}

/// Trains `network` as [`train`] does, and follows `steering` at each step.
///
/// With [`interact`](super::interact) a reader steers, in the same cell or in one before:
///
/// ```
/// use inorm::{configuration::configuration, dataset::FashionMnist, networks::paper::INormFull};
/// use inorm::learning::{Steering, Training};
/// use inorm::notebook::{interact, slider, toggle, train_steered};
///
/// let data = FashionMnist::subset()?.first(320, 100);
/// let mut network = INormFull::<20, 2>::new(0)?;
/// let training = Training::paper(configuration(13)?.rates).epochs(1);
/// let steering = Steering::new(&training)?;
/// let held = steering.clone();
/// let light = slider("ε", 0.0..=1.0).step(0.05).start(0.75);
/// interact((light, toggle("GradNorm", false)), move |(epsilon, grad_norm)| {
///     held.change(|settings| (settings.epsilon, settings.grad_norm) = (epsilon, grad_norm))
/// });
/// let steered = train_steered(&mut network, &training, &steering, &data)?;
/// assert_eq!(steered.run.changes.len(), 1);
/// assert!(!steered.run.changes[0].settings.grad_norm);
/// # Ok::<(), inorm::Error>(())
/// ```
///
/// # Errors
/// As [`train`].
pub fn train_steered(
    network: &mut dyn Trainable,
    training: &Training,
    steering: &Steering,
    data: &FashionMnist,
) -> Result<Record<NetworkRun>> {
    let mut records = together(&mut [network], training.as_ref(), Some(steering), data)?;
    Ok(records.pop().expect("there is one network"))
}

fn together(
    networks: &mut [&mut dyn Trainable],
    trainings: &[Training],
    steering: Option<&Steering>,
    data: &FashionMnist,
) -> Result<Vec<Record<NetworkRun>>> {
    let jobs: Vec<_> = networks.iter().map(|network| network.to_train()).collect();
    let trainings = match trainings {
        [one] => vec![*one; jobs.len()],
        each if each.len() == jobs.len() => each.to_vec(),
        other => {
            let expected = format!("one, or one for each of {} networks", jobs.len());
            return Err(Error::invalid("trainings", other.len(), expected));
        }
    };
    trainings.iter().try_for_each(Training::validate)?;
    let runs: Vec<_> = jobs.iter().zip(&trainings).map(|(job, one)| job.run(one)).collect();
    if jobs.is_empty() {
        return Err(Error::invalid("networks", "none", "at least one"));
    }
    jobs.iter().try_for_each(ToTrain::validate)?;
    let runs = match steering {
        Some(_) => runs.into_iter().map(NetworkRun::steered).collect(),
        None => runs,
    };
    let board = Board::new(&runs, data);
    let trained = Mutex::new(Vec::new());
    let records = board.watch(|| {
        let work = |index: usize| {
            jobs[index].train(&trainings[index], steering, data, &mut board.reporter(index))
        };
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

impl Show for Settings {
    fn formats(&self) -> Formats {
        self.to_string().formats()
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Names and looks of what is trained together. A name says what distinguishes it; of several
/// networks of one condition the first has the condition's look.
fn described<R: Recorded>(runs: &[R]) -> Vec<(String, Look)> {
    // A network that is named by its architecture has its widths in its name.
    let parts: [fn(&R) -> Option<String>; 4] = [
        |run| Some(format!(", ε = {}", run.training().epsilon)),
        |run| {
            let network = run.architecture();
            let width = format!(", width {}", network.hidden[0].units);
            (!run.name().contains(&network.to_string())).then_some(width)
        },
        |run| Some(format!(", λ = {}", run.training().rule.lambda)),
        |run| Some(format!(", seed {}", run.training().seed)),
    ];
    let differ = |part: &&fn(&R) -> Option<String>| {
        let all: Vec<_> = runs.iter().filter_map(part).collect();
        all.windows(2).any(|pair| pair[0] != pair[1])
    };
    let parts: Vec<_> = parts.iter().filter(differ).collect();
    let mut names: Vec<String> = Vec::new();
    let mut counts = BTreeMap::new();
    let mut looks = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let others: String = parts.iter().filter_map(|part| part(run)).collect();
        let name = format!("{}{others}", run.name());
        let same: &mut u32 = counts.entry(name.clone()).or_default();
        *same += 1;
        names.push(if *same == 1 { name } else { format!("{name}, no. {same}") });
        let look = run.architecture().condition().map(style::condition);
        looks.push(look.filter(|look| !looks.contains(look)).unwrap_or(style::own(number)));
    }
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    names.iter().map(|name| format!("{name:<width$}")).zip(looks).collect()
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
    fn new<R: Recorded>(runs: &[R], data: &FashionMnist) -> Self {
        let status = |((name, look), run): ((String, Look), &R)| {
            let Training { batch, epochs, .. } = run.training();
            let trained = Trained {
                name,
                look,
                losses: Vec::new(),
                accuracies: Vec::new(),
                changes: Vec::new(),
            };
            // A batch of no images is refused before anything is trained.
            let steps = data.train.len().div_ceil(batch.max(1)) as u64;
            Mutex::new(Status { done: 0, total: steps * u64::from(epochs), epochs, trained })
        };
        let statuses = described(runs).into_iter().zip(runs).map(status).collect();
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
            // A rule of a reader's own may panic.
            let records = catch_unwind(AssertUnwindSafe(train));
            drop(over);
            records
        });
        match &records {
            Ok(Ok(records)) => display.replace(self.summary(records).as_str()),
            Ok(Err(_)) => display.replace("nothing was trained"),
            Err(_) => display.replace("a panic ended the training; the networks are as before"),
        }
        records.unwrap_or_else(|panic| resume_unwind(panic))
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

    fn change(&mut self, change: &Change) {
        lock(self.status).trained.changes.push(change.epoch);
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
    use crate::learning::Trainer;

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
        let names = |runs: &[Run]| -> Vec<String> {
            described(runs).into_iter().map(|(name, _)| name).collect()
        };
        let one = names(&[run(Condition::ELn), run(Condition::INormFull)]);
        assert_eq!(one, ["e_ln      ", "inorm_full"]);
        let two = names(&[run(Condition::ELn).epsilon(0.0), run(Condition::ELn).seed(1)]);
        assert_eq!(two, ["e_ln, ε = 0, seed 0   ", "e_ln, ε = 0.75, seed 1"]);
        let same = described(&[run(Condition::ELn), run(Condition::ELn), run(Condition::ELn)]);
        assert_eq!([&same[1].0, &same[2].0], ["e_ln, no. 2", "e_ln, no. 3"]);
        assert_ne!(same[0].1, same[1].1);
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
        let records = train_together(&mut [&mut plain, &mut normed], training, &data).unwrap();
        assert!(records.iter().all(|r| r.outcome == Outcome::Finished && r.epochs.len() == 2));
        assert!(plain.weights() != before.0 && normed.weights() != before.1);
        // What a network learned does not depend on what it was trained beside.
        let mut alone = ENone::<20>::new(0).unwrap();
        let record = train(&mut alone, &training, &data).unwrap();
        assert_eq!((alone.weights(), record.epochs), (plain.weights(), records[0].epochs.clone()));
        assert!(train(&mut alone, &training.epsilon(2.0), &data).is_err());
        for (none, what) in [((0, 120), "training images"), ((333, 0), "test images")] {
            let data = FashionMnist::subset().unwrap().first(none.0, none.1);
            let refused = train(&mut alone, &training, &data).unwrap_err().to_string();
            assert!(refused.contains(what), "{refused}");
        }
        assert!(alone.evaluate(&data.test.first(0), 0.0, 0).is_err());
        let names: Vec<_> = records.iter().map(|record| record.run.name.as_str()).collect();
        let deep = "784 → INorm 20/2 Center → Ei 30/3 LayerNorm → 10";
        assert_eq!(names, ["e_none", deep]);
        // Widths stand in the second name: the first needs none to be told from it.
        let runs: Vec<_> = records.iter().map(|record| record.run.clone()).collect();
        let shown: Vec<_> = described(&runs).into_iter().map(|(name, _)| name).collect();
        assert_eq!([shown[0].trim_end(), &shown[1]], ["e_none", deep]);
        let trainings = [training.epochs(1), training.epsilon(0.0)];
        let records = train_together(&mut [&mut plain, &mut normed], trainings, &data).unwrap();
        assert_eq!(records.iter().map(|r| r.epochs.len()).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(records[1].run.training.epsilon, 0.0);
        let three = [training; 3];
        let refused = train_together(&mut [&mut plain, &mut normed], three, &data).unwrap_err();
        assert!(refused.to_string().contains("one for each of 2"), "{refused}");
    }

    #[test]
    fn a_rule_of_ones_own_acts_where_the_paper_s_acts_and_gives_the_network_its_name() {
        use crate::layers::{Center, ErrorRule, INorm, Raw};
        use crate::networks::Network;
        struct Less<const TENTHS: usize>;
        impl<const TENTHS: usize> ErrorRule for Less<TENTHS> {
            fn apply(delta: &mut [f32], _: &[f32]) {
                let mean = delta.iter().sum::<f32>() / delta.len() as f32;
                delta.iter_mut().for_each(|d| *d -= mean * TENTHS as f32 / 10.0);
            }
        }
        type Net<G> = Network<(INorm<784, 20, 2, G>, INorm<20, 20, 2, G>)>;
        let data = small();
        let mut own = Net::<Less<10>>::new(0).unwrap();
        let mut center = Net::<Center>::new(0).unwrap();
        let mut none = Net::<Raw>::new(0).unwrap();
        let training = Training::paper(configuration(13).unwrap().rates).epochs(3);
        let all: &mut [&mut dyn Trainable] = &mut [&mut own, &mut center, &mut none];
        let records = train_together(all, training, &data).unwrap();
        let names: Vec<_> = records.iter().map(|record| record.run.name.as_str()).collect();
        assert_eq!(names, ["Less<10>", "inorm_center", "inorm_none"]);
        assert!(records[0].run.as_run().is_none());
        let own = own.hidden.0.w_ee.as_vec();
        let apart = |other: Vec<f32>| -> f32 {
            own.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        let (paper, none) =
            (apart(center.hidden.0.w_ee.as_vec()), apart(none.hidden.0.w_ee.as_vec()));
        assert!(100.0 * paper < none, "{paper} {none}");
    }

    #[test]
    fn what_is_shown_follows_the_training_and_what_stays_has_no_clock() {
        let data = small();
        let runs = [run(Condition::ELn).epochs(2), run(Condition::INormFull).epochs(1)];
        let board = Board::new(&runs, &data);
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
        let settings = Settings::of(&runs[0].training());
        board.reporter(0).change(&Change { step: 3, epoch: 1.5, settings });
        assert_eq!(board.snapshot()[0].trained.changes, [1.5]);
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
