//! Which runs to train.

use crate::{
    Condition, Error, Result,
    configuration::{EPOCHS, EPSILONS, LAMBDA, configuration, configurations},
    learning::{Measure, Run},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

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
        write!(f, " ε {epsilon} seed {seed}")
    }
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
    fn conditions(self) -> Result<Vec<Condition>> {
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
            Self::Figure(7) => &[C::ELn, C::INormLateral, C::INormCenter, C::INormFull],
            Self::Figure(other) => return Err(Error::invalid("figure", other, "2 to 7")),
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
        Ok(conditions.to_vec())
    }

    /// The selection that this profile stands for.
    ///
    /// # Errors
    /// If there are no runs in the figure of that number.
    pub fn selection(self) -> Result<Selection> {
        let paper = Selection {
            conditions: self.conditions()?,
            configurations: (0..configurations().len()).collect(),
            epsilons: EPSILONS.to_vec(),
            seeds: vec![0],
            lambdas: vec![LAMBDA],
            epochs: EPOCHS,
        };
        Ok(match self {
            Self::Quick => {
                Selection { configurations: vec![0], epsilons: vec![0.0, 0.75], epochs: 2, ..paper }
            }
            Self::Appendix => Selection {
                epsilons: vec![0.75],
                lambdas: vec![1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0],
                ..paper
            },
            Self::Figure(_) | Self::Paper => paper,
        })
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
    fn the_paper_is_1200_runs_and_contains_every_figure() {
        let paper = Profile::Paper.selection().unwrap().plan().unwrap();
        assert_eq!(paper.len(), 10 * 30 * 4);
        for number in 2..=7 {
            let profile: Profile = format!("figure {number}").parse().unwrap();
            let figure = profile.selection().unwrap().plan().unwrap();
            assert!(figure.iter().all(|planned| paper.contains(planned)), "figure {number}");
        }
        let appendix = Profile::Appendix.selection().unwrap().plan().unwrap();
        assert_eq!(appendix.len(), 6 * 30);
        assert_eq!(appendix.iter().filter(|planned| paper.contains(planned)).count(), 30);
    }

    #[test]
    fn what_cannot_be_planned_is_refused_and_nothing_is_planned_twice() {
        let mut selection = Profile::Quick.selection().unwrap();
        selection.seeds = vec![0, 0];
        assert_eq!(selection.plan().unwrap().len(), 8);
        selection.configurations = vec![30];
        assert!(selection.plan().unwrap_err().to_string().contains("0 to 29"));
        let message = "figure 1".parse::<Profile>().unwrap_err().to_string();
        assert!(message.contains("'figure 1'") && message.contains("figure 7"), "{message}");
        let message = Profile::Figure(1).selection().unwrap_err().to_string();
        assert_eq!(message, "figure: 1 is not valid; expected 2 to 7");
    }

    #[test]
    fn a_plan_reads_back_as_it_was_written() {
        for planned in Profile::Paper.selection().unwrap().plan().unwrap() {
            let text = serde_json::to_string(&planned).unwrap();
            let back: Planned = serde_json::from_str(&text).unwrap();
            assert_eq!((&back, back.run.id()), (&planned, planned.id.clone()));
        }
    }
}
