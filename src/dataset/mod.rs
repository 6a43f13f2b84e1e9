//! FashionMNIST and the luminosity shift that makes it a test of perceptual invariance.

mod classes;
mod luminosity;
mod order;

pub use classes::count_by_class;
pub use inorm_core::dataset::{
    CHANCE, CLASSES, FILES, FashionMnist, Images, PIXELS, SIDE, Source, read_idx,
};
pub use luminosity::{Luminosity, shift};
pub use order::Order;
