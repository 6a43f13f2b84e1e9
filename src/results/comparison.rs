//! The sweep beside what was published.

use super::{Published, RunRow, published_for, row::row};
use crate::{
    Condition, Result,
    dataset::CHANCE,
    statistics::{BoxStatistics, MannWhitney, holm, mann_whitney, stars},
};
use polars::prelude::{DataFrame, df};

/// What every condition is compared with: the paper's tests are against E-only with LayerNorm.
const REFERENCE: Condition = Condition::ELn;

row! {
    /// The runs of a condition at one ε, beside what was published, and compared with those of
    /// `e_ln` at the same ε. Accuracies are fractions.
    ComparisonRow of "comparison",
    from |
        runs: &[&RunRow],
        shown: Option<&BoxStatistics>,
        published: Option<&Published>,
        test: Option<MannWhitney>,
        p_holm: Option<f64>
    | {
        epsilon: f64 = runs[0].epsilon, "Range of the luminosity shift.";
        condition: Condition = runs[0].condition, "Which network.";
        n: u32 = runs.len() as u32, "How many runs there are.";
        at_chance: u32 = runs.iter().filter(|run| run.test_accuracy <= CHANCE).count() as u32,
            "How many of them are at chance.";
        q1: Option<f64> = shown.map(|shown| shown.q1),
            "First quartile: of all runs where the publication has those at chance in its \
             quartiles, else of the others.";
        median: Option<f64> = shown.map(|shown| shown.median), "Their median.";
        q3: Option<f64> = shown.map(|shown| shown.q3), "Their third quartile.";
        published_n: Option<u32> = published.map(|row| row.runs as u32),
            "How many runs were published.";
        published_at_chance: Option<u32> =
            published.and_then(|row| row.at_chance).map(|runs| runs as u32),
            "How many of them are at chance.";
        published_q1: Option<f64> = published.map(|row| row.q1), "Published.";
        published_median: Option<f64> = published.map(|row| row.median), "Published.";
        published_q3: Option<f64> = published.map(|row| row.q3), "Published.";
        u: Option<f64> = test.map(|test| test.u),
            "U of the test, which takes all runs, those at chance included.";
        p: Option<f64> = test.map(|test| test.p), "p of the test.";
        p_holm: Option<f64> = p_holm, "p corrected by Holm for the conditions of that ε.";
        stars: Option<String> = test.map(|test| stars(test.p).to_owned()),
            "The paper's stars, of the uncorrected p.";
        delta: Option<f64> = test.map(|test| test.delta), "Cliff's δ.";
    }
}

/// One [`ComparisonRow`] for each ε and condition. Runs that are none of
/// [the paper's](RunRow::is_papers) are left out; [`left_out`] counts them.
///
/// # Errors
/// If `runs` is no table of runs.
pub fn comparison(runs: &DataFrame) -> Result<DataFrame> {
    let all = RunRow::from_table(runs)?;
    let mut sorted: Vec<&RunRow> = papers(&all).collect();
    sorted.sort_by(|a, b| a.epsilon.total_cmp(&b.epsilon).then(a.condition.cmp(&b.condition)));
    let mut rows = Vec::new();
    for at_epsilon in sorted.chunk_by(|a, b| a.epsilon == b.epsilon) {
        let groups: Vec<_> = at_epsilon.chunk_by(|a, b| a.condition == b.condition).collect();
        let reference = groups.iter().find(|runs| runs[0].condition == REFERENCE);
        let test = |runs: &[&RunRow]| {
            let reference = reference.filter(|_| runs[0].condition != REFERENCE)?;
            Some(mann_whitney(&accuracies(runs), &accuracies(reference)))
        };
        let tests: Vec<Option<MannWhitney>> =
            groups.iter().map(|runs| test(runs).transpose()).collect::<Result<_>>()?;
        let p: Vec<f64> = tests.iter().flatten().map(|test| test.p).collect();
        let mut corrected = holm(&p).into_iter();
        for (runs, test) in groups.into_iter().zip(tests) {
            let published = published_for(runs[0].condition, runs[0].epsilon);
            let shown = BoxStatistics::of(&shown(runs, published));
            let p_holm = test.and_then(|_| corrected.next());
            rows.push(ComparisonRow::new(runs, shown.as_ref(), published, test, p_holm));
        }
    }
    ComparisonRow::to_table(&rows)
}

fn accuracies(runs: &[&RunRow]) -> Vec<f64> {
    runs.iter().map(|run| run.test_accuracy).collect()
}

/// The accuracies that the quartiles are of. As published: runs at chance are left out where the
/// publication counts them apart, and in where it does not.
fn shown(runs: &[&RunRow], published: Option<&Published>) -> Vec<f64> {
    let with_chance = published.is_some_and(|published| published.at_chance.is_none());
    let all = accuracies(runs).into_iter();
    all.filter(|&accuracy| with_chance || accuracy > CHANCE).collect()
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
        let rows = ComparisonRow::from_table(&comparison(&table()).unwrap()).unwrap();
        let order: Vec<_> = rows.iter().map(|row| (row.epsilon, row.condition)).collect();
        assert_eq!(order, [(0.5, ELn), (0.75, ELn), (0.75, INormFull), (0.75, INormScale)]);
        let [_, e_ln, full, scale] = &rows[..] else { unreachable!() };
        assert_eq!((rows[0].u, e_ln.u), (None, None), "not with itself");
        assert_eq!((scale.n, scale.at_chance), (10, 6));
        // Published with the runs at chance in its quartiles, so ours have them too.
        assert_eq!((scale.q1, scale.median), (Some(0.1), Some(0.1)));
        assert_eq!((scale.published_median, scale.delta), (Some(0.1), Some(-1.0)));
        // U of inorm_full: e_ln reaches 0.845 … 0.854, inorm_full 0.8502 … 0.8592, so the one
        // of rank k exceeds 6 + k of the ten, ten at most.
        assert_eq!(full.u, Some((6 + 7 + 8 + 9 + 10 * 6) as f64));
        assert!(full.p.unwrap() < 0.01);
        assert_eq!(full.p_holm, full.p, "the largest of two is not corrected");
        assert_eq!(scale.p_holm.unwrap(), 2.0 * scale.p.unwrap());
        assert_eq!(scale.stars.as_deref(), Some("***"));
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
