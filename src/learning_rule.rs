//! The numbers of the learning rule.

use crate::{
    Error, Result,
    configuration::{LABEL_SMOOTHING, LAMBDA, LearningRates},
    named::named,
};
use serde::{Deserialize, Serialize};

/// Added to variances and second moments inside the square root, everywhere.
pub const NORMALIZATION_EPSILON: f64 = 1e-5;

named! {
    /// Whether weights keep their signs.
    Signs of "signs" {
        /// Dale's principle, as in the paper: after each step `W_EE, W_IE, W_EI ← max(0, ·)`, in the
        /// hidden layers and in the read-out.
        Dale = "dale",
        /// Dale's principle, and `b ← max(0, ·)` likewise. A bias starts at 0, so it can only grow
        /// from there.
        NonNegative = "non_negative",
        /// Any sign: nothing is cut off after a step. All else is as it was: inhibition still enters
        /// with a minus, and initial weights are those of the paper
        /// unless [others](crate::layers::InitialWeights) are asked for.
        Free = "free",
    }
}

impl Signs {
    /// What the name of a network says of it; of Dale's principle nothing.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Dale => "",
            Self::NonNegative => "b ≥ 0",
            Self::Free => "free signs",
        }
    }
}

named! {
    /// The precision that networks are trained in.
    Precision of "precision" {
        /// Everything in f32.
        Single = "single",
        /// As the authors trained: matrix products take and give numbers of IEEE half precision, and
        /// gradients are not scaled; weights and the rest are f32.
        Fp16Autocast = "fp16_autocast",
    }
}

/// Everything that a training step depends on, apart from the network and the batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearningRule {
    /// One learning rate for each kind of weight.
    pub rates: LearningRates,
    /// Momentum of `W_EE` and `b`; 0 in the paper's sweeps.
    pub momentum: f64,
    /// Momentum of `W_IE`, `W_EI` and `U_IE`; 0 in the paper's sweeps.
    pub inhibitory_momentum: f64,
    /// Decoupled weight decay of `W_EE` and `b`; 0 in the paper's sweeps.
    pub weight_decay: f64,
    /// λ, the weight of the local I-Norm loss; [`LAMBDA`] in the paper's sweeps.
    pub lambda: f64,
    /// Label smoothing of the task loss; [`LABEL_SMOOTHING`] in the paper.
    pub label_smoothing: f64,
    /// Whether weights keep their signs; they do in the paper.
    #[serde(default, skip_serializing_if = "Signs::is_default")]
    pub signs: Signs,
    /// In which precision; the authors trained under fp16 autocast, this project in f32.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
}

impl LearningRule {
    /// The paper's rule with these learning rates.
    pub const fn paper(rates: LearningRates) -> Self {
        Self {
            rates,
            momentum: 0.0,
            inhibitory_momentum: 0.0,
            weight_decay: 0.0,
            lambda: LAMBDA,
            label_smoothing: LABEL_SMOOTHING,
            signs: Signs::Dale,
            precision: Precision::Single,
        }
    }

    /// Whether the update is `p ← p − lr·g`, and then at most Dale's principle.
    pub const fn is_plain(&self) -> bool {
        self.momentum == 0.0 && self.inhibitory_momentum == 0.0 && self.weight_decay == 0.0
    }

    /// Checks that every number makes sense.
    ///
    /// # Errors
    /// Names the first one that does not.
    pub fn validate(&self) -> Result<()> {
        let Self { rates, .. } = self;
        let positive = [
            ("learning rate", rates.lr),
            ("learning rate of W_IE", rates.lr_w_ie),
            ("learning rate of W_EI", rates.lr_w_ei),
            ("weight decay", self.weight_decay),
            ("lambda", self.lambda),
        ];
        for (what, value) in positive {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::invalid(what, value, "a finite number of 0 or more"));
            }
        }
        let fractions = [
            ("momentum", self.momentum),
            ("inhibitory momentum", self.inhibitory_momentum),
            ("label smoothing", self.label_smoothing),
        ];
        for (what, value) in fractions {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::invalid(what, value, "a number from 0 to below 1"));
            }
        }
        if self.precision != Precision::Single && !self.is_plain() {
            let found = format!("{} with momentum or weight decay", self.precision);
            return Err(Error::invalid("precision", found, "plain gradient descent, or single"));
        }
        Ok(())
    }
}
