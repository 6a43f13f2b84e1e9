//! Trains two networks side by side, each with its layers in its type: without normalization, and
//! with LayerNorm. The one without has hardly begun to learn after these few steps.
//!
//!     cargo run --release --example train

use inorm::layers::{Excitatory, LayerNorm, NoNorm};
use inorm::{Result, configuration::configuration, dataset::FashionMnist, learning::Training};
use inorm::{networks::Network, notebook::train_together};

type Plain = Network<(Excitatory<784, 120, NoNorm>, Excitatory<120, 120, NoNorm>)>;
type Normed = Network<(Excitatory<784, 120, LayerNorm>, Excitatory<120, 120, LayerNorm>)>;

fn main() -> Result<()> {
    // 2,560 real images; `FashionMnist::load` finds all 70,000.
    let data = FashionMnist::subset()?;
    let (mut plain, mut normed) = (Plain::new(0)?, Normed::new(0)?);
    let training = Training::paper(configuration(13)?.rates).epsilon(0.25).epochs(2);
    let records = train_together(&mut [&mut plain, &mut normed], training, &data)?;
    for (name, record) in ["without", "LayerNorm"].iter().zip(&records) {
        let accuracy = record.test_accuracy().unwrap_or(f64::NAN);
        println!("{name:<9} test accuracy {:.1} %", 100.0 * accuracy);
    }
    let better = normed.evaluate(&data.test, 0.25, 0)?.accuracy;
    assert!(better > plain.evaluate(&data.test, 0.25, 0)?.accuracy && better > 0.4);
    Ok(())
}
