//! A run put aside.

use super::{Record, Run};
use crate::{
    Error, Result,
    dataset::{CLASSES, PIXELS},
    engine::EngineState,
    layers::{LayerWeights, NetworkWeights},
};
use serde::{Deserialize, Serialize};

/// A run put aside between two epochs; taken up again it goes on bit for bit as if it had not
/// been.
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
    /// If the run's numbers make no sense, it has more epochs than it was to have, or its weights
    /// or their velocities are of another condition or size.
    pub fn validate(&self) -> Result<()> {
        let Record { run, epochs, .. } = &self.record;
        run.validate()?;
        if epochs.len() > run.epochs as usize {
            return Err(Error::invalid(
                "checkpoint",
                epochs.len(),
                format!("{} epochs", run.epochs),
            ));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Condition, configuration::configuration, dataset::FashionMnist, learning::Trainer,
    };

    #[test]
    fn what_cannot_go_on_is_refused() {
        let mut data = FashionMnist::subset().unwrap();
        (data.train, data.test) = (data.train.first(40), data.test.first(10));
        let mut run = Run::new(Condition::INormLateral, &configuration(0).unwrap()).epochs(2);
        run.width = 12;
        run.rule.momentum = 0.5;
        let mut trainer = Trainer::new(&run, &data).unwrap();
        trainer.epoch(&mut ());
        let whole = trainer.checkpoint();
        assert!(whole.validate().is_ok() && whole.state.velocities.len() == 3);
        let changes: [fn(&mut Checkpoint); 9] = [
            |c| c.record.run.epochs = 0,
            |c| c.record.epochs.extend([c.record.epochs[0]; 2]),
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
    }
}
