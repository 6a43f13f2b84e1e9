//! In which order images are shown.

use crate::{
    named::named,
    randomness::{Purpose, stream},
};
use rand::seq::SliceRandom;

named! {
    /// In which order the training images are shown.
    Order of "order" {
        /// As in the file, in each epoch, as in the paper.
        File = "file",
        /// Shuffled anew for each epoch.
        Shuffled = "shuffled",
    }
}

impl Order {
    /// The numbers of `images` training images in the order of this `epoch` under `seed`.
    pub fn of(self, images: usize, seed: u64, epoch: u32) -> Vec<usize> {
        let mut order: Vec<usize> = (0..images).collect();
        if self == Self::Shuffled {
            order.shuffle(&mut stream(seed, Purpose::TrainingOrder, epoch));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffled_images_are_all_there_in_an_order_of_each_epoch_and_seed() {
        let file: Vec<usize> = (0..1000).collect();
        assert_eq!(Order::File.of(1000, 3, 2), file);
        let shuffled = |seed, epoch| Order::Shuffled.of(1000, seed, epoch);
        let first = shuffled(3, 1);
        assert_eq!(first, shuffled(3, 1));
        assert!(first != file && first != shuffled(3, 2) && first != shuffled(4, 1));
        // As far from the file as chance has it: few images stay where they were.
        assert!(first.iter().zip(&file).filter(|(a, b)| a == b).count() < 10);
        let mut sorted = first;
        sorted.sort();
        assert_eq!(sorted, file);
        assert!(Order::Shuffled.of(0, 3, 1).is_empty());
    }
}
