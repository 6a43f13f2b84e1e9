//! Runs trained together.

use super::{
    Ensemble, Score,
    device::{Device, Memory},
    layouts,
};
use crate::{
    Error, Result,
    condition::{Circuit, GradNorm},
    dataset::{CLASSES, FashionMnist, Images, Luminosity, PIXELS},
    engine::EngineState,
    layers::{NetworkWeights, inhibitory_units, initial_weights},
    learning::{Checkpoint, Epoch, Measurement, Outcome, Record, Run},
    randomness::Purpose,
};
use std::{collections::HashMap, ops::Range, time::Instant};

/// Test images are classified this many at a time: fewer than by a network alone, since every
/// network of an ensemble has buffers for as many.
pub const EVALUATION_BATCH: usize = 250;

/// The order in which most networks share their products.
pub fn arrange(run: &Run) -> impl Ord + use<> {
    (run.width, run.condition.circuit() as u8, run.condition, run.configuration)
}

/// Runs that advance an epoch at a time, together, and can be put aside and taken up again: each
/// as its own checkpoint, from which it may also go on alone or in other company.
pub struct Companions<'d, D: Device> {
    data: &'d FashionMnist,
    ensemble: Ensemble<D>,
    records: Vec<Record>,
    train: Shown<D>,
    test: Shown<D>,
}

/// Images on the device.
struct Shown<D: Memory> {
    pixels: D::Buffer<u8>,
    labels: D::Buffer<u8>,
    /// The Δ of each image in this epoch.
    shifts: D::Buffer<f32>,
}

impl<D: Memory> Shown<D> {
    fn new(device: &D, images: &Images) -> Result<Self> {
        Ok(Self {
            pixels: device.upload(images.pixels())?,
            labels: device.upload(images.labels())?,
            shifts: device.zeros(images.len())?,
        })
    }
}

/// What all companions must have in common.
fn common(record: &Record) -> (u64, u64, usize, u32, usize) {
    let Run { epsilon, seed, batch, epochs, .. } = record.run;
    (epsilon.to_bits(), seed, batch, epochs, record.epochs.len())
}

impl<'d, D: Device> Companions<'d, D> {
    /// The start of some runs.
    ///
    /// # Errors
    /// If a run's numbers make no sense, the runs cannot be trained together, or there is not
    /// room enough on the device.
    pub fn new(device: D, runs: &[Run], data: &'d FashionMnist) -> Result<Self> {
        let mut weights = InitialWeights::default();
        let begin = |run: &Run| {
            run.validate()?;
            let record = Record::begin(run, data);
            let state = EngineState { weights: weights.of(run)?, velocities: Vec::new() };
            Ok(Checkpoint { record, state })
        };
        Self::resume(device, runs.iter().map(begin).collect::<Result<_>>()?, data)
    }

    /// Takes up runs that were put aside after the same epoch. In an order by [`arrange`] they
    /// share most.
    ///
    /// # Errors
    /// If a checkpoint is damaged or of a run that is over, the runs cannot be trained together, or
    /// there is not room enough on the device.
    pub fn resume(device: D, checkpoints: Vec<Checkpoint>, data: &'d FashionMnist) -> Result<Self> {
        checkpoints.iter().try_for_each(Checkpoint::validate)?;
        let Some(first) = checkpoints.first() else {
            return Err(Error::invalid("ensemble", "no runs", "at least one"));
        };
        let wanted = common(&first.record);
        if let Some(other) = checkpoints.iter().find(|c| common(&c.record) != wanted) {
            let found = format!(
                "ε {} seed {} batch {} epochs {} after epoch {}",
                other.record.run.epsilon,
                other.record.run.seed,
                other.record.run.batch,
                other.record.run.epochs,
                other.record.epochs.len()
            );
            let expected = "the same ε, seed, batch, epochs and progress for all its runs";
            return Err(Error::invalid("ensemble", found, expected));
        }
        let members: Vec<_> =
            checkpoints.iter().map(|c| (&c.state.weights, c.record.run.rule)).collect();
        let capacity = first.record.run.batch.max(EVALUATION_BATCH);
        let (train, test) = (Shown::new(&device, &data.train)?, Shown::new(&device, &data.test)?);
        let ensemble = Ensemble::new(device, &members, capacity)?;
        let records = checkpoints.into_iter().map(|checkpoint| checkpoint.record).collect();
        Ok(Self { data, ensemble, records, train, test })
    }

    /// Bytes that these runs need on the device; all of the same batch size.
    pub fn bytes(runs: &[Run], data: &FashionMnist) -> u64 {
        let Some(first) = runs.first() else { return 0 };
        let capacity = first.batch.max(EVALUATION_BATCH);
        let member = |run: &Run| {
            let inhibitory =
                if run.condition.circuit().subtracts() { inhibitory_units(run.width) } else { 0 };
            (run.condition, [run.width, inhibitory, CLASSES.len()], run.rule)
        };
        let members: Vec<_> = runs.iter().map(member).collect();
        let layers: u64 = layouts(&members, PIXELS, capacity).iter().map(|l| l.bytes()).sum();
        let images = (data.train.len() + data.test.len()) * (PIXELS + 5) + 4 * capacity * PIXELS;
        layers + images as u64
    }

    /// What a training step does at least: floating-point operations of the matrix products, and
    /// bytes that these read and write.
    pub fn work_per_step(&self) -> [f64; 2] {
        let batch = self.records[0].run.batch;
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
    /// If the device fails.
    pub fn weights(&self) -> Result<Vec<NetworkWeights<f32>>> {
        self.ensemble.weights()
    }

    /// The runs as they are now, between two epochs.
    ///
    /// # Errors
    /// If the device fails.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        let weights = self.weights()?.into_iter().zip(&self.records);
        let checkpoint = |(weights, record): (_, &Record)| Checkpoint {
            record: record.clone(),
            state: EngineState { weights, velocities: Vec::new() },
        };
        Ok(weights.map(checkpoint).collect())
    }

    /// Whether there is anything left to train.
    pub fn is_over(&self) -> bool {
        self.records.iter().all(|record| record.outcome != Outcome::Running)
    }

    /// Trains one epoch and evaluates. Runs that diverged before, or do so now, are over; the
    /// others do not notice. `stepped` is called after each step.
    ///
    /// The time it took is shared out evenly among the runs that were trained.
    ///
    /// # Errors
    /// If the device fails.
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
            record.steps = trained[network].diverged.unwrap_or(done);
            if let Some(step) = trained[network].diverged {
                record.outcome = Outcome::Diverged { step };
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
        if epoch == record.run.epochs {
            record.outcome = Outcome::Finished;
        }
    }

    /// The steps done since the start of the run.
    fn train_epoch(&mut self, run: &Run, epoch: u32, stepped: &mut dyn FnMut()) -> Result<u64> {
        let count = self.data.train.len();
        let shifts = draw(run, Purpose::TrainingLuminosity, epoch, count);
        self.ensemble.device().write(&shifts, &mut self.train.shifts)?;
        let mut step = count.div_ceil(run.batch) as u64 * u64::from(epoch - 1);
        for from in (0..count).step_by(run.batch) {
            step += 1;
            self.step(from..(from + run.batch).min(count), epoch, step)?;
            stepped();
        }
        Ok(step)
    }

    /// One training step on the images of `range`.
    fn step(&mut self, range: Range<usize>, epoch: u32, step: u64) -> Result<()> {
        let (size, last) = (range.len(), range.end == self.data.train.len());
        let Self { ensemble, train, .. } = self;
        ensemble.show(&train.pixels, &train.shifts, range.clone())?;
        ensemble.forward(size)?;
        ensemble.score(&train.labels, range, step)?;
        ensemble.backward(size)?;
        let mut measured = self.running();
        measured.retain(|&network| self.records[network].run.measures_at(last, epoch));
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
        let diverged = self.ensemble.diverged()?;
        networks.retain(|&network| diverged[network].is_none_or(|at| at == step));
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
        let shifts = draw(run, Purpose::TestLuminosity, epoch, count);
        ensemble.device().write(&shifts, &mut test.shifts)?;
        for from in (0..count).step_by(EVALUATION_BATCH) {
            let range = from..(from + EVALUATION_BATCH).min(count);
            ensemble.show(&test.pixels, &test.shifts, range.clone())?;
            ensemble.forward(range.len())?;
            ensemble.score(&test.labels, range, 1)?;
        }
        ensemble.take_scores()
    }
}

/// The shifts of an epoch, in the order of the images.
fn draw(run: &Run, purpose: Purpose, epoch: u32, count: usize) -> Vec<f32> {
    let mut luminosity =
        Luminosity::new(run.epsilon, run.seed, purpose, epoch).expect("the run is valid");
    (0..count).map(|_| luminosity.draw()).collect()
}

/// Initial weights, each SVD done once: runs of one seed and width share all that their circuits
/// and GradNorms have in common.
#[derive(Default)]
struct InitialWeights(HashMap<(Circuit, bool, usize, u64), NetworkWeights<f32>>);

impl InitialWeights {
    fn of(&mut self, run: &Run) -> Result<NetworkWeights<f32>> {
        let lateral = run.condition.grad_norm() == GradNorm::Lateral;
        let key = (run.condition.circuit(), lateral, run.width, run.seed);
        if let Some(known) = self.0.get(&key) {
            return Ok(NetworkWeights { condition: run.condition, ..known.clone() });
        }
        let weights = initial_weights(run.condition, run.width, run.seed)?.convert(|w| w as f32);
        self.0.insert(key, weights.clone());
        Ok(weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, configuration::configuration, ensemble::Cpu};

    #[test]
    fn the_bytes_that_are_announced_are_those_that_are_taken() {
        let data = FashionMnist::subset().unwrap();
        let run = |condition| {
            let mut run = Run::new(condition, &configuration(0).unwrap());
            run.width = 23;
            run
        };
        let runs: Vec<Run> = Condition::ALL.map(run).into();
        let companions = Companions::new(Cpu, &runs, &data).unwrap();
        let ensemble = &companions.ensemble;
        let mut taken = 4 * ensemble.x.len();
        for stack in &ensemble.layers {
            taken += size_of_val(&stack.table[..]);
            for buffer in [
                &stack.matrix,
                &stack.w_ei,
                &stack.b,
                &stack.nu,
                &stack.drive,
                &stack.inhibition,
                &stack.z,
                &stack.normalized,
                &stack.activity,
                &stack.s,
                &stack.error,
                &stack.delta,
            ] {
                taken += 4 * buffer.len();
            }
        }
        for shown in [&companions.train, &companions.test] {
            taken += shown.pixels.len() + shown.labels.len() + 4 * shown.shifts.len();
        }
        assert_eq!(Companions::<Cpu>::bytes(&runs, &data), taken as u64);
    }
}
