//! What the paper leaves open, as differences between two networks of the same configuration.

use super::{
    RunRow, Variant,
    paper_claims::{ClaimRow, PUBLISHED_EPSILONS, between},
};
use crate::{Result, configuration::WIDEST};
use polars::prelude::DataFrame;

/// Two [variants](super::Variant), of which the second one's accuracy is taken away from the
/// first's.
type Pair = [&'static str; 2];

/// The questions of chapter 9, and the differences that answer each.
const QUESTIONS: [(&str, &[Pair]); 8] = [
    (
        "Is it enough to normalize the errors of one layer, however deep the network is?",
        &[
            ["inorm_center grad_norm_layers=1", "inorm_center"],
            ["inorm_center grad_norm_layers=2", "inorm_center"],
            ["inorm_center hidden_layers=3 grad_norm_layers=1", "inorm_center hidden_layers=3"],
            ["inorm_center hidden_layers=3 grad_norm_layers=2", "inorm_center hidden_layers=3"],
            ["inorm_center hidden_layers=3 grad_norm_layers=3", "inorm_center hidden_layers=3"],
            ["inorm_center hidden_layers=5 grad_norm_layers=1", "inorm_center hidden_layers=5"],
            ["inorm_center hidden_layers=5 grad_norm_layers=5", "inorm_center hidden_layers=5"],
            ["inorm_full grad_norm_layers=1", "inorm_full"],
            ["inorm_full grad_norm_layers=2", "inorm_full"],
            ["inorm_decorrelate grad_norm_layers=1", "inorm_none"],
            ["inorm_decorrelate grad_norm_layers=2", "inorm_none"],
            ["inorm_scale grad_norm_layers=1", "inorm_none"],
            ["inorm_scale grad_norm_layers=2", "inorm_none"],
            ["inorm_full hidden_layers=3 grad_norm_layers=1", "inorm_full hidden_layers=3"],
            ["inorm_full hidden_layers=3 grad_norm_layers=2", "inorm_full hidden_layers=3"],
            ["inorm_full hidden_layers=3 grad_norm_layers=3", "inorm_full hidden_layers=3"],
            ["inorm_full hidden_layers=5 grad_norm_layers=2+4", "e_ln hidden_layers=5"],
            ["inorm_center hidden_layers=5 grad_norm_layers=2+4", "e_ln hidden_layers=5"],
        ],
    ),
    (
        "Is it errors or activity that have to be normalized?",
        &[
            ["e_ln_forward_only", "e_ln"],
            ["e_ln_backward_only", "e_ln"],
            ["ei_ln_forward_only", "ei_ln"],
            ["ei_ln_backward_only", "ei_ln"],
            ["e_mean_norm_backward_only", "e_none"],
            ["ei_mean_norm_backward_only", "ei_none"],
        ],
    ),
    (
        "Is it Dale's principle?",
        &[
            ["inorm_none signs=free", "e_ln signs=free"],
            [
                "inorm_none signs=free initial_weights=zero_mean",
                "e_ln signs=free initial_weights=zero_mean",
            ],
            [
                "inorm_none signs=free initial_weights=zero_mean",
                "inorm_center signs=free initial_weights=zero_mean",
            ],
        ],
    ),
    (
        "Was it half precision that made runs diverge?",
        &[
            ["inorm_none precision=fp16_autocast", "inorm_none"],
            ["inorm_scale precision=fp16_autocast", "inorm_scale"],
        ],
    ),
    (
        "Does it hold for the authors' revised protocol?",
        &[
            ["inorm_none protocol=revised", "e_ln protocol=revised"],
            ["inorm_full protocol=revised", "e_ln protocol=revised"],
            ["inorm_center protocol=revised", "e_ln protocol=revised"],
            ["inorm_lateral protocol=revised", "e_ln protocol=revised"],
        ],
    ),
    (
        "And while contrast changes, not light?",
        &[
            ["inorm_none protocol=revised task=contrast", "e_ln protocol=revised task=contrast"],
            ["inorm_full protocol=revised task=contrast", "e_ln protocol=revised task=contrast"],
            ["inorm_center protocol=revised task=contrast", "e_ln protocol=revised task=contrast"],
            ["inorm_lateral protocol=revised task=contrast", "e_ln protocol=revised task=contrast"],
        ],
    ),
    (
        "Which difference of that protocol leaves centering behind?",
        &[
            ["inorm_center label_smoothing=0", "e_ln label_smoothing=0"],
            ["inorm_center order=shuffled", "e_ln order=shuffled"],
            ["inorm_center signs=non_negative", "e_ln signs=non_negative"],
            ["inorm_center config_list=revised", "e_ln config_list=revised"],
        ],
    ),
    (
        "What do its other differences change?",
        &[
            ["inorm_full grad_norm_z=centred", "inorm_full"],
            ["inorm_decorrelate grad_norm_z=centred", "inorm_decorrelate"],
            ["inorm_sub_none subtractive_loss=mean_and_variance", "inorm_sub_none"],
            ["inorm_sub_center subtractive_loss=mean_and_variance", "inorm_sub_center"],
        ],
    ),
];

/// The differences that answer the questions of chapter 9, at the same ε as the paper's
/// [claims](super::claims): a [`ClaimRow`] for each of which there are pairs in `runs`.
///
/// # Errors
/// If `runs` is no table of runs.
pub fn beyond_the_paper(runs: &DataFrame) -> Result<DataFrame> {
    let runs = RunRow::from_table(runs)?;
    let mut rows = Vec::new();
    for epsilon in PUBLISHED_EPSILONS {
        for pair in QUESTIONS.iter().flat_map(|(_, pairs)| *pairs) {
            let networks: [Variant; 2] = [pair[0].parse()?, pair[1].parse()?];
            rows.extend(between(networks.each_ref(), epsilon, &runs)?);
        }
    }
    ClaimRow::to_table(&rows)
}

/// The same at ε = 0.75 as a table in Markdown, each question above its differences.
///
/// # Errors
/// If `runs` is no table of runs.
pub fn beyond_the_paper_markdown(runs: &DataFrame) -> Result<String> {
    let runs = RunRow::from_table(runs)?;
    let mut text = "| test accuracy, in points | ours | p | within ±0.5 |\n\
                    | --- | --- | --- | --- |\n"
        .to_owned();
    for (question, pairs) in &QUESTIONS {
        text += &format!("| **{question}** | | | |\n");
        for pair in *pairs {
            let [network, than]: [Variant; 2] = [pair[0].parse()?, pair[1].parse()?];
            let [difference, p, within] = match between([&network, &than], WIDEST, &runs)? {
                Some(row) => [row.words(), row.short_p(), row.equivalent],
                None => ["–"; 3].map(str::to_owned),
            };
            let names = network.names_less(&than);
            text += &format!("| {names} | {difference} | {p} | {within} |\n");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::made_up::runs_table;
    use super::*;
    use crate::Condition::*;

    #[test]
    fn each_difference_is_one_of_two_networks_and_stands_below_its_question() {
        let all = || QUESTIONS.iter().flat_map(|(_, pairs)| pairs.iter().flatten());
        for name in all() {
            assert_eq!(name.parse::<Variant>().unwrap().to_string(), *name);
        }
        let mut runs = Vec::new();
        for config in 0..8 {
            let base = 0.8 + f64::from(config) * 0.01;
            runs.push((ELn, config, 0.75, Some(base)));
            runs.push((ELnForwardOnly, config, 0.75, (config > 0).then_some(base - 0.05)));
        }
        let runs = runs_table(&runs);
        let rows = ClaimRow::from_table(&beyond_the_paper(&runs).unwrap()).unwrap();
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.network.to_string(), row.pairs), ("e_ln_forward_only".to_owned(), Some(8)));
        let text = beyond_the_paper_markdown(&runs).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2 + QUESTIONS.len() + all().count() / 2);
        let found = lines.iter().position(|line| line.contains("| **Is it errors")).unwrap();
        let expected = "| `e_ln_forward_only` − `e_ln` | −5.00 (−5.00 to −5.00), n = 8, \
                        1 at chance | 0.0078 | no |";
        assert_eq!(lines[found + 1], expected);
        assert_eq!(lines[found + 2], "| `e_ln_backward_only` − `e_ln` | – | – | – |");
        let deep = "| `inorm_center grad_norm_layers=2` − `inorm_center`, `hidden_layers=3` | – | ";
        assert!(text.contains(deep), "{text}");
    }
}
