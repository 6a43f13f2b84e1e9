//! Grey images of clothes, and their labels.

use crate::{Error, Result};
use std::{fmt, path::Path};

/// Height and width of an image in pixels.
pub const SIDE: usize = 28;
/// Pixels of an image: the number of inputs of every network.
pub const PIXELS: usize = SIDE * SIDE;
/// The ten classes; a label is an index into them.
pub const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];
/// The accuracy of guessing; also what a run that diverged counts as.
pub const CHANCE: f64 = 1.0 / CLASSES.len() as f64;

/// Images and their labels.
#[derive(Clone, PartialEq, Eq)]
pub struct Images {
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Images {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Image number `index`: 784 grey values, row by row, 0 black to 255 white.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * PIXELS..(index + 1) * PIXELS]
    }

    /// All images, one after the other: \[len, 784\].
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The labels of all images, 0 to 9 (see [`CLASSES`]).
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Only the first `count` images, or all if there are fewer.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let count = count.min(self.len());
        Self {
            pixels: self.pixels[..count * PIXELS].to_vec(),
            labels: self.labels[..count].to_vec(),
        }
    }

    /// Images of one's own: 784 grey values and a label from 0 to 9 for each.
    ///
    /// # Errors
    /// If an image is not whole, there are not as many labels as images, there is no image, or a
    /// label is above 9. `name` is what the message calls them.
    pub fn from_pixels(name: &str, pixels: Vec<u8>, labels: Vec<u8>) -> Result<Self> {
        if !pixels.len().is_multiple_of(PIXELS) {
            let problem = format!("has {} grey values", pixels.len());
            return Err(Error::malformed(name, problem, format!("{PIXELS} for each image")));
        }
        let (images, count) = ([pixels.len() / PIXELS, SIDE, SIDE], labels.len());
        Self::new((images, pixels), ([count], labels), Path::new(name))
    }

    pub(super) fn new(
        pixels: ([usize; 3], Vec<u8>),
        labels: ([usize; 1], Vec<u8>),
        name: &Path,
    ) -> Result<Self> {
        let ([count, height, width], pixels) = pixels;
        let ([label_count], labels) = labels;
        let wrong_label = labels.iter().find(|&&label| usize::from(label) >= CLASSES.len());
        let (problem, expected) = if (height, width) != (SIDE, SIDE) {
            (format!("has images of {height} × {width} pixels"), format!("{SIDE} × {SIDE}"))
        } else if count != label_count {
            (format!("has {count} images but {label_count} labels"), "one label an image".into())
        } else if count == 0 {
            ("has no images".into(), "at least one".into())
        } else if let Some(label) = wrong_label {
            (format!("has label {label}"), "labels 0 to 9".into())
        } else {
            return Ok(Self { pixels, labels });
        };
        Err(Error::malformed(name, problem, expected))
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Images({})", self.len())
    }
}
