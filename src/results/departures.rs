//! What is not as published: the list in `data/results/README.md`, all of whose numbers are computed
//! here from stored runs.

use super::{
    MarkRow, MeasurementRow, RunRow, Tables, marks, outside_published,
    paper_claims::{Evidence, PUBLISHED_EPSILONS, paired, pairs, points},
    published_configurations, published_for, published_points,
};
use crate::{
    Condition::{self, *},
    Result,
    condition::Normalization,
    configuration::{EPOCHS, EPSILONS, WIDEST},
    dataset::CHANCE,
    statistics::{distinct, median, stars},
};
use std::{collections::BTreeMap, fmt};

/// Pairs further apart than this are named.
const FAR: f64 = 0.03;
/// Pairs within this are named beside them.
const NEAR: f64 = 0.02;
/// Two networks are level if the median pair is not further apart than this.
const LEVEL: f64 = 0.005;
/// A run whose accuracy is this far outside the published range is listed.
pub const OUTSIDE: f64 = 0.01;
/// One of the two configurations that learn slowest.
const SLOW: i32 = 4;

/// The list in Markdown, with what of it there are runs for.
///
/// # Errors
/// If a table lacks a column.
pub fn departures_markdown(stored: &Tables) -> Result<String> {
    let stored = stored.of_paper()?;
    let runs = RunRow::from_table(&stored.runs)?;
    let items = [
        activity_alone(&runs)?,
        centering(&runs)?,
        fast_inhibition(&stored, &runs)?,
        outside(&stored, &runs)?,
        slow(&runs),
        robust(&runs),
        first_layer(&MeasurementRow::from_table(&stored.measurements)?),
        decorrelated(&runs),
    ];
    Ok(items.into_iter().flatten().map(|item| format!("- {item}\n")).collect())
}

fn activity_alone(runs: &[RunRow]) -> Result<Option<String>> {
    let Some(ours) = at_each_epsilon(runs, INormNone, EiNone)?.filter(Differences::below) else {
        return Ok(None);
    };
    let mut known: Vec<f64> = published_configurations(0.0)
        .iter()
        .filter(|row| row.inorm_none.is_some_and(|accuracy| accuracy <= CHANCE))
        .filter_map(|row| row.ei_none)
        .collect();
    known.sort_by(f64::total_cmp);
    let known: Vec<String> = known.into_iter().map(percent).collect();
    Ok(Some(format!(
        "**`inorm_none` is worse than `ei_none`**: {ours}. The published medians differ by {}. They \
         leave out the runs of `inorm_none` that diverged, {}, and most of those belong to the \
         configurations that are best with `ei_none`: at ε = 0 these have {} % with it, where the \
         median of all is {} %. Counted in their pairs, published `inorm_none` is behind `ei_none` \
         as well: {}.",
        published_medians(INormNone, EiNone),
        published_at_chance(INormNone),
        list(&known),
        published_for(EiNone, 0.0).map_or(String::new(), |row| percent(row.median)),
        published_pairs(INormNone, EiNone)?,
    )))
}

fn centering(runs: &[RunRow]) -> Result<Option<String>> {
    let [center, lateral, full] =
        [INormCenter, INormLateral, INormFull].map(|network| at_each_epsilon(runs, network, ELn));
    let (Some(center), Some(lateral), Some(full)) = (center?, lateral?, full?) else {
        return Ok(None);
    };
    if !(center.below() && lateral.below() && full.level()) {
        return Ok(None);
    }
    Ok(Some(format!(
        "**Centering alone and lateral inhibition stay a little below LayerNorm**: `inorm_center` \
         less `e_ln` is {center}; `inorm_lateral` less `e_ln` is {lateral}. Two one-sided tests find \
         the difference to be less than half a point {} for `inorm_center`, and {} for \
         `inorm_lateral`. **`inorm_full` is level with LayerNorm**: {full}; published, {}.",
        within_margin(runs, INormCenter)?,
        within_margin(runs, INormLateral)?,
        published_pairs(INormFull, ELn)?,
    )))
}

fn fast_inhibition(stored: &Tables, runs: &[RunRow]) -> Result<Option<String>> {
    let Some(ours) = at_each_epsilon(runs, EiLn, ELn)?.filter(Differences::below) else {
        return Ok(None);
    };
    let marks = MarkRow::from_table(&marks(&stored.runs)?)?;
    let best = marks.iter().find(|row| (row.network, row.than) == (EiLn, ELn));
    let fig2 = best.map_or(String::new(), |row| {
        let ours = row.ours.as_deref().unwrap_or("too few runs");
        format!(
            " The paper's Fig. 2b, which compares the ten best runs of all ε, has {}; ours has {ours}.",
            row.published
        )
    });
    let pairs = paired(&EiLn.into(), &ELn.into(), WIDEST, runs);
    let apart = |keep: &dyn Fn(f64) -> bool| -> Vec<i32> {
        let apart = |[a, b]: &&[&RunRow; 2]| keep((a.test_accuracy - b.test_accuracy).abs());
        pairs.iter().filter(apart).filter_map(|[run, _]| run.config).collect()
    };
    let (far, near) =
        (apart(&|difference| difference > FAR), apart(&|difference| difference <= NEAR));
    let fast = |configs: &[i32]| -> Vec<i32> {
        configs.iter().copied().filter(|config| is_fast(runs, *config)).collect()
    };
    Ok(Some(format!(
        "**`ei_ln` stays below `e_ln`**: {ours}; published, {}.{fig2} At ε = {WIDEST} the pairs of {} \
         configurations are more than {} points apart: {}. {} of them have fast inhibition, a rate \
         of `W_IE` of 0.3 or more, or one of `W_EI` above 0.006. That alone does not decide it: \
         such rates and a difference within {} points go together in {}.",
        published_pairs(EiLn, ELn)?,
        far.len(),
        100.0 * FAR,
        list(&far),
        fast(&far).len(),
        100.0 * NEAR,
        configurations(&fast(&near)),
    )))
}

fn outside(stored: &Tables, runs: &[RunRow]) -> Result<Option<String>> {
    let table = outside_published(&stored.runs, OUTSIDE)?;
    let conditions = table.column("condition")?.str()?.clone();
    let (configs, epsilons) = (table.column("config")?.i32()?, table.column("epsilon")?.f64()?);
    let accuracies = table.column("test_accuracy")?.f64()?;
    let (mut words, mut fast) = (Vec::new(), 0);
    for (row, condition) in conditions.iter().enumerate() {
        let (Some(condition), Some(config)) = (condition, configs.get(row)) else { continue };
        let [epsilon, accuracy] =
            [epsilons, accuracies].map(|column| column.get(row).unwrap_or(f64::NAN));
        fast += usize::from(is_fast(runs, config));
        let accuracy = percent(accuracy);
        words.push(format!(
            "`{condition}` of configuration {config} at ε = {epsilon} ({accuracy} %)"
        ));
    }
    Ok((!words.is_empty()).then(|| {
        format!(
            "**{} runs are more than a point outside the published range** of their condition: {}. \
             {fast} of them have fast inhibition.",
            words.len(),
            list(&words),
        )
    }))
}

fn slow(runs: &[RunRow]) -> Option<String> {
    // LayerNorm in the forward pass alone may fail at any rate.
    let forward_only =
        |run: &RunRow| run.condition.normalization() == Normalization::LayerNormForwardOnly;
    let here: Vec<&RunRow> =
        runs.iter().filter(|run| run.config == Some(SLOW) && !forward_only(run)).collect();
    let rate = here.first()?.lr;
    let rates: BTreeMap<i32, f64> =
        runs.iter().filter_map(|run| Some((run.config?, run.lr))).collect();
    let lower = rates.values().filter(|other| **other < rate).count();
    let accuracy = |condition, epsilon| {
        let run = here.iter().find(|run| (run.condition, run.epsilon) == (condition, epsilon))?;
        Some(run.test_accuracy)
    };
    let mut without: Vec<f64> =
        here.iter().filter(|r| r.epsilon == 0.0).map(|r| r.test_accuracy).collect();
    without.sort_by(f64::total_cmp);
    let less = |than: Condition| {
        let at = |epsilon: f64| {
            let difference = |network| Some(accuracy(network, epsilon)? - accuracy(than, epsilon)?);
            let all: Option<Vec<_>> =
                [INormNone, INormScale, INormDecorrelate].into_iter().map(difference).collect();
            Some(format!(
                "{} at ε = {epsilon}",
                list(&all?.into_iter().map(points).collect::<Vec<_>>())
            ))
        };
        EPSILONS.into_iter().filter_map(at).collect::<Vec<_>>().join("; ")
    };
    Some(format!(
        "**Configuration {SLOW} loses little without normalized errors at ε = 0 and 0.25.** Its rate \
         for `W_EE` is {rate:.4}, number {} of {} from the lowest. At ε = 0 its {} conditions end between {} \
         and {} %. Its `inorm_none`, `inorm_scale` and `inorm_decorrelate` less its `e_ln`, in points: \
         {}. Less its `inorm_center`: {}. The published medians mix all rates.",
        lower + 1,
        rates.len(),
        without.len(),
        percent(*without.first()?),
        percent(*without.last()?),
        less(ELn),
        less(INormCenter),
    ))
}

fn robust(runs: &[RunRow]) -> Option<String> {
    let count = |condition| {
        let of: Vec<_> = runs.iter().filter(|run| run.condition == condition).collect();
        let diverged = of.iter().filter(|run| run.diverged()).count();
        (!of.is_empty() && diverged == 0)
            .then(|| format!("0 of {} runs of `{condition}`", of.len()))
    };
    let scale = published_for(INormScale, WIDEST)?;
    Some(format!(
        "**Scaling and I-Norm alone do not diverge here**: {} and {} did. Published, \
         of `inorm_none` {} did, and at ε = {WIDEST} at least half of `inorm_scale` are at chance: \
         their median is {} %.",
        count(INormScale)?,
        count(INormNone)?,
        published_at_chance(INormNone),
        percent(scale.median),
    ))
}

fn first_layer(measurements: &[MeasurementRow]) -> Option<String> {
    let variances = |condition, layer, epsilon| -> Vec<f64> {
        let at_the_end = measurements.iter().filter(|row| {
            (row.condition, row.layer, row.epsilon, row.epoch)
                == (condition, layer, epsilon, EPOCHS as i32)
        });
        at_the_end.map(|row| row.variance).collect()
    };
    let epsilons = distinct(measurements.iter().map(|row| row.epsilon));
    let medians = |condition, layer| {
        let at = |epsilon: &f64| median(&variances(condition, layer, *epsilon));
        let written = |middle| format!("{middle:.2}");
        list(&epsilons.iter().filter_map(at).map(written).collect::<Vec<_>>())
    };
    let widest = variances(INormNone, 0, WIDEST);
    if widest.is_empty() {
        return None;
    }
    Some(format!(
        "**The first hidden layer of `inorm_none` does not stay normalized**: the median of its \
         variance ends at {} (ε = {}), and at ε = {WIDEST} it is below 1 in {} of {} configurations. \
         That of its second ends at {}; those of the two of `inorm_full` at {}, and at {}.",
        medians(INormNone, 0),
        list(&epsilons),
        widest.iter().filter(|variance| **variance < 1.0).count(),
        widest.len(),
        medians(INormNone, 1),
        medians(INormFull, 0),
        medians(INormFull, 1),
    ))
}

fn decorrelated(runs: &[RunRow]) -> Option<String> {
    let of = |epsilon: f64| -> Vec<i32> {
        let diverged = runs.iter().filter(|run| {
            run.diverged() && (run.condition, run.epsilon) == (INormDecorrelate, epsilon)
        });
        let mut configs: Vec<i32> = diverged.filter_map(|run| run.config).collect();
        configs.sort_unstable();
        configs
    };
    let at = EPSILONS.map(|epsilon| (epsilon, of(epsilon)));
    let all: usize = at.iter().map(|(_, configs)| configs.len()).sum();
    let words: Vec<String> = at
        .iter()
        .filter(|(_, configs)| !configs.is_empty())
        .map(|(epsilon, configs)| {
            format!("{} at ε = {epsilon} ({})", configs.len(), configurations(configs))
        })
        .collect();
    (all > 0)
        .then(|| format!("**Decorrelating alone diverges**: {all} runs did, {}.", list(&words)))
}

/// The difference between two networks in the median pair at each ε, in how many pairs it is
/// negative, and what the paper's unpaired test says; `None` without pairs.
fn at_each_epsilon(
    runs: &[RunRow],
    network: Condition,
    than: Condition,
) -> Result<Option<Differences>> {
    let (mut words, mut medians) = (Vec::new(), Vec::new());
    for epsilon in EPSILONS {
        let pairs = pairs(network, than, epsilon, runs);
        let Some(evidence) = Evidence::of("ours", &pairs)? else { continue };
        let below = pairs.iter().filter(|[a, b]| a < b).count();
        let unpaired =
            evidence.p_unpaired.map_or(String::new(), |p| format!(", unpaired {}", stars(p)));
        let difference = points(evidence.median);
        words.push(format!(
            "{difference} at ε = {epsilon} (below in {below} of {} pairs{unpaired})",
            pairs.len()
        ));
        medians.push(evidence.median);
    }
    Ok((!words.is_empty()).then(|| Differences { words: list(&words), medians }))
}

/// Differences between two networks at each ε. An item whose headline they no longer bear out is
/// left out of the list, which a test compares with the README.
struct Differences {
    words: String,
    medians: Vec<f64>,
}

impl Differences {
    fn below(&self) -> bool {
        self.medians.iter().all(|median| *median < 0.0)
    }

    fn level(&self) -> bool {
        self.medians.iter().all(|median| median.abs() < LEVEL)
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// Where a network is found to be within half a point of E-only + LN.
fn within_margin(runs: &[RunRow], network: Condition) -> Result<String> {
    let mut found = Vec::new();
    for epsilon in EPSILONS {
        let pairs = pairs(network, ELn, epsilon, runs);
        let p = Evidence::of("ours", &pairs)?.and_then(|evidence| evidence.p_equivalent);
        found.extend(p.filter(|p| *p < 0.05).map(|_| epsilon));
    }
    Ok(if found.is_empty() { "nowhere".to_owned() } else { format!("at ε = {}", list(&found)) })
}

fn published_pairs(network: Condition, than: Condition) -> Result<String> {
    let mut words = Vec::new();
    for epsilon in PUBLISHED_EPSILONS {
        let pairs = published_points::pairs(network, than, epsilon);
        let evidence = Evidence::of("published", &pairs)?;
        let at = |median| format!("{} at ε = {epsilon}", points(median));
        words.extend(evidence.map(|evidence| at(evidence.median)));
    }
    Ok(list(&words))
}

fn published_medians(network: Condition, than: Condition) -> String {
    let at = |epsilon: f64| {
        let [a, b] = [network, than].map(|condition| published_for(condition, epsilon));
        Some(format!("{} at ε = {epsilon}", points(a?.median - b?.median)))
    };
    list(&PUBLISHED_EPSILONS.into_iter().filter_map(at).collect::<Vec<_>>())
}

fn published_at_chance(condition: Condition) -> String {
    let at = |epsilon: f64| {
        let row = published_for(condition, epsilon)?;
        Some(format!("{} of {} at ε = {epsilon}", row.at_chance?, row.runs))
    };
    list(&PUBLISHED_EPSILONS.into_iter().filter_map(at).collect::<Vec<_>>())
}

/// Whether the inhibition of a configuration learns fast.
fn is_fast(runs: &[RunRow], config: i32) -> bool {
    let run = runs.iter().find(|run| run.config == Some(config));
    run.is_some_and(|run| run.lr_w_ie >= 0.3 || run.lr_w_ei > 0.006)
}

fn percent(fraction: f64) -> String {
    format!("{:.1}", fraction * 100.0)
}

/// "configurations 1, 2 and 3".
fn configurations(indices: &[i32]) -> String {
    let noun = if indices.len() == 1 { "configuration" } else { "configurations" };
    format!("{noun} {}", list(indices))
}

/// "1, 2 and 3".
fn list(items: &[impl ToString]) -> String {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    match &texts[..] {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EpochRow, made_up::runs_table};
    use super::*;
    use polars::prelude::DataFrame;

    fn markdown(runs: DataFrame) -> String {
        let epochs = EpochRow::to_table(&[]).unwrap();
        let measurements = MeasurementRow::to_table(&[]).unwrap();
        departures_markdown(&Tables { runs, epochs, measurements }).unwrap()
    }

    #[test]
    fn numbers_are_those_of_the_runs_and_what_there_are_no_runs_for_is_left_out() {
        let mut rows = Vec::new();
        for config in 0..8 {
            let base = 0.85 + f64::from(config) * 0.001;
            rows.push((ELn, config, 0.75, Some(base)));
            // Below by 0.98, 1.96, … 7.84 points.
            rows.push((EiLn, config, 0.75, Some(base - 0.0098 * f64::from(config + 1))));
            rows.push((INormDecorrelate, config, 0.75, (config < 6).then_some(0.8)));
        }
        let text = markdown(runs_table(&rows));
        let items: Vec<&str> = text.lines().collect();
        let starts = ["- **`ei_ln` stays below", "- **3 runs are more", "- **Decorrelating"];
        assert_eq!(items.len(), starts.len(), "{text}");
        assert!(items.iter().zip(starts).all(|(item, start)| item.starts_with(start)), "{text}");
        let expected = "−4.41 at ε = 0.75 (below in 8 of 8 pairs, unpaired ***); published, ";
        assert!(items[0].contains(expected), "{text}");
        // Fast are the rates of W_IE of configurations 0 and 7, and that of W_EI of 4.
        let expected = "pairs of 5 configurations are more than 3 points apart: 3, 4, 5, 6 and 7. \
                        2 of them have fast inhibition";
        assert!(items[0].contains(expected), "{text}");
        assert!(
            items[0].ends_with("a difference within 2 points go together in configuration 0."),
            "{text}"
        );
        assert!(
            items[1].contains("`ei_ln` of configuration 7 at ε = 0.75 (77.9 %). 1 of"),
            "{text}"
        );
        assert!(
            items[2].ends_with("2 runs did, 2 at ε = 0.75 (configurations 6 and 7)."),
            "{text}"
        );
        assert_eq!(markdown(runs_table(&[])), "");
    }

    #[test]
    fn a_list_reads_as_one() {
        assert_eq!(list(&[0; 0]), "none");
        assert_eq!(list(&[1]), "1");
        assert_eq!(list(&[1, 2, 3]), "1, 2 and 3");
    }
}
