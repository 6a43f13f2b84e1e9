//! Trains I-Norm networks with three rules for the error: none, the paper's centering, and a rule
//! written here, which subtracts the error of the median unit. Many errors are zero (ReLU), and so
//! is their median, often: this rule is nearly none.
//!
//!     cargo run --release --example own_grad_norm

use inorm::layers::{Center, ErrorRule, INorm, Raw};
use inorm::{Result, configuration::configuration, dataset::FashionMnist, learning::Training};
use inorm::{networks::Network, notebook::train_together};

/// δ ← δ − median(δ), for one sample; z is the activity of the same units before ReLU.
struct Median;

impl ErrorRule for Median {
    fn apply(delta: &mut [f32], _z: &[f32]) {
        let mut sorted = delta.to_vec();
        sorted.sort_by(f32::total_cmp);
        let median = sorted[sorted.len() / 2];
        delta.iter_mut().for_each(|d| *d -= median);
    }
}

type Net<G> = Network<(INorm<784, 120, 12, G>, INorm<120, 120, 12, G>)>;

fn main() -> Result<()> {
    let data = FashionMnist::subset()?;
    let (mut none, mut center) = (Net::<Raw>::new(0)?, Net::<Center>::new(0)?);
    let mut median = Net::<Median>::new(0)?;
    let training = Training::paper(configuration(13)?.rates).epsilon(0.25).epochs(2);
    let records = train_together(&mut [&mut none, &mut center, &mut median], training, &data)?;
    for (name, record) in ["none", "center", "median"].iter().zip(&records) {
        let accuracy = record.test_accuracy().unwrap_or(f64::NAN);
        println!("{name:<7} test accuracy {:.1} %", 100.0 * accuracy);
        assert!(accuracy > 0.3, "{name}: chance is 0.1");
    }
    Ok(())
}
