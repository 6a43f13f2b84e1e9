//! The sixteen networks that the paper compares, and five more, as types: two equal hidden layers.
//!
//! | [`Condition`](crate::Condition) | type for 234 units a hidden layer, and 23 that inhibit them |
//! | --- | --- |
//! | `ei_none`, `ei_ln`, `ei_ln_forward_only` | `EiNone<234, 23>`, `EiLn<…>`, `EiLnForwardOnly<…>` |
//! | `ei_ln_backward_only`, `e_ln_backward_only` | `EiLnBackwardOnly<234, 23>`, `ELnBackwardOnly<234>` |
//! | `ei_mean_norm_backward_only`, `e_mean_norm_backward_only` | `EiMeanNormBackwardOnly<234, 23>`, … |
//! | `ei_mean_norm`, `ei_divisive_norm` | `EiMeanNorm<234, 23>`, `EiDivisiveNorm<234, 23>` |
//! | `e_none`, `e_ln`, `e_ln_forward_only` | `ENone<234>`, `ELn<234>`, `ELnForwardOnly<234>` |
//! | `inorm_none`, `inorm_full`, `inorm_center` | `INormNone<234, 23>`, `INormFull<…>`, `INormCenter<…>` |
//! | `inorm_lateral`, `inorm_scale`, `inorm_decorrelate` | `INormLateral<234, 23>`, `INormScale<…>`, … |
//! | `inorm_sub_none`, `inorm_sub_center` | `INormSubNone<234, 23>`, `INormSubCenter<234, 23>` |
//! | `inorm_divisive` | `INormDivisive<234>` |
//!
//! Behind the numbers of units may stand the precision and the device: `ELn<234, f64>`. For other
//! numbers of inputs there is one type a circuit: `ENetwork<20, LayerNorm, 36>`, [`EiNetwork`],
//! [`INormNetwork`], [`INormSubNetwork`], [`INormDivNetwork`]. [`Network::condition`] leads back.
#![allow(missing_docs)] // the table above says what each one is

use super::{Network, OUTPUTS};
use crate::{
    dataset::PIXELS,
    layers::{
        Center, Decorrelate, DivisiveNorm, Ei, Excitatory, Full, INorm, INormDiv, INormSub,
        Lateral, LayerNorm, LayerNormBackwardOnly, LayerNormForwardOnly, MeanNorm,
        MeanNormBackwardOnly, NoNorm, Raw, Scale,
    },
};
use dfdx::tensor::AutoDevice;

/// Two hidden layers of excitatory units alone, with the normalization `N`.
pub type ENetwork<const WIDTH: usize, N, const IN: usize = PIXELS, E = f32, D = AutoDevice> =
    Network<(Excitatory<IN, WIDTH, N, E, D>, Excitatory<WIDTH, WIDTH, N, E, D>), OUTPUTS, E, D>;

/// Two EI layers with the normalization `N`.
pub type EiNetwork<
    const WIDTH: usize,
    const INH: usize,
    N,
    const IN: usize = PIXELS,
    E = f32,
    D = AutoDevice,
> = Network<(Ei<IN, WIDTH, INH, N, E, D>, Ei<WIDTH, WIDTH, INH, N, E, D>), OUTPUTS, E, D>;

/// Two I-Norm layers with the GradNorm `G`.
pub type INormNetwork<
    const WIDTH: usize,
    const INH: usize,
    G,
    const IN: usize = PIXELS,
    E = f32,
    D = AutoDevice,
> = Network<(INorm<IN, WIDTH, INH, G, E, D>, INorm<WIDTH, WIDTH, INH, G, E, D>), OUTPUTS, E, D>;

/// Two I-Norm layers without division, with the GradNorm `G`.
pub type INormSubNetwork<
    const WIDTH: usize,
    const INH: usize,
    G,
    const IN: usize = PIXELS,
    E = f32,
    D = AutoDevice,
> = Network<
    (INormSub<IN, WIDTH, INH, G, E, D>, INormSub<WIDTH, WIDTH, INH, G, E, D>),
    OUTPUTS,
    E,
    D,
>;

/// Two I-Norm layers without subtraction, with the GradNorm `G`.
pub type INormDivNetwork<const WIDTH: usize, G, const IN: usize = PIXELS, E = f32, D = AutoDevice> =
    Network<(INormDiv<IN, WIDTH, G, E, D>, INormDiv<WIDTH, WIDTH, G, E, D>), OUTPUTS, E, D>;

pub type EiNone<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    EiNetwork<WIDTH, INH, NoNorm, PIXELS, E, D>;

pub type EiLn<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    EiNetwork<WIDTH, INH, LayerNorm, PIXELS, E, D>;

pub type EiLnForwardOnly<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    EiNetwork<WIDTH, INH, LayerNormForwardOnly, PIXELS, E, D>;

pub type EiLnBackwardOnly<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    EiNetwork<WIDTH, INH, LayerNormBackwardOnly, PIXELS, E, D>;

pub type EiMeanNorm<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    EiNetwork<WIDTH, INH, MeanNorm, PIXELS, E, D>;

pub type EiMeanNormBackwardOnly<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    EiNetwork<WIDTH, INH, MeanNormBackwardOnly, PIXELS, E, D>;

pub type EiDivisiveNorm<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    EiNetwork<WIDTH, INH, DivisiveNorm, PIXELS, E, D>;

pub type ENone<const WIDTH: usize, E = f32, D = AutoDevice> = ENetwork<WIDTH, NoNorm, PIXELS, E, D>;

pub type ELn<const WIDTH: usize, E = f32, D = AutoDevice> =
    ENetwork<WIDTH, LayerNorm, PIXELS, E, D>;

pub type ELnForwardOnly<const WIDTH: usize, E = f32, D = AutoDevice> =
    ENetwork<WIDTH, LayerNormForwardOnly, PIXELS, E, D>;

pub type ELnBackwardOnly<const WIDTH: usize, E = f32, D = AutoDevice> =
    ENetwork<WIDTH, LayerNormBackwardOnly, PIXELS, E, D>;

pub type EMeanNormBackwardOnly<const WIDTH: usize, E = f32, D = AutoDevice> =
    ENetwork<WIDTH, MeanNormBackwardOnly, PIXELS, E, D>;

pub type INormNone<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    INormNetwork<WIDTH, INH, Raw, PIXELS, E, D>;

pub type INormFull<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    INormNetwork<WIDTH, INH, Full, PIXELS, E, D>;

pub type INormCenter<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    INormNetwork<WIDTH, INH, Center, PIXELS, E, D>;

pub type INormLateral<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    INormNetwork<WIDTH, INH, Lateral, PIXELS, E, D>;

pub type INormScale<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    INormNetwork<WIDTH, INH, Scale, PIXELS, E, D>;

pub type INormDecorrelate<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    INormNetwork<WIDTH, INH, Decorrelate, PIXELS, E, D>;

pub type INormSubNone<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    INormSubNetwork<WIDTH, INH, Raw, PIXELS, E, D>;

pub type INormSubCenter<const WIDTH: usize, const INH: usize, E = f32, D = AutoDevice> =
    INormSubNetwork<WIDTH, INH, Center, PIXELS, E, D>;

pub type INormDivisive<const WIDTH: usize, E = f32, D = AutoDevice> =
    INormDivNetwork<WIDTH, Raw, PIXELS, E, D>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Condition;

    #[test]
    fn each_condition_has_its_type() {
        let types = [
            <EiNone<234, 23>>::architecture(),
            <EiLn<234, 23>>::architecture(),
            <EiLnForwardOnly<234, 23>>::architecture(),
            <EiLnBackwardOnly<234, 23>>::architecture(),
            <EiMeanNorm<234, 23>>::architecture(),
            <EiMeanNormBackwardOnly<234, 23>>::architecture(),
            <EiDivisiveNorm<234, 23>>::architecture(),
            <ENone<234>>::architecture(),
            <ELn<234>>::architecture(),
            <ELnForwardOnly<234>>::architecture(),
            <ELnBackwardOnly<234>>::architecture(),
            <EMeanNormBackwardOnly<234>>::architecture(),
            <INormNone<234, 23>>::architecture(),
            <INormFull<234, 23>>::architecture(),
            <INormCenter<234, 23>>::architecture(),
            <INormLateral<234, 23>>::architecture(),
            <INormScale<234, 23>>::architecture(),
            <INormDecorrelate<234, 23>>::architecture(),
            <INormSubNone<234, 23>>::architecture(),
            <INormSubCenter<234, 23>>::architecture(),
            <INormDivisive<234>>::architecture(),
        ];
        for (condition, architecture) in Condition::ALL.into_iter().zip(types) {
            assert_eq!(condition.architecture([784, 234, 10]), architecture);
            assert_eq!(architecture.condition(), Some(condition));
        }
    }
}
