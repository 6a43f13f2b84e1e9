//! The test accuracies of one condition.

use super::reach::Reach;
use super::style::percent;
use crate::Condition;
use crate::dataset::CHANCE;
use crate::results::{Published, RunRow, published_for};
use crate::statistics::{BoxStatistics, mann_whitney};

/// The runs of one condition at one ε.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
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
        let (gone, finished): (Vec<_>, Vec<_>) =
            runs.iter().filter(here).partition(|run| run.diverged());
        let values = finished.iter().map(|run| run.test_accuracy).collect();
        Self { condition, epsilon, values, diverged: gone.len() }
    }

    /// Runs, finished or not.
    pub fn count(&self) -> usize {
        self.values.len() + self.diverged
    }

    /// The best `count` of its runs; those that diverged are the worst.
    pub fn best(mut self, count: usize) -> Self {
        self.values.sort_by(|a, b| b.total_cmp(a));
        self.values.truncate(count);
        self.diverged = self.diverged.min(count - self.values.len());
        self
    }

    /// The published distribution, unless it is that of guessing.
    pub fn published(&self) -> Option<&'static Published> {
        published_for(self.condition, self.epsilon?).filter(|p| !p.is_at_chance())
    }

    /// The published distribution that is left out there, because it is that of guessing.
    pub fn published_at_chance(&self) -> Option<&'static Published> {
        published_for(self.condition, self.epsilon?).filter(|p| p.is_at_chance())
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

    /// What the box says, in numbers, and what the axis leaves to its strip.
    pub fn fact(&self, reach: Reach) -> String {
        let place = self.epsilon.map_or(String::new(), |e| format!("ε = {e}, "));
        let numbers = match BoxStatistics::of(&self.values) {
            None => "no finished run".to_owned(),
            Some(b) if b.count == 1 => percent(b.median),
            Some(b) => format!(
                "median {}, quartiles {:.1} and {}, n = {}",
                percent(b.median),
                b.q1 * 100.0,
                percent(b.q3),
                self.values.len()
            ),
        };
        let off = reach.fact(&self.values);
        format!("{place}{}: {numbers}{}{off}", self.condition.label(), diverged(self.diverged))
    }
}

/// A heading, and how many values there are in each of what it is above; none says nothing.
pub fn with_counts(heading: &str, counts: impl Iterator<Item = usize>) -> String {
    let counts: Vec<usize> = counts.filter(|count| *count > 0).collect();
    match (counts.iter().min(), counts.iter().max()) {
        (Some(least), Some(most)) if least == most => format!("{heading}, n = {least}"),
        (Some(least), Some(most)) => format!("{heading}, n = {least} to {most}"),
        _ => heading.to_owned(),
    }
}

/// How many runs diverged, as the end of a sentence; nothing if none did.
pub fn diverged(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", {count} diverged") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_diverged_is_none_of_the_best_while_others_finished() {
        let values = vec![0.6, 0.8, 0.7];
        let all = Sample { condition: Condition::ELn, epsilon: None, values, diverged: 3 };
        let reach = Reach::of([&all.values[..]], [], 0.1);
        assert_eq!(
            all.clone().best(2).fact(reach),
            "E-only + LN: median 75.0 %, quartiles 72.5 and 77.5 %, n = 2"
        );
        assert_eq!(all.best(4).diverged, 1);
    }
}
