//! Trains I-Norm networks with three rules for the error: none, the paper's centring, and a rule
//! written here, which subtracts the error of the median unit.
//!
//!     cargo run --release --example own_grad_norm

use inorm::learning::{Run, Trainer};
use inorm::{Condition, Result, configuration::configuration, dataset::FashionMnist};

/// δ ← δ − median(δ), for one sample; z is the activity of the same units before ReLU.
fn median(delta: &mut [f32], _z: &[f32]) {
    let mut sorted = delta.to_vec();
    sorted.sort_by(f32::total_cmp);
    let median = sorted[sorted.len() / 2];
    delta.iter_mut().for_each(|d| *d -= median);
}

fn main() -> Result<()> {
    let data = FashionMnist::subset()?;
    let run = |condition| -> Result<Run> {
        Ok(Run::new(condition, &configuration(13)?).epsilon(0.25).epochs(2))
    };
    let none = Trainer::new(&run(Condition::INormNone)?, &data)?;
    let center = Trainer::new(&run(Condition::INormCenter)?, &data)?;
    let own = Trainer::new(&run(Condition::INormNone)?, &data)?.with_grad_norm(median);
    for (name, mut trainer) in [("none", none), ("center", center), ("median", own)] {
        trainer.finish(&mut ());
        let accuracy = trainer.record().test_accuracy().unwrap_or(f64::NAN);
        println!("{name:<7} test accuracy {:.1} %", 100.0 * accuracy);
        assert!(accuracy > 0.3, "{name}: chance is 0.1");
    }
    Ok(())
}
