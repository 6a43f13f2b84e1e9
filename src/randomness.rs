//! Reproducible randomness: one ChaCha8 stream for each purpose, all derived from one seed.
//!
//! A stream depends on the seed, its purpose and an index (a layer, an epoch), never on what
//! was drawn before. So a resumed run draws what an uninterrupted one would have drawn.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What random numbers are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights; the index is the layer.
    Weights = 1,
    /// The fixed ν of lateral inhibition; the index is the layer.
    LateralInhibition = 2,
    /// Changes of luminosity or contrast of the training images; the index is the epoch.
    TrainingLuminosity = 3,
    /// Changes of luminosity or contrast of the test images; the index is the epoch.
    TestLuminosity = 4,
    /// Samples drawn with replacement from results.
    Bootstrap = 5,
    /// Numbers that stand for errors in a simulation.
    Simulation = 6,
    /// The order of the training images; the index is the epoch.
    TrainingOrder = 7,
}

/// The generator for `purpose` number `index` under `seed`.
pub fn stream(seed: u64, purpose: Purpose, index: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((purpose as u64) << 32 | u64::from(index));
    rng
}

/// So many numbers from a normal distribution with mean 0 and variance 1.
pub fn normals(count: usize, seed: u64) -> Vec<f64> {
    let rng = stream(seed, Purpose::Simulation, 0);
    rng.sample_iter(rand_distr::StandardNormal).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normals_have_mean_0_and_variance_1() {
        let drawn = normals(100_000, 3);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let squares: Vec<f64> = drawn.iter().map(|x| x * x).collect();
        assert!(mean(&drawn).abs() < 0.02 && (mean(&squares) - 1.0).abs() < 0.02);
        assert_eq!(normals(3, 3), drawn[..3]);
        assert_ne!(normals(3, 4), drawn[..3]);
    }

    #[test]
    fn streams_repeat_and_differ_by_seed_purpose_and_index() {
        let draw = |seed, purpose, index| stream(seed, purpose, index).r#gen::<u64>();
        let first = draw(7, Purpose::Weights, 0);
        assert_eq!(first, draw(7, Purpose::Weights, 0));
        assert_ne!(first, draw(8, Purpose::Weights, 0));
        assert_ne!(first, draw(7, Purpose::Weights, 1));
        assert_ne!(first, draw(7, Purpose::TestLuminosity, 0));
    }
}
