//! What every figure must be, for tests; and made-up tables to draw.

use super::drawing::{Drawing, Frame, Mark, Text};
use super::{Figure, font, style};
use crate::Condition;
use crate::results::made_up::runs_table;
use crate::results::{EpochRow, MeasurementRow, RunRow};
use crate::show::escape;
use polars::prelude::DataFrame;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Small enough, as large as promised, no label on another. With INORM_SAVE_FIGURES=FOLDER the
/// figure is also saved there, to be looked at.
pub fn check(name: &str, figure: &Figure) {
    if let Some(folder) = std::env::var_os("INORM_SAVE_FIGURES") {
        let folder = std::path::PathBuf::from(folder);
        figure.save(folder.join(format!("{name}.png"))).unwrap();
        figure.save(folder.join(format!("{name}.svg"))).unwrap();
    }
    let bytes = figure.png().len();
    assert!(bytes <= 100_000, "{name}: {bytes} bytes");
    let pixels = png::Decoder::new(figure.png()).read_info().unwrap().info().size();
    let (width, height) = figure.size();
    assert_eq!(pixels, ((2.0 * width) as u32, (2.0 * height) as u32), "{name}");
    for chart in figure.charts() {
        assert_eq!(collisions(chart), Vec::<String>::new(), "{name}");
        for label in texts(chart) {
            assert!(label.size >= style::SMALL, "{name}: '{}' is too small", label.text);
            let missing = label.text.chars().find(|c| !font::has(*c));
            assert_eq!(missing, None, "{name}: '{}'", label.text);
        }
    }
    let title = format!("<title>{}</title>", escape(figure.alt()));
    assert!(figure.svg().unwrap().contains(&title), "{name}: {title}");
    let text = figure.text();
    assert!(figure.alt().len() > 20 && text.lines().count() > 1, "{name}: {text}");
}

/// All labels of a drawing.
pub fn texts(drawing: &Drawing) -> impl Iterator<Item = &Text> {
    drawing.marks.iter().filter_map(|mark| match mark {
        Mark::Text(label) => Some(label),
        _ => None,
    })
}

/// Labels that run into each other or over the edge, named; empty for a clean drawing.
pub fn collisions(drawing: &Drawing) -> Vec<String> {
    let sheet = Frame::new(0.0, 0.0, drawing.width, drawing.height);
    let labels: Vec<_> = texts(drawing).map(|label| (&label.text, label.extent())).collect();
    let mut found = Vec::new();
    for (row, (text, frame)) in labels.iter().enumerate() {
        if !sheet.holds(frame) {
            found.push(format!("'{text}' leaves the sheet"));
        }
        let others = labels[row + 1..].iter().filter(|(_, other)| frame.overlaps(other));
        found.extend(others.map(|(other, _)| format!("'{text}' runs into '{other}'")));
    }
    found
}

#[test]
fn collisions_are_found_and_named() {
    let mut drawing = Drawing::new(100.0, 50.0);
    drawing.text(Text::new("left", (5.0, 10.0), 12.0));
    drawing.text(Text::new("right", (60.0, 10.0), 12.0));
    drawing.text(Text::new("upwards", (95.0, 40.0), 8.0).upwards());
    assert_eq!(collisions(&drawing), Vec::<String>::new());
    drawing.text(Text::new("over", (10.0, 14.0), 12.0));
    drawing.text(Text::new("outside", (80.0, 35.0), 12.0));
    let expected =
        ["'left' runs into 'over'", "'upwards' runs into 'outside'", "'outside' leaves the sheet"];
    assert_eq!(collisions(&drawing), expected);
}

/// A made-up sweep: a plausible accuracy for each of 30 configurations and 4 ε.
pub fn sweep(conditions: &[Condition]) -> DataFrame {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut rows = Vec::new();
    for &condition in conditions {
        let worse = match condition {
            Condition::INormNone | Condition::INormDecorrelate => 0.03,
            Condition::EiNone => 0.025,
            Condition::INormScale => 0.06,
            _ => 0.0,
        };
        for config in 0..30 {
            for epsilon in crate::configuration::EPSILONS {
                let spread: f64 = random.gen_range(-0.012..0.012);
                let accuracy = 0.884 - epsilon * (0.04 + worse) - worse * 0.5 + spread;
                let diverged = matches!(condition, Condition::INormNone | Condition::INormScale)
                    && random.gen_bool(0.25);
                rows.push((condition, config, epsilon, (!diverged).then_some(accuracy)));
            }
        }
    }
    runs_table(&rows)
}

/// Made-up epochs of `runs` runs of each condition.
pub fn epochs(conditions: &[Condition], epsilons: &[f64], runs: usize, epochs: i32) -> DataFrame {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut rows = Vec::new();
    for (k, &condition) in conditions.iter().enumerate() {
        for &epsilon in epsilons {
            for run in 0..runs {
                let end = 0.86 - 0.02 * k as f64 - epsilon * 0.05 + random.gen_range(-0.01..0.01);
                rows.extend((1..=epochs).map(|epoch| EpochRow {
                    id: format!("{condition}-{epsilon}-{run}"),
                    condition,
                    config: Some(0),
                    epsilon,
                    seed: 0,
                    epoch,
                    train_loss: 1.0,
                    test_loss: 1.0,
                    test_accuracy: end - 0.1 / f64::from(epoch).sqrt()
                        + random.gen_range(-0.004..0.004),
                }));
            }
        }
    }
    EpochRow::to_table(&rows).unwrap()
}

/// Made-up measurements of the last step of each run in a table of runs.
pub fn measured(runs: &DataFrame) -> DataFrame {
    let runs = RunRow::from_table(runs).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut near = |center: f64, spread: f64| center + spread * random.gen_range(-1.0..1.0);
    let row = |(run, layer): (&RunRow, i32)| {
        let condition = run.condition;
        let (mean, variance) = match condition {
            Condition::EiNone => (near(-0.4, 0.5), near(0.4, 0.38)),
            Condition::INormSubNone => (near(0.0, 0.05), near(0.2, 0.15)),
            _ => (near(0.0, 0.05), near(1.0, 0.05)),
        };
        let aligned = match condition {
            Condition::INormFull | Condition::ELn => 0.95,
            Condition::INormCenter | Condition::INormLateral => 0.8,
            Condition::INormDecorrelate => 0.35,
            _ => 0.2,
        };
        MeasurementRow {
            id: run.id.clone(),
            condition,
            config: run.config,
            epsilon: run.epsilon,
            seed: run.seed,
            epoch: 50,
            step: 93_750,
            layer,
            mean,
            variance,
            output_alignment: near(0.85, 0.14),
            gradient_alignment: near(aligned, 0.05),
            inorm_loss: 1.0,
            ln_mse: None,
            error_eigenvalue: Some(near(0.02, 0.018)),
            task_alignment: Some(if aligned > 0.9 { 1.0 } else { near(0.9, 0.05) }),
            common_error: Some(near(0.1, 0.05)),
            mean_weight_share: Some(0.5),
        }
    };
    let rows: Vec<_> = runs.iter().flat_map(|run| [(run, 0), (run, 1)]).map(row).collect();
    MeasurementRow::to_table(&rows).unwrap()
}
