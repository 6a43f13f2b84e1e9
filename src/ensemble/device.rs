//! What an ensemble asks of the machine that it is trained on.

use super::{net::Net, stack::Stack};
use crate::Result;
use std::ops::Range;

/// Plain numbers, which may be copied byte by byte between the memory of the program and that of
/// a device.
///
/// # Safety
/// Any pattern of bits must be a value, and there must be no padding.
pub unsafe trait Plain: Copy + Default + Send + Sync + 'static {}

// SAFETY: numbers; and a structure of numbers in an order that needs no padding.
unsafe impl Plain for u8 {}
unsafe impl Plain for u32 {}
unsafe impl Plain for f32 {}
unsafe impl Plain for f64 {}
unsafe impl Plain for Net {}

/// Memory that buffers are made in.
pub trait Memory {
    /// Values of one kind.
    type Buffer<T: Plain>;

    /// A buffer with these values.
    ///
    /// # Errors
    /// If there is no memory left.
    fn upload<T: Plain>(&self, values: &[T]) -> Result<Self::Buffer<T>>;

    /// A buffer of `count` zeros.
    ///
    /// # Errors
    /// If there is no memory left.
    fn zeros<T: Plain>(&self, count: usize) -> Result<Self::Buffer<T>>;

    /// Replaces the first values of a buffer.
    ///
    /// # Errors
    /// If the device fails.
    fn write<T: Plain>(&self, values: &[T], buffer: &mut Self::Buffer<T>) -> Result<()>;

    /// A copy of the values, once everything that was asked of the device before is done.
    ///
    /// # Errors
    /// If the device fails.
    fn read<T: Plain>(&self, buffer: &Self::Buffer<T>) -> Result<Vec<T>>;

    /// Makes `to` what `from`, of the same size, is.
    ///
    /// # Errors
    /// If the device fails.
    fn copy<T: Plain>(&self, from: &Self::Buffer<T>, to: &mut Self::Buffer<T>) -> Result<()>;
}

/// A matrix in a buffer, and where the next ones of a batch of products are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// First value of the first matrix.
    pub offset: usize,
    /// From one matrix to the next.
    pub step: usize,
    /// From one row to the next, as it is stored.
    pub stride: usize,
    /// Whether the product is with the transpose of what is stored.
    pub transposed: bool,
}

/// `count` products of the same sizes: `out = a b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batched {
    /// How many.
    pub count: usize,
    /// m, n and k: `out` is m × n, `a` is m × k, `b` is k × n.
    pub sizes: [usize; 3],
    /// The left operand.
    pub a: Operand,
    /// The right operand.
    pub b: Operand,
    /// The result, never transposed.
    pub out: Operand,
}

/// What the task loss adds up, for each network.
pub struct Tally<D: Memory> {
    /// Sum of the loss over samples.
    pub(super) loss: D::Buffer<f64>,
    /// Samples that were classified correctly.
    pub(super) correct: D::Buffer<u32>,
    /// The first step at which the loss was not finite; 0 if there was none.
    pub(super) diverged: D::Buffer<u32>,
}

/// A machine that trains ensembles.
///
/// There are two: [`Cpu`](super::Cpu), on one thread, with the passes of the
/// [engine](crate::engine); and `Kernels`, which are the same passes for a GPU. Work on a GPU goes
/// on while the program does: only [`Memory::read`] waits for it.
pub trait Device: Memory + Sized {
    /// Threads on which what was read is measured.
    fn measuring_threads(&self) -> usize;

    /// `out = a b`.
    fn product(
        &self,
        products: &Batched,
        a: &Self::Buffer<f32>,
        b: &Self::Buffer<f32>,
        out: &mut Self::Buffer<f32>,
    ) -> Result<()>;

    /// Images number `range`, \[_, 784\], each shifted by its own Δ, to `x`.
    fn shift(
        &self,
        images: &Self::Buffer<u8>,
        shifts: &Self::Buffer<f32>,
        range: Range<usize>,
        x: &mut Self::Buffer<f32>,
    ) -> Result<()>;

    /// From the inputs `h` of the first `size` samples to the drives.
    fn drives(&self, stack: &mut Stack<Self>, h: &Self::Buffer<f32>, size: usize) -> Result<()> {
        for products in stack.layout.drives(size) {
            self.product(&products, h, &stack.matrix, &mut stack.drive)?;
        }
        Ok(())
    }

    /// From the errors of the drives to the error of the activity `below`.
    fn errors(
        &self,
        stack: &Stack<Self>,
        below: &mut Self::Buffer<f32>,
        size: usize,
    ) -> Result<()> {
        for products in stack.layout.errors(size) {
            self.product(&products, &stack.delta, &stack.matrix, below)?;
        }
        Ok(())
    }

    /// From the drives of the first `size` samples to the activities.
    fn forward(&self, stack: &mut Stack<Self>, size: usize) -> Result<()>;

    /// From the errors of the activities to the errors of the drives.
    fn backward(&self, stack: &mut Stack<Self>, size: usize) -> Result<()>;

    /// Moves all weights along the gradient for the inputs `h`. Consumes the errors.
    fn update(&self, stack: &mut Stack<Self>, h: &Self::Buffer<f32>, size: usize) -> Result<()>;

    /// Adds the task loss of the labels number `range` to the tally, and writes its gradient to
    /// the error of the read-out. `step` is counted from 1.
    fn loss(
        &self,
        readout: &mut Stack<Self>,
        labels: &Self::Buffer<u8>,
        range: Range<usize>,
        step: u64,
        tally: &mut Tally<Self>,
    ) -> Result<()>;
}
