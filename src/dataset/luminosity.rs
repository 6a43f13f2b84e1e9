//! The luminosity shift: one random constant added to all pixels of an image.

use crate::{
    Error, Result,
    dataset::{Images, PIXELS},
    randomness::{Purpose, stream},
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Draws the shifts Δ ~ U(−ε, ε), one for each image that is shown.
///
/// Paper: Fig. 1b. Differs: no.
#[derive(Debug, Clone)]
pub struct Luminosity {
    epsilon: f32,
    rng: ChaCha8Rng,
}

impl Luminosity {
    /// The shifts of one `epoch` of training or testing (`purpose`) under `seed`.
    ///
    /// # Errors
    /// If ε is outside [0, 1].
    pub fn new(epsilon: f64, seed: u64, purpose: Purpose, epoch: u32) -> Result<Self> {
        if !(0.0..=1.0).contains(&epsilon) {
            return Err(Error::invalid("epsilon", epsilon, "a number from 0 to 1"));
        }
        Ok(Self { epsilon: epsilon as f32, rng: stream(seed, purpose, epoch) })
    }

    /// Draws the next shifts from U(−ε, ε) with this ε, from 0 to 1.
    pub(crate) fn set_epsilon(&mut self, epsilon: f64) {
        self.epsilon = epsilon as f32;
    }

    /// The next Δ, dimensionless: 1 is the whole range from black to white.
    pub fn draw(&mut self) -> f32 {
        (self.rng.r#gen::<f32>() * 2.0 - 1.0) * self.epsilon
    }

    /// Writes the shifted images of these `numbers` to `batch`, row by row: \[numbers.len(), 784\].
    ///
    /// # Panics
    /// If `batch` has another size or there is no image of a number.
    pub fn fill(
        &mut self,
        images: &Images,
        numbers: impl ExactSizeIterator<Item = usize>,
        batch: &mut [f32],
    ) {
        assert_eq!(batch.len(), numbers.len() * PIXELS, "a batch holds whole images");
        pulp::Arch::new().dispatch(|| {
            for (row, image) in batch.chunks_exact_mut(PIXELS).zip(numbers) {
                shift(images.image(image), self.draw(), row);
            }
        });
    }
}

/// One image with its luminosity shifted: `clamp(pixel/255 + Δ, 0, 1)`.
///
/// # Panics
/// If `image` and `shifted` differ in length.
#[inline(always)] // for the vector instructions of its caller
pub fn shift(image: &[u8], delta: f32, shifted: &mut [f32]) {
    assert_eq!(image.len(), shifted.len());
    for (to, &pixel) in shifted.iter_mut().zip(image) {
        *to = (f32::from(pixel) / 255.0 + delta).clamp(0.0, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_stay_in_range_and_pixels_in_the_unit_interval() {
        let mut luminosity = Luminosity::new(0.75, 1, Purpose::TrainingLuminosity, 0).unwrap();
        let deltas: Vec<f32> = (0..10_000).map(|_| luminosity.draw()).collect();
        assert!(deltas.iter().all(|d| d.abs() <= 0.75));
        let mean = deltas.iter().sum::<f32>() / 10_000.0;
        // The standard error of a mean of 10,000 draws from U(−0.75, 0.75) is 0.0043.
        assert!(mean.abs() < 0.02, "{mean}");
        let mut shifted = [0.0; 3];
        shift(&[0, 128, 255], 0.5, &mut shifted);
        assert_eq!(shifted, [0.5, 1.0, 1.0]);
        shift(&[0, 51, 255], -0.2, &mut shifted);
        assert_eq!(shifted, [0.0, 0.0, 0.8]);
    }

    #[test]
    fn epsilon_outside_the_unit_interval_is_refused() {
        for epsilon in [-0.1, 1.5, f64::NAN] {
            assert!(Luminosity::new(epsilon, 0, Purpose::TestLuminosity, 0).is_err());
        }
    }
}
