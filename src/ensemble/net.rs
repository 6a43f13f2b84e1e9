//! One layer of one network of an ensemble: its sizes, its rule, and where its numbers are.

use crate::{
    condition::{Circuit, GradNorm, Normalization},
    engine::Form,
    learning::LearningRule,
};

/// What the passes have to know about one layer of one network.
///
/// All networks' numbers of one kind are in one buffer; the last fields say where this network's
/// begin, in values. `src/engine/lanes.cuh` declares the same structure for the kernels.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub struct Net {
    /// Units of the layer below.
    pub inputs: i32,
    /// Excitatory units.
    pub units: i32,
    /// Subtractive inhibitory units; 0 in an E-only layer.
    pub inhibitory: i32,
    /// Columns of the matrix: units + inhibitory + (units, if it divides).
    pub targets: i32,
    /// [`Circuit`] by its number in the order of declaration.
    pub circuit: i32,
    /// [`Normalization`] by its number in the order of declaration.
    pub normalization: i32,
    /// [`GradNorm`] by its number in the order of declaration.
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
    /// In `drive` and `delta`: the first sample's.
    pub drive: i64,
    /// From one sample's drive to the next.
    pub drive_stride: i64,
    /// In the matrix: the first input's weights.
    pub matrix: i64,
    /// From one input's weights to the next.
    pub matrix_stride: i64,
    /// In `w_ei`, \[units, inhibitory\].
    pub w_ei: i64,
}

impl Net {
    /// A layer of this form that learns by this rule; where its numbers are is yet to be said.
    pub(super) fn new(form: &Form<f32>, rule: &LearningRule) -> Self {
        Self {
            inputs: form.inputs as i32,
            units: form.units as i32,
            inhibitory: form.inhibitory as i32,
            targets: form.targets() as i32,
            circuit: match form.circuit {
                Circuit::Excitatory => 0,
                Circuit::ExcitatoryInhibitory => 1,
                Circuit::InhibitoryNorm => 2,
                Circuit::InhibitoryNormSubtractive => 3,
            },
            normalization: match form.normalization {
                Normalization::None => 0,
                Normalization::LayerNorm => 1,
                Normalization::LayerNormForwardOnly => 2,
                Normalization::MeanNorm => 3,
                Normalization::DivisiveNorm => 4,
            },
            grad_norm: match form.grad_norm {
                GradNorm::None => 0,
                GradNorm::Full => 1,
                GradNorm::Center => 2,
                GradNorm::Lateral => 3,
                GradNorm::Scale => 4,
                GradNorm::Decorrelate => 5,
            },
            rectified: i32::from(form.rectified),
            lambda: rule.lambda as f32,
            rate: rule.rates.lr as f32,
            rate_ie: rule.rates.lr_w_ie as f32,
            rate_ei: if form.trains_w_ei() { rule.rates.lr_w_ei as f32 } else { 0.0 },
            smoothing: rule.label_smoothing,
            ..Self::default()
        }
    }

    /// `[units, inhibitory, targets, inputs]` as sizes.
    pub(super) fn sizes(&self) -> [usize; 4] {
        [self.units, self.inhibitory, self.targets, self.inputs].map(|n| n as usize)
    }
}
