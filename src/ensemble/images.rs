//! Images in a machine's memory.

use super::machine::Machine;
use crate::{
    Result,
    dataset::{Augmentation, Images, PIXELS, Task, mean_pixel},
    learning::Run,
    randomness::Purpose,
};

/// Images in a machine's memory, in the order in which they are shown.
pub(super) struct StoredImages<M: Machine> {
    count: usize,
    pub pixels: M::Buffer<u8>,
    pub labels: M::Buffer<u8>,
    /// What each image is changed by in this epoch.
    pub numbers: M::Buffer<f32>,
    /// The mean of each image's pixels, where its contrast changes.
    pub means: Option<M::Buffer<f32>>,
}

/// Bytes that images take in a machine's memory.
pub(super) fn stored_bytes(images: &Images, task: Task) -> usize {
    let numbers = if task == Task::Contrast { 2 } else { 1 };
    images.len() * (PIXELS + size_of::<u8>() + numbers * size_of::<f32>())
}

impl<M: Machine> StoredImages<M> {
    /// In the order of their file.
    pub fn new(machine: &M, images: &Images, task: Task) -> Result<Self> {
        let means = match task {
            Task::Luminosity => None,
            Task::Contrast => Some(machine.upload(&means(images, 0..images.len()))?),
        };
        Ok(Self {
            count: images.len(),
            pixels: machine.upload(images.pixels())?,
            labels: machine.upload(images.labels())?,
            numbers: machine.zeros(images.len())?,
            means,
        })
    }

    /// The same images in the order of these numbers.
    pub fn put_in_order(&mut self, machine: &M, images: &Images, order: &[usize]) -> Result<()> {
        let pixels: Vec<u8> = order.iter().flat_map(|&i| images.image(i)).copied().collect();
        let labels: Vec<u8> = order.iter().map(|&i| images.labels()[i]).collect();
        machine.write(&pixels, &mut self.pixels)?;
        machine.write(&labels, &mut self.labels)?;
        match &mut self.means {
            Some(stored) => machine.write(&means(images, order.iter().copied()), stored),
            None => Ok(()),
        }
    }

    /// Draws what each image is changed by in this epoch of a run.
    pub fn draw(&mut self, machine: &M, run: &Run, purpose: Purpose, epoch: u32) -> Result<()> {
        let mut numbers = Augmentation::new(
            run.training.task,
            run.training.epsilon,
            run.training.seed,
            purpose,
            epoch,
        )?;
        let numbers: Vec<f32> = (0..self.count).map(|_| numbers.draw()).collect();
        machine.write(&numbers, &mut self.numbers)
    }
}

fn means(images: &Images, numbers: impl Iterator<Item = usize>) -> Vec<f32> {
    numbers.map(|number| mean_pixel(images.image(number))).collect()
}
