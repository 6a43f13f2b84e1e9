//! A network with its layers and sizes in its type: one step of its learning rule, as one reads it.
//!
//!     cargo run --release --example typed_network

use inorm::layers::{Batch, Center, Ei, INorm, LayerNorm};
use inorm::{configuration::configuration, learning::LearningRule, networks::Network};

/// 784 inputs, hidden layers of 60 and of 40 excitatory units, 10 classes.
type Net = Network<(Ei<784, 60, 6, LayerNorm>, INorm<60, 40, 4, Center>)>;

fn main() -> inorm::Result<()> {
    let network = Net::new(0)?;
    println!("{}", Net::architecture());
    let images =
        Batch::<_, 784>::of_samples((0..8 * 784).map(|i| (i % 97) as f32 / 97.0).collect());
    let labels = [0, 1, 2, 3, 4, 5, 6, 7];
    let rule = LearningRule::paper(configuration(13)?.rates);
    let (next, before) = network.step(&images, &labels, &rule)?;
    let (_, after) = next.step(&images, &labels, &rule)?;
    println!("task loss {before:.3}, after one step {after:.3}");
    assert!(after < before);
    let w_ee: Vec<f32> = next.hidden.0.w_ee.as_vec();
    println!("{} excitatory weights in the first layer, none negative", w_ee.len());
    assert!(w_ee.iter().all(|&w| w >= 0.0), "Dale's principle");
    Ok(())
}
