//! `inorm evaluate`: how well a saved network classifies.

use crate::images::Images;
use clap::Args;
use inorm::{
    dataset::Task,
    layers::NetworkWeights,
    learning::{Evaluation, evaluate_at},
};
use inorm_core::{Outcome, print, say};
use std::path::PathBuf;

/// Which network, and on which images.
#[derive(Args)]
pub struct Evaluate {
    /// A network that `inorm train --save` wrote.
    #[arg(value_name = "FILE.safetensors")]
    file: PathBuf,
    /// What is changed of the images: luminosity, or contrast.
    #[arg(long, value_name = "NAME", default_value_t)]
    task: Task,
    /// Ranges of the luminosity shift, or of the change of contrast, 0 to 1, with commas between
    /// them.
    #[arg(long, value_delimiter = ',', default_value = "0.75", allow_hyphen_values = true)]
    epsilon: Vec<f64>,
    /// Seed of the shifts.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    images: Images,
    /// Print one line of JSON instead.
    #[arg(long)]
    json: bool,
}

/// Classifies the test images, once for each range of the shift.
pub fn run(options: &Evaluate) -> Outcome {
    let weights = NetworkWeights::load(&options.file)?;
    let data = options.images.read()?;
    say(data.describe());
    let evaluations: Vec<Evaluation> = options
        .epsilon
        .iter()
        .map(|&epsilon| evaluate_at(options.task, &weights, &data.test, epsilon, options.seed))
        .collect::<inorm::Result<_>>()?;
    let architecture = &weights.architecture;
    let (condition, width) = (architecture.condition(), architecture.hidden[0].units);
    if options.json {
        let json = serde_json::json!({
            "condition": condition,
            "width": width,
            "seed": options.seed,
            "data": data.describe(),
            "evaluations": evaluations,
        });
        return print(json);
    }
    match condition {
        Some(condition) => print(format_args!("{condition}, {width} units a hidden layer"))?,
        None => print(architecture)?,
    }
    if !options.task.is_default() {
        print(format_args!("task: {}", options.task))?;
    }
    for Evaluation { epsilon, images, loss, accuracy, .. } in evaluations {
        let accuracy = 100.0 * accuracy;
        let diverged = if loss.is_finite() { "" } else { " (diverged: counts as chance)" };
        print(format_args!(
            "ε {epsilon}: loss {loss:.4}, accuracy {accuracy:.2} % of {images} test images{diverged}"
        ))?;
    }
    Ok(())
}
