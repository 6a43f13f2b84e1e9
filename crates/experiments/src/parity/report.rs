//! Recomputes a fixture and reports the largest error of each quantity.

use super::fixture::{EXC, Fixture, IN, INH, LAYERS};
use inorm::dfdx::{shapes::Const, tensor::AutoDevice};
#[cfg(feature = "cuda")]
use inorm::ensemble::Gpu;
use inorm::{
    Condition, Result,
    engine::{Engine, LayerMeasurement, Real},
    ensemble::{Machine, SingleNetwork, Step},
    layers::{
        Batch, Center, Decorrelate, DivisiveNorm, Ei, Excitatory, Full, GradNormRule, INorm,
        INormDiv, INormSub, Lateral, Layer, LayerNorm, LayerNormBackwardOnly, LayerNormForwardOnly,
        MeanNorm, MeanNormBackwardOnly, NetworkWeights, NoNorm, NormalizationRule, Raw, Scale,
    },
    networks::{Network, OUTPUTS, task_loss},
};
use std::collections::BTreeMap;

/// The largest error of one quantity over all steps and layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// Its name: `logits`, `z`, `gradient of W_EE`, …
    pub name: String,
    /// `max|ours − theirs| / (floor + max|theirs|)`
    pub error: f64,
    /// The fixture's key where the error is largest.
    pub worst: String,
}

/// Every quantity of one fixture, recomputed by one of our implementations.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which network.
    pub condition: Condition,
    /// Which implementation, in which precision.
    pub path: &'static str,
    /// The largest error that counts as equal.
    pub tolerance: f64,
    /// All quantities that the fixture has.
    pub quantities: Vec<Quantity>,
}

/// Recomputes the quantities of `fixture` in an ensemble of one on `machine`, which is always in
/// single precision and stores no gradients.
///
/// # Errors
/// As [`compare_engine`]; if the fixture's rule has momentum, which ensembles do not support; or if
/// the machine fails.
pub fn compare_ensemble<M: Machine>(fixture: &Fixture, machine: M) -> Result<Report> {
    let initial = fixture.initial.convert(|w| w as f32);
    let most = fixture.steps.iter().map(|(_, labels)| labels.len()).max().unwrap_or(0);
    let mut network = SingleNetwork::new(machine, &initial, fixture.rule, most)?;
    let mut errors = Errors::new(fixture, "ensemble f32", Precision::Single);
    for (step, (x, labels)) in fixture.steps.iter().enumerate() {
        let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let Step { loss, z, measured } = network.step(&x, labels)?;
        errors.add_step(step, z.each_ref().map(Vec::as_slice), loss)?;
        errors.add_measurements(step, &measured)?;
    }
    errors.add_weights("final", "final", &network.weights()?)?;
    Ok(errors.into_report())
}

/// Recomputes every quantity of `fixture` in the engine, in precision `T`.
///
/// # Errors
/// If the fixture lacks a key that its condition must have, or has another size there.
pub fn compare_engine<T: Real>(fixture: &Fixture) -> Result<Report> {
    let (path, precision) = match size_of::<T>() {
        4 => ("engine f32", Precision::Single),
        _ => ("engine f64", Precision::Double),
    };
    let mut engine = Engine::new(&fixture.initial.convert(T::of), fixture.rule);
    let mut errors = Errors::new(fixture, path, precision);
    for (step, (x, labels)) in fixture.steps.iter().enumerate() {
        let x: Vec<T> = x.iter().map(|&x| T::of(x)).collect();
        let logits = engine.forward(&x).to_vec();
        let loss = engine.backward(labels);
        errors.add_step(step, [engine.z(0), engine.z(1), &logits], loss)?;
        errors.add_measurements(step, &engine.measure(&x))?;
        errors.add_weights("gradient of", &format!("step{step}.grad"), &engine.gradients(&x))?;
        engine.update(&x);
    }
    errors.add_weights("final", "final", &engine.weights())?;
    Ok(errors.into_report())
}

/// Recomputes every quantity of `fixture` but the measurements in the typed network of its condition.
///
/// # Errors
/// As [`compare_engine`]; with the feature `cuda`, if there is no GPU.
pub fn compare_typed(fixture: &Fixture) -> Result<Report> {
    // dfdx panics where there is no GPU.
    #[cfg(feature = "cuda")]
    Gpu::new()?;
    let errors = Errors::new(fixture, "typed f64", Precision::Double);
    match fixture.condition {
        Condition::EiNone => compare_ei::<NoNorm>(errors),
        Condition::EiLn => compare_ei::<LayerNorm>(errors),
        Condition::EiLnForwardOnly => compare_ei::<LayerNormForwardOnly>(errors),
        Condition::EiLnBackwardOnly => compare_ei::<LayerNormBackwardOnly>(errors),
        Condition::EiMeanNorm => compare_ei::<MeanNorm>(errors),
        Condition::EiMeanNormBackwardOnly => compare_ei::<MeanNormBackwardOnly>(errors),
        Condition::EiDivisiveNorm => compare_ei::<DivisiveNorm>(errors),
        Condition::ENone => compare_excitatory::<NoNorm>(errors),
        Condition::ELn => compare_excitatory::<LayerNorm>(errors),
        Condition::ELnForwardOnly => compare_excitatory::<LayerNormForwardOnly>(errors),
        Condition::ELnBackwardOnly => compare_excitatory::<LayerNormBackwardOnly>(errors),
        Condition::EMeanNormBackwardOnly => compare_excitatory::<MeanNormBackwardOnly>(errors),
        Condition::INormNone => compare_inorm::<Raw>(errors),
        Condition::INormFull => compare_inorm::<Full>(errors),
        Condition::INormCenter => compare_inorm::<Center>(errors),
        Condition::INormLateral => compare_inorm::<Lateral>(errors),
        Condition::INormScale => compare_inorm::<Scale>(errors),
        Condition::INormDecorrelate => compare_inorm::<Decorrelate>(errors),
        Condition::INormSubNone => compare_inorm_sub::<Raw>(errors),
        Condition::INormSubCenter => compare_inorm_sub::<Center>(errors),
        Condition::INormDivisive => {
            compare_network::<INormDiv<IN, EXC, Raw, f64>, INormDiv<EXC, EXC, Raw, f64>>(errors)
        }
    }
}

fn compare_ei<N: NormalizationRule>(errors: Errors<'_>) -> Result<Report> {
    compare_network::<Ei<IN, EXC, INH, N, f64>, Ei<EXC, EXC, INH, N, f64>>(errors)
}

fn compare_excitatory<N: NormalizationRule>(errors: Errors<'_>) -> Result<Report> {
    compare_network::<Excitatory<IN, EXC, N, f64>, Excitatory<EXC, EXC, N, f64>>(errors)
}

fn compare_inorm<G: GradNormRule>(errors: Errors<'_>) -> Result<Report> {
    compare_network::<INorm<IN, EXC, INH, G, f64>, INorm<EXC, EXC, INH, G, f64>>(errors)
}

fn compare_inorm_sub<G: GradNormRule>(errors: Errors<'_>) -> Result<Report> {
    compare_network::<INormSub<IN, EXC, INH, G, f64>, INormSub<EXC, EXC, INH, G, f64>>(errors)
}

/// Takes the network through the fixture's steps. The typed step does not support momentum: with
/// momentum each step starts from the engine's weights, and only the gradients are compared.
fn compare_network<First, Second>(mut errors: Errors<'_>) -> Result<Report>
where
    First: Layer<f64, AutoDevice, In = Const<IN>>,
    Second: Layer<f64, AutoDevice, In = First::Out>,
{
    let fixture = errors.fixture;
    let rule = &fixture.rule;
    let mut engine = Engine::new(&fixture.initial, *rule);
    let mut network =
        Network::<(First, Second), OUTPUTS, f64, AutoDevice>::from_weights(&fixture.initial)?;
    for (step, (x, labels)) in fixture.steps.iter().enumerate() {
        let batch = Batch::<_, IN, f64>::of_samples(x.clone());
        let activations = network.forward(&batch);
        let (loss, error) = task_loss(&activations.logits, labels, rule.label_smoothing);
        let (first, second) = &activations.hidden;
        let (first, second) = (first.z.as_vec(), second.z.as_vec());
        let logits = activations.logits.as_vec();
        errors.add_step(step, [&first, &second, &logits], loss)?;
        let gradients = network.backward(&error, &activations, rule.lambda);
        errors.add_weights("gradient of", &format!("step{step}.grad"), &gradients)?;
        engine.step(x, labels);
        network = if rule.is_plain() {
            network.step(&batch, labels, rule)?.0
        } else {
            Network::from_weights(&engine.weights())?
        };
    }
    errors.add_weights("final", "final", &network.weights())?;
    Ok(errors.into_report())
}

#[derive(Clone, Copy)]
enum Precision {
    Single,
    Double,
}

/// The largest errors so far.
struct Errors<'a> {
    fixture: &'a Fixture,
    path: &'static str,
    precision: Precision,
    largest: BTreeMap<String, (f64, String)>,
}

impl<'a> Errors<'a> {
    const fn new(fixture: &'a Fixture, path: &'static str, precision: Precision) -> Self {
        Self { fixture, path, precision, largest: BTreeMap::new() }
    }

    fn add<T: Real>(&mut self, name: &str, key: &str, shape: &[usize], ours: &[T]) -> Result<()> {
        let theirs = self.fixture.arrays.values(key, shape)?;
        assert_eq!(ours.len(), theirs.len(), "{key}");
        let largest = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(0.0, |a: f64, b: f64| if a >= b { a } else { b })
        };
        let difference = largest(&mut ours.iter().zip(theirs).map(|(a, b)| (a.double() - b).abs()));
        // Several gradients are exact zeros up to rounding.
        let floor = match self.precision {
            Precision::Double => 1e-6,
            Precision::Single => 1e-3,
        };
        let error = difference / (floor + largest(&mut theirs.iter().map(|b| b.abs())));
        let entry = self.largest.entry(name.to_owned()).or_insert((-1.0, String::new()));
        // An error that is not a number is the largest.
        if error.is_nan() || error > entry.0 {
            *entry = (error, key.to_owned());
        }
        Ok(())
    }

    /// Compares `z` of the three layers, of which the last are the logits, and the task loss.
    fn add_step<T: Real>(&mut self, step: usize, z: [&[T]; 3], loss: f64) -> Result<()> {
        let size = self.fixture.steps[step].1.len();
        let [first, second, logits] = z;
        for (z, layer) in [first, second].into_iter().zip(LAYERS) {
            self.add("z", &format!("step{step}.{layer}.z"), &[size, EXC], z)?;
        }
        self.add("logits", &format!("step{step}.logits"), &[size, OUTPUTS], logits)?;
        self.add("task loss", &format!("step{step}.task_loss"), &[], &[loss])
    }

    /// Compares the moments, and of the other measurements those that the fixture has.
    fn add_measurements(&mut self, step: usize, measured: &[LayerMeasurement]) -> Result<()> {
        for (measured, layer) in measured.iter().zip(LAYERS) {
            for (name, value) in [
                ("mean", Some(measured.mean)),
                ("var", Some(measured.variance)),
                ("output_alignment", Some(measured.output_alignment)),
                ("gradient_alignment", Some(measured.gradient_alignment)),
                ("ln_mse", measured.ln_mse),
            ] {
                let key = format!("step{step}.{layer}.{name}");
                let is_there = ["mean", "var"].contains(&name) || self.fixture.arrays.has(&key);
                if let Some(value) = value.filter(|_| is_there) {
                    self.add(&name.replace('_', " "), &key, &[], &[value])?;
                }
            }
        }
        Ok(())
    }

    /// Compares all weights, or all gradients, that the fixture has under `prefix`.
    fn add_weights<T: Real>(
        &mut self,
        what: &str,
        prefix: &str,
        weights: &NetworkWeights<T>,
    ) -> Result<()> {
        for (layer, weights) in weights.layers().into_iter().enumerate() {
            let [inputs, units, inhibitory] =
                [weights.inputs, weights.excitatory, weights.inhibitory];
            let shapes = [
                ("Wex", vec![units, inputs]),
                ("Wix", vec![inhibitory, inputs]),
                ("Wei", vec![units, inhibitory]),
                ("Bix", vec![units, inputs]),
                ("bias", vec![units]),
            ];
            for ((symbol, ours), (key, shape)) in weights.named().into_iter().zip(shapes) {
                let key = format!("{prefix}.{}.{key}", LAYERS[layer]);
                let frozen = what != "final" && !self.fixture.arrays.has(&key) && symbol == "W_EI";
                if !ours.is_empty() && !frozen {
                    self.add(&format!("{what} {symbol}"), &key, &shape, ours)?;
                }
            }
        }
        Ok(())
    }

    fn into_report(self) -> Report {
        let condition = self.fixture.condition;
        let tolerance = match (self.precision, condition) {
            (Precision::Double, _) => 1e-7,
            // Its pre-activation runs into the hundreds, which leaves fewer digits.
            (
                Precision::Single,
                Condition::ENone | Condition::ELnBackwardOnly | Condition::EMeanNormBackwardOnly,
            ) => 1e-2,
            (Precision::Single, _) => 2e-3,
        };
        let quantity = |(name, (error, worst))| Quantity { name, error, worst };
        let quantities = self.largest.into_iter().map(quantity).collect();
        Report { condition, path: self.path, tolerance, quantities }
    }
}
