//! A run saved between two epochs.

use super::{
    record::{Outcome, Record, Recorded},
    run::Run,
};
use crate::{
    Error, Result,
    engine::EngineState,
    layers::{
        LayerWeights, NetworkWeights,
        file::{WeightsFile, tensors, write},
    },
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A run saved between two epochs. Resuming is bit-exact, whatever the weights are.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What was recorded so far.
    pub record: Record,
    /// The weights, and the velocities of momentum.
    pub state: EngineState<f32>,
    /// Seconds that the run took so far, evaluation and waiting included; a sweep counts them.
    pub wall_seconds: f64,
}

/// What a checkpoint's file holds beside its tensors.
#[derive(Serialize, Deserialize)]
struct Content {
    record: Record,
    wall_seconds: f64,
}

/// The kind of a checkpoint's file.
const KIND: &str = "checkpoint";

impl Checkpoint {
    /// Saves the checkpoint as a safetensors file, whole or not at all; weights may be NaN.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let Self { record, state: EngineState { weights, velocities }, wall_seconds } = self;
        let mut all = tensors(weights.layers(), "");
        if !velocities.is_empty() {
            all.extend(tensors(velocities.iter().collect(), "velocity."));
        }
        let content = Content { record: record.clone(), wall_seconds: *wall_seconds };
        write(path.as_ref(), KIND, &content, &all)
    }

    /// Loads a checkpoint that was [saved](Self::save).
    ///
    /// # Errors
    /// If the file cannot be read, is no checkpoint of this version, or is damaged, or as
    /// [`validate`](Self::validate).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (Content { record, wall_seconds }, mut file) = WeightsFile::read(path, KIND)?;
        let architecture = file.architecture(record.run.condition)?;
        let weights = file.network(record.run.varied(architecture))?;
        let velocities = file.velocities(&weights)?;
        file.finish()?;
        let checkpoint = Self { record, state: EngineState { weights, velocities }, wall_seconds };
        checkpoint.validate()?;
        Ok(checkpoint)
    }

    /// Checks that this is a run with epochs left: files may have been damaged.
    ///
    /// # Errors
    /// If the run's numbers make no sense, it is over, or its weights or their velocities are of
    /// another condition or size.
    pub fn validate(&self) -> Result<()> {
        let Record { run, epochs, outcome, .. } = &self.record;
        run.validate()?;
        if *outcome != Outcome::Running || epochs.len() >= run.training.epochs as usize {
            let found =
                format!("{outcome:?} after {} of {} epochs", epochs.len(), run.training.epochs);
            return Err(Error::invalid("checkpoint", found, "a run with epochs left"));
        }
        let EngineState { weights, velocities } = &self.state;
        check(run, weights)?;
        let alike = |(velocity, weights): (&LayerWeights<f32>, &LayerWeights<f32>)| {
            let sizes = |layer: &LayerWeights<f32>| layer.named().map(|(_, values)| values.len());
            velocity.inputs == weights.inputs && sizes(velocity) == sizes(weights)
        };
        let layers = weights.layers();
        if ![0, layers.len()].contains(&velocities.len())
            || !velocities.iter().zip(layers).all(alike)
        {
            return Err(Error::invalid("velocities", "others", "those of the network's weights"));
        }
        Ok(())
    }
}

/// Checks that these are weights of the run's network.
pub(super) fn check(run: &Run, weights: &NetworkWeights<f32>) -> Result<()> {
    weights.validate()?;
    let found = &weights.architecture;
    let expected = run.architecture();
    // Whatever the number of inhibitory units.
    let mut alike = expected.clone();
    let inhibitory = found.hidden[0].inhibitory;
    alike.hidden.iter_mut().for_each(|kind| kind.inhibitory = inhibitory);
    if *found != alike {
        return Err(Error::invalid("network", found, expected.to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Condition,
        architecture::GradNormZ,
        configuration::configuration,
        dataset::{FashionMnist, Order, Task},
        learning::{Epoch, Measure, Observer, Precision, Signs, Trainer, train},
    };
    use std::ops::ControlFlow;

    /// Bit for bit: NaN is not equal to itself.
    fn bits(weights: &NetworkWeights<f32>) -> NetworkWeights<u32> {
        weights.convert(f32::to_bits)
    }

    #[test]
    fn a_saved_checkpoint_comes_back_bit_for_bit_with_nan_too() {
        let (run, data) = small(2);
        let mut trainer = Trainer::new(&run, &data).unwrap();
        trainer.epoch(&mut ());
        let mut checkpoint = trainer.checkpoint();
        checkpoint.wall_seconds = 0.1;
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run.safetensors");
        checkpoint.save(&path).unwrap();
        assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint);

        checkpoint.state.weights.hidden[0].w_ee[3] = f32::NAN;
        checkpoint.state.velocities[2].b[1] = f32::NEG_INFINITY;
        checkpoint.record.epochs[0].test_loss = f64::NAN;
        checkpoint.record.epochs[0].train_loss = f64::INFINITY;
        checkpoint.save(&path).unwrap();
        let loaded = Checkpoint::load(&path).unwrap();
        assert_eq!(bits(&loaded.state.weights), bits(&checkpoint.state.weights));
        assert_eq!(loaded.state.velocities[2].b, checkpoint.state.velocities[2].b);
        assert!(loaded.record.epochs[0].test_loss.is_nan());
        assert_eq!(loaded.record.epochs[0].train_loss, f64::INFINITY);
        let message = NetworkWeights::load(&path).unwrap_err().to_string();
        assert!(message.contains(r#"is a "checkpoint", not a network"#), "{message}");
        assert!(!std::fs::read_dir(place.path()).unwrap().any(|f| f.unwrap().path() != path));
    }

    /// A run of `epochs` epochs of two steps.
    fn small(epochs: u32) -> (Run, FashionMnist) {
        let run = Run::new(Condition::INormLateral, &configuration(0).unwrap()).epochs(epochs);
        let mut run = Run { width: 12, ..run };
        (run.training.rule.momentum, run.training.rule.inhibitory_momentum) = (0.5, 0.4);
        (run, FashionMnist::subset().unwrap().first(40, 10))
    }

    #[test]
    fn what_cannot_be_resumed_is_refused() {
        let (run, data) = small(2);
        let mut trainer = Trainer::new(&run, &data).unwrap();
        trainer.epoch(&mut ());
        let whole = trainer.checkpoint();
        assert!(whole.validate().is_ok() && whole.state.velocities.len() == 3);
        let changes: [fn(&mut Checkpoint); 15] = [
            |c| c.record.run.training.epochs = 0,
            |c| c.record.run.training.epochs = 1,
            |c| c.record.epochs.extend([c.record.epochs[0]; 2]),
            |c| c.record.outcome = Outcome::Finished,
            |c| c.record.outcome = Outcome::Interrupted,
            |c| c.record.outcome = Outcome::Diverged { step: 2 },
            |c| c.record.run.width = 13,
            |c| c.record.run.condition = Condition::INormFull,
            |c| c.record.run.hidden_layers = 3,
            |c| c.record.run.grad_norm_layers = "1".parse().unwrap(),
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

    /// Interrupts a run after this many steps or epochs.
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

        fn epoch(&mut self, epochs: &[Epoch], _: u32) -> ControlFlow<()> {
            stop_if(epochs.len() == self.epochs)
        }
    }

    #[test]
    fn an_interrupted_run_is_resumed_bit_for_bit_from_its_last_whole_epoch() {
        const NEVER: u64 = u64::MAX;
        let (run, data) = small(3);
        let mut plain = run.clone().measure(Measure::EachEpoch);
        (plain.training.rule.momentum, plain.training.rule.inhibitory_momentum) = (0.0, 0.0);
        let varied = run.clone().hidden_layers(3).grad_norm_in("1+3".parse().unwrap());
        let half = plain.clone().precision(Precision::Fp16Autocast);
        let shuffled = run.clone().order(Order::Shuffled).signs(Signs::NonNegative);
        let shuffled = Run { condition: Condition::INormFull, ..shuffled };
        let shuffled = shuffled.grad_norm_z(GradNormZ::Centred).task(Task::Contrast);
        let place = tempfile::tempdir().unwrap();
        for run in [run, plain, varied, half, shuffled] {
            let (weights, record) = train(&run, &data, &mut ()).unwrap();
            // Within the first epoch, at the start and at the end of the second, and between two.
            for (steps, epochs, whole) in [(1, 3, 0), (3, 3, 1), (4, 3, 1), (NEVER, 2, 2)] {
                let mut trainer = Trainer::new(&run, &data).unwrap();
                trainer.finish(&mut StopAfter { steps, epochs });
                assert_eq!(trainer.record().outcome, Outcome::Interrupted);
                let path = place.path().join("run.safetensors");
                trainer.checkpoint().save(&path).unwrap();
                let checkpoint = Checkpoint::load(&path).unwrap();
                assert_eq!(checkpoint.record.epochs.len(), whole);
                let mut resumed = Trainer::resume(checkpoint, &data).unwrap();
                resumed.finish(&mut ());
                assert_eq!(resumed.weights(), weights);
                let training_seconds = record.training_seconds;
                assert_eq!(Record { training_seconds, ..resumed.into_record() }, record);
            }
        }
    }
}
