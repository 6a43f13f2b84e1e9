//! Runs trained together.

use super::{
    arguments::Score,
    cores::on_all_cores,
    images::{StoredImages, stored_bytes},
    machine::Machine,
    networks::{Ensemble, check, layouts},
};
use crate::{
    Error, Result,
    condition::{GradNorm, Normalization},
    dataset::{FashionMnist, PIXELS},
    engine::EngineState,
    layers::NetworkWeights,
    learning::{Checkpoint, Epoch, Measurement, Outcome, Record, Recorded, Run, Training},
    randomness::Purpose,
};
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    time::Instant,
};

/// Test images are classified this many at a time: fewer than by a network trained alone, since
/// every network of an ensemble has buffers for as many, and measuring reads these whole.
pub const EVALUATION_BATCH: usize = 64;

/// Trains runs together, an epoch at a time. Each can be saved as its own [`Checkpoint`], and
/// resumed alone or in another ensemble.
pub struct EnsembleTrainer<'d, M: Machine> {
    data: &'d FashionMnist,
    ensemble: Ensemble<M>,
    records: Vec<Record>,
    train: StoredImages<M>,
    test: StoredImages<M>,
}

/// Whether a run is one that can be trained in ensembles: it has two hidden layers, and neither
/// momentum nor weight decay nor half precision.
pub fn can_join(run: &Run) -> bool {
    check_run(run).is_ok()
}

fn check_run(run: &Run) -> Result<()> {
    check(&run.architecture(), &run.training.rule)
}

/// What all runs of an ensemble must have in common, before any of them is trained.
pub(crate) fn common(run: &Run) -> String {
    let Training { epsilon, seed, batch, epochs, order, task, .. } = run.training;
    format!("{task} ε {epsilon} order {order} seed {seed} batch {batch} epochs {epochs}")
}

fn common_now(Record { run, epochs, .. }: &Record) -> String {
    format!("{} after epoch {}", common(run), epochs.len())
}

impl<'d, M: Machine> EnsembleTrainer<'d, M> {
    /// The start of some runs.
    ///
    /// # Errors
    /// If a run's numbers make no sense or it [cannot join](can_join) an ensemble, the runs cannot
    /// be trained together, or the machine has too little memory.
    pub fn new(machine: M, runs: &[Run], data: &'d FashionMnist) -> Result<Self> {
        runs.iter().try_for_each(Run::validate)?;
        runs.iter().try_for_each(check_run)?;
        let begin = |(run, weights)| Checkpoint {
            record: Record::begin(run, data),
            state: EngineState { weights, velocities: Vec::new() },
            wall_seconds: 0.0,
        };
        let checkpoints = runs.iter().zip(all_initial_weights(runs)?).map(begin).collect();
        Self::resume(machine, checkpoints, data)
    }

    /// Resumes runs that were saved after the same epoch.
    ///
    /// # Errors
    /// If a checkpoint is damaged or of a run that is over, the runs cannot be trained together, or
    /// the machine has too little memory.
    pub fn resume(
        machine: M,
        checkpoints: Vec<Checkpoint>,
        data: &'d FashionMnist,
    ) -> Result<Self> {
        checkpoints.iter().try_for_each(Checkpoint::validate)?;
        let Some(first) = checkpoints.first() else {
            return Err(Error::invalid("ensemble", "no runs", "at least one"));
        };
        checkpoints.iter().try_for_each(|checkpoint| check_run(&checkpoint.record.run))?;
        let wanted = common_now(&first.record);
        let mut others = checkpoints.iter().map(|checkpoint| common_now(&checkpoint.record));
        if let Some(found) = others.find(|found| *found != wanted) {
            let expected = "the same images, epochs and progress for all its runs";
            return Err(Error::invalid("ensemble", found, expected));
        }
        let members: Vec<_> =
            checkpoints.iter().map(|c| (&c.state.weights, c.record.run.training.rule)).collect();
        let capacity = first.record.run.training.batch.max(EVALUATION_BATCH);
        let task = first.record.run.training.task;
        let stored = |images| StoredImages::new(&machine, images, task);
        let (train, test) = (stored(&data.train)?, stored(&data.test)?);
        let ensemble = Ensemble::new(machine, &members, capacity)?;
        let records = checkpoints.into_iter().map(|checkpoint| checkpoint.record).collect();
        Ok(Self { data, ensemble, records, train, test })
    }

    /// Bytes that these runs need in the machine's memory; all of the same batch size.
    pub fn bytes(runs: &[Run], data: &FashionMnist) -> u64 {
        let Some(first) = runs.first() else { return 0 };
        let capacity = first.training.batch.max(EVALUATION_BATCH);
        let members: Vec<_> =
            runs.iter().map(|run| (run.architecture(), run.training.rule)).collect();
        let layers: u64 = layouts(&members, capacity).iter().map(|l| l.bytes()).sum();
        let images =
            [&data.train, &data.test].map(|images| stored_bytes(images, first.training.task));
        let batch = 4 * capacity * PIXELS;
        layers + (images[0] + images[1] + batch + runs.len() * size_of::<Score>()) as u64
    }

    /// What a training step does at least: floating-point operations of the matrix products, and
    /// bytes that these read and write.
    pub fn work_per_step(&self) -> [f64; 2] {
        let batch = self.records[0].run.training.batch;
        let works = self.ensemble.layers.iter().map(|stack| stack.layout.work(batch));
        works.fold([0.0; 2], |[o, b], [operations, bytes]| [o + operations, b + bytes])
    }

    /// What was recorded of each run so far, in the order in which they were given.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The weights of each network as they are now.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn weights(&self) -> Result<Vec<NetworkWeights<f32>>> {
        self.ensemble.weights()
    }

    /// The runs as they are now, between two epochs.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        let weights = self.weights()?.into_iter().zip(&self.records);
        let checkpoint = |(weights, record): (_, &Record)| Checkpoint {
            record: record.clone(),
            state: EngineState { weights, velocities: Vec::new() },
            wall_seconds: 0.0,
        };
        Ok(weights.map(checkpoint).collect())
    }

    /// Whether there is anything left to train.
    pub fn is_over(&self) -> bool {
        self.records.iter().all(|record| record.outcome != Outcome::Running)
    }

    /// Trains one epoch and evaluates; `stepped` is called after each step.
    ///
    /// Runs that diverged are over; the others are not affected. The time it took is divided evenly
    /// among the runs that were trained.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn epoch(&mut self, stepped: &mut dyn FnMut()) -> Result<()> {
        if self.is_over() {
            return Ok(());
        }
        let running = self.running();
        let run = self.records[running[0]].run.clone();
        let epoch = self.records[running[0]].epochs.len() as u32 + 1;
        let start = Instant::now();
        let done = self.train_epoch(&run, epoch, stepped)?;
        let trained = self.ensemble.take_scores()?;
        let seconds = start.elapsed().as_secs_f64() / running.len() as f64;
        for &network in &running {
            let record = &mut self.records[network];
            record.training_seconds += seconds;
            record.steps = done;
            if let Some(step) = trained[network].diverged() {
                (record.steps, record.outcome) = (step, Outcome::Diverged { step });
            }
        }
        let left = self.running();
        if !left.is_empty() {
            let tested = self.evaluate(&run, epoch)?;
            left.iter().for_each(|&n| self.conclude(n, epoch, trained[n], tested[n]));
        }
        Ok(())
    }

    fn running(&self) -> Vec<usize> {
        let records = self.records.iter().enumerate();
        records.filter(|(_, r)| r.outcome == Outcome::Running).map(|(index, _)| index).collect()
    }

    fn conclude(&mut self, network: usize, epoch: u32, trained: Score, tested: Score) {
        let record = &mut self.records[network];
        let images = [self.data.train.len(), self.data.test.len()].map(|n| n as f64);
        record.epochs.push(Epoch {
            epoch,
            train_loss: trained.loss / images[0],
            test_loss: tested.loss / images[1],
            test_accuracy: f64::from(tested.correct) / images[1],
        });
        if epoch == record.run.training.epochs {
            record.outcome = Outcome::Finished;
        }
    }

    /// The steps done since the start of the run.
    fn train_epoch(&mut self, run: &Run, epoch: u32, stepped: &mut dyn FnMut()) -> Result<u64> {
        let count = self.data.train.len();
        let machine = &self.ensemble.machine;
        if !run.training.order.is_default() {
            let order = run.training.order.of(count, run.training.seed, epoch);
            self.train.put_in_order(machine, &self.data.train, &order)?;
        }
        self.train.draw(machine, run, Purpose::TrainingLuminosity, epoch)?;
        let mut step = count.div_ceil(run.training.batch) as u64 * u64::from(epoch - 1);
        for from in (0..count).step_by(run.training.batch) {
            step += 1;
            self.step(from..(from + run.training.batch).min(count), epoch, step)?;
            stepped();
        }
        Ok(step)
    }

    /// One training step on the images of `range`.
    fn step(&mut self, range: Range<usize>, epoch: u32, step: u64) -> Result<()> {
        let (size, last) = (range.len(), range.end == self.data.train.len());
        let Self { ensemble, train, .. } = self;
        ensemble.load_batch(train, range.clone())?;
        ensemble.forward(size)?;
        ensemble.score(&train.labels, range, step)?;
        ensemble.backward(size)?;
        let mut measured = self.running();
        measured.retain(|&network| self.records[network].run.training().measures_at(last, epoch));
        if !measured.is_empty() {
            self.measure(&mut measured, size, epoch, step)?;
        }
        self.ensemble.update(size)
    }

    fn measure(
        &mut self,
        networks: &mut Vec<usize>,
        size: usize,
        epoch: u32,
        step: u64,
    ) -> Result<()> {
        let scores = self.ensemble.scores()?;
        networks.retain(|&network| scores[network].diverged().is_none_or(|at| at == step));
        let measured = self.ensemble.measure(networks, size)?;
        for (&network, layers) in networks.iter().zip(measured) {
            for (layer, values) in layers.into_iter().enumerate() {
                let measurement = Measurement { epoch, step, layer, values };
                self.records[network].measurements.push(measurement);
            }
        }
        Ok(())
    }

    /// Loss and hits on the test images, each shifted anew.
    fn evaluate(&mut self, run: &Run, epoch: u32) -> Result<Vec<Score>> {
        let count = self.data.test.len();
        let Self { ensemble, test, .. } = self;
        test.draw(&ensemble.machine, run, Purpose::TestLuminosity, epoch)?;
        for from in (0..count).step_by(EVALUATION_BATCH) {
            let range = from..(from + EVALUATION_BATCH).min(count);
            ensemble.load_batch(test, range.clone())?;
            ensemble.forward(range.len())?;
            ensemble.score(&test.labels, range, 1)?;
        }
        ensemble.take_scores()
    }
}

/// The initial weights of each run; each SVD is done once, and on all cores: runs of one seed and
/// width share all that their circuits and GradNorms have in common.
fn all_initial_weights(runs: &[Run]) -> Result<Vec<NetworkWeights<f32>>> {
    let key = |run: &Run| {
        let mut architecture = run.architecture();
        for kind in &mut architecture.hidden {
            kind.normalization = Normalization::None;
            if kind.grad_norm != GradNorm::Lateral {
                kind.grad_norm = GradNorm::None;
            }
        }
        (architecture, run.training.seed, run.initial_weights)
    };
    let different: HashSet<_> = runs.iter().map(key).collect();
    let different: Vec<_> = different.into_iter().collect();
    let weights = on_all_cores(&different, |key| {
        let (architecture, seed, initial) = key;
        let weights = initial.of(architecture, *seed)?;
        Ok((key.clone(), weights.convert(|w| w as f32)))
    });
    let weights: HashMap<_, NetworkWeights<f32>> = weights.into_iter().collect::<Result<_>>()?;
    let of = |run: &Run| {
        let architecture = run.architecture();
        NetworkWeights { architecture, ..weights[&key(run)].clone() }
    };
    Ok(runs.iter().map(of).collect())
}
