//! What is done with [`Shaped`](super::Shaped) tensors, compiled once for each precision and device.

use super::{
    grad_norm::grad_norm,
    init::initial_weights_of,
    moments::{mean, root_mean_square},
    normalization::{activity, activity_backward},
    operation::{Operation, constant},
    shaped::{Backend, Dynamic, Held},
    traced::autodiff,
    weights::{LayerWeights, NetworkWeights},
};
use crate::{Architecture, Result};
use dfdx::{
    shapes::{Axes2, Axis, Dtype, HasShape},
    tensor::{Cpu, TensorFromVec},
    tensor_ops::{BroadcastTo, Device, PermuteTo, ReshapeTo, SumTo, TryMatMul},
};

fn apply<E: Dtype, D: Device<E>>(
    operation: Operation,
    operands: &[&Dynamic<E, D>],
) -> Dynamic<E, D> {
    let a = operands[0].clone();
    let b = |operand: usize| operands[operand].clone();
    let (rows, columns) = *a.shape();
    let row = |operand: usize| b(operand).reshape_like(&(columns,));
    match operation {
        Operation::Add => a + b(1),
        Operation::Subtract => a - b(1),
        Operation::Multiply => a * b(1),
        Operation::Divide => a / b(1),
        Operation::Negate => -a,
        Operation::Scale(factor) => a * constant::<E>(factor),
        Operation::Shift(summand) => a + constant::<E>(summand),
        Operation::Square => a.square(),
        Operation::Exponential => a.exp(),
        Operation::LogSoftmax => a.log_softmax::<Axis<1>>(),
        Operation::Product => a.matmul(b(1)),
        Operation::ProductTransposed => a.matmul(b(1).permute::<(usize, usize), Axes2<1, 0>>()),
        Operation::TransposedProduct => a.permute::<(usize, usize), Axes2<1, 0>>().matmul(b(1)),
        Operation::AddRow => a + row(1).broadcast_like::<(usize, usize), Axis<0>>(&(rows, columns)),
        Operation::SumRows => a.sum::<(usize,), Axis<0>>().reshape_like(&(1, columns)),
        Operation::Mean => written_out(mean(&a)),
        Operation::RootMeanSquare => written_out(root_mean_square(&a)),
        Operation::Activity(normalization) => activity(normalization, &a),
        Operation::ActivityBackward(normalization) => activity_backward(normalization, &a, &b(1)),
        Operation::GradNorm(mode) => grad_norm(mode, &a, &b(1), &row(2)),
    }
}

/// Each value in a place of its own. A mean that is repeated by its strides alone must not come into
/// a product: on a GPU dfdx 0.13 takes the stride 0 for the length of a row, and reads other memory.
fn written_out<E: Dtype, D: Device<E>>(x: Dynamic<E, D>) -> Dynamic<E, D> {
    x.device().zeros_like(&x) + x
}

/// Nothing here is generic, so that the library has the code and no cell compiles it again.
macro_rules! backend {
    ($device:ty, $precision:ty) => {
        impl Backend<$precision> for $device {
            fn device() -> Self {
                thread_local! {
                    static DEVICE: $device = <$device>::default();
                }
                DEVICE.with(Clone::clone)
            }

            fn hold(values: Vec<$precision>, sizes: [usize; 2]) -> Held {
                let ([rows, columns], count) = (sizes, values.len());
                assert!(
                    count == rows * columns,
                    "{count} values do not fill {rows} × {columns} places"
                );
                let device = <Self as Backend<$precision>>::device();
                Held::new::<$precision, Self>(device.tensor_from_vec(values, (rows, columns)))
            }

            fn values(held: &Held) -> Vec<$precision> {
                held.get::<$precision, Self>().as_vec()
            }

            fn apply(operation: Operation, operands: &[&Held]) -> Held {
                let operands: Vec<_> =
                    operands.iter().map(|held| held.get::<$precision, Self>()).collect();
                Held::new(apply(operation, &operands))
            }

            fn initial_weights(
                architecture: &Architecture,
                seed: u64,
            ) -> Result<NetworkWeights<$precision>> {
                Ok(initial_weights_of(architecture, seed)?.convert(constant))
            }

            fn validate(
                weights: &NetworkWeights<$precision>,
                expected: &Architecture,
            ) -> Result<()> {
                weights.validate_as(expected)
            }

            fn hold_layer(weights: &LayerWeights<$precision>) -> [Held; 6] {
                let [inputs, units, inhibitory] = weights.sizes();
                let LayerWeights { w_ee, w_ie, w_ei, u_ie, b, nu, .. } = weights.clone();
                let divisive = if u_ie.is_empty() { 0 } else { units };
                let nu = if nu.is_empty() { vec![0.0; units] } else { nu };
                let hold = <Self as Backend<$precision>>::hold;
                [
                    hold(w_ee, [units, inputs]),
                    hold(w_ie, [inhibitory, inputs]),
                    hold(w_ei, [units, inhibitory]),
                    hold(u_ie, [divisive, inputs]),
                    hold(b, [1, units]),
                    hold(nu, [1, units]),
                ]
            }

            fn autodiff(
                weights: &NetworkWeights<$precision>,
                x: &Held,
                error: &Held,
            ) -> NetworkWeights<$precision> {
                let device = <Self as Backend<$precision>>::device();
                autodiff(&device, weights, x.get(), error.get())
            }
        }
    };
}
backend!(Cpu, f32);
backend!(Cpu, f64);
#[cfg(feature = "cuda")]
backend!(dfdx::tensor::Cuda, f32);
#[cfg(feature = "cuda")]
backend!(dfdx::tensor::Cuda, f64);
