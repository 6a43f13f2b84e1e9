//! What the kernels are given, byte by byte as the sources in `kernels` declare it.
//!
//! Sizes and offsets are asserted here and, as the same numbers, in those sources; enums have
//! explicit numbers in both.

use super::machine::Plain;
#[cfg(doc)]
use crate::condition::{Circuit, GradNorm, Normalization};
use crate::{
    engine::{Form, non_negative},
    learning_rule::LearningRule,
};
use std::mem::offset_of;

/// Asserts the size of a structure, and where each of its fields is.
macro_rules! assert_layout {
    ($type:ty: $size:literal, $($field:ident $offset:literal),+ $(,)?) => {
        const _: () = assert!(size_of::<$type>() == $size);
        $(const _: () = assert!(offset_of!($type, $field) == $offset);)+
    };
}

/// One layer of one network: its sizes, its rule, and where its numbers are.
///
/// All networks' numbers of one kind are in one buffer; the last fields say where this network's
/// begin, in values.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub(super) struct Net {
    /// Units of the layer below.
    pub inputs: i32,
    /// Excitatory units.
    pub units: i32,
    /// Subtractive inhibitory units; 0 in an E-only layer.
    pub inhibitory: i32,
    /// Columns of the matrix: units + inhibitory + (units, if it divides).
    pub targets: i32,
    /// [`Circuit`] by its number.
    pub circuit: i32,
    /// [`Normalization`] by its number.
    pub normalization: i32,
    /// [`GradNorm`] by its number.
    pub grad_norm: i32,
    /// 1 for a hidden layer, 0 for the read-out, whose activity is `z`.
    pub rectified: i32,
    /// λ, the weight of the local I-Norm loss.
    pub lambda: f32,
    /// Learning rate of `W_EE` and `b`.
    pub rate: f32,
    /// Learning rate of `W_IE` and `U_IE`.
    pub rate_ie: f32,
    /// Learning rate of `W_EI`; 0 where it is frozen.
    pub rate_ei: f32,
    /// Of the columns of the matrix, the first that an update keeps at 0 or above; 0 where signs are
    /// free, those of `W_EI` included.
    pub non_negative: i32,
    /// Likewise of `b`.
    pub non_negative_b: i32,
    /// Label smoothing of the task loss.
    pub smoothing: f64,
    /// In `b` and `nu`, \[units\].
    pub unit: i64,
    /// In `z`, `normalized`, `activity`, `error` and `inhibition`, \[capacity, units\].
    pub activity: i64,
    /// In the `activity` of the layer below, \[capacity, inputs\]; 0 where all share the inputs.
    pub input: i64,
    /// In `s`, \[capacity\].
    pub sample: i64,
    /// In `pre_activation` and `delta`: the first sample's.
    pub pre_activation: i64,
    /// From one sample's pre_activation to the next.
    pub pre_activation_stride: i64,
    /// In the matrix: the first input's weights.
    pub matrix: i64,
    /// From one input's weights to the next.
    pub matrix_stride: i64,
    /// In `w_ei`, \[units, inhibitory\].
    pub w_ei: i64,
}

impl Net {
    /// A layer of this form that learns by this rule; its offsets are still 0.
    pub(super) fn new(form: &Form<f32>, rule: &LearningRule) -> Self {
        let [matrix, _, b] = non_negative(form, rule);
        Self {
            inputs: form.inputs as i32,
            units: form.units as i32,
            inhibitory: form.inhibitory as i32,
            targets: form.targets() as i32,
            circuit: form.circuit as i32,
            normalization: form.normalization as i32,
            grad_norm: form.grad_norm as i32,
            rectified: i32::from(form.rectified),
            lambda: rule.lambda as f32,
            rate: rule.rates.lr as f32,
            rate_ie: rule.rates.lr_w_ie as f32,
            rate_ei: if form.trains_w_ei() { rule.rates.lr_w_ei as f32 } else { 0.0 },
            non_negative: matrix as i32,
            non_negative_b: b as i32,
            smoothing: rule.label_smoothing,
            ..Self::default()
        }
    }

    /// `[units, inhibitory, targets, inputs]` as sizes.
    pub(super) fn sizes(&self) -> [usize; 4] {
        [self.units, self.inhibitory, self.targets, self.inputs].map(|n| n as usize)
    }
}

// SAFETY: numbers, and its size is the sum of theirs.
unsafe impl Plain for Net {}

assert_layout!(
    Net: 136,
    inputs 0, units 4, inhibitory 8, targets 12, circuit 16, normalization 20, grad_norm 24,
    rectified 28, lambda 32, rate 36, rate_ie 40, rate_ei 44, non_negative 48, non_negative_b 52,
    smoothing 56, unit 64, activity 72, input 80, sample 88, pre_activation 96,
    pre_activation_stride 104, matrix 112, matrix_stride 120, w_ei 128,
);

/// All networks' layer: `Layer` in `lanes.cuh`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct LayerArguments {
    pub nets: u64,
    pub matrix: u64,
    pub w_ei: u64,
    pub b: u64,
    pub nu: u64,
    /// The inputs, for products and updates.
    pub h: u64,
    /// The error of the inputs, for the product that computes it.
    pub below: u64,
    pub pre_activation: u64,
    pub inhibition: u64,
    pub z: u64,
    pub normalized: u64,
    pub activity: u64,
    pub s: u64,
    pub error: u64,
    pub delta: u64,
    /// Samples of the batch.
    pub size: i32,
    /// Whether the product or update is that of `W_EI`.
    pub of_w_ei: i32,
    /// Whether the product takes errors back.
    pub backwards: i32,
}

/// What the task loss needs: `Loss` in `loss.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct LossArguments {
    pub nets: u64,
    pub z: u64,
    pub error: u64,
    pub labels: u64,
    pub scores: u64,
    pub size: i32,
    pub networks: i32,
    pub step: u32,
}

/// What the task loss of one network came to: `Score` in `loss.cu`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub(super) struct Score {
    /// Sum of the loss over samples.
    pub loss: f64,
    /// Samples that were classified correctly.
    pub correct: u32,
    /// The first step at which the loss was not finite, counted from 1; 0 if there was none.
    diverged: u32,
}

impl Score {
    /// The first step at which the loss was not finite.
    pub fn diverged(&self) -> Option<u64> {
        (self.diverged > 0).then_some(u64::from(self.diverged))
    }
}

// SAFETY: numbers, and its size is the sum of theirs.
unsafe impl Plain for Score {}

/// What changes images: `Augment` in `augmentation.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct AugmentArguments {
    pub images: u64,
    /// One for each image, from U(−ε, ε).
    pub numbers: u64,
    /// Of the pixels of each image, where its contrast changes; 0 where its luminosity does.
    pub means: u64,
    pub x: u64,
    pub pixels: i32,
    pub size: i32,
}

assert_layout!(
    LayerArguments: 136,
    nets 0, matrix 8, w_ei 16, b 24, nu 32, h 40, below 48, pre_activation 56, inhibition 64, z 72,
    normalized 80, activity 88, s 96, error 104, delta 112, size 120, of_w_ei 124, backwards 128,
);
assert_layout!(
    LossArguments: 56,
    nets 0, z 8, error 16, labels 24, scores 32, size 40, networks 44, step 48,
);
assert_layout!(Score: 16, loss 0, correct 8, diverged 12);
assert_layout!(AugmentArguments: 40, images 0, numbers 8, means 16, x 24, pixels 32, size 36);
