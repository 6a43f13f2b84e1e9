//! A network with its sizes in its type: one step of its learning rule, as one reads it.
//!
//!     cargo run --release --example typed_network

use inorm::dfdx::prelude::*;
use inorm::networks::INormNetwork;
use inorm::{Condition, configuration::configuration, learning::LearningRule};

fn main() -> inorm::Result<()> {
    let device = AutoDevice::default();
    // 784 inputs, two hidden layers of 40 excitatory and 4 inhibitory units, 10 classes.
    let network = INormNetwork::<40, 4>::new(Condition::INormFull, 0, &device)?;
    let images: Tensor<Rank2<8, 784>, f32, _> = device.sample_uniform();
    let labels = [0, 1, 2, 3, 4, 5, 6, 7];
    let rule = LearningRule::paper(configuration(13)?.rates);
    let (next, before) = network.step(&images, &labels, &rule)?;
    let (_, after) = next.step(&images, &labels, &rule)?;
    println!("task loss {before:.3}, after one step {after:.3}");
    assert!(after < before);
    let w_ee: Vec<f32> = next.first.w_ee.as_vec();
    println!("{} excitatory weights in the first layer, none negative", w_ee.len());
    assert!(w_ee.iter().all(|&w| w >= 0.0), "Dale's principle");
    Ok(())
}
