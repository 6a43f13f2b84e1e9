//! Comparing distributions: the paper's tests, and how large and how certain a difference is.

use crate::{
    Error, Result,
    randomness::{Purpose, stream},
};
use rand::Rng;
use statrs::function::erf::erfc;

/// The outcome of a two-sided Mann–Whitney U test of samples a and b.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// How many pairs have their greater value in a; a tie counts one half.
    pub u: f64,
    /// The probability of a U at least as far from its mean if a and b were of one distribution.
    pub p: f64,
    /// Cliff's δ: the share of pairs in which a is greater, less the share in which b is; −1 to 1.
    pub delta: f64,
}

/// The test as the paper makes it: `scipy.stats.mannwhitneyu(a, b, alternative="two-sided")`.
///
/// As there, the distribution of U is exact if a sample has at most 8 values and no two values
/// are equal, and otherwise normal, corrected for ties and continuity.
///
/// # Errors
/// If a sample is empty or a value is not a number.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Result<MannWhitney> {
    check("sample a", a)?;
    check("sample b", b)?;
    let u = u_statistic(a, b);
    let pairs = a.len() as f64 * b.len() as f64;
    let mut all = [a, b].concat();
    all.sort_by(f64::total_cmp);
    let ties = all.windows(2).any(|pair| pair[0] == pair[1]);
    let p = if all.first() == all.last() {
        1.0
    } else if a.len().min(b.len()) <= 8 && !ties {
        exact_p(u.max(pairs - u) as usize, a.len(), b.len())
    } else {
        asymptotic_p(u.max(pairs - u), &all, a.len(), b.len())
    };
    Ok(MannWhitney { u, p, delta: 2.0 * u / pairs - 1.0 })
}

fn check(name: &str, sample: &[f64]) -> Result<()> {
    if sample.is_empty() {
        return Err(Error::invalid(name, "nothing", "at least one value"));
    }
    match sample.iter().find(|value| value.is_nan()) {
        Some(odd) => Err(Error::invalid(name, odd, "numbers")),
        None => Ok(()),
    }
}

/// What a pair counts: 1 if the first is greater, one half if they are equal.
fn won(x: f64, y: f64) -> f64 {
    if x > y { 1.0 } else { f64::from(x == y) / 2.0 }
}

fn u_statistic(a: &[f64], b: &[f64]) -> f64 {
    a.iter().map(|&x| b.iter().map(|&y| won(x, y)).sum::<f64>()).sum()
}

/// Twice the probability of U ≥ `u` by its normal approximation, corrected for continuity and for
/// the ties among `sorted`, which are all n + m values.
///
/// statrs has the whole test, but takes the tail as 1 − Φ, which loses digits that stars depend
/// on, and its exact distribution is wrong when the first sample is the smaller (seen in 0.19.1).
fn asymptotic_p(u: f64, sorted: &[f64], n: usize, m: usize) -> f64 {
    let (n, m, all) = (n as f64, m as f64, sorted.len() as f64);
    let tied = sorted.chunk_by(|a, b| a == b).map(|equal| equal.len() as f64);
    let ties: f64 = tied.map(|t| t * t * t - t).sum();
    let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    let z = (u - n * m / 2.0 - 0.5) / variance.sqrt();
    erfc(z / std::f64::consts::SQRT_2).min(1.0)
}

/// Twice the probability of U ≥ `u` when all orders of the n + m values are equally likely.
///
/// The number of orders with a given U follows Mann and Whitney's recurrence: the greatest value
/// of all is either of a, and exceeds all of b, or of b, and changes nothing.
fn exact_p(u: usize, n: usize, m: usize) -> f64 {
    let (n, m) = (n.min(m), n.max(m));
    // orders[i][v]: the number of orders of i values and those of the larger sample so far.
    let mut orders = vec![vec![0.0; n * m + 1]; n + 1];
    orders.iter_mut().for_each(|row| row[0] = 1.0);
    for larger in 1..=m {
        let mut next = orders.clone();
        for i in 1..=n {
            for v in 0..=i * larger {
                let exceeds = if v >= larger { next[i - 1][v - larger] } else { 0.0 };
                next[i][v] = exceeds + orders[i][v];
            }
        }
        orders = next;
    }
    let all: f64 = orders[n].iter().sum();
    let beyond: f64 = orders[n][u..].iter().sum();
    (2.0 * beyond / all).min(1.0)
}

/// Of fewer pairs no two-sided signed-rank test can have p < 0.05: five differences, all of one
/// sign, have p = 1/16. Nor does the range of fewer hold the true median with 95 %.
pub const FEWEST_PAIRS: usize = 6;

/// With fewer values on one side no two-sided Mann–Whitney test can have p < 0.05: three and three
/// have p = 0.1.
pub const FEWEST_VALUES: usize = 4;

/// The outcome of Wilcoxon's signed-rank test of paired differences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignedRank {
    /// How many differences are not zero: the others say nothing, and are left out.
    pub n: usize,
    /// The sum of the ranks (by size, from 1; equal sizes share the mean of theirs) of the positive
    /// differences.
    pub w: f64,
    /// The probability of a W at least as far from its mean if each difference were as likely to
    /// have the other sign.
    pub p: f64,
    /// The probability of a W at least as great.
    pub p_greater: f64,
    /// The probability of a W at most as great.
    pub p_less: f64,
}

/// Wilcoxon's test of whether `differences` lie around zero.
///
/// Zeros are left out, as Wilcoxon does. Of up to 50 other differences the distribution of W is
/// exact, whether or not some are of equal size; of more it is normal, corrected for ties and
/// continuity. Sizes that differ by less than 10⁻⁹ are equal: so much the rounding of a difference
/// of two decimal fractions may change.
///
/// # Errors
/// If there is no difference, or one is not a number.
pub fn signed_rank(differences: &[f64]) -> Result<SignedRank> {
    const EXACT: usize = 50;
    check("differences", differences)?;
    let rounded = differences.iter().map(|difference| (difference * 1e9).round());
    let mut others: Vec<f64> = rounded.filter(|&difference| difference != 0.0).collect();
    others.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    // Twice the ranks, so that a mean of ranks is a whole number too.
    let (mut ranks, mut w) = (Vec::new(), 0);
    for equal in others.chunk_by(|a, b| a.abs() == b.abs()) {
        let rank = 2 * ranks.len() + equal.len() + 1;
        w += rank * equal.iter().filter(|&&difference| difference > 0.0).count();
        ranks.resize(ranks.len() + equal.len(), rank);
    }
    let all: usize = ranks.iter().sum();
    let tail = if ranks.len() <= EXACT { exact_tail } else { normal_tail };
    // Its distribution is symmetric.
    let [p_greater, p_less] = [w, all - w].map(|w| tail(w, &ranks));
    let p = (2.0 * p_greater.min(p_less)).min(1.0);
    Ok(SignedRank { n: ranks.len(), w: w as f64 / 2.0, p, p_greater, p_less })
}

/// The probability of a sum of at least `w` if each of `ranks` is in it or not, equally likely.
fn exact_tail(w: usize, ranks: &[usize]) -> f64 {
    // ways[v]: in how many ways some of the ranks so far have the sum v.
    let mut ways = vec![1.0];
    for rank in ranks {
        let mut with = vec![0.0; rank + ways.len()];
        for (sum, count) in ways.iter().enumerate() {
            with[sum] += count;
            with[sum + rank] += count;
        }
        ways = with;
    }
    ways[w..].iter().sum::<f64>() / ways.iter().sum::<f64>()
}

/// The same, if that sum had a normal distribution; corrected for continuity. The variance of ranks
/// with ties is that of the means that they share.
fn normal_tail(w: usize, ranks: &[usize]) -> f64 {
    let mean = ranks.iter().sum::<usize>() as f64 / 2.0;
    let variance = ranks.iter().map(|&rank| (rank * rank) as f64).sum::<f64>() / 4.0;
    // Half a unit of W, of which `w` is twice.
    let z = (w as f64 - mean - 1.0) / variance.sqrt();
    erfc(z / std::f64::consts::SQRT_2) / 2.0
}

/// The p of two one-sided signed-rank tests of equivalence: whether `differences` lie around
/// something greater than −`margin`, and around something less than `margin`; the greater p of the
/// two.
///
/// # Errors
/// As [`signed_rank`].
pub fn equivalence(differences: &[f64], margin: f64) -> Result<f64> {
    let moved = |by: f64| differences.iter().map(|difference| difference + by).collect::<Vec<_>>();
    let (above, below) = (signed_rank(&moved(margin))?, signed_rank(&moved(-margin))?);
    Ok(above.p_greater.max(below.p_less))
}

/// The paper's stars: `*` p < 0.05, `**` p < 0.01, `***` p < 0.001, otherwise `n.s.`
pub fn stars(p: f64) -> &'static str {
    match p {
        _ if p < 0.001 => "***",
        _ if p < 0.01 => "**",
        _ if p < 0.05 => "*",
        _ => "n.s.",
    }
}

/// Holm's correction of several p-values for their number, in their order.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        least = least.max(p[index] * (p.len() - rank) as f64).min(1.0);
        adjusted[index] = least;
    }
    adjusted
}

/// A bootstrap confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// How often [`bootstrap`] draws a sample.
const RESAMPLES: usize = 10_000;

/// The interval that holds the middle `share` of a statistic over samples drawn with
/// replacement from `values` (percentile method, 10,000 samples); `None` for no values.
pub fn bootstrap(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    share: f64,
    seed: u64,
) -> Option<Interval> {
    if values.is_empty() {
        return None;
    }
    let mut rng = stream(seed, Purpose::Bootstrap, 0);
    let mut sample = vec![0.0; values.len()];
    let mut results: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            sample.fill_with(|| values[rng.gen_range(0..values.len())]);
            statistic(&sample)
        })
        .collect();
    results.sort_by(f64::total_cmp);
    let tail = (1.0 - share) / 2.0;
    Some(Interval { low: quantile(&results, tail)?, high: quantile(&results, 1.0 - tail)? })
}

/// Fewer values have no quartiles worth drawing.
pub const WORTH_A_BOX: usize = 10;

/// What a box shows: the definition that matplotlib uses.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxStatistics {
    /// Number of values.
    pub count: usize,
    /// First quartile.
    pub q1: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q3: f64,
    /// The least value within 1.5 interquartile ranges of the box.
    pub low: f64,
    /// The greatest value within 1.5 interquartile ranges of the box.
    pub high: f64,
    /// All values beyond, ascending.
    pub outliers: Vec<f64>,
}

impl BoxStatistics {
    /// Of all finite `values`; `None` if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (q1, median, q3) =
            (quantile(&sorted, 0.25)?, quantile(&sorted, 0.5)?, quantile(&sorted, 0.75)?);
        let reach = 1.5 * (q3 - q1);
        let inside = |v: &f64| (q1 - reach..=q3 + reach).contains(v);
        // A whisker never ends inside its box, even when no value lies beyond the quartile.
        let low = sorted.iter().copied().find(inside).unwrap_or(q1).min(q1);
        let high = sorted.iter().copied().rev().find(inside).unwrap_or(q3).max(q3);
        let outliers = sorted.iter().copied().filter(|&v| v < low || v > high).collect();
        Some(Self { count: sorted.len(), q1, median, q3, low, high, outliers })
    }
}

/// The quantile of ascending values, interpolated linearly; `None` for no values.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)? as f64);
    let below = sorted[place.floor() as usize];
    let above = sorted[place.ceil() as usize];
    Some(below + (above - below) * place.fract())
}

/// Spearman's ρ of pairs of numbers: the correlation of their ranks, −1 to 1, where equal numbers
/// share the mean of theirs; `None` if it is not defined, for one of the two is always the same.
pub fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let ranks = |value: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        let rank = |x: f64| pairs.iter().map(|pair| won(x, value(pair))).sum::<f64>();
        pairs.iter().map(|pair| rank(value(pair))).collect()
    };
    let (a, b) = (ranks(|pair| pair.0), ranks(|pair| pair.1));
    // A number and itself count half, so that all ranks are a half lower than they are counted.
    let mean = pairs.len() as f64 / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    let rho = product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt();
    rho.is_finite().then_some(rho)
}

/// The values that occur, ascending, each once.
pub fn distinct(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

/// The median, or `None` for no values.
pub fn median(values: &[f64]) -> Option<f64> {
    BoxStatistics::of(values).map(|statistics| statistics.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_correlate_as_in_scipy() {
        let rho = |a: &[f64], b: &[f64]| {
            rank_correlation(&a.iter().copied().zip(b.iter().copied()).collect::<Vec<_>>())
        };
        let a = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        // scipy.stats.spearmanr (1.17.1), one pair of equal numbers in a, three equal ones in b.
        let found = rho(&a, &[2.0, 7.0, 1.0, 8.0, 2.0, 8.0, 1.0, 8.0]).unwrap();
        assert!((found - 0.198_853_681_209_924_67).abs() < 1e-12, "{found}");
        assert!((rho(&a, &a.map(|x| -x)).unwrap() + 1.0).abs() < 1e-12);
        assert_eq!((rho(&a, &[1.0; 8]), rho(&[], &[]), rho(&[1.0], &[2.0])), (None, None, None));
    }

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[derive(serde::Deserialize)]
    struct Fixtures {
        mann_whitney: Vec<Comparison>,
        holm: Vec<Correction>,
        signed_rank: Vec<Differences>,
        equivalence: Vec<Margin>,
    }

    #[derive(serde::Deserialize)]
    struct Differences {
        name: String,
        differences: Vec<f64>,
        n: usize,
        w: f64,
        p: f64,
        p_greater: f64,
        p_less: f64,
    }

    #[derive(serde::Deserialize)]
    struct Margin {
        name: String,
        differences: Vec<f64>,
        margin: f64,
        p: f64,
    }

    #[derive(serde::Deserialize)]
    struct Comparison {
        name: String,
        a: Vec<f64>,
        b: Vec<f64>,
        u: f64,
        p: f64,
        u_exchanged: f64,
        p_exchanged: f64,
    }

    #[derive(serde::Deserialize)]
    struct Correction {
        p: Vec<f64>,
        adjusted: Vec<f64>,
    }

    fn fixtures() -> Fixtures {
        serde_json::from_str(include_str!("../tests/fixtures/statistics.json")).unwrap()
    }

    #[test]
    fn mann_whitney_equals_scipy_in_both_orders() {
        let comparisons = fixtures().mann_whitney;
        assert_eq!(comparisons.len(), 13);
        for Comparison { name, a, b, u, p, u_exchanged, p_exchanged } in comparisons {
            for (a, b, u, p) in [(&a, &b, u, p), (&b, &a, u_exchanged, p_exchanged)] {
                let test = mann_whitney(a, b).unwrap();
                assert_eq!(test.u, u, "{name}");
                assert!((test.p - p).abs() <= 1e-9 * p, "{name}: {} instead of {p}", test.p);
            }
        }
    }

    #[test]
    fn signed_ranks_equal_scipys() {
        let cases = fixtures().signed_rank;
        assert_eq!(cases.len(), 12);
        for Differences { name, differences, n, w, p, p_greater, p_less } in cases {
            let opposite: Vec<f64> = differences.iter().map(|d| -d).collect();
            let test = signed_rank(&differences).unwrap();
            assert_eq!((test.n, test.w), (n, w), "{name}");
            let ours = [test.p, test.p_greater, test.p_less];
            assert!(close(&ours, &[p, p_greater, p_less]), "{name}: {test:?}");
            let test = signed_rank(&opposite).unwrap();
            assert!(close(&[test.p, test.p_greater], &[p, p_less]), "{name}: {test:?}");
        }
    }

    #[test]
    fn the_ranks_of_three_can_be_counted_by_hand() {
        // W of {1, 2, 3}: 0, 1, 2, 3, 3, 4, 5, 6, each equally likely.
        let test = signed_rank(&[0.3, -0.1, 0.0, 0.2]).unwrap();
        assert_eq!((test.n, test.w, test.p_greater, test.p_less), (3, 5.0, 0.25, 0.875));
        // 0.3 − 0.2 and 0.1 are not the same number, but of the same size.
        assert_eq!(signed_rank(&[0.3 - 0.2, -0.1]).unwrap().w, 1.5);
        assert_eq!(signed_rank(&[0.0, 0.0]).unwrap().p, 1.0);
        let least = |n: usize| signed_rank(&vec![0.1; n]).unwrap().p;
        assert!(least(FEWEST_PAIRS) < 0.05 && least(FEWEST_PAIRS - 1) > 0.05);
        let apart = |n: usize| {
            let (a, b): (Vec<f64>, Vec<f64>) = (0..n).map(|i| (i as f64, 100.0 + i as f64)).unzip();
            mann_whitney(&a, &b).unwrap().p
        };
        assert!(apart(FEWEST_VALUES) < 0.05 && apart(FEWEST_VALUES - 1) > 0.05);
    }

    #[test]
    fn equivalence_is_the_greater_of_two_one_sided_tests() {
        let cases = fixtures().equivalence;
        assert_eq!(cases.len(), 5);
        for Margin { name, differences, margin, p } in cases {
            let ours = equivalence(&differences, margin).unwrap();
            assert!(close(&[ours], &[p]), "{name}: {ours}");
        }
    }

    #[test]
    fn cliffs_delta_counts_pairs() {
        let delta = |a: &[f64], b: &[f64]| mann_whitney(a, b).unwrap().delta;
        assert_eq!(delta(&[3.0, 4.0], &[1.0, 2.0]), 1.0);
        assert_eq!(delta(&[1.0, 2.0], &[3.0, 4.0]), -1.0);
        // Of six pairs a wins one, ties one and loses four.
        assert_eq!(delta(&[1.0, 3.0], &[2.0, 3.0, 4.0]), -0.5);
    }

    #[test]
    fn samples_that_cannot_be_compared_are_refused() {
        let message = |a: &[f64], b: &[f64]| mann_whitney(a, b).unwrap_err().to_string();
        assert_eq!(
            message(&[], &[1.0]),
            "sample a: nothing is not valid; expected at least one value"
        );
        assert_eq!(message(&[1.0], &[f64::NAN]), "sample b: NaN is not valid; expected numbers");
        let refused = equivalence(&[f64::NAN], 0.1).unwrap_err().to_string();
        assert_eq!(refused, "differences: NaN is not valid; expected numbers");
    }

    #[test]
    fn holms_correction_equals_statsmodels() {
        for Correction { p, adjusted } in fixtures().holm {
            assert!(close(&holm(&p), &adjusted), "{p:?}: {:?}", holm(&p));
        }
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn stars_mark_the_papers_levels() {
        let marks = [0.2, 0.05, 0.049, 0.01, 0.009, 0.001, 0.0009].map(stars);
        assert_eq!(marks, ["n.s.", "n.s.", "*", "*", "**", "**", "***"]);
    }

    #[test]
    fn a_bootstrap_interval_of_a_mean_is_that_of_the_normal_distribution() {
        // 400 values, evenly spread over 0 to 1: the standard error of their mean is
        // sqrt(1/12/400) = 0.01443, so 95 % lie within 0.0283 of 0.5.
        let values: Vec<f64> = (0..400).map(|i| (f64::from(i) + 0.5) / 400.0).collect();
        let mean = |sample: &[f64]| sample.iter().sum::<f64>() / sample.len() as f64;
        let interval = bootstrap(&values, mean, 0.95, 3).unwrap();
        assert!((interval.low - 0.4717).abs() < 0.002, "{interval:?}");
        assert!((interval.high - 0.5283).abs() < 0.002, "{interval:?}");
        assert_eq!(bootstrap(&values, mean, 0.95, 3), Some(interval), "same seed, same interval");
        assert_ne!(bootstrap(&values, mean, 0.95, 4), Some(interval));
        assert_eq!(bootstrap(&[], mean, 0.95, 3), None);
    }

    type Case = (&'static [f64], [f64; 5], &'static [f64]);

    // Values, then q1, med, q3, whislo, whishi and fliers as matplotlib 3.11.2 prints them:
    // matplotlib.cbook.boxplot_stats(values)[0].
    const CASES: [Case; 8] = [
        (
            &[87.24, 88.24, 88.42, 88.6, 88.97, 90.5, 70.1, 88.3],
            [87.99, 88.36, 88.6925, 87.24, 88.97],
            &[70.1, 90.5],
        ),
        (&[1.0], [1.0, 1.0, 1.0, 1.0, 1.0], &[]),
        (&[1.0, 2.0], [1.25, 1.5, 1.75, 1.0, 2.0], &[]),
        (&[0.0, 0.0, 0.0, 0.0, 5.0], [0.0, 0.0, 0.0, 0.0, 0.0], &[5.0]),
        (&[1.0, 2.0, 3.0, 4.0, 100.0, -50.0], [1.25, 2.5, 3.75, 1.0, 4.0], &[-50.0, 100.0]),
        (&[10.0, 10.0, 10.0, 79.8, 79.9, 80.1, 81.2], [10.0, 79.8, 80.0, 10.0, 81.2], &[]),
        (&[0.0, 10.0, 10.0, 10.0, 10.0, 10.5, 20.0], [10.0, 10.0, 10.25, 10.0, 10.5], &[0.0, 20.0]),
        (&[1.0, 9.0, 9.5, 10.0, 10.5, 11.0, 12.5, 14.0], [9.375, 10.25, 11.375, 9.0, 14.0], &[1.0]),
    ];

    #[test]
    fn quartiles_whiskers_and_outliers_are_those_of_matplotlib() {
        for (values, [q1, median, q3, low, high], outliers) in CASES {
            let b = BoxStatistics::of(values).unwrap();
            assert!(
                close(&[b.q1, b.median, b.q3, b.low, b.high], &[q1, median, q3, low, high]),
                "{values:?}: {b:?}"
            );
            assert!(close(&b.outliers, outliers), "{values:?}: {b:?}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_left_out_and_nothing_gives_nothing() {
        assert_eq!(BoxStatistics::of(&[]), None);
        assert_eq!(BoxStatistics::of(&[f64::NAN, 2.0]).unwrap().count, 1);
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), Some(2.5));
    }
}
