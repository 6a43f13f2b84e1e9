//! FashionMNIST: where it is, how it is read, and that it is right.

mod fashion_mnist;
mod idx;
mod images;

pub use fashion_mnist::{FILES, FashionMnist, Source};
pub use idx::read_idx;
pub use images::{CHANCE, CLASSES, Images, PIXELS, SIDE};
