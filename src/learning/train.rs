//! The training loop.

use super::{
    checkpoint::{Checkpoint, check},
    evaluate::{EVALUATION_BATCH, check_classifier, classify},
    network_run::NetworkRun,
    record::{Epoch, Measurement, Outcome, Overflow, Record, Recorded},
    run::Run,
    steering::{Change, Settings, Steering},
    training::Training,
};
use crate::{
    Error, Result,
    dataset::{Augmentation, FashionMnist, PIXELS},
    engine::{Engine, LayerMeasurement},
    interrupt::interrupted,
    layers::{NetworkWeights, OwnRule},
    randomness::Purpose,
};
use std::{ops::ControlFlow, time::Instant};

/// Watches a run, and may stop it. `()` watches nothing.
pub trait Observer {
    /// After a training step: `done` of `total` steps of the run, and the loss of its images.
    fn step(&mut self, done: u64, total: u64, loss: f64) -> ControlFlow<()> {
        let _ = (done, total, loss);
        ControlFlow::Continue(())
    }

    /// Before a training step whose settings a [`Steering`] has changed.
    fn change(&mut self, change: &Change) {
        let _ = change;
    }

    /// After an epoch and its evaluation: the last of `epochs` is new, and the run has `total`.
    fn epoch(&mut self, epochs: &[Epoch], total: u32) -> ControlFlow<()> {
        let _ = (epochs, total);
        ControlFlow::Continue(())
    }
}

impl Observer for () {}

/// Trains a freshly initialized network of the run's condition and width.
///
/// # Errors
/// If the run's numbers make no sense. Divergence and interruption are outcomes, not errors.
pub fn train(
    run: &Run,
    data: &FashionMnist,
    observer: &mut dyn Observer,
) -> Result<(NetworkWeights<f32>, Record)> {
    let mut trainer = Trainer::new(run, data)?;
    trainer.finish(observer);
    Ok((trainer.weights(), trainer.into_record()))
}

/// Trains a run an epoch at a time; it can be saved as a [`Checkpoint`] and resumed.
pub struct Trainer<'d, R = Run> {
    data: &'d FashionMnist,
    engine: Engine<f32>,
    training: Training,
    record: Record<R>,
    /// The images and the labels of a step.
    batch: Vec<f32>,
    labels: Vec<u8>,
    /// The run before the epoch within which it was interrupted.
    before: Option<(Engine<f32>, Record<R>)>,
    steering: Option<Steering>,
}

impl<'d> Trainer<'d, NetworkRun> {
    /// The training of a network, in whose hidden layers the error goes through a reader's own
    /// rules where there are such.
    ///
    /// # Errors
    /// If the training's numbers make no sense, or the weights are no network from 784 inputs to 10
    /// classes.
    pub fn of_network(
        weights: &NetworkWeights<f32>,
        own: &[Option<OwnRule>],
        training: &Training,
        data: &'d FashionMnist,
    ) -> Result<Self> {
        training.validate()?;
        check_classifier(weights)?;
        let mut engine = Engine::new(weights, training.rule);
        for (layer, own) in own.iter().enumerate() {
            own.iter().for_each(|own| engine.set_grad_norm(layer, own.apply));
        }
        let run = NetworkRun::new(weights.architecture.clone(), own, training);
        Self::with(engine, Record::begin(&run, data), data)
    }

    /// The same training, which follows `steering` from its first step on.
    #[must_use]
    pub fn steered_by(mut self, steering: &Steering) -> Self {
        self.steering = Some(steering.clone());
        self.record.run = self.record.run.steered();
        self
    }
}

impl<'d> Trainer<'d> {
    /// The start of a run.
    ///
    /// # Errors
    /// If the run's numbers make no sense.
    pub fn new(run: &Run, data: &'d FashionMnist) -> Result<Self> {
        run.validate()?;
        let weights = run.initial_weights.of(&run.architecture(), run.training.seed)?;
        Self::from_weights(run, &weights.convert(|w| w as f32), data)
    }

    /// The start of a run from given weights.
    ///
    /// # Errors
    /// If the run's numbers make no sense, or the weights are of another condition or size.
    pub fn from_weights(
        run: &Run,
        weights: &NetworkWeights<f32>,
        data: &'d FashionMnist,
    ) -> Result<Self> {
        run.validate()?;
        check(run, weights)?;
        let record = Record::begin(run, data);
        Self::with(Engine::new(weights, run.training.rule), record, data)
    }

    /// Resumes a run.
    ///
    /// # Errors
    /// As [`Checkpoint::validate`].
    pub fn resume(checkpoint: Checkpoint, data: &'d FashionMnist) -> Result<Self> {
        checkpoint.validate()?;
        let rule = checkpoint.record.run.training.rule;
        Self::with(Engine::restore(&checkpoint.state, rule), checkpoint.record, data)
    }

    /// The run as it was after its last whole epoch, from which it can be resumed.
    pub fn checkpoint(&self) -> Checkpoint {
        let (engine, record) = match &self.before {
            Some((engine, record)) => (engine, record),
            None => (&self.engine, &self.record),
        };
        let mut record = record.clone();
        if record.outcome == Outcome::Interrupted {
            record.outcome = Outcome::Running;
        }
        Checkpoint { record, state: engine.state(), wall_seconds: 0.0 }
    }
}

impl<'d, R: Recorded> Trainer<'d, R> {
    fn with(engine: Engine<f32>, record: Record<R>, data: &'d FashionMnist) -> Result<Self> {
        for (what, images) in [("training images", &data.train), ("test images", &data.test)] {
            if images.is_empty() {
                return Err(Error::invalid(what, "0", "at least one"));
            }
        }
        let training = record.run.training();
        let largest = training.batch.min(data.train.len()).max(EVALUATION_BATCH);
        let (batch, labels) = (vec![0.0; largest * PIXELS], Vec::new());
        Ok(Self { data, engine, training, record, batch, labels, before: None, steering: None })
    }

    /// What was recorded so far.
    pub fn record(&self) -> &Record<R> {
        &self.record
    }

    /// What was recorded.
    pub fn into_record(self) -> Record<R> {
        self.record
    }

    /// The weights as they are now.
    pub fn weights(&self) -> NetworkWeights<f32> {
        self.engine.weights()
    }

    /// Training steps of the whole run.
    pub fn total_steps(&self) -> u64 {
        let steps = self.data.train.len().div_ceil(self.training.batch);
        steps as u64 * u64::from(self.training.epochs)
    }

    /// Trains to the end of the run, or until it diverges or is interrupted: by the observer, or by
    /// a reader who interrupts the cell of a notebook.
    pub fn finish(&mut self, observer: &mut dyn Observer) {
        while self.record.outcome == Outcome::Running {
            self.epoch(observer);
        }
    }

    /// Trains one epoch and evaluates. Does nothing once the run is over.
    pub fn epoch(&mut self, observer: &mut dyn Observer) {
        if self.record.outcome != Outcome::Running {
            return;
        }
        let before = (self.engine.clone(), self.record.clone());
        let epoch = self.record.epochs.len() as u32 + 1;
        match self.train_epoch(epoch, observer) {
            ControlFlow::Continue(train_loss) => {
                let (test_loss, test_accuracy) = self.evaluate(epoch);
                self.record.epochs.push(Epoch { epoch, train_loss, test_loss, test_accuracy });
                let stop = observer.epoch(&self.record.epochs, self.training.epochs).is_break();
                if epoch == self.training.epochs {
                    self.record.outcome = Outcome::Finished;
                } else if stop {
                    self.record.outcome = Outcome::Interrupted;
                }
            }
            ControlFlow::Break(outcome) => {
                self.record.outcome = outcome;
                self.before = (outcome == Outcome::Interrupted).then_some(before);
            }
        }
    }

    /// The mean loss over the epoch, or how the run ended within it.
    fn train_epoch(
        &mut self,
        epoch: u32,
        observer: &mut dyn Observer,
    ) -> ControlFlow<Outcome, f64> {
        let start = Instant::now();
        let images = &self.data.train;
        let mut augmentation = self.augmentation(Purpose::TrainingLuminosity, epoch);
        let order = self.training.order.of(images.len(), self.training.seed, epoch);
        let (mut total, mut ended, mut left) = (0.0, None, images.len());
        for chosen in order.chunks(self.training.batch) {
            if let Some(change) = self.follow_steering() {
                augmentation.set_epsilon(change.settings.epsilon);
                observer.change(&change);
            }
            let batch = &mut self.batch[..chosen.len() * PIXELS];
            augmentation.fill(images, chosen.iter().copied(), batch);
            left -= chosen.len();
            let loss = self.step(chosen, self.training.measures_at(left == 0, epoch), epoch);
            self.record.steps += 1;
            if !loss.is_finite() {
                ended = Some(Outcome::Diverged { step: self.record.steps });
                break;
            }
            total += loss * chosen.len() as f64;
            let stop = observer.step(self.record.steps, self.total_steps(), loss).is_break();
            if stop || interrupted() {
                ended = Some(Outcome::Interrupted);
                break;
            }
        }
        self.record.training_seconds += start.elapsed().as_secs_f64();
        let mean = total / images.len() as f64;
        ended.map_or(ControlFlow::Continue(mean), ControlFlow::Break)
    }

    /// Takes over what was changed since the last step.
    fn follow_steering(&mut self) -> Option<Change> {
        let settings = self.steering.as_ref()?.settings();
        let before = self.record.run.changes().last().map(|change| change.settings);
        if settings == before.unwrap_or_else(|| Settings::of(&self.training)) {
            return None;
        }
        (self.training.rule, self.training.epsilon) = (settings.rule, settings.epsilon);
        self.engine.set_rule(settings.rule);
        self.engine.enable_grad_norms(settings.grad_norm);
        let step = self.record.steps;
        let share = step as f64 / self.total_steps() as f64;
        let change = Change { step, epoch: share * f64::from(self.training.epochs), settings };
        self.record.run.note(change);
        Some(change)
    }

    /// One training step on the images with the `chosen` numbers, which are in the batch buffer.
    fn step(&mut self, chosen: &[usize], measure: bool, epoch: u32) -> f64 {
        let labels = self.data.train.labels();
        self.labels.clear();
        self.labels.extend(chosen.iter().map(|&number| labels[number]));
        let x = &self.batch[..chosen.len() * PIXELS];
        let (loss, measured) = learn(&mut self.engine, x, &self.labels, measure);
        for (layer, values) in measured.into_iter().enumerate() {
            let step = self.record.steps + 1;
            self.record.measurements.push(Measurement { epoch, step, layer, values });
        }
        let (engine, record) = (&self.engine, &mut self.record);
        let step = record.steps + 1;
        let overflow = || engine.overflow().map(|(layer, number)| Overflow { step, layer, number });
        record.overflow = record.overflow.or_else(overflow);
        loss
    }

    fn augmentation(&self, purpose: Purpose, epoch: u32) -> Augmentation {
        let Training { task, epsilon, seed, .. } = self.training;
        Augmentation::new(task, epsilon, seed, purpose, epoch).expect("the run is valid")
    }

    /// Mean loss and accuracy on the test images, each changed anew.
    fn evaluate(&mut self, epoch: u32) -> (f64, f64) {
        let augmentation = self.augmentation(Purpose::TestLuminosity, epoch);
        classify(&mut self.engine, &self.data.test, augmentation, &mut self.batch)
    }
}

/// A training step: its loss, and what was measured before the update.
///
/// Not generic, so that it is compiled in this crate: what is generic is compiled again where it is
/// used, and from a program that loads the library it cannot inline what the engine consists of.
fn learn(
    engine: &mut Engine<f32>,
    x: &[f32],
    labels: &[u8],
    measure: bool,
) -> (f64, Vec<LayerMeasurement>) {
    engine.forward(x);
    let loss = engine.backward(labels);
    let measured = if measure { engine.measure(x) } else { Vec::new() };
    engine.update(x);
    (loss, measured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Condition,
        architecture::{GradNormZ, SubtractiveLoss},
        configuration::configuration,
        dataset::{Order, Task},
        layers::{InitialWeights, initial_weights_of},
        learning::{Measure, Precision, Protocol, Signs, train_all},
    };

    fn small() -> FashionMnist {
        FashionMnist::subset().unwrap().first(333, 120)
    }

    fn short(condition: Condition) -> Run {
        Run { width: 20, ..Run::new(condition, &configuration(0).unwrap()).epochs(3) }
    }

    #[test]
    fn the_same_seed_gives_the_same_record_whatever_the_number_of_threads() {
        let data = small();
        let runs: Vec<Run> = Condition::ALL.map(short).into();
        let train = |jobs| -> Vec<Record> {
            let records = train_all(&runs, &data, jobs, |_| ()).unwrap();
            let timeless = |record| Record { training_seconds: 0.0, ..record };
            records.into_iter().map(timeless).collect()
        };
        let one = train(1);
        // As text: what is not a number is not equal to itself.
        let text = |records: &[Record]| serde_json::to_string(records).unwrap();
        assert_eq!(text(&one), text(&train(3)));
        let other = short(Condition::INormFull).seed(1).measure(Measure::Never);
        let (_, other) = super::train(&other, &data, &mut ()).unwrap();
        let same = one.iter().find(|record| record.run.condition == other.run.condition).unwrap();
        assert_ne!(other.epochs, same.epochs);
    }

    #[test]
    fn divergence_is_an_outcome() {
        let data = small();
        let mut run = short(Condition::ENone);
        run.training.rule.rates.lr = 1e30;
        let (_, record) = train(&run, &data, &mut ()).unwrap();
        assert!(matches!(record.outcome, Outcome::Diverged { step } if step > 1), "{record:?}");
        assert_eq!((record.test_accuracy(), record.overflow), (Some(0.1), None));
        let (_, record) = train(&run.precision(Precision::Fp16Autocast), &data, &mut ()).unwrap();
        let said = "e_none precision=fp16_autocast: diverged at step 2: weight of layer 3 overflowed at \
                    step 1";
        assert_eq!(record.to_string(), said);
    }

    /// Changes what steers a training once so many steps are done.
    struct After(u64, Steering, fn(&mut Settings));

    impl Observer for After {
        fn step(&mut self, done: u64, _: u64, _: f64) -> ControlFlow<()> {
            if done == self.0 {
                self.1.change(self.2).unwrap();
            }
            ControlFlow::Continue(())
        }
    }

    fn steered(
        run: &Run,
        data: &FashionMnist,
        after: u64,
        change: fn(&mut Settings),
    ) -> (NetworkWeights<f32>, Record<NetworkRun>) {
        let weights = initial_weights_of(&run.architecture(), run.training.seed).unwrap();
        let weights = weights.convert(|w| w as f32);
        let training = run.training();
        let steering = Steering::new(&training).unwrap();
        let trainer = Trainer::of_network(&weights, &[], &training, data).unwrap();
        let mut trainer = trainer.steered_by(&steering);
        trainer.finish(&mut After(after, steering, change));
        (trainer.weights(), trainer.into_record())
    }

    #[test]
    fn a_steered_training_is_two_trainings_joined() {
        let data = small();
        let run = short(Condition::INormFull).epochs(2).epsilon(0.0);
        let (weights, record) = steered(&run, &data, 11, |settings| {
            settings.rule.lambda = 0.5;
            settings.rule.rates.lr *= 3.0;
            settings.epsilon = 0.75;
            settings.grad_norm = false;
        });
        let changes = &record.run.changes;
        assert_eq!(changes.iter().map(|c| (c.step, c.epoch)).collect::<Vec<_>>(), [(11, 1.0)]);
        let mut first = Trainer::new(&run, &data).unwrap();
        first.epoch(&mut ());
        // The error passes the hidden layers of this condition unchanged.
        let mut checkpoint = first.checkpoint();
        let second = &mut checkpoint.record.run;
        (second.condition, second.training.epsilon) = (Condition::INormNone, 0.75);
        second.training.rule = changes[0].settings.rule;
        checkpoint.state.weights.architecture =
            second.condition.architecture([PIXELS, second.width, 10]);
        let mut second = Trainer::resume(checkpoint, &data).unwrap();
        second.finish(&mut ());
        assert_eq!(weights.hidden, second.weights().hidden);
        assert_eq!(weights.readout, second.weights().readout);
        assert_eq!(record.epochs, second.record().epochs);
        assert_eq!((record.run.as_run(), record.run.name.as_str()), (None, "inorm_full, steered"));
    }

    #[test]
    fn a_change_within_an_epoch_holds_from_the_next_step_on() {
        let data = small();
        let run = short(Condition::INormCenter).epochs(1);
        let (weights, record) = steered(&run, &data, 5, |settings| settings.rule.rates.lr = 0.0);
        assert_eq!(record.run.changes[0].step, 5);
        let (five_steps, _) = train(&run, &data.first(160, 120), &mut ()).unwrap();
        let (layer, five) = (&weights.hidden[0], &five_steps.hidden[0]);
        assert_eq!(layer.w_ee, five.w_ee);
        // What learns at another rate goes on.
        assert_ne!(layer.w_ie, five.w_ie);
        let (untouched, record) = steered(&run, &data, 5, |_| ());
        assert_eq!(record.of_condition().unwrap().run.training(), run.training());
        assert_eq!(untouched, train(&run, &data, &mut ()).unwrap().0);
    }

    #[test]
    fn grad_norm_comes_back_as_it_was() {
        fn nothing(delta: &mut [f32], _: &[f32]) {
            delta.fill(0.0);
        }
        let run = short(Condition::INormFull);
        let weights = initial_weights_of(&run.architecture(), 0).unwrap().convert(|w| w as f32);
        let mut engine = Engine::new(&weights, run.training.rule);
        engine.set_grad_norm(1, nothing);
        let data = small();
        let mut errors = |enabled| {
            engine.enable_grad_norms(enabled);
            let mut trained = engine.clone();
            let mut x = vec![0.0; 32 * PIXELS];
            let luminosity =
                Augmentation::new(Task::Luminosity, 0.5, 0, Purpose::TrainingLuminosity, 1);
            luminosity.unwrap().fill(&data.train, 0..32, &mut x);
            trained.forward(&x);
            trained.backward(&data.train.labels()[..32]);
            trained.update(&x);
            trained.weights().hidden
        };
        let (with, without, again) = (errors(true), errors(false), errors(true));
        assert_eq!(with, again);
        // Below a GradNorm that lets nothing through, nothing of the task's is learned.
        assert_eq!(with[0].w_ee, weights.hidden[0].w_ee);
        assert_ne!(without[0].w_ee, weights.hidden[0].w_ee);
    }

    /// At ε = 0 both tasks show the images as they are; above that they are two tasks.
    #[test]
    fn without_a_range_tasks_are_one() {
        let data = small();
        let by = |task, epsilon| {
            let run = short(Condition::INormDivisive).protocol(Protocol::Revised).task(task);
            let (weights, record) = train(&run.epsilon(epsilon), &data, &mut ()).unwrap();
            (weights.hidden, record.epochs)
        };
        assert_eq!(by(Task::Luminosity, 0.0), by(Task::Contrast, 0.0));
        assert_ne!(by(Task::Luminosity, 0.5), by(Task::Contrast, 0.5));
    }

    #[test]
    fn each_variation_makes_another_network() {
        let data = small();
        let full = |change: fn(Run) -> Run| change(short(Condition::INormFull));
        let sub = |loss| short(Condition::INormSubNone).subtractive_loss(loss);
        let runs = [
            full(|run| run),
            full(|run| run.order(Order::Shuffled)),
            full(|run| run.signs(Signs::NonNegative)),
            full(|run| run.signs(Signs::Free)),
            full(|run| run.signs(Signs::Free).initial_weights(InitialWeights::ZeroMean)),
            full(|run| run.label_smoothing(0.0)),
            full(|run| run.grad_norm_z(GradNormZ::Centred)),
            full(|run| run.task(Task::Contrast)),
            full(|run| run.protocol(Protocol::Revised)),
            sub(SubtractiveLoss::Mean),
            sub(SubtractiveLoss::MeanAndVariance),
        ];
        let trained = runs.map(|run| train(&run, &data, &mut ()).unwrap().0.hidden);
        for (number, one) in trained.iter().enumerate() {
            assert!(trained[..number].iter().all(|other| other != one), "{number}");
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let data = small();
        let run = short(Condition::ELn);
        let refused = |change: fn(&mut Run)| {
            let mut run = run.clone();
            change(&mut run);
            Trainer::new(&run, &data).err().expect("refused").to_string()
        };
        assert!(refused(|r| r.training.epochs = 0).contains("epochs"));
        assert!(refused(|r| r.training.epsilon = 1.5).contains("epsilon"));
        let change = |r: &mut Run| (r.training.task, r.training.epsilon) = (Task::Contrast, -0.5);
        assert!(refused(change).contains("epsilon: -0.5 is not valid; expected a number from 0"));
        assert!(refused(|r| r.width = 0).contains("width"));
        assert!(refused(|r| r.training.rule.rates.lr = -1.0).contains("learning rate"));
        assert!(refused(|r| r.training.rule.momentum = 1.0).contains("momentum"));
    }
}
