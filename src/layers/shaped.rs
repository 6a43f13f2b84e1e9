//! Tensors whose shape is their type, and whose operations are compiled with the library.
//!
//! A notebook compiles each cell on its own, and what is generic in sizes that only the cell knows
//! would be compiled there, with all of dfdx below it: for seconds. So a [`Shaped`] tensor hides the
//! dfdx tensor that it is made of. A cell compiles conversions of types and calls, no more; and dfdx
//! only where it asks for a [`tensor`](Shaped::tensor).

use super::{
    operation::Operation,
    weights::{LayerWeights, NetworkWeights},
};
use crate::{Architecture, Result};
use dfdx::{
    shapes::{Const, Dim, Dtype, Rank1, Rank2, Shape},
    tensor::{AutoDevice, Tensor},
    tensor_ops::Device,
};
use std::{any::Any, fmt, marker::PhantomData, mem::ManuallyDrop, ops, sync::Arc};

/// Activities or errors of `N` units for `B` samples: \[B, N\].
///
/// `B` is a run-time size (`usize`) or a compile-time one (`Const<32>`).
pub type Batch<B, const N: usize, E = f32, D = AutoDevice> = Shaped<(B, Const<N>), E, D>;

/// Weights from `PRE` to `POST` units: \[POST, PRE\].
pub type Matrix<const POST: usize, const PRE: usize, E = f32, D = AutoDevice> =
    Shaped<Rank2<POST, PRE>, E, D>;

/// One value for each of `N` units: \[N\].
pub type Vector<const N: usize, E = f32, D = AutoDevice> = Shaped<Rank1<N>, E, D>;

/// A device that can run the networks in precision `E`: `Cpu`, or `Cuda` with its feature.
pub trait Backend<E: Dtype>: Device<E> {
    /// The device that all tensors are on.
    fn device() -> Self;

    /// A tensor of these values.
    ///
    /// # Panics
    /// If they are not as many as the sizes say.
    #[track_caller]
    fn hold(values: Vec<E>, sizes: [usize; 2]) -> Held;

    /// Its values, row by row.
    fn values(held: &Held) -> Vec<E>;

    /// What comes of an operation.
    ///
    /// # Panics
    /// If the sizes do not fit.
    fn apply(operation: Operation, operands: &[&Held]) -> Held;

    /// See [`initial_weights_of`](super::initial_weights_of).
    ///
    /// # Errors
    /// As there.
    fn initial_weights(architecture: &Architecture, seed: u64) -> Result<NetworkWeights<E>>;

    /// See [`NetworkWeights::validate_as`].
    ///
    /// # Errors
    /// As there.
    fn validate(weights: &NetworkWeights<E>, expected: &Architecture) -> Result<()>;

    /// The tensors of a layer, in the order of its fields; ν is zero where there is none.
    ///
    /// # Panics
    /// If the layer's numbers are not as many as its sizes say.
    fn hold_layer(weights: &LayerWeights<E>) -> [Held; 6];

    /// See [`Network::autodiff`](crate::networks::Network::autodiff).
    ///
    /// # Panics
    /// If the weights do not fit their architecture, or x and error do not fit these.
    fn autodiff(weights: &NetworkWeights<E>, x: &Held, error: &Held) -> NetworkWeights<E>;
}

/// A dfdx tensor of a size known at run time, whose type is hidden.
pub struct Held {
    tensor: ManuallyDrop<Arc<dyn Any>>,
    sizes: [usize; 2],
}

impl Clone for Held {
    #[inline(never)]
    fn clone(&self) -> Self {
        Self { tensor: self.tensor.clone(), sizes: self.sizes }
    }
}

/// As it would be dropped anyway, but here: each variable with a tensor in it would bring a copy of
/// this code into each cell.
impl Drop for Held {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: this is the only place that drops it, and nothing uses it after that.
        unsafe { ManuallyDrop::drop(&mut self.tensor) }
    }
}

/// What a [`Held`] holds.
pub(super) type Dynamic<E, D> = Tensor<(usize, usize), E, D>;

impl Held {
    pub(super) fn new<E: Dtype, D: Device<E>>(tensor: Dynamic<E, D>) -> Self {
        use dfdx::shapes::HasShape;
        let (rows, columns) = *tensor.shape();
        Self { tensor: ManuallyDrop::new(Arc::new(tensor)), sizes: [rows, columns] }
    }

    pub(super) fn get<E: Dtype, D: Device<E>>(&self) -> &Dynamic<E, D> {
        self.tensor.downcast_ref().expect("a tensor of the precision and device of its type")
    }
}

/// A tensor whose shape is its type: a [`Batch`], a [`Matrix`] or a [`Vector`].
pub struct Shaped<S, E = f32, D = AutoDevice> {
    held: Held,
    of: PhantomData<(S, E, D)>,
}

impl<S, E, D> Clone for Shaped<S, E, D> {
    fn clone(&self) -> Self {
        Self { held: self.held.clone(), of: PhantomData }
    }
}

/// The sizes alone.
impl<S, E, D> fmt::Debug for Shaped<S, E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rows, columns] = self.held.sizes;
        write!(f, "[{rows}, {columns}]")
    }
}

impl<const ROWS: usize, const COLUMNS: usize, E: Dtype, D: Backend<E>> Matrix<ROWS, COLUMNS, E, D> {
    /// A matrix of these values, row by row.
    ///
    /// # Panics
    /// If they are not as many as the shape says.
    #[track_caller]
    pub fn new(values: Vec<E>) -> Self {
        Self::from_held(D::hold(values, [ROWS, COLUMNS]))
    }
}

impl<S, E: Dtype, D: Backend<E>> Shaped<S, E, D> {
    pub(crate) fn from_held(held: Held) -> Self {
        Self { held, of: PhantomData }
    }

    /// A copy of the values, row by row.
    pub fn as_vec(&self) -> Vec<E> {
        D::values(&self.held)
    }

    /// Other values in the same shape.
    pub(crate) fn like(&self, values: Vec<E>) -> Self {
        Self::from_held(D::hold(values, self.held.sizes))
    }

    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    /// Rows and columns; a [`Vector`] is one row.
    pub fn sizes(&self) -> [usize; 2] {
        self.held.sizes
    }

    /// `x²`
    #[must_use]
    pub fn square(&self) -> Self {
        self.map(Operation::Square)
    }

    /// The mean over units (columns), repeated for each unit.
    #[must_use]
    pub fn mean(&self) -> Self {
        self.map(Operation::Mean)
    }

    /// `√(mean(x²) + ε)` over units, repeated for each unit, with ε = 1e-5.
    #[must_use]
    pub fn root_mean_square(&self) -> Self {
        self.map(Operation::RootMeanSquare)
    }

    /// An operation that keeps the shape.
    pub(crate) fn map(&self, operation: Operation) -> Self {
        Self::from_held(D::apply(operation, &[&self.held]))
    }

    /// The same, of two tensors.
    #[track_caller]
    pub(crate) fn with(&self, operation: Operation, other: &Self) -> Self {
        same_batch(&self.held, &other.held);
        Self::from_held(D::apply(operation, &[&self.held, &other.held]))
    }
}

/// Fails if two tensors, whose types say the same of all else, are not of as many samples.
#[track_caller]
fn same_batch(a: &Held, b: &Held) {
    let ([samples, _], [others, _]) = (a.sizes, b.sizes);
    assert!(samples == others, "{samples} samples beside {others}: they are of different batches");
}

impl<S: Shape, E: Dtype, D: Backend<E>> Shaped<S, E, D> {
    /// A copy as a dfdx tensor.
    pub fn tensor(&self) -> Tensor<S, E, D> {
        let mut sizes = S::Concrete::default();
        let last = self.held.sizes.into_iter().rev();
        (0..S::NUM_DIMS).rev().zip(last).for_each(|(axis, size)| sizes[axis] = size);
        let shape = S::from_concrete(&sizes).expect("the sizes are those of the shape");
        D::device().tensor_from_vec(self.as_vec(), shape)
    }
}

/// A copy of a dfdx tensor with one or two axes.
impl<S: Shape, E: Dtype, D: Backend<E>> From<&Tensor<S, E, D>> for Shaped<S, E, D> {
    fn from(tensor: &Tensor<S, E, D>) -> Self {
        use dfdx::shapes::HasShape;
        let columns = tensor.shape().concrete().into_iter().last().unwrap_or(1);
        let values = tensor.as_vec();
        let rows = values.len() / columns;
        Self::from_held(D::hold(values, [rows, columns]))
    }
}

impl<B: Dim, const N: usize, E: Dtype, D: Backend<E>> Batch<B, N, E, D> {
    /// `x W`: \[B, M\].
    pub fn matmul<const M: usize>(&self, w: &Matrix<N, M, E, D>) -> Batch<B, M, E, D> {
        Shaped::from_held(D::apply(Operation::Product, &[&self.held, &w.held]))
    }

    /// The same `b` added to each sample.
    #[must_use]
    pub fn plus(&self, b: &Vector<N, E, D>) -> Self {
        Self::from_held(D::apply(Operation::AddRow, &[&self.held, &b.held]))
    }

    /// The sum over the samples.
    pub fn sum_of_samples(&self) -> Vector<N, E, D> {
        Shaped::from_held(D::apply(Operation::SumRows, &[&self.held]))
    }

    /// See [`grad_norm`](super::grad_norm).
    pub(super) fn grad_norm(
        &self,
        mode: crate::condition::GradNorm,
        z: &Self,
        nu: &Vector<N, E, D>,
    ) -> Self {
        same_batch(&self.held, &z.held);
        let operands = [&self.held, &z.held, &nu.held];
        Self::from_held(D::apply(Operation::GradNorm(mode), &operands))
    }
}

impl<const N: usize, E: Dtype, D: Backend<E>> Batch<usize, N, E, D> {
    /// As many samples as there are values for.
    ///
    /// # Panics
    /// If the last sample is not whole.
    #[track_caller]
    pub fn of_samples(values: Vec<E>) -> Self {
        let (count, samples) = (values.len(), values.len() / N);
        assert!(count == samples * N, "{count} values are no whole samples of {N}");
        Self::from_held(D::hold(values, [samples, N]))
    }
}

/// `h Wᵀ`: the pre-activation of `POST` units, \[B, POST\].
pub fn pre_activation<B: Dim, const POST: usize, const PRE: usize, E: Dtype, D: Backend<E>>(
    h: &Batch<B, PRE, E, D>,
    w: &Matrix<POST, PRE, E, D>,
) -> Batch<B, POST, E, D> {
    Shaped::from_held(D::apply(Operation::ProductTransposed, &[&h.held, &w.held]))
}

/// `δᵀ h`: the gradient of the weights from h to the units with error δ, \[POST, PRE\].
///
/// # Panics
/// If δ and h are of different batches.
#[track_caller]
pub fn weight_gradient<B: Dim, const POST: usize, const PRE: usize, E: Dtype, D: Backend<E>>(
    delta: &Batch<B, POST, E, D>,
    h: &Batch<B, PRE, E, D>,
) -> Matrix<POST, PRE, E, D> {
    same_batch(&delta.held, &h.held);
    Shaped::from_held(D::apply(Operation::TransposedProduct, &[&delta.held, &h.held]))
}

/// Elementwise, of tensors and with a number.
macro_rules! operators {
    ($($operator:ident $method:ident $operation:ident),*) => { $(
        impl<S, E: Dtype, D: Backend<E>> ops::$operator for Shaped<S, E, D> {
            type Output = Self;

            #[track_caller]
            fn $method(self, other: Self) -> Self {
                self.with(Operation::$operation, &other)
            }
        }

        impl<S, E: Dtype, D: Backend<E>> ops::$operator for &Shaped<S, E, D> {
            type Output = Shaped<S, E, D>;

            #[track_caller]
            fn $method(self, other: Self) -> Self::Output {
                self.with(Operation::$operation, other)
            }
        }
    )* };
}
operators!(Add add Add, Sub sub Subtract, Mul mul Multiply, Div div Divide);

/// Of values, and of values that are lent: `&network.hidden.0.w_ee * 0.5` leaves the network whole.
macro_rules! with_numbers {
    ($($Values:ty),*) => { $(
        impl<S, E: Dtype, D: Backend<E>> ops::Neg for $Values {
            type Output = Shaped<S, E, D>;

            fn neg(self) -> Self::Output {
                self.map(Operation::Negate)
            }
        }

        impl<S, E: Dtype, D: Backend<E>> ops::Mul<f64> for $Values {
            type Output = Shaped<S, E, D>;

            fn mul(self, factor: f64) -> Self::Output {
                self.map(Operation::Scale(factor))
            }
        }

        impl<S, E: Dtype, D: Backend<E>> ops::Add<f64> for $Values {
            type Output = Shaped<S, E, D>;

            fn add(self, summand: f64) -> Self::Output {
                self.map(Operation::Shift(summand))
            }
        }
    )* };
}
with_numbers!(Shaped<S, E, D>, &Shaped<S, E, D>);
