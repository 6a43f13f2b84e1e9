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

    pub(super) fn new(
        pixels: ([usize; 3], Vec<u8>),
        labels: ([usize; 1], Vec<u8>),
        name: &Path,
    ) -> Result<Self> {
        let ([count, height, width], pixels) = pixels;
        let ([label_count], labels) = labels;
        if (height, width) != (SIDE, SIDE) {
            let problem = format!("has images of {height} × {width} pixels");
            return Err(Error::malformed(name, problem, format!("{SIDE} × {SIDE}")));
        }
        if count != label_count {
            let problem = format!("has {count} images but {label_count} labels");
            return Err(Error::malformed(name, problem, "one label an image"));
        }
        if count == 0 {
            return Err(Error::malformed(name, "has no images", "at least one"));
        }
        if let Some(label) = labels.iter().find(|&&l| usize::from(l) >= CLASSES.len()) {
            return Err(Error::malformed(name, format!("has label {label}"), "labels 0 to 9"));
        }
        Ok(Self { pixels, labels })
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Images({})", self.len())
    }
}
