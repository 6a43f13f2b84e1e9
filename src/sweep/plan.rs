//! Which runs to train.

use crate::{
    Condition::{self, *},
    Error, Result,
    architecture::{GradNormZ, HiddenLayers, SubtractiveLoss},
    configuration::{EPOCHS, EPSILONS, LABEL_SMOOTHING, LAMBDA, configuration, configurations},
    dataset::{Order, Task},
    learning::{Measure, Precision, Run, Signs},
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
        let Run { condition, configuration, epsilon, seed, .. } = &self.run;
        write!(f, "{condition}")?;
        match configuration {
            Some(index) => write!(f, " config {index}")?,
            None => write!(f, " width {}", self.run.width)?,
        }
        write!(f, " ε {epsilon} seed {seed}")?;
        let mut variations = self.run.variations().into_iter();
        variations.try_for_each(|(name, value)| write!(f, " {name} {value}"))
    }
}

/// Every combination of some conditions, configurations, ε, seeds, λ and variations.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Which networks.
    pub conditions: Vec<Condition>,
    /// Rows of `data/configs.csv`.
    pub configurations: Vec<usize>,
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
    /// Whether weights keep their signs.
    pub signs: Vec<Signs>,
    /// In which precision.
    pub precisions: Vec<Precision>,
    /// Label smoothings of the task loss.
    pub label_smoothings: Vec<f64>,
    /// In which order the training images are shown.
    pub orders: Vec<Order>,
    /// On which z GradNorm works.
    pub grad_norm_z: Vec<GradNormZ>,
    /// What the inhibition of subtractive I-Norm learns from.
    pub subtractive_losses: Vec<SubtractiveLoss>,
    /// What is changed of an image each time it is shown.
    pub tasks: Vec<Task>,
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
            configurations: (0..configurations().len()).collect(),
            epsilons: EPSILONS.to_vec(),
            seeds: vec![0],
            lambdas: vec![LAMBDA],
            hidden_layers: vec![2],
            grad_norm_layers: vec![HiddenLayers::ALL],
            signs: vec![Signs::Dale],
            precisions: vec![Precision::Single],
            label_smoothings: vec![LABEL_SMOOTHING],
            orders: vec![Order::File],
            grad_norm_z: vec![GradNormZ::Plain],
            subtractive_losses: vec![SubtractiveLoss::Mean],
            tasks: vec![Task::Luminosity],
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
                let configuration = configuration(index)?;
                for &condition in &self.conditions {
                    let run = Run::new(condition, &configuration)
                        .epsilon(epsilon)
                        .epochs(self.epochs)
                        .measure(Measure::EachEpoch);
                    for run in self.variants(&run) {
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

    /// A run with each seed, λ and variation.
    fn variants(&self, run: &Run) -> Vec<Run> {
        let runs = vec![run.clone()];
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
        each(runs, &self.tasks, Run::task)
    }
}

/// Each of the runs with each of the values, which `with` gives it.
fn each<T: Copy>(runs: Vec<Run>, values: &[T], with: fn(Run, T) -> Run) -> Vec<Run> {
    let each = |run: Run| values.iter().map(move |&value| with(run.clone(), value));
    runs.into_iter().flat_map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        (selection.hidden_layers, selection.signs) = (vec![2, 3], Signs::ALL.to_vec());
        let plan = selection.plan().unwrap();
        let shown: Vec<_> = plan.iter().map(Planned::to_string).collect();
        let start = "inorm_full config 0 ε 0.75 seed 0";
        assert_eq!(shown[0], start.replace("full", "none"));
        assert_eq!((shown.len(), &shown[6][..]), (16, start));
        assert_eq!(shown[13], format!("{start} hidden_layers 3 grad_norm_layers 2 signs free"));
        selection.precisions = Precision::ALL.to_vec();
        let plan = selection.plan().unwrap();
        assert_eq!((plan.len(), &plan[12].to_string()[..]), (32, start));
        assert_eq!(plan[13].to_string(), format!("{start} precision fp16_autocast"));
        selection.precisions.truncate(1);
        (selection.label_smoothings, selection.orders) = (vec![0.1, 0.0], Order::ALL.to_vec());
        let plan = selection.plan().unwrap();
        assert_eq!((plan.len(), &plan[24].to_string()[..]), (96, start));
        assert_eq!(plan[27].to_string(), format!("{start} label_smoothing 0 order shuffled"));
    }

    #[test]
    fn a_plan_reads_back_as_it_was_written() {
        let mut others = Selection::profile("figure 5").unwrap();
        others.conditions = vec![INormFull];
        others.grad_norm_layers = vec!["2".parse().unwrap()];
        for planned in [plan("paper"), others.plan().unwrap()].concat() {
            let text = serde_json::to_string(&planned).unwrap();
            let back: Planned = serde_json::from_str(&text).unwrap();
            assert_eq!((&back, back.run.id()), (&planned, planned.id.clone()));
        }
    }
}
