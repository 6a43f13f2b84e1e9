//! The test accuracies of one condition.

use crate::Condition;
use crate::dataset::CHANCE;
use crate::results::RunRow;
use crate::statistics::{BoxStatistics, mann_whitney};

/// The runs of one condition at one ε.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Which network.
    pub condition: Condition,
    /// Luminosity range; `None` for all of them together.
    pub epsilon: Option<f64>,
    /// Accuracies of the finished runs.
    pub values: Vec<f64>,
    /// How many diverged.
    pub diverged: usize,
}

impl Sample {
    /// Of all `runs` of `condition` at `epsilon`.
    pub fn of(runs: &[RunRow], condition: Condition, epsilon: Option<f64>) -> Self {
        let here =
            |run: &&RunRow| run.condition == condition && epsilon.is_none_or(|e| run.epsilon == e);
        let all: Vec<_> = runs.iter().filter(here).collect();
        let finished = all.iter().filter(|run| !run.diverged());
        let values: Vec<_> = finished.map(|run| run.test_accuracy).collect();
        let diverged = all.len() - values.len();
        Self { condition, epsilon, values, diverged }
    }

    /// Runs, finished or not.
    pub fn count(&self) -> usize {
        self.values.len() + self.diverged
    }

    /// The p of a Mann–Whitney test against `other`, diverged runs at chance in both; `None` if
    /// there are too few to say anything.
    pub fn p_against(&self, other: &Self) -> Option<f64> {
        /// Of five and five, the most unlike give p = 0.008; of four and four, 0.03.
        const WORTH_A_TEST: usize = 5;
        if self.count().min(other.count()) < WORTH_A_TEST {
            return None;
        }
        mann_whitney(&self.accuracies(), &other.accuracies()).ok().map(|test| test.p)
    }

    /// Of all runs, those that diverged at chance.
    fn accuracies(&self) -> Vec<f64> {
        let gone = std::iter::repeat_n(CHANCE, self.diverged);
        self.values.iter().copied().chain(gone).collect()
    }

    /// What the box says, in numbers.
    pub fn fact(&self) -> String {
        let place = self.epsilon.map_or(String::new(), |e| format!("ε = {e}, "));
        let label = self.condition.label();
        let gone = match self.diverged {
            0 => String::new(),
            gone => format!(", {gone} diverged"),
        };
        match BoxStatistics::of(&self.values) {
            None => format!("{place}{label}: no finished run{gone}"),
            Some(b) if b.count == 1 => format!("{place}{label}: {:.1} %{gone}", b.median * 100.0),
            Some(b) => format!(
                "{place}{label}: median {:.1} %, quartiles {:.1} and {:.1} %, n = {}{gone}",
                b.median * 100.0,
                b.q1 * 100.0,
                b.q3 * 100.0,
                self.values.len()
            ),
        }
    }
}
