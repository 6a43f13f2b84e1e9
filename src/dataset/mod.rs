//! FashionMNIST and the luminosity shift that makes it a test of perceptual invariance.

mod fashion_mnist;
mod idx;
mod luminosity;

pub use fashion_mnist::{CHANCE, CLASSES, FILES, FashionMnist, Images, PIXELS, SIDE, Source};
pub use idx::read_idx;
pub use luminosity::{Luminosity, shift};
