//! The numbers of the learning rule.

use crate::{
    Error, Result,
    configuration::{LAMBDA, LearningRates},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Added to variances and second moments inside the square root, everywhere.
pub const NORMALIZATION_EPSILON: f64 = 1e-5;

/// Whether weights keep their signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signs {
    /// Dale's principle, as in the paper: after each step `W_EE, W_IE, W_EI ← max(0, ·)`, in the
    /// hidden layers and in the read-out.
    #[default]
    Dale,
    /// Any sign: nothing is cut off after a step. All else is as it was, initial weights included,
    /// which are ≥ 0; inhibition still enters with a minus.
    Free,
}

impl Signs {
    /// Both, in the order in which messages list them.
    pub const ALL: [Self; 2] = [Self::Dale, Self::Free];

    /// The name used in tables, files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dale => "dale",
            Self::Free => "free",
        }
    }

    fn are_dales(&self) -> bool {
        *self == Self::Dale
    }
}

impl fmt::Display for Signs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Signs {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|signs| signs.name() == name);
        found.ok_or_else(|| Error::unknown("signs", name, &Self::ALL.map(Self::name)))
    }
}

/// The precision that networks are trained in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Everything in f32.
    #[default]
    Single,
    /// As the authors trained: matrix products take and give numbers of IEEE half precision, and
    /// gradients are not scaled; weights and the rest are f32.
    Fp16Autocast,
}

impl Precision {
    /// Both, in the order in which messages list them.
    pub const ALL: [Self; 2] = [Self::Single, Self::Fp16Autocast];

    /// The name used in tables, files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Fp16Autocast => "fp16_autocast",
        }
    }

    fn is_single(&self) -> bool {
        *self == Self::Single
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == name);
        found.ok_or_else(|| Error::unknown("precision", name, &Self::ALL.map(Self::name)))
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
    /// Label smoothing of the task loss; 0.1 in the paper.
    pub label_smoothing: f64,
    /// Whether weights keep their signs; they do in the paper.
    #[serde(default, skip_serializing_if = "Signs::are_dales")]
    pub signs: Signs,
    /// In which precision; the authors trained under fp16 autocast, this project in f32.
    #[serde(default, skip_serializing_if = "Precision::is_single")]
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
            label_smoothing: 0.1,
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
