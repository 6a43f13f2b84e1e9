//! What can be done with [`Shaped`](super::Shaped) tensors.

use crate::condition::{GradNorm, Normalization};
use dfdx::shapes::Dtype;

/// An operation on tensors \[rows, columns\]; a [`Vector`](super::Vector) is one row.
#[derive(Debug, Clone, Copy)]
pub enum Operation {
    /// `a + b`, element by element, like the next three.
    Add,
    /// `a − b`
    Subtract,
    /// `a ⊙ b`
    Multiply,
    /// `a / b`
    Divide,
    /// `−a`
    Negate,
    /// `a·c`
    Scale(f64),
    /// `a + c`
    Shift(f64),
    /// `a²`
    Square,
    /// `eᵃ`
    Exponential,
    /// The logarithm of the softmax of each row.
    LogSoftmax,
    /// `a b`
    Product,
    /// `a bᵀ`
    ProductTransposed,
    /// `aᵀ b`
    TransposedProduct,
    /// The row b added to each row of a.
    AddRow,
    /// The sum over rows.
    SumRows,
    /// See [`mean`](super::moments::mean).
    Mean,
    /// See [`root_mean_square`](super::moments::root_mean_square).
    RootMeanSquare,
    /// `relu(normalize(z))`: what the layer above receives.
    Activity(Normalization),
    /// The error of z, from that of the activity and z.
    ActivityBackward(Normalization),
    /// See [`grad_norm`](super::grad_norm); of δ, z and ν.
    GradNorm(GradNorm),
}

/// `x` in precision `E`: what a formula's constants become.
pub fn constant<E: Dtype>(x: f64) -> E {
    E::from_f64(x).expect("every precision has a nearest number")
}
