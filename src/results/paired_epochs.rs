//! Differences between two networks of the same configuration, over the epochs of their training.

use super::{EpochRow, RunRow, Tables, Variant, paper_claims::paired, row::row};
use crate::{Result, dataset::CHANCE};
use polars::prelude::DataFrame;
use std::collections::HashMap;

row! {
    /// The difference between two networks of the same configuration and seed after one epoch.
    PairedEpochRow of "paired epochs",
    from |networks: [&Variant; 2], run: &RunRow, after: i32, apart: f64| {
        epsilon: f64 = run.epsilon, "Range of the luminosity shift, or of the change of contrast.";
        network: Variant = networks[0].clone(), "The one network.";
        than: Variant = networks[1].clone(), "The one whose accuracy is taken away from its own.";
        config: Option<i32> = run.config, "Row of their list of configurations.";
        seed: i64 = run.seed, "Seed of all their random numbers.";
        lr: f64 = run.lr, "Learning rate of `W_EE` and b.";
        epoch: i32 = after, "From 1.";
        difference: f64 = apart,
            "Test accuracy of `network` less that of `than`, a fraction; a run that diverged is at \
             chance from then on.";
    }
}

/// The differences between two variants each, as [`differences`](super::differences) has them after
/// the last epoch, after every epoch at one ε: a [`PairedEpochRow`] for each pair and epoch.
///
/// # Errors
/// If `stored` has another table in place of one, or a name is none of a [`Variant`].
pub fn differences_over_epochs(
    stored: &Tables,
    epsilon: f64,
    networks: &[[&str; 2]],
) -> Result<DataFrame> {
    let runs = RunRow::from_table(&stored.runs)?;
    let epochs = EpochRow::from_table(&stored.epochs)?;
    let mut known: HashMap<(&str, i32), f64> = HashMap::new();
    known.extend(epochs.iter().map(|row| ((row.id.as_str(), row.epoch), row.test_accuracy)));
    let accuracy = |run: &RunRow, epoch: i32| {
        let known = known.get(&(run.id.as_str(), epoch)).copied();
        known.or(run.diverged().then_some(CHANCE))
    };
    let mut rows = Vec::new();
    for [network, than] in networks {
        let (network, than): (Variant, Variant) = (network.parse()?, than.parse()?);
        for [run, other] in paired(&network, &than, epsilon, &runs) {
            let differences = (1..=run.epochs)
                .filter_map(|epoch| Some((epoch, accuracy(run, epoch)? - accuracy(other, epoch)?)));
            let row = |(epoch, difference)| {
                PairedEpochRow::new([&network, &than], run, epoch, difference)
            };
            rows.extend(differences.map(row));
        }
    }
    PairedEpochRow::to_table(&rows)
}

#[cfg(test)]
mod tests {
    use super::super::made_up::runs_table;
    use super::*;
    use crate::Condition::{ELn, INormNone};

    #[test]
    fn pairs_are_followed_and_a_run_that_diverged_is_at_chance_from_then_on() {
        let runs = runs_table(&[
            (ELn, 1, 0.75, Some(0.85)),
            (INormNone, 1, 0.75, Some(0.80)),
            (ELn, 2, 0.75, Some(0.86)),
            (INormNone, 2, 0.75, None),
            (INormNone, 3, 0.75, Some(0.80)),
        ]);
        let epoch = |run: &RunRow, epoch| EpochRow {
            id: run.id.clone(),
            condition: run.condition,
            config: run.config,
            epsilon: run.epsilon,
            seed: run.seed,
            epoch,
            train_loss: 1.0,
            test_loss: 1.0,
            test_accuracy: 0.6 + f64::from(epoch) * if run.condition == ELn { 0.1 } else { 0.05 },
        };
        let rows = RunRow::from_table(&runs).unwrap();
        let epochs: Vec<_> = rows
            .iter()
            .flat_map(|run| (1..=if run.diverged() { 1 } else { 2 }).map(|n| epoch(run, n)))
            .collect();
        let epochs = EpochRow::to_table(&epochs).unwrap();
        let stored = Tables { runs, measurements: epochs.clone(), epochs };
        let of = |epsilon| {
            let table = differences_over_epochs(&stored, epsilon, &[["inorm_none", "e_ln"]]);
            PairedEpochRow::from_table(&table.unwrap()).unwrap()
        };
        let found: Vec<_> = of(0.75)
            .iter()
            .filter(|row| row.epoch <= 2)
            .map(|row| (row.config, row.epoch, (row.difference * 100.0).round()))
            .collect();
        let expected = [(1, 1, -5.0), (1, 2, -10.0), (2, 1, -5.0), (2, 2, -70.0)];
        assert_eq!(found, expected.map(|(config, epoch, d)| (Some(config), epoch, d)));
        assert!(of(0.5).is_empty());
        let unknown = differences_over_epochs(&stored, 0.75, &[["inorm_half", "e_ln"]]);
        assert!(unknown.unwrap_err().to_string().contains("inorm_half"));
    }
}
