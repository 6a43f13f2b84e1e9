//! Trains one network of the paper for two epochs and prints how well it classifies.
//!
//!     cargo run --release --example train

use inorm::learning::{Run, train};
use inorm::{Condition, Result, configuration::configuration, dataset::FashionMnist};

fn main() -> Result<()> {
    // 2,560 real images; `FashionMnist::load` finds all 70,000.
    let data = FashionMnist::subset()?;
    let run = Run::new(Condition::INormFull, &configuration(13)?).epsilon(0.25).epochs(2);
    let (_, record) = train(&run, &data, &mut ())?;
    for epoch in &record.epochs {
        println!("epoch {}: test accuracy {:.1} %", epoch.epoch, 100.0 * epoch.test_accuracy);
    }
    assert!(record.test_accuracy().is_some_and(|accuracy| accuracy > 0.4), "chance is 0.1");
    Ok(())
}
