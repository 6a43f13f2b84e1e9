//! Initial weights, chosen so that inhibition starts as exact normalization.

use super::weights::{LayerWeights, NetworkWeights};
use crate::{
    Architecture, Condition, Error, Result,
    architecture::inhibitory_units,
    condition::{Circuit, GradNorm},
    dataset::{CLASSES, PIXELS},
    named::named,
    randomness::{Purpose, stream},
};
use faer::Mat;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

named! {
    /// What the weights of hidden layers are before any training.
    InitialWeights of "initial_weights" {
        /// Those of the paper, none but `U_IE` with any below 0; see [`initial_weights`].
        Positive = "positive",
        /// The same, less their mean: see [`NetworkWeights::with_zero_mean`].
        ZeroMean = "zero_mean",
    }
}

impl InitialWeights {
    /// A network before any training.
    ///
    /// # Errors
    /// As [`initial_weights_of`].
    pub fn of(self, architecture: &Architecture, seed: u64) -> Result<NetworkWeights<f64>> {
        let weights = initial_weights_of(architecture, seed)?;
        Ok(match self {
            Self::Positive => weights,
            Self::ZeroMean => weights.with_zero_mean(),
        })
    }
}

/// The network of `condition` with two hidden layers of `width` units, before any training.
///
/// Two networks with the same seed and width share their `W_EE`, whatever their condition.
///
/// # Errors
/// If the width is below 2, or the SVD behind divisive inhibition does not converge.
pub fn initial_weights(
    condition: Condition,
    width: usize,
    seed: u64,
) -> Result<NetworkWeights<f64>> {
    initial_weights_of(&condition.architecture([PIXELS, width, CLASSES.len()]), seed)
}

/// [`initial_weights`] of any network.
///
/// # Errors
/// If there is no such network, or as [`initial_weights`].
pub fn initial_weights_of(architecture: &Architecture, seed: u64) -> Result<NetworkWeights<f64>> {
    architecture.validate()?;
    let layers = (0..).zip(architecture.layers()).map(|(layer, (inputs, kind))| -> Result<_> {
        let sizes = [inputs, kind.units, kind.inhibitory];
        let mut rng = stream(seed, Purpose::Weights, layer);
        let mut weights = initial_layer(kind.circuit, sizes, &mut rng)?;
        if kind.grad_norm == GradNorm::Lateral {
            let mut rng = stream(seed, Purpose::LateralInhibition, layer);
            weights.nu = lateral_weights(kind.units, &mut rng);
        }
        Ok(weights)
    });
    Ok(NetworkWeights::of(architecture.clone(), layers.collect::<Result<Vec<_>>>()?))
}

/// One layer of `[inputs, excitatory, inhibitory]` units.
///
/// - `W_EE` is log-normal with mean = standard deviation = √(2N / (N_in (N − 1))),
/// - `W_EI` is the same with rows that sum to 1,
/// - each row of `W_IE` is the mean row of `W_EE`: the inhibition is exact centering,
/// - `U_IE = S Vᵀ` from the SVD of `W_EE − W_EI W_IE`, so that the mean square of `h U_IEᵀ` is the
///   second moment of the centered excitatory input: the division is exact scaling,
/// - `b = 0`.
///
/// A layer that divides without subtracting has the `U_IE` that it would have if it did subtract.
///
/// # Errors
/// If there are fewer than 2 excitatory units, no inputs, or no inhibitory units in a circuit that has
/// them; or if the SVD does not converge.
pub fn initial_layer(
    circuit: Circuit,
    [inputs, excitatory, inhibitory]: [usize; 3],
    rng: &mut ChaCha8Rng,
) -> Result<LayerWeights<f64>> {
    if circuit == Circuit::InhibitoryNormDivisive {
        let sizes = [inputs, excitatory, inhibitory_units(excitatory)];
        let whole = initial_layer(Circuit::InhibitoryNorm, sizes, rng)?;
        return Ok(LayerWeights { inhibitory: 0, w_ie: Vec::new(), w_ei: Vec::new(), ..whole });
    }
    let subtracts = circuit.subtracts();
    for (what, found, least) in [
        ("inputs", inputs, 1),
        ("excitatory units", excitatory, 2),
        ("inhibitory units", inhibitory, usize::from(subtracts)),
    ] {
        if found < least {
            return Err(Error::invalid(what, found, format!("at least {least}")));
        }
    }
    let log_normal = excitatory_weights(inputs, excitatory);
    let w_ee: Vec<f64> = log_normal.sample_iter(&mut *rng).take(excitatory * inputs).collect();
    let mut weights = LayerWeights {
        inputs,
        excitatory,
        w_ee,
        b: vec![0.0; excitatory],
        ..LayerWeights::default()
    };
    if subtracts {
        weights.inhibitory = inhibitory;
        weights.w_ei = log_normal.sample_iter(&mut *rng).take(excitatory * inhibitory).collect();
        for row in weights.w_ei.chunks_exact_mut(inhibitory) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|w| *w /= sum);
        }
        weights.w_ie = mean_row(&weights.w_ee, inputs).repeat(inhibitory);
    }
    if circuit.divides() {
        weights.u_ie = divisive_weights(&weights)?;
    }
    Ok(weights)
}

/// The distribution of `W_EE`: log-normal with mean = standard deviation.
fn excitatory_weights(inputs: usize, excitatory: usize) -> LogNormal<f64> {
    let (n_in, n) = (inputs as f64, excitatory as f64);
    let mean = (2.0 * n / (n_in * (n - 1.0))).sqrt();
    // With equal mean and standard deviation m, the underlying normal has
    // μ = ln(m²/√(2m²)) = ln(m) − ln(2)/2 and σ = √ln(2).
    let ln2 = std::f64::consts::LN_2;
    LogNormal::new(mean.ln() - ln2 / 2.0, ln2.sqrt()).expect("σ is positive and finite")
}

fn mean_row(matrix: &[f64], columns: usize) -> Vec<f64> {
    let mut mean = vec![0.0; columns];
    for row in matrix.chunks_exact(columns) {
        mean.iter_mut().zip(row).for_each(|(m, w)| *m += w);
    }
    let rows = (matrix.len() / columns) as f64;
    mean.iter_mut().for_each(|m| *m /= rows);
    mean
}

/// `U_IE = S Vᵀ`, \[excitatory, inputs\], from `W_EE − W_EI W_IE = U S Vᵀ`.
///
/// With fewer inputs than units the last rows are zero. The signs of the rows are the SVD's:
/// only their squares matter.
fn divisive_weights(layer: &LayerWeights<f64>) -> Result<Vec<f64>> {
    let LayerWeights { inputs, excitatory, inhibitory, .. } = *layer;
    let effective = Mat::from_fn(excitatory, inputs, |post, pre| {
        let inhibition: f64 = (0..inhibitory)
            .map(|i| layer.w_ei[post * inhibitory + i] * layer.w_ie[i * inputs + pre])
            .sum();
        layer.w_ee[post * inputs + pre] - inhibition
    });
    let svd = effective.thin_svd().map_err(|e| {
        Error::Numerical(format!("the SVD of W_EE − W_EI W_IE did not converge ({e:?})"))
    })?;
    let (s, v) = (svd.S().column_vector(), svd.V());
    let mut u_ie = vec![0.0; excitatory * inputs];
    for (k, row) in u_ie.chunks_exact_mut(inputs).take(s.nrows()).enumerate() {
        row.iter_mut().enumerate().for_each(|(pre, u)| *u = s[k] * v[(pre, k)]);
    }
    Ok(u_ie)
}

/// ν = u/Σu with u ~ U(0, 1): fixed random lateral inhibition among `units` units.
pub fn lateral_weights(units: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut nu: Vec<f64> = (0..units).map(|_| rng.r#gen::<f64>()).collect();
    let sum: f64 = nu.iter().sum();
    nu.iter_mut().for_each(|v| *v /= sum);
    nu
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_the_moments_and_signs_of_the_paper() {
        let weights = initial_weights(Condition::INormFull, 178, 3).unwrap();
        let layer = &weights.hidden[0];
        let n = layer.w_ee.len() as f64;
        let mean = layer.w_ee.iter().sum::<f64>() / n;
        let variance = layer.w_ee.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / n;
        let expected = (2.0 * 178.0 / (784.0 * 177.0_f64)).sqrt();
        // 139,552 draws: standard errors 0.3 % of the mean, about 1 % of the standard deviation.
        assert!((mean / expected - 1.0).abs() < 0.015, "{mean} {expected}");
        assert!((variance.sqrt() / expected - 1.0).abs() < 0.05);
        for (name, matrix) in layer.named() {
            let signed = matches!(name, "U_IE");
            assert!(signed || matrix.iter().all(|&w| w >= 0.0), "{name}");
        }
        for row in layer.w_ei.chunks_exact(layer.inhibitory) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        assert_eq!((layer.inhibitory, weights.readout.inhibitory), (17, 1));
    }

    #[test]
    fn inhibition_starts_as_exact_centering_and_division_as_exact_scaling() {
        for (inputs, units) in [(36, 24), (24, 24), (10, 24)] {
            let mut rng = stream(5, Purpose::Weights, 0);
            let shape = [inputs, units, 2];
            let layer = initial_layer(Circuit::InhibitoryNorm, shape, &mut rng).unwrap();
            let h: Vec<f64> = (0..inputs).map(|_| rng.r#gen()).collect();
            let product = |matrix: &[f64], x: &[f64]| -> Vec<f64> {
                let dot = |row: &[f64]| row.iter().zip(x).map(|(w, x)| w * x).sum();
                matrix.chunks_exact(x.len()).map(dot).collect()
            };
            let e = product(&layer.w_ee, &h);
            let i = product(&layer.w_ei, &product(&layer.w_ie, &h));
            let mean = e.iter().sum::<f64>() / units as f64;
            let second = |values: &mut dyn Iterator<Item = f64>| {
                values.map(|v| v * v).sum::<f64>() / units as f64
            };
            assert!(i.iter().all(|&i| (i - mean).abs() < 1e-12));
            let scale = second(&mut product(&layer.u_ie, &h).into_iter());
            let variance = second(&mut e.iter().zip(&i).map(|(e, i)| e - i));
            assert!((scale / variance - 1.0).abs() < 1e-10, "{scale} {variance}");
        }
    }

    #[test]
    fn without_the_mean_inhibition_has_nothing_to_take_away() {
        let architecture = Condition::EiNone.architecture([36, 24, 10]);
        let [usual, changed] =
            InitialWeights::ALL.map(|initial| initial.of(&architecture, 3).unwrap());
        assert_eq!(usual.readout, changed.readout);
        for (layer, changed) in usual.hidden.iter().zip(&changed.hidden) {
            assert!(changed.w_ie.iter().all(|&w| w == 0.0) && changed.mean_weight_share() < 1e-28);
            assert_eq!((&layer.w_ei, &layer.b), (&changed.w_ei, &changed.b));
            // W_EI W_IE, each row of which is the mean row.
            let mean_row = &layer.w_ie[..layer.inputs];
            for (row, changed) in
                layer.w_ee.chunks_exact(layer.inputs).zip(changed.w_ee.chunks_exact(layer.inputs))
            {
                let taken = row.iter().zip(mean_row).map(|(w, mean)| w - mean);
                assert!(taken.zip(changed).all(|(w, changed)| (w - changed).abs() < 1e-15));
            }
        }
    }

    #[test]
    fn conditions_of_one_seed_share_their_excitatory_weights() {
        let weights = |condition| initial_weights(condition, 20, 9).unwrap();
        let (a, b) = (weights(Condition::ELn), weights(Condition::INormLateral));
        assert_eq!(a.hidden[1].w_ee, b.hidden[1].w_ee);
        assert_eq!(a.readout, b.readout);
        let (whole, divisive) = (weights(Condition::INormNone), weights(Condition::INormDivisive));
        assert_eq!(divisive.hidden[1].u_ie, whole.hidden[1].u_ie);
        assert!(divisive.validate().is_ok() && divisive.hidden[0].w_ei.is_empty());
        assert!((b.hidden[0].nu.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(a.hidden[0].nu.is_empty() && a.hidden[0].w_ie.is_empty());
    }
}
