//! Networks of any type, to be trained.

use super::{Hidden, Network};
use crate::{
    Result,
    dataset::FashionMnist,
    layers::{Backend, NetworkWeights, OwnGradNorm},
    learning::{Observer, Record, Trainer, Training},
};

/// A network of any type that can be trained: what a list of networks of several types is made of.
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
    /// What readers' own GradNorms do, hidden layer by hidden layer.
    pub own_rules: Vec<Option<OwnGradNorm<f32>>>,
}

impl ToTrain {
    /// Trains the network; its weights after that, and the record.
    ///
    /// # Errors
    /// As [`Network::train`].
    pub fn train(
        &self,
        training: &Training,
        data: &FashionMnist,
        observer: &mut dyn Observer,
    ) -> Result<(NetworkWeights<f32>, Record<Training>)> {
        let mut trainer = Trainer::of_network(&self.weights, &self.own_rules, training, data)?;
        trainer.finish(observer);
        Ok((trainer.weights(), trainer.into_record()))
    }
}

impl<H: Hidden<f32, D>, const OUT: usize, D: Backend<f32>> Trainable for Network<H, OUT, f32, D> {
    fn to_train(&self) -> ToTrain {
        ToTrain { weights: self.weights(), own_rules: H::own_rules() }
    }

    fn set_weights(&mut self, weights: &NetworkWeights<f32>) -> Result<()> {
        *self = Self::from_weights(weights)?;
        Ok(())
    }
}
