//! The sixteen networks that the paper compares, and five more.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Which populations a hidden layer has, and what inhibition learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(i32)] // the CUDA port has the same numbers
pub enum Circuit {
    /// Excitatory units only: `z = h W_EEᵀ + b`.
    Excitatory = 0,
    /// Subtractive inhibition trained on the task loss: `z = h W_EEᵀ − (h W_IEᵀ) W_EIᵀ + b`.
    ExcitatoryInhibitory = 1,
    /// Subtractive and divisive inhibition trained locally to normalize: `z = (e − i)/s`.
    InhibitoryNorm = 2,
    /// Subtractive inhibition trained locally to center: `z = e − i`.
    InhibitoryNormSubtractive = 3,
    /// Divisive inhibition trained locally to normalize: `z = e/s`.
    InhibitoryNormDivisive = 4,
    /// Subtractive inhibition trained locally to normalize: `z = e − i`, with the loss of
    /// `InhibitoryNorm` and, as there, `W_EI` frozen.
    InhibitoryNormSubtractiveVariance = 5,
}

impl Circuit {
    /// Whether the circuit has subtractive inhibition.
    pub const fn subtracts(self) -> bool {
        !matches!(self, Self::Excitatory | Self::InhibitoryNormDivisive)
    }

    /// Whether the circuit has divisive inhibition.
    pub const fn divides(self) -> bool {
        matches!(self, Self::InhibitoryNorm | Self::InhibitoryNormDivisive)
    }

    /// Whether inhibition learns from the local I-Norm loss, and not from the task.
    pub const fn learns_locally(self) -> bool {
        !matches!(self, Self::Excitatory | Self::ExcitatoryInhibitory)
    }

    /// Whether inhibition learns, locally, a variance of 1, and not only a mean of 0; `W_EI` is
    /// frozen then.
    pub const fn learns_variance(self) -> bool {
        self.learns_locally() && !matches!(self, Self::InhibitoryNormSubtractive)
    }

    /// The same circuit that learns a variance of 1 as well, if it only learns a mean of 0.
    pub const fn with_variance(self) -> Self {
        match self {
            Self::InhibitoryNormSubtractive => Self::InhibitoryNormSubtractiveVariance,
            _ => self,
        }
    }
}

/// What stands between a hidden layer and its ReLU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(i32)] // the CUDA port has the same numbers
pub enum Normalization {
    /// Nothing.
    None = 0,
    /// `(z − μ)/σ`, and its exact Jacobian in the backward pass.
    LayerNorm = 1,
    /// `(z − μ)/σ`; the error passes back unchanged.
    LayerNormForwardOnly = 2,
    /// `z − μ`, and its exact Jacobian in the backward pass.
    MeanNorm = 3,
    /// `z/σ`, and its exact Jacobian in the backward pass.
    DivisiveNorm = 4,
    /// Nothing; the error goes back through the Jacobian that LayerNorm would have at this z:
    /// `(δ − mean(δ) − ẑ·mean(δ⊙ẑ))/σ` with `ẑ = (z − μ)/σ`. The mirror image of
    /// `LayerNormForwardOnly`.
    LayerNormBackwardOnly = 5,
    /// Nothing; the error goes back less its mean: `δ − mean(δ)`.
    MeanNormBackwardOnly = 6,
}

impl Normalization {
    /// Whether it changes the activity.
    pub const fn acts_forward(self) -> bool {
        !matches!(self, Self::None | Self::LayerNormBackwardOnly | Self::MeanNormBackwardOnly)
    }

    /// Whether it takes the mean away from the activity.
    pub const fn centers(self) -> bool {
        matches!(self, Self::LayerNorm | Self::LayerNormForwardOnly | Self::MeanNorm)
    }
}

/// What happens to the error `δ = ∂L/∂z` of a hidden I-Norm layer in the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(i32)] // the CUDA port has the same numbers, all but that of `Own`
pub enum GradNorm {
    /// `δ`
    None = 0,
    /// `(δ − mean(δ) − z·mean(δ⊙z)) / σ_z`: LN's Jacobian when z is normalized.
    Full = 1,
    /// `δ − mean(δ)`
    Center = 2,
    /// `δ − Σ_k ν_k δ_k` with fixed random `ν ≥ 0`, `Σν = 1`: lateral inhibition.
    Lateral = 3,
    /// `δ / σ_z`
    Scale = 4,
    /// `δ − z·mean(δ⊙z)`
    Decorrelate = 5,
    /// A rule of a reader's own, which only the type of a network knows.
    Own = 6,
    /// `(δ − mean(δ) − ẑ·mean(δ⊙ẑ)) / σ_z` with `ẑ = (z − mean(z)) / σ_z`: LN's Jacobian at any z.
    FullCentred = 7,
    /// `δ − c·mean(δ⊙c)` with `c = z − mean(z)`
    DecorrelateCentred = 8,
}

impl GradNorm {
    /// The same on z less its mean, where it looks at z as it is.
    pub const fn centred(self) -> Self {
        match self {
            Self::Full => Self::FullCentred,
            Self::Decorrelate => Self::DecorrelateCentred,
            _ => self,
        }
    }
}

/// One of the networks that the paper compares; or one of the four with `backward_only` in their
/// names, whose errors are normalized or centered and whose activity is not; or `inorm_divisive`,
/// which the authors' revised code has. All are 784 → N → N → 10, unless a run has another number
/// of hidden layers.
///
/// The names are those of `data/published.csv`; in the figures a `+` stands for "with".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // `label` says what each one is
pub enum Condition {
    EiNone,
    EiLn,
    EiLnForwardOnly,
    EiLnBackwardOnly,
    EiMeanNorm,
    EiMeanNormBackwardOnly,
    EiDivisiveNorm,
    ENone,
    ELn,
    ELnForwardOnly,
    ELnBackwardOnly,
    EMeanNormBackwardOnly,
    #[serde(rename = "inorm_none")]
    INormNone,
    #[serde(rename = "inorm_full")]
    INormFull,
    #[serde(rename = "inorm_center")]
    INormCenter,
    #[serde(rename = "inorm_lateral")]
    INormLateral,
    #[serde(rename = "inorm_scale")]
    INormScale,
    #[serde(rename = "inorm_decorrelate")]
    INormDecorrelate,
    #[serde(rename = "inorm_sub_none")]
    INormSubNone,
    #[serde(rename = "inorm_sub_center")]
    INormSubCenter,
    #[serde(rename = "inorm_divisive")]
    INormDivisive,
}

impl Condition {
    /// All conditions, in the order in which tables list them.
    pub const ALL: [Self; 21] = [
        Self::EiNone,
        Self::EiLn,
        Self::EiLnForwardOnly,
        Self::EiLnBackwardOnly,
        Self::EiMeanNorm,
        Self::EiMeanNormBackwardOnly,
        Self::EiDivisiveNorm,
        Self::ENone,
        Self::ELn,
        Self::ELnForwardOnly,
        Self::ELnBackwardOnly,
        Self::EMeanNormBackwardOnly,
        Self::INormNone,
        Self::INormFull,
        Self::INormCenter,
        Self::INormLateral,
        Self::INormScale,
        Self::INormDecorrelate,
        Self::INormSubNone,
        Self::INormSubCenter,
        Self::INormDivisive,
    ];

    /// The name used in tables, files and on the command line.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What a legend says.
    pub const fn label(self) -> &'static str {
        self.row().1
    }

    /// The populations of the hidden layers.
    pub const fn circuit(self) -> Circuit {
        self.row().2
    }

    /// What stands between a hidden layer and its ReLU.
    pub const fn normalization(self) -> Normalization {
        self.row().3
    }

    /// What happens to the error of a hidden layer.
    pub const fn grad_norm(self) -> GradNorm {
        self.row().4
    }

    /// Whether it is one of the sixteen that the paper compares.
    pub const fn is_in_paper(self) -> bool {
        !matches!(
            self,
            Self::EiLnBackwardOnly
                | Self::EiMeanNormBackwardOnly
                | Self::ELnBackwardOnly
                | Self::EMeanNormBackwardOnly
                | Self::INormDivisive
        )
    }

    /// The same network without GradNorm: itself, if it has none.
    pub const fn without_grad_norm(self) -> Self {
        match self.circuit() {
            Circuit::InhibitoryNorm => Self::INormNone,
            Circuit::InhibitoryNormSubtractive => Self::INormSubNone,
            _ => self,
        }
    }

    /// The one table behind every property.
    const fn row(self) -> (&'static str, &'static str, Circuit, Normalization, GradNorm) {
        use Circuit::{
            Excitatory as E, ExcitatoryInhibitory as Ei, InhibitoryNorm as INorm,
            InhibitoryNormDivisive as Div, InhibitoryNormSubtractive as Sub,
        };
        use {GradNorm as G, Normalization as N};
        const NO: G = G::None;
        match self {
            Self::EiNone => ("ei_none", "EI", Ei, N::None, NO),
            Self::EiLn => ("ei_ln", "EI + LN", Ei, N::LayerNorm, NO),
            Self::EiLnForwardOnly => {
                ("ei_ln_forward_only", "EI + LN (forward only)", Ei, N::LayerNormForwardOnly, NO)
            }
            Self::EiLnBackwardOnly => {
                ("ei_ln_backward_only", "EI + LN (backward only)", Ei, N::LayerNormBackwardOnly, NO)
            }
            Self::EiMeanNorm => ("ei_mean_norm", "EI + mean norm", Ei, N::MeanNorm, NO),
            Self::EiMeanNormBackwardOnly => (
                "ei_mean_norm_backward_only",
                "EI + mean norm (backward only)",
                Ei,
                N::MeanNormBackwardOnly,
                NO,
            ),
            Self::EiDivisiveNorm => {
                ("ei_divisive_norm", "EI + divisive norm", Ei, N::DivisiveNorm, NO)
            }
            Self::ENone => ("e_none", "E-only", E, N::None, NO),
            Self::ELn => ("e_ln", "E-only + LN", E, N::LayerNorm, NO),
            Self::ELnForwardOnly => {
                ("e_ln_forward_only", "E-only + LN (forward only)", E, N::LayerNormForwardOnly, NO)
            }
            Self::ELnBackwardOnly => (
                "e_ln_backward_only",
                "E-only + LN (backward only)",
                E,
                N::LayerNormBackwardOnly,
                NO,
            ),
            Self::EMeanNormBackwardOnly => (
                "e_mean_norm_backward_only",
                "E-only + mean norm (backward only)",
                E,
                N::MeanNormBackwardOnly,
                NO,
            ),
            Self::INormNone => ("inorm_none", "I-Norm", INorm, N::None, NO),
            Self::INormFull => ("inorm_full", "I-Norm + GradNorm", INorm, N::None, G::Full),
            Self::INormCenter => ("inorm_center", "I-Norm + center", INorm, N::None, G::Center),
            Self::INormLateral => ("inorm_lateral", "I-Norm + lateral", INorm, N::None, G::Lateral),
            Self::INormScale => ("inorm_scale", "I-Norm + scale", INorm, N::None, G::Scale),
            Self::INormDecorrelate => {
                ("inorm_decorrelate", "I-Norm + decorrelate", INorm, N::None, G::Decorrelate)
            }
            Self::INormSubNone => ("inorm_sub_none", "I-Norm (sub)", Sub, N::None, NO),
            Self::INormSubCenter => {
                ("inorm_sub_center", "I-Norm (sub) + center", Sub, N::None, G::Center)
            }
            Self::INormDivisive => ("inorm_divisive", "I-Norm (div)", Div, N::None, NO),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Condition {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|c| c.name() == name);
        found.ok_or_else(|| Error::unknown("condition", name, &Self::ALL.map(Self::name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back_and_are_those_serde_writes() {
        for condition in Condition::ALL {
            assert_eq!(condition.name().parse::<Condition>().unwrap(), condition);
            assert_eq!(
                serde_json::to_string(&condition).unwrap(),
                format!("\"{}\"", condition.name())
            );
        }
        let message = "ei_nothing".parse::<Condition>().unwrap_err().to_string();
        assert!(message.contains("'ei_nothing'") && message.contains("inorm_full"), "{message}");
        for (wrong, meant) in [
            ("inorm_ful", "inorm_full"),
            ("inorm-full", "inorm_full"),
            ("INorm_Full", "inorm_full"),
            ("e_nl", "e_ln"),
            ("ei_layer", "ei_ln"),
        ] {
            let message = wrong.parse::<Condition>().unwrap_err().to_string();
            assert!(message.ends_with(&format!("; did you mean {meant}?")), "{message}");
        }
        for nothing in ["", "x", "résumé"] {
            let message = nothing.parse::<Condition>().unwrap_err().to_string();
            assert!(!message.contains("did you mean"), "{message}");
        }
    }
}
