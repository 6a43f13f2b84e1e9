//! FashionMNIST, and the changes of luminosity or contrast that make it a test of perceptual
//! invariance.

mod augmentation;
mod classes;
mod order;

pub(crate) use augmentation::mean_pixel;
pub use augmentation::{Augmentation, Task, shift, stretch};
pub use classes::count_by_class;
pub use inorm_core::dataset::{
    CHANCE, CLASSES, FILES, FashionMnist, Images, PIXELS, SIDE, Source, read_idx,
};
pub use order::Order;
