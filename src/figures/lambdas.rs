//! The weight of the I-Norm loss (appendix).

use super::axes::{self, Axis, Panel};
use super::boxes::{draw_count, draw_sample, draw_words};
use super::drawing::{Drawing, Frame};
use super::legend::{Legend, Swatch};
use super::reach::Reach;
use super::sample::{Sample, with_counts};
use super::{Figure, style};
use crate::configuration::EPOCHS;
use crate::results::RunRow;
use crate::statistics::{distinct, median};
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;

const CONDITION: Condition = Condition::INormNone;
const REFERENCE: Condition = Condition::ELn;

/// Test accuracy of I-Norm at one ε for each weight λ of its loss, with the median of LayerNorm.
///
/// Paper: appendix. Differs: diverged runs are counted under their box, and no box contains them.
///
/// # Errors
/// If the table lacks a column, or has no run of I-Norm at this ε.
pub fn lambdas(runs: &DataFrame, epsilon: f64) -> Result<Figure> {
    let whole = |run: &RunRow| {
        run.epsilon == epsilon && run.epochs == EPOCHS as i32 && run.variations().is_empty()
    };
    let runs: Vec<RunRow> = RunRow::from_table(runs)?.into_iter().filter(whole).collect();
    let samples = samples(&runs);
    if samples.is_empty() {
        let found = format!("no run of {} at ε = {epsilon}", CONDITION.name());
        let expected = "some (`inorm sweep plan --profile appendix` plans them)";
        return Err(Error::unfit("runs table", found, expected));
    }
    let reference = Sample::of(&runs, REFERENCE, None);
    let mut drawing = Drawing::new(style::WIDTH, 402.0);
    let median_of_reference = format!("median of {}", REFERENCE.label());
    let median_of_reference = with_counts(&median_of_reference, [reference.count()].into_iter());
    Legend::default()
        .boxes(&[CONDITION])
        .entry_if(!reference.values.is_empty(), Swatch::Dashes, median_of_reference)
        .draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, 30.0));
    let values = samples.iter().map(|(_, sample)| &sample.values[..]);
    let reach = Reach::of(values, median(&reference.values), 0.05);
    let panel = panel(&samples, reach).draw(&mut drawing).heading(
        &mut drawing,
        "",
        &style::epsilon_label(epsilon),
    );
    if let Some(median) = median(&reference.values) {
        let ends = [panel.x.low, panel.x.high].map(|x| panel.at(x, median));
        drawing.line(ends, style::DASHES);
    }
    let below = [60.0, 82.0].map(|y| panel.frame.bottom + y);
    for (name, y) in ["n", "diverged"].into_iter().zip(below) {
        drawing.text(axes::number(name, (panel.frame.left - 8.0, y)).end());
    }
    let mut facts = Vec::new();
    for (k, (lambda, sample)) in samples.iter().enumerate() {
        let x = k as f64;
        draw_sample(&mut drawing, &panel, x, 0.4, &sample.values, style::condition(CONDITION));
        for (count, y) in [sample.count(), sample.diverged].into_iter().zip(below) {
            draw_count(&mut drawing, (panel.at(x, panel.y.low).0, y), count);
        }
        facts.push(format!("λ = {lambda:e}: {}", sample.fact(reach)));
    }
    for (k, (_, sample)) in samples.iter().enumerate() {
        draw_words(&mut drawing, &panel, k as f64, &sample.values, reach);
    }
    facts.extend((reference.count() > 0).then(|| reference.fact(reach)));
    let alt = format!(
        "Test accuracy of I-Norm at ε = {epsilon} for {} weights λ of its local loss.",
        samples.len()
    );
    Figure::new(drawing, alt, facts)
}

/// One for each λ, ascending.
fn samples(runs: &[RunRow]) -> Vec<(f64, Sample)> {
    let of_condition = runs.iter().filter(|run| run.condition == CONDITION);
    let of = |lambda: f64| {
        let here: Vec<RunRow> = runs.iter().filter(|run| run.lambda == lambda).cloned().collect();
        (lambda, Sample::of(&here, CONDITION, None))
    };
    distinct(of_condition.map(|run| run.lambda)).into_iter().map(of).collect()
}

fn panel(samples: &[(f64, Sample)], reach: Reach) -> Panel {
    let names: Vec<String> =
        samples.iter().map(|(lambda, _)| axes::power_of_ten(lambda.log10())).collect();
    Panel::fit(
        Frame::new(28.0, 32.0, 696.0, 346.0),
        Axis::names("weight λ of the I-Norm loss", &names),
        reach.axis("Test accuracy (%)"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, sweep};
    use super::*;
    use polars::prelude::{IntoColumn, NamedFrom, Series};

    #[test]
    fn one_box_a_weight() {
        let at = |lambda: f64| {
            let mut runs = sweep(&[CONDITION]);
            let column = Series::new("lambda".into(), vec![lambda; runs.height()]);
            runs.replace("lambda", column.into_column()).unwrap();
            runs
        };
        let tables = [1e-5, 1e-3, 1e-2, 1.0].map(at).into_iter().chain([sweep(&[REFERENCE])]);
        let runs = tables.reduce(|all, more| all.vstack(&more).unwrap()).unwrap();
        let figure = lambdas(&runs, 0.75).unwrap();
        check("lambdas", &figure);
        assert!(figure.text().contains("λ = 1e-5: I-Norm: median"), "{}", figure.text());
    }
}
