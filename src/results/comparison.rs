//! The sweep beside what was published.

use super::{Published, RunRow, published_for};
use crate::{
    Condition, Result,
    dataset::CHANCE,
    statistics::{BoxStatistics, holm, mann_whitney, stars},
};
use polars::prelude::{DataFrame, df};

/// What every condition is compared with: the paper's tests are against E-only with LayerNorm.
const REFERENCE: Condition = Condition::ELn;

/// The runs of one condition at one ε.
struct Group<'a> {
    condition: Condition,
    epsilon: f64,
    runs: Vec<&'a RunRow>,
}

impl Group<'_> {
    fn accuracies(&self) -> Vec<f64> {
        self.runs.iter().map(|run| run.test_accuracy).collect()
    }

    fn at_chance(&self) -> usize {
        self.runs.iter().filter(|run| run.test_accuracy <= CHANCE).count()
    }

    fn published(&self) -> Option<&'static Published> {
        published_for(self.condition, self.epsilon)
    }

    /// The accuracies that the quartiles are of. As published: runs at chance are left out where
    /// the publication counts them apart, and in where it does not.
    fn shown(&self) -> Vec<f64> {
        let with_chance = self.published().is_some_and(|row| row.at_chance.is_none());
        let all = self.accuracies().into_iter();
        all.filter(|&accuracy| with_chance || accuracy > CHANCE).collect()
    }
}

/// One row for each ε and condition: number of runs, how many are at chance, quartiles of the
/// test accuracy (fractions), what was published, and the comparison with `e_ln` at the same ε:
/// U, p, p corrected by Holm for the conditions of that ε, the paper's stars (of the uncorrected
/// p), and Cliff's δ.
///
/// The test takes all runs, those at chance included. Runs that are none of
/// [the paper's](RunRow::is_papers) are left out; [`left_out`] counts them.
///
/// # Errors
/// If `runs` is no table of runs.
pub fn comparison(runs: &DataFrame) -> Result<DataFrame> {
    let runs = RunRow::from_table(runs)?;
    let groups = grouped(&runs);
    let tests = groups.iter().map(|group| against_reference(group, &groups));
    let tests: Vec<Option<[f64; 3]>> = tests.collect::<Result<_>>()?;
    let corrected = corrected(&groups, &tests);
    let boxes: Vec<_> = groups.iter().map(|g| BoxStatistics::of(&g.shown())).collect();
    let published = |f: fn(&Published) -> f64| -> Vec<Option<f64>> {
        groups.iter().map(|g| g.published().map(f)).collect()
    };
    let of_box = |f: fn(&BoxStatistics) -> f64| -> Vec<Option<f64>> {
        boxes.iter().map(|b| b.as_ref().map(f)).collect()
    };
    let of_test = |k: usize| tests.iter().map(|t| t.map(|t| t[k])).collect::<Vec<_>>();
    Ok(df!(
        "epsilon" => groups.iter().map(|g| g.epsilon).collect::<Vec<_>>(),
        "condition" => groups.iter().map(|g| g.condition.name()).collect::<Vec<_>>(),
        "n" => groups.iter().map(|g| g.runs.len() as u32).collect::<Vec<_>>(),
        "at_chance" => groups.iter().map(|g| g.at_chance() as u32).collect::<Vec<_>>(),
        "q1" => of_box(|b| b.q1),
        "median" => of_box(|b| b.median),
        "q3" => of_box(|b| b.q3),
        "published_n" =>
            groups.iter().map(|g| g.published().map(|p| p.runs as u32)).collect::<Vec<_>>(),
        "published_at_chance" => groups
            .iter()
            .map(|g| g.published().and_then(|p| p.at_chance).map(|n| n as u32))
            .collect::<Vec<_>>(),
        "published_q1" => published(|p| p.q1),
        "published_median" => published(|p| p.median),
        "published_q3" => published(|p| p.q3),
        "u" => of_test(0),
        "p" => of_test(1),
        "p_holm" => corrected,
        "stars" => tests.iter().map(|t| t.map(|t| stars(t[1]))).collect::<Vec<_>>(),
        "delta" => of_test(2),
    )?)
}

/// How many runs are none of [the paper's](RunRow::is_papers), and so left out of [`comparison`].
///
/// # Errors
/// If `runs` is no table of runs.
pub fn left_out(runs: &DataFrame) -> Result<usize> {
    Ok(RunRow::from_table(runs)?.iter().filter(|run| !run.is_papers()).count())
}

/// The runs whose test accuracy lies further than `margin` outside the published range at their
/// ε, where a range was published: condition, config, ε, seed, accuracy, range (fractions).
///
/// Runs at chance are counted in [`comparison`], not here: the published ranges leave them out.
///
/// # Errors
/// If `runs` is no table of runs.
pub fn outside_published(runs: &DataFrame, margin: f64) -> Result<DataFrame> {
    let runs = RunRow::from_table(runs)?;
    let odd: Vec<(&RunRow, [f64; 2])> = papers(&runs)
        .filter(|run| run.test_accuracy > CHANCE)
        .filter_map(|run| Some((run, published_for(run.condition, run.epsilon)?.range?)))
        .filter(|(run, [least, greatest])| {
            !(least - margin..=greatest + margin).contains(&run.test_accuracy)
        })
        .collect();
    Ok(df!(
        "condition" => odd.iter().map(|(r, _)| r.condition.name()).collect::<Vec<_>>(),
        "config" => odd.iter().map(|(r, _)| r.config).collect::<Vec<_>>(),
        "epsilon" => odd.iter().map(|(r, _)| r.epsilon).collect::<Vec<_>>(),
        "seed" => odd.iter().map(|(r, _)| r.seed).collect::<Vec<_>>(),
        "test_accuracy" => odd.iter().map(|(r, _)| r.test_accuracy).collect::<Vec<_>>(),
        "published_least" => odd.iter().map(|(_, range)| range[0]).collect::<Vec<_>>(),
        "published_greatest" => odd.iter().map(|(_, range)| range[1]).collect::<Vec<_>>(),
    )?)
}

fn papers(runs: &[RunRow]) -> impl Iterator<Item = &RunRow> {
    runs.iter().filter(|run| run.is_papers())
}

/// By ε, then condition.
fn grouped(runs: &[RunRow]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = Vec::new();
    for run in papers(runs) {
        let found = groups
            .iter_mut()
            .find(|group| (group.condition, group.epsilon) == (run.condition, run.epsilon));
        match found {
            Some(group) => group.runs.push(run),
            None => groups.push(Group {
                condition: run.condition,
                epsilon: run.epsilon,
                runs: vec![run],
            }),
        }
    }
    groups.sort_by(|a, b| a.epsilon.total_cmp(&b.epsilon).then(a.condition.cmp(&b.condition)));
    groups
}

/// U, p, δ; `None` for the reference itself, or without it.
fn against_reference(group: &Group, groups: &[Group]) -> Result<Option<[f64; 3]>> {
    let reference =
        groups.iter().find(|other| other.condition == REFERENCE && other.epsilon == group.epsilon);
    let Some(reference) = reference.filter(|_| group.condition != REFERENCE) else {
        return Ok(None);
    };
    let test = mann_whitney(&group.accuracies(), &reference.accuracies())?;
    Ok(Some([test.u, test.p, test.delta]))
}

/// The p-values corrected for the number of conditions compared at the same ε.
fn corrected(groups: &[Group], tests: &[Option<[f64; 3]>]) -> Vec<Option<f64>> {
    let mut result = vec![None; groups.len()];
    for group in groups {
        let family: Vec<(usize, f64)> = (0..groups.len())
            .filter(|&k| groups[k].epsilon == group.epsilon)
            .filter_map(|k| Some((k, tests[k]?[1])))
            .collect();
        let p: Vec<f64> = family.iter().map(|(_, p)| *p).collect();
        for ((k, _), p) in family.iter().zip(holm(&p)) {
            result[*k] = Some(p);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::super::made_up::runs_table;
    use super::*;
    use Condition::{ELn, INormFull, INormScale};
    use polars::prelude::Column;

    fn table() -> DataFrame {
        let mut rows = Vec::new();
        for config in 0..10 {
            let step = f64::from(config) * 0.001;
            rows.push((ELn, config, 0.75, Some(0.845 + step)));
            rows.push((INormFull, config, 0.75, Some(0.8502 + step)));
            rows.push((INormScale, config, 0.75, (config > 5).then_some(0.79 + step)));
            rows.push((ELn, config, 0.5, Some(0.85 + step)));
        }
        runs_table(&rows)
    }

    #[test]
    fn each_condition_is_compared_with_e_ln_at_its_epsilon() {
        let table = comparison(&table()).unwrap();
        let text = |name: &str, row: usize| table.column(name).unwrap().get(row).unwrap();
        let number = |name: &str, row: usize| text(name, row).extract::<f64>();
        let order: Vec<_> =
            (0..4).map(|row| text("condition", row).get_str().unwrap().to_owned()).collect();
        assert_eq!(order, ["e_ln", "e_ln", "inorm_full", "inorm_scale"]);
        assert_eq!(number("epsilon", 0), Some(0.5));
        assert_eq!((number("u", 0), number("u", 1)), (None, None), "not with itself");
        assert_eq!((number("n", 3), number("at_chance", 3)), (Some(10.0), Some(6.0)));
        // Published with the runs at chance in its quartiles, so ours have them too.
        assert_eq!((number("q1", 3), number("median", 3)), (Some(0.1), Some(0.1)));
        assert_eq!(number("published_median", 3), Some(0.1));
        assert_eq!(number("delta", 3), Some(-1.0));
        // U of inorm_full: e_ln reaches 0.845 … 0.854, inorm_full 0.8502 … 0.8592, so the one
        // of rank k exceeds 6 + k of the ten, ten at most.
        assert_eq!(number("u", 2), Some((6 + 7 + 8 + 9 + 10 * 6) as f64));
        let (p, corrected) = (number("p", 2).unwrap(), number("p_holm", 2).unwrap());
        assert!(p < 0.01 && corrected == p, "the largest of two is not corrected");
        assert_eq!(number("p_holm", 3).unwrap(), 2.0 * number("p", 3).unwrap());
        assert_eq!(text("stars", 3).get_str(), Some("***"));
    }

    #[test]
    fn only_the_papers_runs_are_compared_and_the_others_counted() {
        let mut runs = table();
        let (before, rows) = (comparison(&runs).unwrap(), runs.height());
        let others = [
            Column::new("epochs".into(), vec![2i32; rows]),
            Column::new("lambda".into(), vec![0.1f64; rows]),
            Column::new("config".into(), vec![None::<i32>; rows]),
        ];
        assert_eq!(left_out(&runs).unwrap(), 0);
        for column in others {
            let (mut other, name) = (table(), column.name().to_string());
            other.with_column(column).unwrap();
            assert_eq!(comparison(&other).unwrap().height(), 0, "{name}");
            assert_eq!(outside_published(&other, 0.0).unwrap().height(), 0, "{name}");
            runs = runs.vstack(&other).unwrap();
        }
        assert_eq!(left_out(&runs).unwrap(), 3 * rows);
        assert!(comparison(&runs).unwrap().equals_missing(&before));
    }

    #[test]
    fn runs_outside_the_published_range_are_listed() {
        let runs = runs_table(&[
            (ELn, 0, 0.75, Some(0.8260)),
            (ELn, 1, 0.75, Some(0.8257)),
            (ELn, 2, 0.75, Some(0.8685)),
            (ELn, 3, 0.75, None),
            (ELn, 4, 0.5, Some(0.2)),
            (INormScale, 5, 0.75, Some(0.2)),
        ]);
        // Published: e_ln from 83.58 to 85.84 % at ε = 0.75; no range for the last two.
        let odd = outside_published(&runs, 0.01).unwrap();
        let configs: Vec<_> = odd.column("config").unwrap().i32().unwrap().iter().collect();
        assert_eq!(configs, [Some(1), Some(2)]);
    }
}
