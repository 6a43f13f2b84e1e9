//! Names for shapes: what is a batch, a matrix, a vector, and what a device must be able to do.

use dfdx::{
    shapes::{Const, Dtype, Rank1, Rank2},
    tensor::{AutoDevice, Tensor},
    tensor_ops::Device,
};

/// Activities or errors of `N` units for `B` samples: \[B, N\].
///
/// `B` is a run-time size (`usize`) or a compile-time one (`Const<32>`).
pub type Batch<B, const N: usize, E = f32, D = AutoDevice> = Tensor<(B, Const<N>), E, D>;

/// Weights from `PRE` to `POST` units: \[POST, PRE\].
pub type Matrix<const POST: usize, const PRE: usize, E = f32, D = AutoDevice> =
    Tensor<Rank2<POST, PRE>, E, D>;

/// One value for each of `N` units: \[N\].
pub type Vector<const N: usize, E = f32, D = AutoDevice> = Tensor<Rank1<N>, E, D>;

/// A device that can run the networks in precision `E`: `Cpu`, or `Cuda` with its feature.
pub trait Backend<E: Dtype>: Device<E> {}

impl<E: Dtype, D: Device<E>> Backend<E> for D {}

/// `x` in precision `E`: what a formula's constants become.
pub fn constant<E: Dtype>(x: f64) -> E {
    E::from_f64(x).expect("every precision has a nearest number")
}
