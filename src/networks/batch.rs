//! Images for a typed network.

use crate::{
    Error, Result,
    dataset::{Augmentation, Images, PIXELS, Task},
    layers::{Backend, Batch, constant},
    randomness::Purpose,
};
use dfdx::{shapes::Dtype, tensor::AutoDevice};
use std::ops::Range;

/// Some images, each shifted once, and what they show.
#[derive(Debug, Clone)]
pub struct ImageBatch<E = f32, D = AutoDevice> {
    /// The images, from 0 (black) to 1, one row each: \[B, 784\].
    pub x: Batch<usize, PIXELS, E, D>,
    /// Their classes.
    pub labels: Vec<u8>,
}

impl ImageBatch {
    /// The images of this range, each shifted by Δ ~ U(−ε, ε) drawn from `seed`.
    ///
    /// # Errors
    /// If ε is not from 0 to 1, or there are no such images.
    pub fn new(images: &Images, range: Range<usize>, epsilon: f64, seed: u64) -> Result<Self> {
        Self::of(images, range, epsilon, seed)
    }
}

impl<E: Dtype, D: Backend<E>> ImageBatch<E, D> {
    /// The same in any precision and on any device: `ImageBatch::<f64>::of(…)`.
    ///
    /// # Errors
    /// As [`new`](ImageBatch::new).
    pub fn of(images: &Images, range: Range<usize>, epsilon: f64, seed: u64) -> Result<Self> {
        if range.is_empty() || range.end > images.len() {
            let expected = format!("some of the {} that there are", images.len());
            return Err(Error::invalid("images", format!("{range:?}"), expected));
        }
        let mut pixels = vec![0.0; range.len() * PIXELS];
        let mut luminosity =
            Augmentation::new(Task::Luminosity, epsilon, seed, Purpose::TestLuminosity, 0)?;
        luminosity.fill(images, range.clone(), &mut pixels);
        let pixels = pixels.into_iter().map(|pixel: f32| constant(f64::from(pixel))).collect();
        Ok(Self { x: Batch::of_samples(pixels), labels: images.labels()[range].to_vec() })
    }
}
