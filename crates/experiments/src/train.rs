//! `inorm train`: one run, from the command line.

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use inorm::{
    Condition,
    configuration::{EPOCHS, LAMBDA, LearningRates, configuration},
    dataset::FashionMnist,
    learning::{self, LearningRule, Measure, Observer, Record, Run, train},
};
use inorm_core::{Failure, Outcome, say};
use std::{
    io::{IsTerminal, stderr},
    ops::ControlFlow,
    path::PathBuf,
};

/// Which run, on which data, and how to tell about it.
#[derive(Args)]
pub struct Train {
    /// Which network, for example inorm_full; an unknown name lists them all.
    condition: String,
    /// One of the paper's 30 configurations, 0 to 29: a width and three learning rates.
    #[arg(long, value_name = "K", conflicts_with_all = ["width", "lr", "lr_w_ie", "lr_w_ei"])]
    #[arg(required_unless_present_all = ["width", "lr", "lr_w_ie", "lr_w_ei"])]
    config: Option<usize>,
    /// Units of each hidden layer.
    #[arg(long, value_name = "N")]
    width: Option<usize>,
    /// Learning rate of W_EE and b.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    lr: Option<f64>,
    /// Learning rate of W_IE, and of U_IE in I-Norm layers.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    lr_w_ie: Option<f64>,
    /// Learning rate of W_EI.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    lr_w_ei: Option<f64>,
    /// Range of the luminosity shift, 0 to 1.
    #[arg(long, default_value_t = 0.75, allow_negative_numbers = true)]
    epsilon: f64,
    /// Passes over the training images.
    #[arg(long, default_value_t = EPOCHS)]
    epochs: u32,
    /// Seed of weights and shifts.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Weight of the local I-Norm loss.
    #[arg(long, default_value_t = LAMBDA, allow_negative_numbers = true)]
    lambda: f64,
    /// Folder with the four FashionMNIST files; `inorm data where` says which is used otherwise.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// End with one line of JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Trains, and tells about it on standard error.
pub fn run(options: &Train) -> Outcome {
    let run = options.to_run()?;
    run.validate()?;
    let data = match &options.data {
        Some(folder) => FashionMnist::from_folder(folder)?,
        None => FashionMnist::load()?,
    };
    say(data.describe());
    let mut progress = Progress::new(&run, stderr().is_terminal());
    let (_, record) = train(&run, &data, &mut progress)?;
    progress.end();
    summarize(&record);
    if options.json {
        println!("{}", to_json(&record));
    }
    Ok(())
}

impl Train {
    fn to_run(&self) -> Outcome<Run> {
        let condition: Condition = self.condition.parse()?;
        let mut run = match (self.config, self.width, self.lr, self.lr_w_ie, self.lr_w_ei) {
            (Some(index), ..) => Run::new(condition, &configuration(index)?),
            (None, Some(width), Some(lr), Some(lr_w_ie), Some(lr_w_ei)) => Run {
                configuration: None,
                width,
                rule: LearningRule::paper(LearningRates { lr, lr_w_ie, lr_w_ei }),
                ..Run::new(condition, &configuration(0)?)
            },
            _ => {
                let message = "give --config K, or all of --width, --lr, --lr-w-ie, --lr-w-ei";
                return Err(Failure::Usage(message.into()));
            }
        };
        run.rule.lambda = self.lambda;
        let run = run.epsilon(self.epsilon).epochs(self.epochs).seed(self.seed);
        Ok(run.measure(Measure::Never))
    }
}

/// A bar on a terminal, a line an epoch elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    epochs: u32,
}

impl Progress {
    fn new(run: &Run, terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let style = "{bar:30} {percent:>3} %  {per_sec}, {eta} left  {msg}";
            let style = ProgressStyle::with_template(style).expect("the template is well formed");
            ProgressBar::new(1).with_style(style)
        });
        Self { bar, epochs: run.epochs }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }
}

impl Observer for Progress {
    fn step(&mut self, done: u64, total: u64, _: f64) -> ControlFlow<()> {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
        }
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, record: &Record) -> ControlFlow<()> {
        if let Some(last) = record.epochs.last() {
            let accuracy = 100.0 * last.test_accuracy;
            match &self.bar {
                Some(bar) => bar.set_message(format!("test accuracy {accuracy:.2} %")),
                None => say(format_args!(
                    "epoch {}/{}: training loss {:.4}, test loss {:.4}, test accuracy {accuracy:.2} %",
                    last.epoch, self.epochs, last.train_loss, last.test_loss
                )),
            }
        }
        ControlFlow::Continue(())
    }
}

fn summarize(record: &Record) {
    let speed = record.milliseconds_per_step();
    match (record.outcome, record.test_accuracy()) {
        (learning::Outcome::Diverged { step }, _) => {
            say(format_args!("diverged at step {step}: the loss is not a finite number any more"));
        }
        (_, Some(accuracy)) => {
            say(format_args!("test accuracy {:.2} %, {speed:.3} ms a step", 100.0 * accuracy));
        }
        (_, None) => {}
    }
}

fn to_json(record: &Record) -> serde_json::Value {
    let run = &record.run;
    let accuracies: Vec<f64> = record.epochs.iter().map(|epoch| epoch.test_accuracy).collect();
    let diverged_at_step = match record.outcome {
        learning::Outcome::Diverged { step } => Some(step),
        _ => None,
    };
    serde_json::json!({
        "condition": run.condition,
        "config": run.configuration,
        "width": run.width,
        "epsilon": run.epsilon,
        "seed": run.seed,
        "epochs": run.epochs,
        "test_accuracy_per_epoch": accuracies,
        "test_accuracy": record.test_accuracy(),
        "diverged_at_step": diverged_at_step,
        "milliseconds_per_step": record.milliseconds_per_step(),
        "data": record.data,
    })
}
