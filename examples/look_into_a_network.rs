//! Looks into a network with its layers and sizes in its type: activities, errors, gradients, which
//! equal those of dfdx's autodiff, and one step along them.
//!
//!     cargo run --release --example look_into_a_network

use inorm::layers::{Ei, INorm, LayerNorm, Raw};
use inorm::networks::{ImageBatch, Network, task_loss};
use inorm::{Result, configuration::configuration, dataset::FashionMnist, learning::LearningRule};

/// 784 inputs, hidden layers of 60 and of 40 excitatory units, 10 classes.
type Net = Network<(Ei<784, 60, 6, LayerNorm>, INorm<60, 40, 4, Raw>)>;

fn main() -> Result<()> {
    let network = Net::new(0)?;
    println!("{}", Net::architecture());
    let ImageBatch { x, labels } = ImageBatch::new(&FashionMnist::subset()?.train, 0..8, 0.25, 0)?;
    let pass = network.forward(&x);
    println!("z in the second hidden layer: {:.2?} …", &pass.hidden.1.z.as_vec()[..6]);

    let (loss, error) = task_loss(&pass.logits, &labels, 0.1);
    let errors = network.errors(&error, &pass);
    println!("errors that arrive there: {:.4?} …", &errors.1.arriving.as_vec()[..6]);
    let (ours, theirs) = (network.backward(&error, &pass, 0.0), network.autodiff(&x, &error));
    let pairs = ours.hidden[0].w_ee.iter().zip(&theirs.hidden[0].w_ee);
    let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("written-out rule and autodiff: at most {apart:e} apart");
    assert!(apart < 1e-5);

    let rule = LearningRule::paper(configuration(13)?.rates);
    let (next, before) = network.step(&x, &labels, &rule)?;
    let (_, after) = next.step(&x, &labels, &rule)?;
    println!("task loss {before:.3}, after one step {after:.3}");
    assert!(after < before && before == loss);
    assert!(next.hidden.0.w_ee.as_vec().iter().all(|&w| w >= 0.0), "Dale's principle");
    Ok(())
}
