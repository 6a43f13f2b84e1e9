//! One experiment as a value.

use super::{
    protocol::Protocol,
    training::{Training, training_methods},
    variations::{IN_EVERY_ID, PROTOCOL_NAME, unusual},
};
use crate::{
    Architecture, Condition, Error, Result,
    architecture::{GradNormZ, HiddenLayers, MOST_HIDDEN_LAYERS, SubtractiveLoss},
    condition::GradNorm,
    configuration::{Configuration, ConfigurationList, LAMBDA},
    layers::InitialWeights,
    learning_rule::{LearningRule, Signs},
};
use inorm_core::files::short_sha256;
use serde::{Deserialize, Serialize};

/// Counts changes of what a run means. A new number gives every run a new id, so that results
/// from before the change are never taken for results from after it.
const PROTOCOL: u32 = 1;

/// The hidden layers of the paper's networks.
pub(crate) const HIDDEN_LAYERS: usize = 2;

/// Everything that decides the outcome of a training run, apart from the data.
///
/// What the paper has no other value for is part of its [id](Self::id), and of what is written of
/// it, only where it is another: see [`variations`](Self::variations).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Which network.
    pub condition: Condition,
    /// Which row of a list of configurations, if it is one.
    pub configuration: Option<usize>,
    /// Units of each hidden layer.
    pub width: usize,
    /// How they are trained. Its seed is that of the weights and of ν as well.
    #[serde(flatten)]
    pub training: Training,
    /// Hidden layers, all of the same kind; 2 in the paper.
    #[serde(default = "hidden_layers", skip_serializing_if = "is_hidden_layers")]
    pub hidden_layers: usize,
    /// In which of them GradNorm acts; in all in the paper. In the others the error passes
    /// unchanged.
    #[serde(default = "all_layers", skip_serializing_if = "is_all_layers")]
    pub grad_norm_layers: HiddenLayers,
    /// On which z GradNorm works, if it looks at it; as it is in the paper.
    #[serde(default, skip_serializing_if = "GradNormZ::is_default")]
    pub grad_norm_z: GradNormZ,
    /// What the inhibition of subtractive I-Norm learns from; a mean in the paper.
    #[serde(default, skip_serializing_if = "SubtractiveLoss::is_default")]
    pub subtractive_loss: SubtractiveLoss,
    /// The list that its configuration is a row of.
    #[serde(default, skip_serializing_if = "ConfigurationList::is_default")]
    pub configuration_list: ConfigurationList,
    /// What the weights of its hidden layers are before any training; positive in the paper.
    #[serde(default, skip_serializing_if = "InitialWeights::is_default")]
    pub initial_weights: InitialWeights,
}

/// The unusual values of a run, where `protocol revised` stands for those by which the revised
/// protocol differs for this condition, if they are all there.
pub(crate) fn summarized(
    condition: Condition,
    mut unusual: Vec<(&'static str, String)>,
) -> Vec<(&'static str, String)> {
    let [configuration, ..] = Protocol::Revised.configurations().all() else { return unusual };
    let revised = Run::new(condition, configuration).protocol(Protocol::Revised).unusual();
    if revised.iter().all(|value| unusual.contains(value)) {
        unusual.retain(|value| !revised.contains(value));
        unusual.insert(0, (PROTOCOL_NAME, Protocol::Revised.to_string()));
    }
    unusual
}

const fn hidden_layers() -> usize {
    HIDDEN_LAYERS
}

fn is_hidden_layers(layers: &usize) -> bool {
    *layers == HIDDEN_LAYERS
}

const fn all_layers() -> HiddenLayers {
    HiddenLayers::ALL
}

fn is_all_layers(layers: &HiddenLayers) -> bool {
    *layers == HiddenLayers::ALL
}

training_methods!(Run, training);

impl Run {
    /// The paper's protocol for `condition` in one of its configurations: ε = 0.75, 50 epochs,
    /// batches of 32, seed 0, measured at the last step.
    pub const fn new(condition: Condition, configuration: &Configuration) -> Self {
        Self {
            condition,
            configuration: Some(configuration.index),
            configuration_list: configuration.list,
            width: configuration.width,
            training: Training::paper(configuration.rates),
            hidden_layers: HIDDEN_LAYERS,
            grad_norm_layers: HiddenLayers::ALL,
            grad_norm_z: GradNormZ::Plain,
            subtractive_loss: SubtractiveLoss::Mean,
            initial_weights: InitialWeights::Positive,
        }
    }

    /// With other weights before any training.
    #[must_use]
    pub const fn initial_weights(mut self, weights: InitialWeights) -> Self {
        self.initial_weights = weights;
        self
    }

    /// With another number of hidden layers, all of the same kind and width.
    #[must_use]
    pub const fn hidden_layers(mut self, layers: usize) -> Self {
        self.hidden_layers = layers;
        self
    }

    /// With GradNorm in these of its hidden layers only: in none of them, the run is one of the
    /// condition without GradNorm.
    #[must_use]
    pub fn grad_norm_in(mut self, layers: HiddenLayers) -> Self {
        self.grad_norm_layers = layers;
        if layers == HiddenLayers::NONE {
            self.condition = self.condition.without_grad_norm();
            self.grad_norm_z = GradNormZ::Plain;
        }
        if layers == HiddenLayers::NONE || layers == HiddenLayers::first(self.hidden_layers) {
            self.grad_norm_layers = HiddenLayers::ALL;
        }
        self
    }

    /// With GradNorm on another z.
    #[must_use]
    pub const fn grad_norm_z(mut self, z: GradNormZ) -> Self {
        self.grad_norm_z = z;
        self
    }

    /// With another loss of subtractive I-Norm.
    #[must_use]
    pub const fn subtractive_loss(mut self, loss: SubtractiveLoss) -> Self {
        self.subtractive_loss = loss;
        self
    }

    /// By this protocol, in all that makes a difference to the condition; but for the
    /// configuration, which is that of the run.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.training = self.training.protocol(protocol);
        let (grad_norm, circuit) = (self.condition.grad_norm(), self.condition.circuit());
        let revised = protocol == Protocol::Revised;
        self.grad_norm_z = match revised && grad_norm.centred() != grad_norm {
            true => GradNormZ::Centred,
            false => GradNormZ::Plain,
        };
        self.subtractive_loss = match revised && circuit.with_variance() != circuit {
            true => SubtractiveLoss::MeanAndVariance,
            false => SubtractiveLoss::Mean,
        };
        self
    }

    /// What this run makes of the architecture of its condition.
    pub(super) fn varied(&self, architecture: Architecture) -> Architecture {
        let varied = architecture.varied(self.hidden_layers, self.grad_norm_layers);
        varied.with_grad_norm_z(self.grad_norm_z).with_subtractive_loss(self.subtractive_loss)
    }

    /// What of it the paper has no other value for, and is another: names and values.
    ///
    /// `protocol revised` stands for all by which [the revised protocol](Protocol::Revised) differs
    /// for this condition, if it is all there.
    pub fn variations(&self) -> Vec<(&'static str, String)> {
        summarized(self.condition, self.unusual())
    }

    pub(super) fn unusual(&self) -> Vec<(&'static str, String)> {
        unusual([
            self.hidden_layers.to_string(),
            self.grad_norm_layers.to_string(),
            self.training.rule.signs.to_string(),
            self.training.rule.precision.to_string(),
            self.training.rule.label_smoothing.to_string(),
            self.training.order.to_string(),
            self.grad_norm_z.to_string(),
            self.subtractive_loss.to_string(),
            self.configuration_list.to_string(),
            self.training.task.to_string(),
            self.initial_weights.to_string(),
        ])
    }

    /// Checks that every number makes sense.
    ///
    /// # Errors
    /// Names the first one that does not.
    pub fn validate(&self) -> Result<()> {
        let Self { condition, hidden_layers, grad_norm_layers: layers, .. } = self;
        if !(1..=MOST_HIDDEN_LAYERS).contains(hidden_layers) {
            let expected = format!("1 to {MOST_HIDDEN_LAYERS}");
            return Err(Error::invalid("hidden_layers", hidden_layers, expected));
        }
        if *layers != HiddenLayers::ALL {
            let what = "grad_norm_layers";
            if condition.grad_norm() == GradNorm::None {
                let expected = format!("all; {condition} has no GradNorm");
                return Err(Error::invalid(what, layers, expected));
            }
            if !layers.are_some_of(*hidden_layers) {
                let expected =
                    format!("all, or some of the {hidden_layers} hidden layers that there are");
                return Err(Error::invalid(what, layers, expected));
            }
        }
        let grad_norm = condition.grad_norm();
        if self.grad_norm_z == GradNormZ::Centred && grad_norm.centred() == grad_norm {
            let expected = format!("plain; {condition} has no GradNorm that looks at z");
            return Err(Error::invalid("grad_norm_z", self.grad_norm_z, expected));
        }
        let (circuit, loss) = (condition.circuit(), self.subtractive_loss);
        if loss == SubtractiveLoss::MeanAndVariance && circuit.with_variance() == circuit {
            let expected = format!("mean; {condition} is not the I-Norm that only subtracts");
            return Err(Error::invalid("subtractive_loss", loss, expected));
        }
        let lambda = self.training.rule.lambda;
        if lambda != LAMBDA && !circuit.learns_locally() {
            let expected = format!("{LAMBDA}; {condition} has no I-Norm loss");
            return Err(Error::invalid("lambda", lambda, expected));
        }
        let list = self.configuration_list;
        let weights = self.initial_weights;
        if weights == InitialWeights::ZeroMean {
            let what = "initial_weights";
            if self.training.rule.signs != Signs::Free {
                let expected =
                    format!("positive with signs {}, or signs free", self.training.rule.signs);
                return Err(Error::invalid(what, weights, expected));
            }
            if !(circuit.subtracts() || condition.normalization().centers()) {
                let expected = format!(
                    "positive; in {condition} nothing takes the mean of the activity away, and \
                     without it the network is another one"
                );
                return Err(Error::invalid(what, weights, expected));
            }
        }
        if self.configuration.is_none() && !list.is_default() {
            let expected = "published; this run has a width and learning rates of its own";
            return Err(Error::invalid("config_list", list, expected));
        }
        if !(2..=10_000).contains(&self.width) {
            return Err(Error::invalid("width", self.width, "2 to 10000 units"));
        }
        self.training.validate()
    }

    /// The first 16 hexadecimal digits of the SHA-256 of everything that decides a run's result.
    ///
    /// The data are not part of it: a [`Store`](crate::sweep::Store) holds results of one data set
    /// only.
    pub fn id(&self) -> String {
        // All fields but those of `variations`.
        let Self {
            condition,
            configuration,
            width,
            training,
            hidden_layers: _,
            grad_norm_layers: _,
            grad_norm_z: _,
            subtractive_loss: _,
            configuration_list: _,
            initial_weights: _,
        } = self;
        let Training { rule, epsilon, seed, epochs, batch, measure, order: _, task: _ } = training;
        let LearningRule {
            rates,
            momentum,
            inhibitory_momentum,
            weight_decay,
            lambda,
            label_smoothing,
            signs: _,
            precision: _,
        } = rule;
        let configuration =
            configuration.map_or_else(|| "none".to_owned(), |index| index.to_string());
        // Rust prints the shortest decimal number that reads back as the same float.
        let mut text = format!(
            "protocol={PROTOCOL} condition={condition} config={configuration} width={width} \
             lr={} lr_w_ie={} lr_w_ei={} momentum={momentum} \
             inhibitory_momentum={inhibitory_momentum} weight_decay={weight_decay} lambda={lambda} \
             label_smoothing={label_smoothing} epsilon={epsilon} seed={seed} epochs={epochs} \
             batch={batch} measure={measure:?}",
            rates.lr, rates.lr_w_ie, rates.lr_w_ei,
        );
        let others = self.unusual().into_iter().filter(|(name, _)| *name != IN_EVERY_ID);
        for (name, value) in others {
            text += &format!(" {name}={value}");
        }
        short_sha256(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{condition::Circuit, configuration::configuration};
    use crate::{
        dataset::{Order, Task},
        learning::{Measure, Precision, Recorded},
    };

    #[test]
    fn an_id_never_changes() {
        let run = Run::new(Condition::INormFull, &configuration(0).unwrap());
        assert_eq!(run.id(), run.clone().id());
        // Results are filed under this name: a new one would orphan them.
        assert_eq!(run.measure(Measure::EachEpoch).id(), "0fd9aa43afe43276");
    }

    #[test]
    fn everything_that_decides_a_result_decides_the_id() {
        let run = Run::new(Condition::INormFull, &configuration(0).unwrap());
        let changes: [fn(&mut Run); 26] = [
            |r| r.condition = Condition::ELn,
            |r| r.configuration = None,
            |r| r.width += 1,
            |r| r.training.rule.rates.lr *= 2.0,
            |r| r.training.rule.rates.lr_w_ie *= 2.0,
            |r| r.training.rule.rates.lr_w_ei *= 2.0,
            |r| r.training.rule.momentum = 0.5,
            |r| r.training.rule.inhibitory_momentum = 0.5,
            |r| r.training.rule.weight_decay = 0.5,
            |r| r.training.rule.lambda = 0.5,
            |r| r.training.rule.label_smoothing = 0.5,
            |r| r.training.epsilon = 0.5,
            |r| r.training.seed = 1,
            |r| r.training.epochs = 1,
            |r| r.training.batch = 1,
            |r| r.training.rule.signs = Signs::Free,
            |r| r.training.rule.signs = Signs::NonNegative,
            |r| r.training.order = Order::Shuffled,
            |r| r.training.task = Task::Contrast,
            |r| r.initial_weights = InitialWeights::ZeroMean,
            |r| r.configuration_list = ConfigurationList::Revised,
            |r| r.subtractive_loss = SubtractiveLoss::MeanAndVariance,
            |r| r.grad_norm_z = GradNormZ::Centred,
            |r| r.training.rule.precision = Precision::Fp16Autocast,
            |r| r.hidden_layers = 3,
            |r| r.grad_norm_layers = "2".parse().unwrap(),
        ];
        let mut ids = vec![run.id()];
        for change in changes {
            let mut changed = run.clone();
            change(&mut changed);
            ids.push(changed.id());
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), changes.len() + 1);
    }

    #[test]
    fn the_revised_protocol_is_named_where_all_of_it_is_there() {
        let [first, ..] = ConfigurationList::Revised.all() else { unreachable!() };
        let names = |run: &Run| run.variations().into_iter().map(|(name, _)| name).collect();
        for condition in Condition::ALL {
            let plain = Run::new(condition, &configuration(0).unwrap());
            assert_eq!(
                plain.clone().protocol(Protocol::Revised).protocol(Protocol::Published),
                plain
            );
            let revised = Run::new(condition, first).protocol(Protocol::Revised);
            assert!(revised.validate().is_ok(), "{condition}");
            assert_eq!(revised.variations(), [("protocol", "revised".to_owned())]);
            let contrast = revised.clone().task(Task::Contrast);
            let found: Vec<_> = names(&contrast);
            assert_eq!(found, ["protocol", "task"]);
            // One difference less, and each other one is named.
            let others: Vec<_> = names(&revised.order(Order::File));
            let mut expected = vec!["signs", "label_smoothing"];
            let looks_at_z = [Condition::INormFull, Condition::INormDecorrelate];
            expected.extend(looks_at_z.contains(&condition).then_some("grad_norm_z"));
            let subtractive = condition.circuit() == Circuit::InhibitoryNormSubtractive;
            expected.extend(subtractive.then_some("subtractive_loss"));
            expected.push("config_list");
            assert_eq!(others, expected, "{condition}");
        }
        // The same numbers as of the other list would be another run.
        let mut own = Run::new(Condition::ELn, first);
        own.configuration = None;
        let message = own.validate().unwrap_err().to_string();
        assert!(message.starts_with("config_list: revised is not valid; expected published"));
    }

    #[test]
    fn a_network_has_one_run_however_its_grad_norms_are_named() {
        let full = Run::new(Condition::INormFull, &configuration(0).unwrap());
        let within = |run: &Run, layers: &str| run.clone().grad_norm_in(layers.parse().unwrap());
        assert_eq!(within(&full, "all"), full);
        assert_eq!(within(&full, "1+2"), full);
        let none = Run { condition: Condition::INormNone, ..full.clone() };
        assert_eq!((within(&full, "none"), within(&none, "none")), (none.clone(), none.clone()));
        assert!(none.architecture().hidden.iter().all(|kind| kind.grad_norm == GradNorm::None));
        // Results are filed under these names: new ones would orphan them.
        let second = within(&full, "2").measure(Measure::EachEpoch);
        assert_eq!(second.id(), "8ce774d99398a0a2");
        let deep = within(&full.clone().hidden_layers(3), "3").measure(Measure::EachEpoch);
        assert_eq!(deep.id(), "91a4c1eba697e0f3");
        let free = full.clone().signs(Signs::Free).measure(Measure::EachEpoch);
        assert_eq!(free.id(), "adf999dc5b13e3d9");
        let half = full.clone().precision(Precision::Fp16Autocast);
        assert_eq!(half.clone().measure(Measure::EachEpoch).id(), "983bfdeaa227f6c3");
        let shuffled = full.clone().order(Order::Shuffled).signs(Signs::NonNegative);
        let shuffled = shuffled.label_smoothing(0.0).measure(Measure::EachEpoch);
        assert_eq!(shuffled.id(), "246105246d677390");
        // A part of the id before it was a variation.
        let hard = full.clone().label_smoothing(0.0).measure(Measure::EachEpoch);
        assert_eq!(hard.id(), "0cba216a6df9de76");
        let centred = full.clone().grad_norm_z(GradNormZ::Centred).measure(Measure::EachEpoch);
        assert_eq!(centred.id(), "ffa577b3a1ada3b9");
        let contrast = full.clone().task(Task::Contrast).measure(Measure::EachEpoch);
        assert_eq!(contrast.id(), "03d1039a22038b6f");
        let mean = free.clone().initial_weights(InitialWeights::ZeroMean);
        assert_eq!(mean.id(), "be77c73a1a6547a0");
        let sub = Run { condition: Condition::INormSubNone, ..full.clone() };
        let variance = sub.subtractive_loss(SubtractiveLoss::MeanAndVariance);
        let variance = variance.measure(Measure::EachEpoch);
        assert_eq!(variance.id(), "de41884e5f30b5a7");
        let [configuration, ..] = ConfigurationList::Revised.all() else { unreachable!() };
        let revised = Run::new(Condition::INormFull, configuration).protocol(Protocol::Revised);
        let revised = revised.measure(Measure::EachEpoch);
        assert_eq!(revised.id(), "567bccec0feef569");
        let all =
            [second, deep, free, half, shuffled, hard, centred, contrast, mean, variance, revised];
        for run in all {
            assert!(run.validate().is_ok());
            let json = serde_json::to_string(&run).unwrap();
            assert_eq!(serde_json::from_str::<Run>(&json).unwrap(), run);
        }
        let json = serde_json::to_string(&full).unwrap();
        let unusual = [
            "layers",
            "signs",
            "precision",
            "order",
            "grad_norm_z",
            "loss",
            "list",
            "task",
            "init",
        ];
        assert!(unusual.iter().all(|name| !json.contains(name)), "{json}");
        assert_eq!(serde_json::from_str::<Run>(&json).unwrap(), full);
        let refused = |run: &Run| run.validate().unwrap_err().to_string();
        let message = refused(&within(&full, "3"));
        let expected = "grad_norm_layers: 3 is not valid; \
                        expected all, or some of the 2 hidden layers that there are";
        assert_eq!(message, expected);
        assert!(refused(&within(&none, "2")).ends_with("all; inorm_none has no GradNorm"));
        let message = refused(&none.clone().grad_norm_z(GradNormZ::Centred));
        let expected = "grad_norm_z: centred is not valid; \
                        expected plain; inorm_none has no GradNorm that looks at z";
        assert_eq!(message, expected);
        let message = refused(&none.clone().subtractive_loss(SubtractiveLoss::MeanAndVariance));
        let expected = "subtractive_loss: mean_and_variance is not valid; \
                        expected mean; inorm_none is not the I-Norm that only subtracts";
        assert_eq!(message, expected);
        assert!(none.clone().lambda(0.1).validate().is_ok());
        let weighed = Run { condition: Condition::ELn, ..none.clone() }.lambda(0.1);
        let expected = "lambda: 0.1 is not valid; expected 0.01; e_ln has no I-Norm loss";
        assert_eq!(refused(&weighed), expected);
        let zero = |run: &Run| run.clone().initial_weights(InitialWeights::ZeroMean);
        let message = refused(&zero(&none));
        let expected = "initial_weights: zero_mean is not valid; \
                        expected positive with signs dale, or signs free";
        assert_eq!(message, expected);
        for condition in
            [Condition::ENone, Condition::EMeanNormBackwardOnly, Condition::INormDivisive]
        {
            let run = Run { condition, ..zero(&none).signs(Signs::Free) };
            let words = format!("in {condition} nothing takes the mean of the activity away");
            assert!(refused(&run).contains(&words));
        }
        let written = Run { grad_norm_layers: HiddenLayers::first(2), ..full.clone() };
        assert!(refused(&written).contains("1+2 is not valid"), "it is `all`");
        assert!(refused(&full.clone().hidden_layers(0)).contains("hidden_layers: 0"));
        assert!(refused(&full.hidden_layers(17)).contains("expected 1 to 16"));
    }
}
