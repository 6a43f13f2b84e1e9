//! Which runs to train.

use crate::{
    Condition::{self, *},
    Error, Result,
    architecture::{GradNormZ, HiddenLayers, SubtractiveLoss},
    configuration::{ConfigurationList, EPOCHS, EPSILONS, LAMBDA, configurations},
    dataset::{Order, Task},
    layers::InitialWeights,
    learning::{Measure, Precision, Protocol, Run, Signs},
};
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, fmt};

/// A run and its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// [`Run::id`] of the run.
    pub id: String,
    /// The run.
    pub run: Run,
}

impl Planned {
    /// Gives a run its id.
    pub fn new(run: Run) -> Self {
        Self { id: run.id(), run }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { condition, configuration, training, .. } = &self.run;
        write!(f, "{condition}")?;
        match configuration {
            Some(index) => write!(f, " config {index}")?,
            None => write!(f, " width {}", self.run.width)?,
        }
        write!(f, " ε {} seed {}", training.epsilon, training.seed)?;
        let mut variations = self.run.variations().into_iter();
        variations.try_for_each(|(name, value)| write!(f, " {name} {value}"))
    }
}

/// Every combination of some conditions, configurations, ε, seeds, λ and variations. Where a list
/// that a protocol decides is empty, it is as the protocol has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Which networks.
    pub conditions: Vec<Condition>,
    /// By which protocols.
    pub protocols: Vec<Protocol>,
    /// Rows of a list of configurations.
    pub configurations: Vec<usize>,
    /// Of which lists; the protocol decides.
    pub configuration_lists: Vec<ConfigurationList>,
    /// Ranges of the luminosity shift.
    pub epsilons: Vec<f64>,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Weights of the I-Norm loss.
    pub lambdas: Vec<f64>,
    /// Numbers of hidden layers.
    pub hidden_layers: Vec<usize>,
    /// In which of them GradNorm acts.
    pub grad_norm_layers: Vec<HiddenLayers>,
    /// Whether weights keep their signs; the protocol decides.
    pub signs: Vec<Signs>,
    /// In which precision.
    pub precisions: Vec<Precision>,
    /// Label smoothings of the task loss; the protocol decides.
    pub label_smoothings: Vec<f64>,
    /// In which order the training images are shown; the protocol decides.
    pub orders: Vec<Order>,
    /// On which z GradNorm works; the protocol decides.
    pub grad_norm_z: Vec<GradNormZ>,
    /// What the inhibition of subtractive I-Norm learns from; the protocol decides.
    pub subtractive_losses: Vec<SubtractiveLoss>,
    /// What is changed of an image each time it is shown.
    pub tasks: Vec<Task>,
    /// What the weights of hidden layers are before any training.
    pub initial_weights: Vec<InitialWeights>,
    /// Passes over the training images.
    pub epochs: u32,
}

impl Selection {
    /// The runs of one purpose: `quick`, to see that everything works, is one configuration for
    /// two epochs; `figure 2` to `figure 7` are what one of the paper's figures shows; `paper` is
    /// all of these; `appendix` is λ from 1e-5 to 1.
    ///
    /// # Errors
    /// If there is no profile of that name.
    pub fn profile(name: &str) -> Result<Self> {
        let figure = name.strip_prefix("figure").map(|number| number.trim_matches([' ', '-']));
        let conditions: &[Condition] = match (name, figure) {
            ("quick", _) => &[EiNone, ELn, INormNone, INormFull],
            (_, Some("2")) => &[EiNone, EiLn, ELn],
            (_, Some("3")) => &[EiNone, INormSubNone, INormNone],
            (_, Some("4")) => &[ELn, INormNone],
            (_, Some("5")) => &[ELn, INormFull],
            (_, Some("6")) => &[ELn, INormScale, INormDecorrelate, INormCenter, INormFull],
            (_, Some("7")) => &[ELn, INormLateral, INormCenter, INormFull],
            ("appendix", _) => &[INormNone],
            ("paper", _) => &[
                EiNone,
                EiLn,
                ELn,
                INormNone,
                INormFull,
                INormCenter,
                INormLateral,
                INormScale,
                INormDecorrelate,
                INormSubNone,
            ],
            _ => {
                let expected = "quick, 'figure 2' to 'figure 7', appendix or paper";
                return Err(Error::invalid("profile", format!("'{name}'"), expected));
            }
        };
        let paper = Self {
            conditions: conditions.to_vec(),
            protocols: vec![Protocol::Published],
            configurations: (0..configurations().len()).collect(),
            configuration_lists: Vec::new(),
            epsilons: EPSILONS.to_vec(),
            seeds: vec![0],
            lambdas: vec![LAMBDA],
            hidden_layers: vec![2],
            grad_norm_layers: vec![HiddenLayers::ALL],
            signs: Vec::new(),
            precisions: vec![Precision::Single],
            label_smoothings: Vec::new(),
            orders: Vec::new(),
            grad_norm_z: Vec::new(),
            subtractive_losses: Vec::new(),
            tasks: vec![Task::Luminosity],
            initial_weights: vec![InitialWeights::Positive],
            epochs: EPOCHS,
        };
        Ok(match name {
            "quick" => {
                Self { configurations: vec![0], epsilons: vec![0.0, 0.75], epochs: 2, ..paper }
            }
            "appendix" => Self {
                epsilons: vec![0.75],
                lambdas: vec![1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0],
                ..paper
            },
            _ => paper,
        })
    }

    /// The runs, in the order given: ε, then configuration, condition, seed, λ, variations. Each is
    /// measured at the last step of each epoch. A run that is selected twice is planned once.
    ///
    /// # Errors
    /// If a value makes no sense; it names the first.
    pub fn plan(&self) -> Result<Vec<Planned>> {
        let mut runs = Vec::new();
        let mut seen = HashSet::new();
        for &epsilon in &self.epsilons {
            for &index in &self.configurations {
                for &condition in &self.conditions {
                    for run in self.variants(self.by_protocol(condition, index)?) {
                        let run = run.epsilon(epsilon);
                        run.validate()?;
                        let planned = Planned::new(run);
                        if seen.insert(planned.id.clone()) {
                            runs.push(planned);
                        }
                    }
                }
            }
        }
        Ok(runs)
    }

    /// A run by each protocol, in the configuration of this number of each list.
    fn by_protocol(&self, condition: Condition, index: usize) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        for &protocol in &self.protocols {
            let own = [protocol.configurations()];
            let given = &self.configuration_lists[..];
            for list in if given.is_empty() { &own } else { given } {
                let run = Run::new(condition, &list.configuration(index)?).protocol(protocol);
                runs.push(run.epochs(self.epochs).measure(Measure::EachEpoch));
            }
        }
        Ok(runs)
    }

    /// These runs with each seed, λ and variation.
    fn variants(&self, runs: Vec<Run>) -> Vec<Run> {
        let runs = each(runs, &self.seeds, Run::seed);
        let runs = each(runs, &self.lambdas, Run::lambda);
        let runs = each(runs, &self.hidden_layers, Run::hidden_layers);
        let runs = each(runs, &self.grad_norm_layers, Run::grad_norm_in);
        let runs = each(runs, &self.signs, Run::signs);
        let runs = each(runs, &self.precisions, Run::precision);
        let runs = each(runs, &self.label_smoothings, Run::label_smoothing);
        let runs = each(runs, &self.orders, Run::order);
        let runs = each(runs, &self.grad_norm_z, Run::grad_norm_z);
        let runs = each(runs, &self.subtractive_losses, Run::subtractive_loss);
        let runs = each(runs, &self.tasks, Run::task);
        each(runs, &self.initial_weights, Run::initial_weights)
    }
}

/// Each of the runs with each of the values, which `with` gives it; without values, as it is.
fn each<T: Copy>(runs: Vec<Run>, values: &[T], with: fn(Run, T) -> Run) -> Vec<Run> {
    if values.is_empty() {
        return runs;
    }
    let each = |run: Run| values.iter().map(move |&value| with(run.clone(), value));
    runs.into_iter().flat_map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{condition::GradNorm, learning::Recorded};

    fn plan(profile: &str) -> Vec<Planned> {
        Selection::profile(profile).unwrap().plan().unwrap()
    }

    #[test]
    fn the_paper_is_1200_runs_and_contains_every_figure() {
        let paper = plan("paper");
        assert_eq!(paper.len(), 10 * 30 * 4);
        for number in 2..=7 {
            let figure = plan(&format!("figure {number}"));
            assert!(figure.iter().all(|planned| paper.contains(planned)), "figure {number}");
        }
        let appendix = plan("appendix");
        assert_eq!(appendix.len(), 6 * 30);
        assert_eq!(appendix.iter().filter(|planned| paper.contains(planned)).count(), 30);
    }

    #[test]
    fn what_cannot_be_planned_is_refused_and_nothing_is_planned_twice() {
        let mut selection = Selection::profile("quick").unwrap();
        selection.seeds = vec![0, 0];
        assert_eq!(selection.plan().unwrap().len(), 8);
        selection.configurations = vec![30];
        assert!(selection.plan().unwrap_err().to_string().contains("0 to 29"));
        let message = Selection::profile("figure 1").unwrap_err().to_string();
        assert!(message.contains("'figure 1'") && message.contains("figure 7"), "{message}");
    }

    #[test]
    fn grad_norm_by_layer_depth_and_signs_are_planned() {
        let mut selection = Selection::profile("quick").unwrap();
        let layers = ["none", "1", "2", "all"].map(|text| text.parse().unwrap());
        (selection.epsilons, selection.grad_norm_layers) = (vec![0.75], layers.to_vec());
        let message = selection.plan().unwrap_err().to_string();
        assert!(message.contains("ei_none has no GradNorm"), "{message}");
        selection.conditions = vec![INormNone, INormFull, INormCenter];
        selection.grad_norm_layers.truncate(1);
        assert_eq!(selection.plan().unwrap().len(), 1, "all of these are inorm_none");
        (selection.conditions, selection.grad_norm_layers) = (vec![INormFull], layers.to_vec());
        let signs = vec![Signs::Dale, Signs::Free];
        (selection.hidden_layers, selection.signs) = (vec![2, 3], signs);
        let plan = selection.plan().unwrap();
        let shown: Vec<_> = plan.iter().map(Planned::to_string).collect();
        let start = "inorm_full config 0 ε 0.75 seed 0";
        assert_eq!(shown[0], start.replace("full", "none"));
        assert_eq!((shown.len(), &shown[6][..]), (16, start));
        assert_eq!(shown[13], format!("{start} hidden_layers 3 grad_norm_layers 2 signs free"));
        selection.initial_weights = vec![InitialWeights::ZeroMean];
        let message = selection.plan().unwrap_err().to_string();
        assert!(message.contains("zero_mean is not valid; expected positive with signs dale"));
        selection.signs = vec![Signs::Free];
        let last = selection.plan().unwrap().pop().unwrap().to_string();
        assert_eq!(last, format!("{start} hidden_layers 3 signs free initial_weights zero_mean"));
        selection.initial_weights = vec![InitialWeights::Positive];
        selection.signs = vec![Signs::Dale, Signs::Free];
        selection.precisions = Precision::ALL.to_vec();
        let plan = selection.plan().unwrap();
        assert_eq!((plan.len(), &plan[12].to_string()[..]), (32, start));
        assert_eq!(plan[13].to_string(), format!("{start} precision fp16_autocast"));
        selection.precisions.truncate(1);
        (selection.label_smoothings, selection.orders) = (vec![0.1, 0.0], Order::ALL.to_vec());
        let plan = selection.plan().unwrap();
        assert_eq!((plan.len(), &plan[24].to_string()[..]), (64, start));
        assert_eq!(plan[27].to_string(), format!("{start} label_smoothing 0 order shuffled"));
    }

    #[test]
    fn the_revised_protocol_is_planned_whole_and_less_one_difference() {
        let mut selection = Selection::profile("figure 5").unwrap();
        selection.conditions = vec![ELn, INormFull, INormSubNone, INormDivisive];
        selection.configurations = vec![0, 29];
        (selection.epsilons, selection.tasks) = (vec![0.0, 0.75], Task::ALL.to_vec());
        selection.protocols = vec![Protocol::Revised];
        let plan = selection.plan().unwrap();
        assert_eq!(plan.len(), 4 * 2 * 2 * 2);
        let start = "inorm_full config 29 ε 0.75 seed 0 protocol revised task contrast";
        let last = plan.iter().find(|planned| planned.to_string() == start).unwrap();
        assert_eq!((last.run.width, last.run.training.rule.label_smoothing), (126, 0.0));
        assert_eq!(last.run.architecture().hidden[0].grad_norm, GradNorm::FullCentred);
        // Both protocols differ in every run.
        selection.protocols = Protocol::ALL.to_vec();
        assert_eq!(selection.plan().unwrap().len(), 2 * plan.len());
        selection.protocols = vec![Protocol::Revised];
        selection.orders = vec![Order::File];
        let less = selection.plan().unwrap();
        assert!(less.iter().all(|planned| !plan.contains(planned)) && less.len() == plan.len());
        selection.orders.clear();
        selection.configuration_lists = vec![ConfigurationList::Published];
        let other = selection.plan().unwrap();
        assert!(other.iter().all(|planned| !plan.contains(planned)) && other[0].run.width == 178);
        // What makes no difference to a condition cannot be asked for of it.
        selection.grad_norm_z = vec![GradNormZ::Centred];
        let message = selection.plan().unwrap_err().to_string();
        assert!(message.contains("e_ln has no GradNorm that looks at z"), "{message}");
        selection.configurations = vec![30];
        assert!(selection.plan().unwrap_err().to_string().contains("0 to 29"));
    }

    #[test]
    fn a_plan_reads_back_as_it_was_written() {
        let mut others = Selection::profile("figure 5").unwrap();
        others.conditions = vec![INormFull];
        others.grad_norm_layers = vec!["2".parse().unwrap()];
        (others.protocols, others.tasks) = (Protocol::ALL.to_vec(), Task::ALL.to_vec());
        for planned in [plan("paper"), others.plan().unwrap()].concat() {
            let text = serde_json::to_string(&planned).unwrap();
            let back: Planned = serde_json::from_str(&text).unwrap();
            assert_eq!((&back, back.run.id()), (&planned, planned.id.clone()));
        }
    }
}
