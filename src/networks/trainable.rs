//! Networks of any type, to be trained.

use super::{Hidden, Network};
use crate::{
    Error, Result,
    dataset::FashionMnist,
    layers::{Backend, NetworkWeights, OwnRule},
    learning::{NetworkRun, Observer, Record, Steering, Trainer, Training, check_classifier},
};

/// A network of any type that can be trained: what a list of networks of several types is made of.
#[diagnostic::on_unimplemented(
    message = "`train` cannot train `{Self}`",
    label = "not a `Network` in single precision; one in `f64` learns by `network.step(…)`"
)]
pub trait Trainable {
    /// What training needs of it.
    fn to_train(&self) -> ToTrain;

    /// Gives it these weights.
    ///
    /// # Errors
    /// If they are of another network.
    fn set_weights(&mut self, weights: &NetworkWeights<f32>) -> Result<()>;
}

/// A network without its type.
pub struct ToTrain {
    /// Its weights.
    pub weights: NetworkWeights<f32>,
    /// Readers' own GradNorms, hidden layer by hidden layer.
    pub own_rules: Vec<Option<OwnRule>>,
    /// Whether the fused engine does what each layer does.
    pub fused: bool,
}

impl ToTrain {
    /// What a record of training it is of.
    pub fn run(&self, training: &Training) -> NetworkRun {
        NetworkRun::new(self.weights.architecture.clone(), &self.own_rules, training)
    }

    /// Checks that it can be trained.
    ///
    /// # Errors
    /// If it is no classifier of the images, or a layer is not one of the library's.
    pub fn validate(&self) -> Result<()> {
        if self.fused {
            return check_classifier(&self.weights);
        }
        let expected = "layers of the library; one's own learn by `Network::step`";
        Err(Error::invalid("network", &self.weights.architecture, expected))
    }

    /// Trains the network, which may be steered; its weights after that, and the record.
    ///
    /// # Errors
    /// As [`Network::train`].
    pub fn train(
        &self,
        training: &Training,
        steering: Option<&Steering>,
        data: &FashionMnist,
        observer: &mut dyn Observer,
    ) -> Result<(NetworkWeights<f32>, Record<NetworkRun>)> {
        self.validate()?;
        let mut trainer = Trainer::of_network(&self.weights, &self.own_rules, training, data)?;
        if let Some(steering) = steering {
            trainer = trainer.steered_by(steering);
        }
        trainer.finish(observer);
        Ok((trainer.weights(), trainer.into_record()))
    }
}

impl<H: Hidden<f32, D>, const OUT: usize, D: Backend<f32>> Trainable for Network<H, OUT, f32, D> {
    fn to_train(&self) -> ToTrain {
        ToTrain { weights: self.weights(), own_rules: H::own_rules(), fused: H::FUSED }
    }

    fn set_weights(&mut self, weights: &NetworkWeights<f32>) -> Result<()> {
        *self = Self::from_weights(weights)?;
        Ok(())
    }
}
