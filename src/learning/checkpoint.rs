//! A run put aside.

use super::{Outcome, Record, Run};
use crate::{
    Error, Result,
    dataset::{CLASSES, PIXELS},
    engine::{Engine, EngineState},
    layers::{LayerWeights, NetworkWeights},
};
use serde::{Deserialize, Serialize};

/// A run put aside between two epochs; taken up again it goes on bit for bit as if it had not
/// been.
///
/// JSON knows neither NaN nor ∞: written so, the checkpoint of a network that is about to diverge
/// cannot be read again, and its run has to begin anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What was recorded so far.
    pub record: Record,
    /// The weights, and what momentum remembers.
    pub state: EngineState<f32>,
}

impl Checkpoint {
    /// Checks that this is a run that can go on: files may have been damaged.
    ///
    /// # Errors
    /// If the run's numbers make no sense, it is over, or its weights or their velocities are of
    /// another condition or size.
    pub fn validate(&self) -> Result<()> {
        let Record { run, epochs, outcome, .. } = &self.record;
        run.validate()?;
        if *outcome != Outcome::Running || epochs.len() >= run.epochs as usize {
            let found = format!("{outcome:?} after {} of {} epochs", epochs.len(), run.epochs);
            return Err(Error::invalid("checkpoint", found, "a run with epochs to come"));
        }
        let EngineState { weights, velocities } = &self.state;
        check(run, weights)?;
        let alike = |(velocity, weights): (&LayerWeights<f32>, &LayerWeights<f32>)| {
            let sizes = |layer: &LayerWeights<f32>| layer.named().map(|(_, values)| values.len());
            velocity.inputs == weights.inputs && sizes(velocity) == sizes(weights)
        };
        if velocities.len() > 3 || !velocities.iter().zip(weights.layers()).all(alike) {
            return Err(Error::invalid("velocities", "others", "those of the network's weights"));
        }
        Ok(())
    }
}

/// Checks that these are weights of the run's network.
pub(super) fn check(run: &Run, weights: &NetworkWeights<f32>) -> Result<()> {
    if (weights.condition, weights.sizes()) != (run.condition, [PIXELS, run.width, CLASSES.len()]) {
        let [inputs, width, outputs] = weights.sizes();
        let found = format!("{}, {inputs} → {width} → {outputs}", weights.condition);
        let expected = format!("{}, {PIXELS} → {} → {}", run.condition, run.width, CLASSES.len());
        return Err(Error::invalid("network", found, expected));
    }
    weights.validate()
}

/// Where a run was before an epoch, for one that is interrupted within it.
pub(super) struct Before {
    engine: Engine<f32>,
    steps: u64,
    training_seconds: f64,
    measurements: usize,
}

impl Before {
    pub fn of(engine: &Engine<f32>, record: &Record) -> Self {
        Self {
            engine: engine.clone(),
            steps: record.steps,
            training_seconds: record.training_seconds,
            measurements: record.measurements.len(),
        }
    }

    /// The run as it was, from the `record` of what came after.
    pub fn checkpoint(&self, mut record: Record) -> Checkpoint {
        record.steps = self.steps;
        record.training_seconds = self.training_seconds;
        record.measurements.truncate(self.measurements);
        Checkpoint { record, state: self.engine.state() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Condition,
        configuration::configuration,
        dataset::FashionMnist,
        learning::{Observer, Trainer, train},
    };
    use std::ops::ControlFlow;

    /// A run of `epochs` epochs of two steps.
    fn small(epochs: u32) -> (Run, FashionMnist) {
        let mut data = FashionMnist::subset().unwrap();
        (data.train, data.test) = (data.train.first(40), data.test.first(10));
        let mut run = Run::new(Condition::INormLateral, &configuration(0).unwrap()).epochs(epochs);
        run.width = 12;
        run.rule.momentum = 0.5;
        (run, data)
    }

    #[test]
    fn what_cannot_go_on_is_refused() {
        let (run, data) = small(2);
        let mut trainer = Trainer::new(&run, &data).unwrap();
        trainer.epoch(&mut ());
        let whole = trainer.checkpoint();
        assert!(whole.validate().is_ok() && whole.state.velocities.len() == 3);
        let changes: [fn(&mut Checkpoint); 13] = [
            |c| c.record.run.epochs = 0,
            |c| c.record.run.epochs = 1,
            |c| c.record.epochs.extend([c.record.epochs[0]; 2]),
            |c| c.record.outcome = Outcome::Finished,
            |c| c.record.outcome = Outcome::Interrupted,
            |c| c.record.outcome = Outcome::Diverged { step: 2 },
            |c| c.record.run.width = 13,
            |c| c.record.run.condition = Condition::INormFull,
            |c| c.state.weights.readout.excitatory = 3,
            |c| c.state.weights.hidden[1].inputs = 784,
            |c| _ = c.state.weights.hidden[0].u_ie.pop(),
            |c| c.state.weights.hidden[1].nu.clear(),
            |c| _ = c.state.velocities[2].b.pop(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut damaged = whole.clone();
            change(&mut damaged);
            assert!(Trainer::resume(damaged, &data).is_err(), "change {number}");
        }
        trainer.finish(&mut ());
        let message = Trainer::resume(trainer.checkpoint(), &data).err().unwrap().to_string();
        assert!(message.contains("Finished after 2 of 2 epochs"), "{message}");
    }

    /// Interrupts a run after so many steps or epochs.
    struct StopAfter {
        steps: u64,
        epochs: usize,
    }

    fn stop_if(reached: bool) -> ControlFlow<()> {
        if reached { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    impl Observer for StopAfter {
        fn step(&mut self, done: u64, _: u64, _: f64) -> ControlFlow<()> {
            stop_if(done == self.steps)
        }

        fn epoch(&mut self, record: &Record) -> ControlFlow<()> {
            stop_if(record.epochs.len() == self.epochs)
        }
    }

    #[test]
    fn an_interrupted_run_goes_on_from_its_last_whole_epoch() {
        const NEVER: u64 = u64::MAX;
        let (run, data) = small(3);
        let (weights, record) = train(&run, &data, &mut ()).unwrap();
        // Within the first epoch, at the start and at the end of the second, and between two.
        for (steps, epochs, whole) in [(1, 3, 0), (3, 3, 1), (4, 3, 1), (NEVER, 2, 2)] {
            let mut trainer = Trainer::new(&run, &data).unwrap();
            trainer.finish(&mut StopAfter { steps, epochs });
            assert_eq!(trainer.record().outcome, Outcome::Interrupted);
            let text = serde_json::to_string(&trainer.checkpoint()).unwrap();
            let checkpoint: Checkpoint = serde_json::from_str(&text).unwrap();
            assert_eq!(checkpoint.record.epochs.len(), whole);
            let mut resumed = Trainer::resume(checkpoint, &data).unwrap();
            resumed.finish(&mut ());
            assert_eq!(resumed.weights(), weights);
            assert_eq!(resumed.record().epochs, record.epochs);
            assert_eq!(resumed.record().measurements, record.measurements);
            assert_eq!(resumed.record().steps, record.steps);
        }
    }
}
