//! A layer of one's own: its weights learn from the error as it is, but only the centered error goes
//! on to the layer below. No GradNorm can do that: it changes the error for both.
//!
//!     cargo run --release --example own_layer

use inorm::dfdx::{shapes::Dim, tensor::AutoDevice};
use inorm::layers::{INorm, Inputs, Layer, Memory, OwnLayer, Units};
use inorm::networks::{ImageBatch, Network};
use inorm::{Result, configuration::configuration, dataset::FashionMnist, learning::LearningRule};

#[derive(Debug, Clone)]
struct PassCentered<L>(L);

#[rustfmt::skip]
impl<L: Layer<f32, AutoDevice>> OwnLayer for PassCentered<L> {
    type Base = L;
    fn from_base(base: L) -> Self { Self(base) }
    fn base(&self) -> &L { &self.0 }
    fn backward<B: Dim>(
        &self, delta: &Units<B, L>, memory: &Memory<B, L>, lambda: f64,
    ) -> (Inputs<B, L>, L) {
        let (_, gradients) = self.0.backward(delta, memory, lambda);
        let (below, _) = self.0.backward(&(delta.clone() - delta.mean()), memory, lambda);
        (below, gradients)
    }
}

fn main() -> Result<()> {
    let data = FashionMnist::subset()?;
    let rule = LearningRule::paper(configuration(13)?.rates);
    let mut network = Network::<(INorm<784, 60, 6>, PassCentered<INorm<60, 60, 6>>)>::new(0)?;
    for start in (0..data.train.len()).step_by(32) {
        let batch = ImageBatch::new(&data.train, start..start + 32, 0.0, start as u64)?;
        network = network.step(&batch.x, &batch.labels, &rule)?.0;
    }
    let accuracy = network.evaluate(&data.test, 0.0, 0)?.accuracy;
    println!("test accuracy {:.1} %", 100.0 * accuracy);
    assert!(accuracy > 0.3, "chance is 0.1");
    Ok(())
}
