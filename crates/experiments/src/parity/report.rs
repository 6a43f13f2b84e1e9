//! Recomputes a fixture and reports the largest error of each quantity.

use super::fixture::{FIXTURE_SHAPE, Fixture, LAYERS};
use inorm::dfdx::{
    shapes::Const,
    tensor::{AutoDevice, TensorFromVec},
};
#[cfg(feature = "cuda")]
use inorm::ensemble::Gpu;
use inorm::{
    Condition, Result,
    condition::Circuit,
    engine::{Engine, LayerMeasurement, Real},
    ensemble::{Machine, SingleNetwork, Step},
    layers::{EiLayer, ExcitatoryLayer, INormLayer, INormSubtractiveLayer, Layer, NetworkWeights},
    networks::{Network, OUTPUTS, task_loss},
};
use std::{collections::BTreeMap, fmt};

/// Which of our implementations recomputes the fixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComputePath {
    /// The typed networks in double precision: the rules as one reads them.
    Typed64,
    /// The fused engine in double precision.
    Engine64,
    /// The fused engine in single precision: what trains.
    Engine32,
    /// An ensemble of one, which is always in single precision. It stores no gradients.
    Ensemble32,
}

impl ComputePath {
    /// Added to the denominator of an error: several gradients are exact zeros up to rounding.
    const fn floor(self) -> f64 {
        match self {
            Self::Typed64 | Self::Engine64 => 1e-6,
            Self::Engine32 | Self::Ensemble32 => 1e-3,
        }
    }

    /// The largest error that counts as equal. The pre-activation of `e_none` runs into the hundreds, so
    /// single precision leaves it fewer digits.
    pub fn tolerance(self, condition: Condition) -> f64 {
        match (self, condition) {
            (Self::Typed64 | Self::Engine64, _) => 1e-7,
            (_, Condition::ENone) => 1e-2,
            _ => 2e-3,
        }
    }
}

impl fmt::Display for ComputePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Typed64 => "typed f64",
            Self::Engine64 => "engine f64",
            Self::Engine32 => "engine f32",
            Self::Ensemble32 => "ensemble f32",
        })
    }
}

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

/// Every quantity of one fixture, recomputed on one path.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which network.
    pub condition: Condition,
    /// Which implementation.
    pub path: ComputePath,
    /// All quantities that the fixture has.
    pub quantities: Vec<Quantity>,
}

impl Report {
    /// The largest error of all quantities.
    pub fn largest(&self) -> f64 {
        self.quantities.iter().map(|q| q.error).fold(0.0, |a, b| if a >= b { a } else { b })
    }
}

/// Recomputes the quantities of `fixture` in an ensemble of one on `machine`.
///
/// # Errors
/// As [`compare_engine`]; if the fixture's rule has momentum, which ensembles do not support; or if
/// the machine fails.
pub fn compare_ensemble<M: Machine>(fixture: &Fixture, machine: M) -> Result<Report> {
    let initial = fixture.initial.convert(|w| w as f32);
    let most = fixture.steps.iter().map(|(_, labels)| labels.len()).max().unwrap_or(0);
    let mut network = SingleNetwork::new(machine, &initial, fixture.rule, most)?;
    let mut errors = Errors::new(fixture, ComputePath::Ensemble32);
    let [_, width, _, outputs] = FIXTURE_SHAPE;
    for (step, (x, labels)) in fixture.steps.iter().enumerate() {
        let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let size = labels.len();
        let Step { loss, z, measured } = network.step(&x, labels)?;
        let [first, second, logits] = &z;
        errors.add("logits", &format!("step{step}.logits"), &[size, outputs], logits)?;
        errors.add("task loss", &format!("step{step}.task_loss"), &[], &[loss])?;
        for (layer, (z, measured)) in [first, second].into_iter().zip(&measured).enumerate() {
            let prefix = format!("step{step}.{}", LAYERS[layer]);
            errors.add("z", &format!("{prefix}.z"), &[size, width], z)?;
            errors.add_measurement(&prefix, measured)?;
        }
    }
    errors.add_weights("final", "final", &network.weights()?)?;
    Ok(errors.into_report())
}

/// Recomputes every quantity of `fixture` in the engine, in precision `T`.
///
/// # Errors
/// If the fixture lacks a key that its condition must have, or has another size there.
pub fn compare_engine<T: Real>(fixture: &Fixture) -> Result<Report> {
    let single = size_of::<T>() == size_of::<f32>();
    let path = if single { ComputePath::Engine32 } else { ComputePath::Engine64 };
    let initial = fixture.initial.convert(T::of);
    let mut engine = Engine::new(&initial, fixture.rule);
    let mut errors = Errors::new(fixture, path);
    let [_, width, _, outputs] = FIXTURE_SHAPE;
    for (step, (x, labels)) in fixture.steps.iter().enumerate() {
        let x: Vec<T> = x.iter().map(|&x| T::of(x)).collect();
        let size = labels.len();
        let logits = engine.forward(&x);
        errors.add("logits", &format!("step{step}.logits"), &[size, outputs], logits)?;
        let loss = engine.backward(labels);
        errors.add("task loss", &format!("step{step}.task_loss"), &[], &[loss])?;
        for (layer, measured) in engine.measure(&x).iter().enumerate() {
            let prefix = format!("step{step}.{}", LAYERS[layer]);
            errors.add("z", &format!("{prefix}.z"), &[size, width], engine.z(layer))?;
            errors.add_measurement(&prefix, measured)?;
        }
        errors.add_weights("gradient of", &format!("step{step}.grad"), &engine.gradients(&x))?;
        engine.update(&x);
    }
    errors.add_weights("final", "final", &engine.weights())?;
    Ok(errors.into_report())
}

/// Recomputes every quantity of `fixture` but the measurements in the typed network of its circuit.
///
/// # Errors
/// As [`compare_engine`]; with the feature `cuda`, if there is no GPU.
pub fn compare_typed(fixture: &Fixture) -> Result<Report> {
    // dfdx panics where there is no GPU.
    #[cfg(feature = "cuda")]
    Gpu::new()?;
    const IN: usize = FIXTURE_SHAPE[0];
    const EXC: usize = FIXTURE_SHAPE[1];
    const INH: usize = FIXTURE_SHAPE[2];
    let errors = Errors::new(fixture, ComputePath::Typed64);
    match fixture.condition.circuit() {
        Circuit::Excitatory => compare_network::<
            ExcitatoryLayer<IN, EXC, f64, AutoDevice>,
            ExcitatoryLayer<EXC, EXC, f64, AutoDevice>,
        >(errors),
        Circuit::ExcitatoryInhibitory => compare_network::<
            EiLayer<IN, EXC, INH, f64, AutoDevice>,
            EiLayer<EXC, EXC, INH, f64, AutoDevice>,
        >(errors),
        Circuit::InhibitoryNorm => compare_network::<
            INormLayer<IN, EXC, INH, f64, AutoDevice>,
            INormLayer<EXC, EXC, INH, f64, AutoDevice>,
        >(errors),
        Circuit::InhibitoryNormSubtractive => compare_network::<
            INormSubtractiveLayer<IN, EXC, INH, f64, AutoDevice>,
            INormSubtractiveLayer<EXC, EXC, INH, f64, AutoDevice>,
        >(errors),
    }
}

/// Takes the network through the fixture's steps. The typed step does not support momentum: with
/// momentum each step starts from the engine's weights, and only the gradients are compared.
fn compare_network<First, Second>(mut errors: Errors<'_>) -> Result<Report>
where
    First: Layer<{ FIXTURE_SHAPE[0] }, { FIXTURE_SHAPE[1] }, f64, AutoDevice>,
    Second: Layer<{ FIXTURE_SHAPE[1] }, { FIXTURE_SHAPE[1] }, f64, AutoDevice>,
{
    const IN: usize = FIXTURE_SHAPE[0];
    const EXC: usize = FIXTURE_SHAPE[1];
    let (fixture, device) = (errors.fixture, AutoDevice::default());
    let rule = &fixture.rule;
    let mut engine = Engine::new(&fixture.initial, *rule);
    let mut network = Network::<IN, EXC, First, Second, f64, AutoDevice>::from_weights(
        &fixture.initial,
        &device,
    )?;
    for (step, (x, labels)) in fixture.steps.iter().enumerate() {
        let size = labels.len();
        let batch = device.tensor_from_vec(x.clone(), (size, Const::<IN>));
        let activations = network.forward(&batch);
        let logits = activations.logits.as_vec();
        errors.add("logits", &format!("step{step}.logits"), &[size, OUTPUTS], &logits)?;
        let (loss, error) = task_loss(&activations.logits, labels, rule.label_smoothing);
        errors.add("task loss", &format!("step{step}.task_loss"), &[], &[loss])?;
        for (z, layer) in activations.z.iter().zip(LAYERS) {
            errors.add("z", &format!("step{step}.{layer}.z"), &[size, EXC], &z.as_vec())?;
        }
        let gradients = network.backward(&error, &activations, rule.lambda);
        errors.add_weights("gradient of", &format!("step{step}.grad"), &gradients)?;
        engine.step(x, labels);
        network = if rule.is_plain() {
            network.step(&batch, labels, rule)?.0
        } else {
            Network::from_weights(&engine.weights(), &device)?
        };
    }
    errors.add_weights("final", "final", &network.weights())?;
    Ok(errors.into_report())
}

struct Errors<'a> {
    fixture: &'a Fixture,
    path: ComputePath,
    largest: BTreeMap<String, (f64, String)>,
}

impl<'a> Errors<'a> {
    const fn new(fixture: &'a Fixture, path: ComputePath) -> Self {
        Self { fixture, path, largest: BTreeMap::new() }
    }

    fn add<T: Real>(&mut self, name: &str, key: &str, shape: &[usize], ours: &[T]) -> Result<()> {
        let theirs = self.fixture.expect(key, shape)?;
        assert_eq!(ours.len(), theirs.len(), "{key}");
        let largest = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(0.0, |a: f64, b: f64| if a >= b { a } else { b })
        };
        let difference = largest(&mut ours.iter().zip(theirs).map(|(a, b)| (a.double() - b).abs()));
        let error = difference / (self.path.floor() + largest(&mut theirs.iter().map(|b| b.abs())));
        let entry = self.largest.entry(name.to_owned()).or_insert((-1.0, String::new()));
        // An error that is not a number is the largest.
        if error.is_nan() || error > entry.0 {
            *entry = (error, key.to_owned());
        }
        Ok(())
    }

    fn add_measurement(&mut self, prefix: &str, measured: &LayerMeasurement) -> Result<()> {
        let always = [("mean", measured.mean), ("var", measured.variance)];
        let sometimes = [
            ("output_alignment", Some(measured.output_alignment)),
            ("gradient_alignment", Some(measured.gradient_alignment)),
            ("ln_mse", measured.ln_mse),
        ];
        for (name, value) in always {
            self.add(name, &format!("{prefix}.{name}"), &[], &[value])?;
        }
        for (name, value) in sometimes {
            let key = format!("{prefix}.{name}");
            if let Some(value) = value.filter(|_| self.fixture.has(&key)) {
                self.add(&name.replace('_', " "), &key, &[], &[value])?;
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
                let frozen = what != "final" && !self.fixture.has(&key) && symbol == "W_EI";
                if !ours.is_empty() && !frozen {
                    self.add(&format!("{what} {symbol}"), &key, &shape, ours)?;
                }
            }
        }
        Ok(())
    }

    fn into_report(self) -> Report {
        let named = self.largest.into_iter();
        Report {
            condition: self.fixture.condition,
            path: self.path,
            quantities: named
                .map(|(name, (error, worst))| Quantity { name, error, worst })
                .collect(),
        }
    }
}
