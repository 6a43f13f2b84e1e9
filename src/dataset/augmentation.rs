//! What is changed of an image each time it is shown: its luminosity, or its contrast, by one random
//! number.

use crate::{
    Error, Result,
    dataset::{Images, PIXELS},
    named::named,
    randomness::{Purpose, stream},
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

named! {
    /// What is changed of an image each time it is shown, in training and in testing; its class has
    /// to be recognized all the same.
    Task of "task" {
        /// Its luminosity, as in the paper: see [`shift`], with Δ ~ U(−ε, ε).
        Luminosity = "luminosity",
        /// Its contrast, as in the authors' revised code: see [`stretch`], with c = max(0, 1 + u),
        /// u ~ U(−ε, ε).
        Contrast = "contrast",
    }
}

/// Draws a number from U(−ε, ε) for each image that is shown, and changes the image by it.
///
/// Paper: Fig. 1b (luminosity). Differs: no.
#[derive(Debug, Clone)]
pub struct Augmentation {
    task: Task,
    epsilon: f32,
    rng: ChaCha8Rng,
}

impl Augmentation {
    /// The numbers of one `epoch` of training or testing (`purpose`) under `seed`; of both tasks
    /// they are the same.
    ///
    /// # Errors
    /// If ε is outside [0, 1].
    pub fn new(task: Task, epsilon: f64, seed: u64, purpose: Purpose, epoch: u32) -> Result<Self> {
        if !(0.0..=1.0).contains(&epsilon) {
            return Err(Error::invalid("epsilon", epsilon, "a number from 0 to 1"));
        }
        Ok(Self { task, epsilon: epsilon as f32, rng: stream(seed, purpose, epoch) })
    }

    /// Draws the next numbers from U(−ε, ε) with this ε, from 0 to 1.
    pub(crate) fn set_epsilon(&mut self, epsilon: f64) {
        self.epsilon = epsilon as f32;
    }

    /// The next number, dimensionless. A shift Δ of 1 is the whole range from black to white.
    pub fn draw(&mut self) -> f32 {
        (self.rng.r#gen::<f32>() * 2.0 - 1.0) * self.epsilon
    }

    /// Writes the images of these `numbers`, each changed, to `batch`, row by row:
    /// \[numbers.len(), 784\].
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
                match self.task {
                    Task::Luminosity => shift(images.image(image), self.draw(), row),
                    Task::Contrast => stretch(images.image(image), 1.0 + self.draw(), row),
                }
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

/// One image with another contrast: `clamp(m + c·(pixel/255 − m), 0, 1)`, where m is the mean of
/// its pixels, and a c below 0 counts as 0. With c = 1 it is the image itself, exactly.
///
/// # Panics
/// If `image` and `stretched` differ in length, or there is no pixel.
#[inline(always)] // as above
pub fn stretch(image: &[u8], c: f32, stretched: &mut [f32]) {
    assert_eq!(image.len(), stretched.len());
    let (mean, change) = (mean_pixel(image), c.max(0.0) - 1.0);
    for (to, &pixel) in stretched.iter_mut().zip(image) {
        let pixel = f32::from(pixel) / 255.0;
        *to = (pixel + change * (pixel - mean)).clamp(0.0, 1.0);
    }
}

/// The mean of an image's pixels, from 0 to 1.
#[inline(always)] // as above
pub(crate) fn mean_pixel(image: &[u8]) -> f32 {
    let sum: u32 = image.iter().map(|&pixel| u32::from(pixel)).sum();
    sum as f32 / (255 * image.len()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::FashionMnist;
    use proptest::prelude::*;

    #[test]
    fn shifts_stay_in_range_and_pixels_in_the_unit_interval() {
        let purpose = Purpose::TrainingLuminosity;
        let mut luminosity = Augmentation::new(Task::Luminosity, 0.75, 1, purpose, 0).unwrap();
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
    fn contrast_is_stretched_about_the_mean_and_clamped() {
        let mut stretched = [0.0; 4];
        // Their mean is 0.4.
        let image = [0, 51, 102, 255];
        for (c, expected) in [
            (1.5, [0.0, 0.1, 0.4, 1.0]),
            (0.5, [0.2, 0.3, 0.4, 0.7]),
            (0.0, [0.4; 4]),
            (-0.5, [0.4; 4]),
        ] {
            stretch(&image, c, &mut stretched);
            let near = stretched.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(near, "{c}: {stretched:?}");
        }
        stretch(&image, 1.0, &mut stretched);
        assert_eq!(stretched, image.map(|pixel| f32::from(pixel) / 255.0));
    }

    proptest! {
        /// As long as nothing is clamped.
        #[test]
        fn contrast_keeps_the_mean(
            image in proptest::collection::vec(100..=155_u8, 1..100), c in 0.0..1.8_f32,
        ) {
            let mut stretched = vec![0.0; image.len()];
            stretch(&image, c, &mut stretched);
            let mean = |values: &mut dyn Iterator<Item = f64>| {
                values.sum::<f64>() / image.len() as f64
            };
            let before = mean(&mut image.iter().map(|&pixel| f64::from(pixel) / 255.0));
            let after = mean(&mut stretched.iter().map(|&pixel| pixel.into()));
            prop_assert!((before - after).abs() < 1e-6, "{before} {after}");
        }
    }

    #[test]
    fn tasks_draw_the_same_numbers_and_without_any_show_the_same_images() {
        let images = FashionMnist::subset().unwrap().train.first(50);
        let shown = |task, epsilon| {
            let purpose = Purpose::TrainingLuminosity;
            let mut augmentation = Augmentation::new(task, epsilon, 3, purpose, 2).unwrap();
            let mut batch = vec![0.0; 50 * PIXELS];
            augmentation.fill(&images, (0..50).rev(), &mut batch);
            (batch, augmentation.draw() / epsilon as f32)
        };
        let [luminosity, contrast] = Task::ALL.map(|task| shown(task, 0.75));
        assert_ne!(luminosity.0, contrast.0);
        assert_eq!(luminosity.1, contrast.1);
        let [luminosity, contrast] = Task::ALL.map(|task| shown(task, 0.0).0);
        assert_eq!(luminosity, contrast);
        let last: Vec<f32> = images.image(49).iter().map(|&p| f32::from(p) / 255.0).collect();
        assert_eq!(contrast[..PIXELS], last);
    }

    #[test]
    fn epsilon_outside_the_unit_interval_is_refused() {
        for epsilon in [-0.1, 1.5, f64::NAN] {
            for task in Task::ALL {
                assert!(Augmentation::new(task, epsilon, 0, Purpose::TestLuminosity, 0).is_err());
            }
        }
    }
}
