//! Which runs there shall be.

use crate::{
    Condition, Error, Result,
    configuration::configuration,
    learning::{LearningRule, Measure, Run},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// Counts changes of what a run means. A new number gives every run a new id, so that results
/// from before the change are never taken for results from after it.
const PROTOCOL: u32 = 1;

/// The ranges of the luminosity shift that the paper compares.
const EPSILONS: [f64; 4] = [0.0, 0.25, 0.5, 0.75];

/// The paper's configurations, as rows of `data/configs.csv`.
const CONFIGURATIONS: std::ops::Range<usize> = 0..30;

/// A run and its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// [`run_id`] of the run.
    pub id: String,
    /// The run.
    pub run: Run,
}

impl Planned {
    /// Gives a run its id.
    pub fn new(run: Run) -> Self {
        Self { id: run_id(&run), run }
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
        write!(f, " ε {epsilon} seed {seed}")
    }
}

/// The first 16 hexadecimal digits of the SHA-256 of everything that decides a run's result.
///
/// The data are not part of it: a store holds results of one data set only.
pub fn run_id(run: &Run) -> String {
    let Run { condition, configuration, width, rule, epsilon, seed, epochs, batch, measure } = run;
    let LearningRule {
        rates,
        momentum,
        inhibitory_momentum,
        weight_decay,
        lambda,
        label_smoothing,
    } = rule;
    let configuration = configuration.map_or_else(|| "none".to_owned(), |index| index.to_string());
    // Rust prints the shortest decimal number that reads back as the same float.
    let text = format!(
        "protocol={PROTOCOL} condition={condition} config={configuration} width={width} \
         lr={} lr_w_ie={} lr_w_ei={} momentum={momentum} \
         inhibitory_momentum={inhibitory_momentum} weight_decay={weight_decay} lambda={lambda} \
         label_smoothing={label_smoothing} epsilon={epsilon} seed={seed} epochs={epochs} \
         batch={batch} measure={measure:?}",
        rates.lr, rates.lr_w_ie, rates.lr_w_ei,
    );
    let digest = Sha256::digest(text);
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The runs of one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// One configuration, two epochs: to see that everything works.
    Quick,
    /// What one of the paper's figures shows, 2 to 7.
    Figure(u8),
    /// The appendix: λ from 1e-5 to 1.
    Appendix,
    /// Figures 2 to 7.
    Paper,
}

impl FromStr for Profile {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = text.strip_prefix("figure").map(|n| n.trim_matches([' ', '-']).parse());
        match (text, number) {
            ("quick", _) => Ok(Self::Quick),
            ("appendix", _) => Ok(Self::Appendix),
            ("paper", _) => Ok(Self::Paper),
            (_, Some(Ok(number @ 2..=7))) => Ok(Self::Figure(number)),
            _ => Err(Error::invalid(
                "profile",
                format!("'{text}'"),
                "quick, 'figure 2' to 'figure 7', appendix or paper",
            )),
        }
    }
}

impl Profile {
    fn conditions(self) -> Vec<Condition> {
        use Condition as C;
        let conditions: &[Condition] = match self {
            Self::Quick => &[C::EiNone, C::ELn, C::INormNone, C::INormFull],
            Self::Figure(2) => &[C::EiNone, C::EiLn, C::ELn],
            Self::Figure(3) => &[C::EiNone, C::INormSubNone, C::INormNone],
            Self::Figure(4) => &[C::ELn, C::INormNone],
            Self::Figure(5) => &[C::ELn, C::INormFull],
            Self::Figure(6) => {
                &[C::ELn, C::INormScale, C::INormDecorrelate, C::INormCenter, C::INormFull]
            }
            Self::Figure(_) => &[C::ELn, C::INormLateral, C::INormCenter, C::INormFull],
            Self::Appendix => &[C::INormNone],
            Self::Paper => &[
                C::EiNone,
                C::EiLn,
                C::ELn,
                C::INormNone,
                C::INormFull,
                C::INormCenter,
                C::INormLateral,
                C::INormScale,
                C::INormDecorrelate,
                C::INormSubNone,
            ],
        };
        conditions.to_vec()
    }

    /// The selection that this profile stands for.
    pub fn selection(self) -> Selection {
        let paper = Selection {
            conditions: self.conditions(),
            configurations: CONFIGURATIONS.collect(),
            epsilons: EPSILONS.to_vec(),
            seeds: vec![0],
            lambdas: vec![0.01],
            epochs: 50,
        };
        match self {
            Self::Quick => {
                Selection { configurations: vec![0], epsilons: vec![0.0, 0.75], epochs: 2, ..paper }
            }
            Self::Appendix => Selection {
                epsilons: vec![0.75],
                lambdas: vec![1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0],
                ..paper
            },
            Self::Figure(_) | Self::Paper => paper,
        }
    }
}

/// Every combination of some conditions, configurations, ε, seeds and λ.
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
    /// Passes over the training images.
    pub epochs: u32,
}

impl Selection {
    /// The runs, in the order given: ε, then configuration, condition, seed, λ. Each is measured
    /// at the last step of each epoch. A run that is selected twice is planned once.
    ///
    /// # Errors
    /// Names the first value that makes no sense.
    pub fn plan(&self) -> Result<Vec<Planned>> {
        let mut runs = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for &epsilon in &self.epsilons {
            for &index in &self.configurations {
                let configuration = configuration(index)?;
                for &condition in &self.conditions {
                    for (&seed, &lambda) in
                        self.seeds.iter().flat_map(|s| self.lambdas.iter().map(move |l| (s, l)))
                    {
                        let mut run = Run::new(condition, &configuration)
                            .epsilon(epsilon)
                            .seed(seed)
                            .epochs(self.epochs)
                            .measure(Measure::EachEpoch);
                        run.rule.lambda = lambda;
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_changes() {
        let run = Run::new(Condition::INormFull, &configuration(0).unwrap());
        assert_eq!(run_id(&run), run_id(&run.clone()));
        // Results are filed under this name: a new one would orphan them.
        assert_eq!(run_id(&run.measure(Measure::EachEpoch)), "0fd9aa43afe43276");
    }

    #[test]
    fn everything_that_decides_a_result_decides_the_id() {
        let run = Run::new(Condition::INormFull, &configuration(0).unwrap());
        let changes: [fn(&mut Run); 15] = [
            |r| r.condition = Condition::ELn,
            |r| r.configuration = None,
            |r| r.width += 1,
            |r| r.rule.rates.lr *= 2.0,
            |r| r.rule.rates.lr_w_ie *= 2.0,
            |r| r.rule.rates.lr_w_ei *= 2.0,
            |r| r.rule.momentum = 0.5,
            |r| r.rule.inhibitory_momentum = 0.5,
            |r| r.rule.weight_decay = 0.5,
            |r| r.rule.lambda = 0.5,
            |r| r.rule.label_smoothing = 0.5,
            |r| r.epsilon = 0.5,
            |r| r.seed = 1,
            |r| r.epochs = 1,
            |r| r.batch = 1,
        ];
        let mut ids = vec![run_id(&run)];
        for change in changes {
            let mut changed = run.clone();
            change(&mut changed);
            ids.push(run_id(&changed));
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), changes.len() + 1);
    }

    #[test]
    fn the_paper_is_1200_runs_and_contains_every_figure() {
        let paper = Profile::Paper.selection().plan().unwrap();
        assert_eq!(paper.len(), 10 * 30 * 4);
        for number in 2..=7 {
            let profile: Profile = format!("figure {number}").parse().unwrap();
            let figure = profile.selection().plan().unwrap();
            assert!(figure.iter().all(|planned| paper.contains(planned)), "figure {number}");
        }
        let appendix = Profile::Appendix.selection().plan().unwrap();
        assert_eq!(appendix.len(), 6 * 30);
        assert_eq!(appendix.iter().filter(|planned| paper.contains(planned)).count(), 30);
    }

    #[test]
    fn what_cannot_be_planned_is_refused_and_nothing_is_planned_twice() {
        let mut selection = Profile::Quick.selection();
        selection.seeds = vec![0, 0];
        assert_eq!(selection.plan().unwrap().len(), 8);
        selection.configurations = vec![30];
        assert!(selection.plan().unwrap_err().to_string().contains("0 to 29"));
        let message = "figure 1".parse::<Profile>().unwrap_err().to_string();
        assert!(message.contains("'figure 1'") && message.contains("figure 7"), "{message}");
    }

    #[test]
    fn a_plan_reads_back_as_it_was_written() {
        for planned in Profile::Paper.selection().plan().unwrap() {
            let text = serde_json::to_string(&planned).unwrap();
            let back: Planned = serde_json::from_str(&text).unwrap();
            assert_eq!((&back, run_id(&back.run)), (&planned, planned.id.clone()));
        }
    }
}
