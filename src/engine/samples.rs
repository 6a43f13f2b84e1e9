//! A batch of samples on their way through one layer, wherever its numbers are stored.
//!
//! A network trained alone has buffers of its own; in an ensemble the layers of many networks
//! share them. Both lend them here, so that there is one forward and one backward pass.

use super::{
    OwnGradNorm,
    lanes::Real,
    passes,
    product::{Onto, View, product},
};
use crate::condition::{Circuit, Condition, GradNorm, Normalization};
use std::ops::Range;

/// What a layer is, apart from its numbers.
#[derive(Clone, Copy)]
pub(crate) struct Form<T> {
    pub circuit: Circuit,
    pub normalization: Normalization,
    pub grad_norm: GradNorm,
    /// What happens to the error instead, if somebody wrote that.
    pub own_grad_norm: Option<OwnGradNorm<T>>,
    /// Whether the activity is `relu(z)` (hidden layers) or `z` (the read-out).
    pub rectified: bool,
    pub inputs: usize,
    pub units: usize,
    pub inhibitory: usize,
}

impl<T> Form<T> {
    /// A hidden layer of `condition`.
    pub fn hidden(condition: Condition, [inputs, units, inhibitory]: [usize; 3]) -> Self {
        Self {
            circuit: condition.circuit(),
            normalization: condition.normalization(),
            grad_norm: condition.grad_norm(),
            own_grad_norm: None,
            rectified: true,
            inputs,
            units,
            inhibitory,
        }
    }

    /// The read-out of every condition.
    pub fn readout([inputs, units, inhibitory]: [usize; 3]) -> Self {
        Self {
            circuit: Circuit::ExcitatoryInhibitory,
            normalization: Normalization::None,
            grad_norm: GradNorm::None,
            own_grad_norm: None,
            rectified: false,
            inputs,
            units,
            inhibitory,
        }
    }

    /// Rows of `[W_EE; W_IE; U_IE]`: units + inhibitory + (units, if it divides).
    pub fn targets(&self) -> usize {
        self.signed() + if self.circuit.divides() { self.units } else { 0 }
    }

    /// Of these rows, the first ones: those that Dale's principle holds for.
    pub fn signed(&self) -> usize {
        self.units + self.inhibitory
    }

    /// Of these rows, the first ones through which the task error passes: none of inhibition that
    /// learns locally.
    pub fn through(&self) -> usize {
        if self.circuit.learns_locally() { self.units } else { self.signed() }
    }

    /// Whether `W_EI` learns: everywhere but in I-Norm, where it is frozen.
    pub fn trains_w_ei(&self) -> bool {
        self.inhibitory > 0 && self.circuit != Circuit::InhibitoryNorm
    }
}

/// What one layer of one network computes for a batch of `size` samples.
pub(crate) struct Samples<'a, T> {
    pub form: Form<T>,
    pub size: usize,
    /// From one sample's drive or delta to the next: at least the number of targets.
    pub stride: usize,
    /// \[units, inhibitory\]
    pub w_ei: &'a [T],
    pub b: &'a [T],
    pub nu: &'a [T],
    /// `h Mᵀ`, \[size, targets\]: excitatory drive, inhibitory activity, divisive drive.
    pub drive: &'a [T],
    /// `i`, \[size, units\]; on the way back `∂L/∂i`.
    pub inhibition: &'a mut [T],
    /// Before normalization and ReLU, \[size, units\].
    pub z: &'a mut [T],
    /// After normalization, \[size, units\]; not looked at without one.
    pub normalized: &'a mut [T],
    /// What the layer above sees, \[size, units\].
    pub activity: &'a mut [T],
    /// `s`, the divisive inhibition, \[size\]; 1 where nothing divides.
    pub s: &'a mut [T],
    /// `∂L/∂activity`, \[size, units\].
    pub error: &'a [T],
    /// `∂L/∂drive`, \[size, targets\].
    pub delta: &'a mut [T],
}

impl<T: Real> Samples<'_, T> {
    /// From the drive to the activity.
    pub fn forward(&mut self) {
        let Form { units, inhibitory, .. } = self.form;
        if inhibitory > 0 {
            let r = View::strided(&self.drive[units..], self.size, inhibitory, self.stride);
            let w_ei = View::new(self.w_ei, units, inhibitory);
            product(r, w_ei.t(), self.inhibition, units, Onto::Replace);
        }
        vectorized(ForwardPass(self));
    }

    /// From the error of the activity to the errors of the drive; `lambda` weighs the local loss.
    pub fn backward(&mut self, lambda: T) {
        vectorized(BackwardPass(self, lambda));
        let Form { units, inhibitory, .. } = self.form;
        if inhibitory > 0 {
            let error = View::new(self.inhibition, self.size, units);
            let w_ei = View::new(self.w_ei, units, inhibitory);
            product(error, w_ei, &mut self.delta[units..], self.stride, Onto::Replace);
        }
    }
}

/// Values that the processor keeps close at hand while it goes on to the next thing.
const CACHED_VALUES: usize = 64 * 1024;

/// `M += hᵀ δ`, and `max(0, ·)` in those columns of `M`, \[inputs, columns\], that are `signed`.
///
/// `h` is \[size, inputs\] and `delta` \[size, columns\], already scaled by −lr: no gradient is
/// ever stored.
pub(crate) fn descend<T: Real>(
    matrix: &mut [T],
    [inputs, columns]: [usize; 2],
    h: (&[T], usize),
    delta: View<'_, T>,
    signed: &[Range<usize>],
) {
    let (h, size) = h;
    // Block by block, so that the weights are still in the cache when they are rectified.
    let inputs_per_block = (CACHED_VALUES / columns).max(1);
    for (block, matrix) in matrix.chunks_mut(inputs_per_block * columns).enumerate() {
        let h = &h[block * inputs_per_block..];
        let h = View::strided(h, size, matrix.len() / columns, inputs);
        product(h.t(), delta, matrix, columns, Onto::Add);
        rectify(matrix, columns, signed);
    }
}

/// Dale's principle: the `signed` columns of every row become `max(0, ·)`. A weight that is not a
/// number stays so.
pub(crate) fn rectify<T: Real>(values: &mut [T], columns: usize, signed: &[Range<usize>]) {
    vectorized(|| {
        for row in values.chunks_exact_mut(columns) {
            for signed in signed {
                row[signed.clone()].iter_mut().for_each(|w| *w = passes::rectified(*w));
            }
        }
    });
}

/// Runs code with the widest vector instructions that this machine has.
pub(crate) fn vectorized<R>(code: impl pulp::NullaryFnOnce<Output = R>) -> R {
    pulp::Arch::new().dispatch(code)
}

/// [`passes::forward`], inlined wherever it is called: a closure of its size would not be.
struct ForwardPass<'a, 'b, T>(&'a mut Samples<'b, T>);

impl<T: Real> pulp::NullaryFnOnce for ForwardPass<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        passes::forward(self.0);
    }
}

/// [`passes::backward`] with its λ, inlined like [`ForwardPass`].
struct BackwardPass<'a, 'b, T>(&'a mut Samples<'b, T>, T);

impl<T: Real> pulp::NullaryFnOnce for BackwardPass<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        passes::backward(self.0, self.1);
    }
}
