//! What the paper claims, as differences between two networks of the same configuration: published,
//! and in stored runs.
//!
//! The spread of the thirty configurations is wider than most effects, and a pair takes it out. A
//! run that diverged is at chance and stays in its pair.

use super::{RunRow, Variant, published, published_for, published_points, row::row};
use crate::{
    Condition::{self, *},
    Result,
    configuration::WIDEST,
    dataset::CHANCE,
    statistics::{
        FEWEST_PAIRS, FEWEST_VALUES, Interval, MannWhitney, bootstrap, distinct, equivalence,
        mann_whitney, median, signed_rank, stars,
    },
};
use polars::prelude::DataFrame;
use std::collections::BTreeMap;

/// The ε at which accuracies were published.
pub(super) const PUBLISHED_EPSILONS: [f64; 2] = [0.0, WIDEST];

/// Two networks do equally well if the difference of their accuracies lies around something less
/// than this on either side: half a point.
pub const MARGIN: f64 = 0.005;

/// A step of the paper's argument: in words; the network that it is about, and the one that it is
/// compared with; the chapter that shows it.
struct Claim(&'static str, Condition, Condition, &'static str);

const CLAIMS: [Claim; 10] = [
    Claim(
        "LayerNorm makes networks with inhibition more robust to light",
        EiLn,
        EiNone,
        "02_layer_norm",
    ),
    Claim("then they do as well as networks without inhibition", EiLn, ELn, "02_layer_norm"),
    Claim(
        "inhibition that normalizes activity alone does not reach LayerNorm",
        INormNone,
        ELn,
        "04_not_enough",
    ),
    Claim("nor does it help at all", INormNone, EiNone, "04_not_enough"),
    Claim("normalizing the errors as well reaches it", INormFull, ELn, "05_grad_norm"),
    Claim("of its three steps, centering alone is enough", INormCenter, ELn, "06_what_matters"),
    Claim("scaling alone is not", INormScale, ELn, "06_what_matters"),
    Claim("nor is decorrelating alone", INormDecorrelate, ELn, "06_what_matters"),
    Claim(
        "plain lateral inhibition does as well as centering",
        INormLateral,
        INormCenter,
        "07_lateral_inhibition",
    ),
    Claim("and so as LayerNorm", INormLateral, ELn, "07_lateral_inhibition"),
];

/// What is known of the difference between two networks.
pub(super) struct Evidence {
    source: &'static str,
    pairs: Option<usize>,
    at_chance: Option<[usize; 2]>,
    pub(super) median: f64,
    ends: Option<Interval>,
    p: Option<f64>,
    pub(super) p_unpaired: Option<f64>,
    pub(super) p_equivalent: Option<f64>,
}

row! {
    /// The difference between two networks of the same configuration at one ε, in our runs or as
    /// published. Differences are fractions.
    ClaimRow of "claims",
    from |networks: [&Variant; 2], at: f64, evidence: &Evidence| {
        epsilon: f64 = at, "Range of the luminosity shift, or of the change of contrast.";
        network: Variant = networks[0].clone(), "The network that the claim is about.";
        than: Variant = networks[1].clone(), "The one whose accuracy is taken away from its own.";
        source: String = evidence.source.to_owned(),
            "`ours`, `published`, or `medians`: the difference of two published medians, where no \
             pairs were published. A median leaves out the runs at chance where the publication \
             counts them apart, and has them in where not.";
        pairs: Option<u32> = evidence.pairs.map(|count| count as u32),
            "How many configurations have both networks.";
        at_chance: Option<u32> = evidence.at_chance.map(|counts| counts[0] as u32),
            "How many of `network` are at chance: they diverged, or learned nothing.";
        than_at_chance: Option<u32> = evidence.at_chance.map(|counts| counts[1] as u32),
            "How many of `than` are at chance.";
        median: f64 = evidence.median, "The median difference.";
        low: Option<f64> = evidence.ends.map(|ends| ends.low),
            "The lower end of its bootstrap interval (95 %, percentiles of 10,000 samples, always \
             the same ones); of fewer than six pairs, the least difference.";
        high: Option<f64> = evidence.ends.map(|ends| ends.high),
            "The upper end, or the greatest difference.";
        p: Option<f64> = evidence.p,
            "Two-sided p of Wilcoxon's signed-rank test; none of fewer than six pairs.";
        p_unpaired: Option<f64> = evidence.p_unpaired,
            "Two-sided p of the paper's test, Mann and Whitney's, which does not know of pairs.";
        p_equivalent: Option<f64> = evidence.p_equivalent,
            "p of two one-sided signed-rank tests that the difference is within half a point.";
        equivalent: String = equivalent(evidence).to_owned(),
            "Whether it is: `yes` if that p < 0.05; `no` if the interval lies beyond; otherwise \
             `open`, or `n < 6`, or `no pairs`.";
    }
}

/// What stands in place of a p that would mean nothing.
const TOO_FEW: &str = "n < 6";

fn equivalent(evidence: &Evidence) -> &'static str {
    match evidence {
        Evidence { pairs: None, .. } => "no pairs",
        Evidence { p_equivalent: None, .. } => TOO_FEW,
        Evidence { p_equivalent: Some(p), .. } if *p < 0.05 => "yes",
        Evidence { ends: Some(ends), .. } if ends.low > MARGIN || ends.high < -MARGIN => "no",
        _ => "open",
    }
}

impl Evidence {
    /// Of the accuracies of both networks in each pair; nothing of no pairs.
    pub(super) fn of(source: &'static str, pairs: &[[f64; 2]]) -> Result<Option<Self>> {
        let differences: Vec<f64> = pairs.iter().map(|[a, b]| a - b).collect();
        let Some(middle) = median(&differences) else { return Ok(None) };
        let enough = pairs.len() >= FEWEST_PAIRS;
        let sides = [0, 1].map(|side| pairs.iter().map(|pair| pair[side]).collect::<Vec<_>>());
        let range = || Interval {
            low: differences.iter().copied().fold(f64::INFINITY, f64::min),
            high: differences.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        let median_of = |values: &[f64]| median(values).unwrap_or(f64::NAN);
        let paired = if enough { Some(signed_rank(&differences)?) } else { None };
        let within = if enough { Some(equivalence(&differences, MARGIN)?) } else { None };
        Ok(Some(Self {
            source,
            pairs: Some(pairs.len()),
            at_chance: Some(sides.each_ref().map(|side| at_chance(side))),
            median: middle,
            ends: match enough {
                true => bootstrap(&differences, median_of, 0.95, 0),
                false => Some(range()),
            },
            p: paired.map(|test| test.p),
            p_unpaired: unpaired(&sides[0], &sides[1])?.map(|test| test.p),
            p_equivalent: within,
        }))
    }

    /// Of the published medians alone.
    fn of_medians(network: Condition, than: Condition, epsilon: f64) -> Option<Self> {
        let [a, b] = [network, than].map(|c| published_for(c, epsilon));
        Some(Self {
            source: "medians",
            pairs: None,
            at_chance: None,
            median: a?.median - b?.median,
            ends: None,
            p: None,
            p_unpaired: None,
            p_equivalent: None,
        })
    }
}

pub(super) fn at_chance(accuracies: &[f64]) -> usize {
    accuracies.iter().filter(|&&accuracy| accuracy <= CHANCE).count()
}

/// The paper's test; none of samples so small that its p would mean nothing.
pub(super) fn unpaired(a: &[f64], b: &[f64]) -> Result<Option<MannWhitney>> {
    if a.len().min(b.len()) < FEWEST_VALUES {
        return Ok(None);
    }
    mann_whitney(a, b).map(Some)
}

/// The runs of two networks with the same configuration and seed, by these two.
pub(super) fn paired<'r>(
    network: &Variant,
    than: &Variant,
    epsilon: f64,
    runs: &'r [RunRow],
) -> Vec<[&'r RunRow; 2]> {
    let mut joined: BTreeMap<_, [Option<&RunRow>; 2]> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.epsilon == epsilon && run.follows_paper()) {
        let variations = run.variations();
        let is = |variant: &&Variant| {
            (run.condition, &variations) == (variant.condition, &variant.variations)
        };
        if let Some(side) = [network, than].iter().position(is) {
            let key = (&run.config_list, run.config, run.seed);
            joined.entry(key).or_default()[side] = Some(run);
        }
    }
    joined.into_values().filter_map(|[a, b]| Some([a?, b?])).collect()
}

/// Their accuracies.
fn accuracies(network: &Variant, than: &Variant, epsilon: f64, runs: &[RunRow]) -> Vec<[f64; 2]> {
    let paired = paired(network, than, epsilon, runs).into_iter();
    paired.map(|pair| pair.map(|run| run.test_accuracy)).collect()
}

/// Those of two of the paper's networks.
pub(super) fn pairs(
    network: Condition,
    than: Condition,
    epsilon: f64,
    runs: &[RunRow],
) -> Vec<[f64; 2]> {
    accuracies(&network.into(), &than.into(), epsilon, runs)
}

/// What is known of a claim: from our runs, and published.
fn known(claim: &Claim, epsilon: f64, runs: &[RunRow]) -> Result<[Option<ClaimRow>; 2]> {
    let &Claim(_, network, than, _) = claim;
    let ours = Evidence::of("ours", &pairs(network, than, epsilon, runs))?;
    let published = published_points::pairs(network, than, epsilon);
    let published = Evidence::of("published", &published)?;
    let published = published.or_else(|| Evidence::of_medians(network, than, epsilon));
    let [network, than] = [network, than].map(Variant::from);
    let row = |evidence: Evidence| ClaimRow::new([&network, &than], epsilon, &evidence);
    Ok([ours.map(row), published.map(row)])
}

/// The paper's argument as differences between two networks, at the ε for which accuracies were
/// published: for each step of it one [`ClaimRow`] of the paper's runs in `runs`, as far as there
/// are any, and one of what was published.
///
/// # Errors
/// If `runs` is no table of runs.
pub fn claims(runs: &DataFrame) -> Result<DataFrame> {
    let runs = RunRow::from_table(runs)?;
    let mut rows = Vec::new();
    for epsilon in PUBLISHED_EPSILONS {
        for claim in &CLAIMS {
            rows.extend(known(claim, epsilon, &runs)?.into_iter().flatten());
        }
    }
    ClaimRow::to_table(&rows)
}

/// The differences between two variants each, such as `["inorm_center grad_norm_layers=2",
/// "inorm_none"]`: a [`ClaimRow`] for each ε at which `runs` has pairs of them, or for one ε alone.
/// A pair is of the same configuration and seed, with the paper's
/// [epochs and λ](RunRow::follows_paper).
///
/// # Errors
/// If `runs` is no table of runs, or a name is none of a [`Variant`].
pub fn differences(
    runs: &DataFrame,
    epsilon: Option<f64>,
    networks: &[[&str; 2]],
) -> Result<DataFrame> {
    let mut runs = RunRow::from_table(runs)?;
    runs.retain(|run| epsilon.is_none_or(|epsilon| run.epsilon == epsilon));
    let mut rows = Vec::new();
    for [network, than] in networks {
        let networks: [Variant; 2] = [network.parse()?, than.parse()?];
        for epsilon in distinct(runs.iter().map(|run| run.epsilon)) {
            rows.extend(between(networks.each_ref(), epsilon, &runs)?);
        }
    }
    ClaimRow::to_table(&rows)
}

/// The difference between two variants, if there are pairs of them.
pub(super) fn between(
    networks: [&Variant; 2],
    epsilon: f64,
    runs: &[RunRow],
) -> Result<Option<ClaimRow>> {
    let [network, than] = networks;
    let evidence = Evidence::of("ours", &accuracies(network, than, epsilon, runs))?;
    Ok(evidence.map(|known| ClaimRow::new(networks, epsilon, &known)))
}

/// The same at ε = 0.75 as a table in Markdown, with links as seen from the root of the repository.
///
/// # Errors
/// If `runs` is no table of runs.
pub fn claims_markdown(runs: &DataFrame) -> Result<String> {
    let runs = RunRow::from_table(runs)?;
    let mut text = "| the paper says | test accuracy, in points | published | ours | p | within \
                    ±0.5 | chapter |\n| --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for claim in &CLAIMS {
        let Claim(words, network, than, chapter) = claim;
        let [ours, published] = known(claim, WIDEST, &runs)?;
        let p = ours.as_ref().map(ClaimRow::short_p);
        let within = ours.as_ref().map(|row| row.equivalent.clone());
        let [published, ours] = [published, ours].map(|row| row.map(|row| row.words()));
        let [published, ours, p, within] =
            [published, ours, p, within].map(|cell| cell.unwrap_or("–".to_owned()));
        let number = chapter.trim_start_matches('0').split('_').next().unwrap_or_default();
        text += &format!(
            "| {words} | `{network}` − `{than}` | {published} | {ours} | {p} | {within} | \
             [{number}](notebooks/{chapter}.ipynb) |\n"
        );
    }
    Ok(text)
}

impl ClaimRow {
    /// Whether this is the evidence of our runs.
    pub fn is_ours(&self) -> bool {
        self.source == "ours"
    }

    /// Whether `low` and `high` are the ends of an interval, and not the range of a few pairs.
    pub fn has_interval(&self) -> bool {
        self.pairs.is_some_and(|pairs| pairs as usize >= FEWEST_PAIRS)
    }

    /// How many pairs, and how many runs are at chance, of the one network, or of the one and the
    /// other; nothing of medians.
    pub fn numbers(&self) -> Option<String> {
        let pairs = self.pairs?;
        Some(match (self.at_chance.unwrap_or(0), self.than_at_chance.unwrap_or(0)) {
            (0, 0) => format!("n = {pairs}"),
            (lost, 0) | (0, lost) => format!("n = {pairs}, {lost} at chance"),
            (lost, others) => format!("n = {pairs}, {lost}+{others} at chance"),
        })
    }

    /// The median and its interval or range, in points.
    pub fn difference(&self) -> String {
        let ends = self
            .low
            .zip(self.high)
            .map_or(String::new(), |(low, high)| format!(" ({} to {})", points(low), points(high)));
        points(self.median) + &ends
    }

    /// Its p, to be read.
    pub(super) fn short_p(&self) -> String {
        match self.p {
            None => TOO_FEW.to_owned(),
            Some(p) if p >= 0.001 => format!("{p:.4}"),
            Some(p) => format!("{p:.0e}"),
        }
    }

    /// The same with the number of pairs, and how many runs are at chance.
    pub fn words(&self) -> String {
        let numbers = self.numbers().unwrap_or_else(|| "of medians".to_owned());
        format!("{}, {numbers}", self.difference())
    }
}

/// A fraction in percentage points, with its sign; one of 10,000 images is a hundredth.
pub fn points(fraction: f64) -> String {
    let text = format!("{:+.2}", fraction * 100.0);
    if text == "-0.00" { "+0.00".to_owned() } else { text.replace('-', "−") }
}

row! {
    /// A significance mark of the paper, and the same test of our runs.
    MarkRow of "marks",
    from |
        figures: &str,
        at: Option<f64>,
        networks: [Condition; 2],
        ours: [&[f64]; 2],
        tests: [Option<f64>; 2],
        mark: &str
    | {
        figure: String = figures.to_owned(), "Where the paper shows it.";
        epsilon: Option<f64> = at, "Range of the luminosity shift; none for all four together.";
        network: Condition = networks[0], "The network.";
        than: Condition = networks[1], "The one that it is compared with.";
        n: u32 = ours[0].len() as u32, "How many runs of `network` we have.";
        than_n: u32 = ours[1].len() as u32, "How many of `than`.";
        at_chance: u32 = at_chance(ours[0]) as u32, "How many of `network` are at chance.";
        p: Option<f64> = tests[0],
            "Two-sided p of the paper's test, Mann and Whitney's, with those at chance; none of \
             fewer than four runs.";
        ours: Option<String> = tests[0].map(|p| stars(p).to_owned()), "Its stars.";
        published: String = mark.to_owned(), "The paper's stars, of thirty runs a side.";
        agrees: Option<String> =
            tests[0].map(|p| if stars(p) == mark { "yes" } else { "no" }.to_owned()),
            "Whether both are the same.";
        p_paired: Option<f64> = tests[1],
            "Two-sided p of Wilcoxon's signed-rank test of the pairs; none of fewer than six, and \
             of Fig. 2b, whose runs are no pairs.";
    }
}

/// Fig. 2b compares the ten best runs of each network, of all ε together.
const BEST: usize = 10;

/// One [`MarkRow`] for each significance mark of the paper.
///
/// # Errors
/// If `runs` is no table of runs.
pub fn marks(runs: &DataFrame) -> Result<DataFrame> {
    let runs: Vec<RunRow> = RunRow::from_table(runs)?;
    let accuracies = |condition: Condition, epsilon: Option<f64>| -> Vec<f64> {
        let here = runs.iter().filter(|run| {
            run.is_papers()
                && run.condition == condition
                && epsilon.is_none_or(|epsilon| run.epsilon == epsilon)
        });
        here.map(|run| run.test_accuracy).collect()
    };
    let best = |condition| {
        let mut all = accuracies(condition, None);
        all.sort_by(|a, b| b.total_cmp(a));
        all.truncate(BEST);
        all
    };
    let [ei, e] = [best(EiLn), best(ELn)];
    let tests = [unpaired(&ei, &e)?.map(|test| test.p), None];
    let mut rows = vec![MarkRow::new("2b", None, [EiLn, ELn], [&ei, &e], tests, "n.s.")];
    for published in published::rows() {
        let Some(mark) = &published.mark else { continue };
        let (network, epsilon) = (published.condition, published.epsilon);
        let [a, b] = [network, ELn].map(|condition| accuracies(condition, Some(epsilon)));
        let paired = Evidence::of("ours", &pairs(network, ELn, epsilon, &runs))?;
        let tests = [unpaired(&a, &b)?.map(|test| test.p), paired.and_then(|known| known.p)];
        let networks = [network, ELn];
        rows.push(MarkRow::new(&published.figures, Some(epsilon), networks, [&a, &b], tests, mark));
    }
    MarkRow::to_table(&rows)
}

#[cfg(test)]
mod tests {
    use super::super::{VariantRow, made_up::runs_table, variants};
    use super::*;

    fn table() -> DataFrame {
        let mut rows = Vec::new();
        for config in 0..8 {
            let base = 0.8 + f64::from(config) * 0.01;
            rows.push((ELn, config, 0.75, Some(base)));
            rows.push((INormFull, config, 0.75, Some(base + 0.001 + f64::from(config) * 0.0001)));
            rows.push((INormCenter, config, 0.75, Some(base - 0.02)));
            rows.push((INormScale, config, 0.75, (config < 2).then_some(base)));
            if config < 2 {
                rows.push((INormNone, config, 0.75, (config == 0).then_some(base - 0.06)));
            }
        }
        runs_table(&rows)
    }

    fn rows(of: [Condition; 2]) -> Vec<ClaimRow> {
        let rows = ClaimRow::from_table(&claims(&table()).unwrap()).unwrap();
        let of = of.map(Variant::from);
        let here =
            |row: &ClaimRow| row.epsilon == 0.75 && [&row.network, &row.than] == of.each_ref();
        rows.into_iter().filter(here).collect()
    }

    #[test]
    fn pairs_of_a_configuration_are_compared() {
        let [full, published] = &rows([INormFull, ELn])[..] else { panic!() };
        assert_eq!((full.pairs, full.at_chance, full.than_at_chance), (Some(8), Some(0), Some(0)));
        assert!((full.median - 0.00135).abs() < 1e-12);
        // Eight differences, all positive: 2/2⁸ for both sides, and 1/2⁸ within half a point.
        assert_eq!((full.p, full.p_equivalent), (Some(2.0 / 256.0), Some(1.0 / 256.0)));
        assert_eq!(full.equivalent, "yes");
        assert!(full.p_unpaired.unwrap() > 0.7, "the spread hides what all pairs show");
        assert_eq!((published.source.as_str(), published.pairs), ("published", Some(30)));
        assert!((published.median - 0.00365).abs() < 1e-9 && published.p.unwrap() < 0.001);
        let [center, medians] = &rows([INormCenter, ELn])[..] else { panic!() };
        assert_eq!((center.equivalent.as_str(), medians.equivalent.as_str()), ("no", "no pairs"));
        assert_eq!((medians.source.as_str(), medians.low), ("medians", None));
        let [scale, _] = &rows([INormScale, ELn])[..] else { panic!() };
        assert_eq!((scale.at_chance, scale.than_at_chance), (Some(6), Some(0)));
        let text = claims_markdown(&table()).unwrap();
        assert!(text.contains("to +0.16), n = 8 | 0.0078 | yes | [5](note"), "{text}");
    }

    #[test]
    fn of_few_pairs_there_is_a_range_and_no_test() {
        let [none, _] = &rows([INormNone, ELn])[..] else { panic!() };
        assert_eq!((none.pairs, none.at_chance), (Some(2), Some(1)));
        assert!((none.low.unwrap() + 0.71).abs() < 1e-9);
        assert!((none.high.unwrap() + 0.06).abs() < 1e-9);
        assert_eq!((none.p, none.p_unpaired, none.p_equivalent), (None, None, None));
        assert_eq!(none.equivalent, "n < 6");
        // Without our runs, what was published is there.
        let [published] = &rows([EiLn, EiNone])[..] else { panic!() };
        assert_eq!(published.pairs, Some(30));
        let text = claims_markdown(&table()).unwrap();
        assert!(text.contains("n = 2, 1 at chance | n < 6 | n < 6 | [4]("), "{text}");
        let both = ClaimRow { at_chance: Some(2), than_at_chance: Some(1), ..none.clone() };
        assert_eq!(both.numbers().unwrap(), "n = 2, 2+1 at chance");
    }

    // Of data/published_points.csv, joined as `published_points` says: p_unpaired is that of
    // scipy.stats.mannwhitneyu (1.17.1); p was counted in Python, as the share of all sums of some of
    // scipy.stats.rankdata(abs(differences)), with whole numbers. SciPy's own test approximates it
    // where differences are of equal size.
    #[test]
    fn published_pairs_are_tested_as_in_python() {
        for (epsilon, of, n, median, p, p_unpaired) in [
            (0.0, [EiLn, EiNone], 30, 0.00945, 1.2184e-5, 7.4873e-4),
            (0.0, [INormNone, EiNone], 26, -0.0133, 0.011967, 1.8707e-3),
            (0.75, [EiLn, ELn], 30, -0.00805, 6.5938e-7, 1.8881e-4),
            (0.75, [INormNone, EiNone], 24, -0.0115, 2.0516e-4, 2.8979e-4),
        ] {
            let pairs = published_points::pairs(of[0], of[1], epsilon);
            let known = Evidence::of("published", &pairs).unwrap().unwrap();
            assert_eq!(known.pairs, Some(n), "{of:?}");
            assert!((known.median - median).abs() < 1e-9, "{of:?}: {}", known.median);
            let unpaired = known.p_unpaired.unwrap();
            assert!((unpaired / p_unpaired - 1.0).abs() < 1e-4, "{of:?}: {unpaired}");
            let paired = known.p.unwrap();
            assert!((paired / p - 1.0).abs() < 1e-4, "{of:?}: {paired}");
        }
    }

    #[test]
    fn every_mark_of_the_paper_is_tested_again() {
        let rows = MarkRow::from_table(&marks(&table()).unwrap()).unwrap();
        assert_eq!(rows.len(), 11);
        let of = |network, epsilon| {
            rows.iter().find(|r| (r.network, r.epsilon) == (network, Some(epsilon))).unwrap()
        };
        let scale = of(INormScale, 0.75);
        assert_eq!((scale.n, scale.than_n, scale.at_chance), (8, 8, 6));
        assert_eq!((scale.published.as_str(), scale.ours.as_deref()), ("***", Some("**")));
        assert_eq!(scale.agrees.as_deref(), Some("no"));
        let lateral = of(INormLateral, 0.0);
        assert_eq!((lateral.n, lateral.p, lateral.agrees.as_deref()), (0, None, None));
        let best = rows.iter().find(|row| row.epsilon.is_none()).unwrap();
        assert_eq!((best.network, best.than, best.n, best.than_n), (EiLn, ELn, 0, 8));
    }

    /// Eight configurations of `inorm_none`, `inorm_full`, and `inorm_full` with GradNorm in the
    /// second layer: 0.1 better than the first, and 0.001 than the second, but for one that
    /// diverged.
    fn table_with_variants() -> DataFrame {
        let mut rows = Vec::new();
        for config in 0..8 {
            let base = 0.7 + f64::from(config) * 0.01;
            rows.push((INormNone, config, 0.75, Some(base)));
            rows.push((INormFull, config, 0.75, Some(base + 0.099)));
            rows.push((INormFull, config, 0.75, (config > 0).then_some(base + 0.1)));
        }
        let mut rows = RunRow::from_table(&runs_table(&rows)).unwrap();
        for row in rows.iter_mut().skip(2).step_by(3) {
            row.grad_norm_layers = "2".to_owned();
        }
        RunRow::to_table(&rows).unwrap()
    }

    #[test]
    fn variants_are_apart_from_the_papers_and_paired_with_them() {
        let runs = table_with_variants();
        let rows = VariantRow::from_table(&variants(&runs).unwrap()).unwrap();
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!(row.network.to_string(), "inorm_full grad_norm_layers=2");
        assert_eq!((row.n, row.at_chance, row.epsilon), (8, 1, 0.75));
        assert!((row.median.unwrap() - 0.84).abs() < 1e-12);
        let difference = |than: &str| {
            let networks = [["inorm_full grad_norm_layers=2", than]];
            let rows = differences(&runs, Some(0.75), &networks).unwrap();
            assert_eq!(differences(&runs, Some(0.5), &networks).unwrap().height(), 0);
            ClaimRow::from_table(&rows).unwrap()
        };
        let [none] = &difference("inorm_none")[..] else { panic!() };
        assert_eq!((none.pairs, none.at_chance, none.than_at_chance), (Some(8), Some(1), Some(0)));
        assert!((none.median - 0.1).abs() < 1e-12 && none.p.is_some());
        let [full] = &difference("inorm_full")[..] else { panic!() };
        assert!((full.median - 0.001).abs() < 1e-12);
        assert!(difference("inorm_full signs=free").is_empty());
        assert_eq!(row.network.label(), "I-Norm + GradNorm in layer 2");
        let [free, raw, layer_norm] = ["inorm_full signs=free", "inorm_none signs=free", "e_ln"]
            .map(|name| name.parse::<Variant>().unwrap());
        assert_eq!(free.label_less(&raw), "I-Norm + GradNorm − I-Norm, free signs");
        let deep: Variant = "inorm_full hidden_layers=3".parse().unwrap();
        let top: Variant = "inorm_full hidden_layers=3 grad_norm_layers=3".parse().unwrap();
        assert_eq!(top.label(), "I-Norm + GradNorm in layer 3, 3 hidden layers");
        let less = "I-Norm + GradNorm in layer 3 − I-Norm + GradNorm, 3 hidden layers";
        assert_eq!(top.label_less(&deep), less);
        let label = |name: &str| name.parse::<Variant>().unwrap().label();
        assert_eq!(label("e_ln signs=non_negative"), "E-only + LN, b ≥ 0");
        let two = label("inorm_full hidden_layers=3 grad_norm_layers=1+3");
        assert!(two.contains(" in layers 1 and 3,"), "{two}");
        assert_eq!(free.label_less(&layer_norm), "I-Norm + GradNorm, free signs − E-only + LN");
        let unknown = differences(&runs, None, &[["inorm_full", "inorm_half"]]).unwrap_err();
        let unknown = unknown.to_string();
        assert!(unknown.contains("inorm_half"), "{unknown}");
    }
}
