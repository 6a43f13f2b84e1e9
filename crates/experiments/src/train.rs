//! `inorm train`: one run, from the command line.

use crate::{images::Images, results::provenance};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use inorm::{
    Condition,
    architecture::{Architecture, GradNormZ, HiddenLayers, SubtractiveLoss},
    condition::GradNorm,
    configuration::{ConfigurationList, EPOCHS, LAMBDA, LearningRates, configuration},
    dataset::{Order, Task},
    layers::{InitialWeights, NetworkWeights},
    learning::{
        self, Epoch, Measure, Observer, Precision, Protocol, Record, Recorded, Run, Signs, Trainer,
        Training,
    },
    results::{DataIdentity, FinishedRun, Rows, RunRow, Tables, check_images, merge},
};
use inorm_core::{Context, Failure, Outcome, files::Lock, print, say};
use serde_json::Value;
use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Instant,
};

/// Which run, on which data, and what becomes of the results.
#[derive(Args)]
pub struct Train {
    /// Which network, for example inorm_full; an unknown name lists them all.
    #[arg(required_unless_present = "from")]
    condition: Option<Condition>,
    /// As the authors trained: published, in the paper; or revised, in their revised code. What else
    /// is given comes before it.
    #[arg(long, value_name = "NAME", default_value_t)]
    protocol: Protocol,
    /// One of the 30 configurations of the protocol, 0 to 29: a width and three learning rates.
    #[arg(long, value_name = "K", conflicts_with_all = ["width", "lr", "lr_w_ie", "lr_w_ei"])]
    config: Option<usize>,
    /// The configuration of the list of this protocol, whatever the protocol.
    #[arg(long, value_name = "NAME", requires = "config")]
    config_list: Option<ConfigurationList>,
    /// Units of each hidden layer.
    #[arg(long, value_name = "N")]
    width: Option<usize>,
    /// Learning rate of W_EE and b.
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// Learning rate of W_IE, and of U_IE in I-Norm layers.
    #[arg(long, value_name = "RATE")]
    lr_w_ie: Option<f64>,
    /// Learning rate of W_EI.
    #[arg(long, value_name = "RATE")]
    lr_w_ei: Option<f64>,
    /// Range of the luminosity shift, or of the change of contrast, 0 to 1.
    #[arg(long, default_value_t = 0.75)]
    epsilon: f64,
    /// Passes over the training images.
    #[arg(long, default_value_t = EPOCHS)]
    epochs: u32,
    /// Seed of weights and shifts.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Weight of the local I-Norm loss.
    #[arg(long, default_value_t = LAMBDA)]
    lambda: f64,
    /// Hidden layers, all of the same kind and width.
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    hidden_layers: usize,
    /// In which of them GradNorm acts: all, none, or numbers from 1, the first above the input, such
    /// as 2 or 1+3.
    #[arg(long, value_name = "LAYERS", default_value_t = HiddenLayers::ALL)]
    grad_norm_layers: HiddenLayers,
    /// Whether weights keep their signs: dale; non_negative, b too; or free [default: that of the
    /// protocol].
    #[arg(long, value_name = "NAME")]
    signs: Option<Signs>,
    /// In which precision: single, or fp16_autocast, as the authors trained.
    #[arg(long, value_name = "NAME", default_value_t)]
    precision: Precision,
    /// Label smoothing of the task loss [default: that of the protocol].
    #[arg(long, value_name = "NUMBER")]
    label_smoothing: Option<f64>,
    /// In which order the training images are shown: as in their file, or shuffled for each epoch
    /// [default: that of the protocol].
    #[arg(long, value_name = "NAME")]
    order: Option<Order>,
    /// On which z GradNorm works, if it looks at it: plain, or centred [default: that of the
    /// protocol].
    #[arg(long, value_name = "NAME")]
    grad_norm_z: Option<GradNormZ>,
    /// What the inhibition of subtractive I-Norm learns from: mean, or mean_and_variance [default:
    /// that of the protocol].
    #[arg(long, value_name = "NAME")]
    subtractive_loss: Option<SubtractiveLoss>,
    /// What is changed of an image each time it is shown: luminosity, or contrast.
    #[arg(long, value_name = "NAME", default_value_t)]
    task: Task,
    /// What the weights of hidden layers are before any training: positive, or zero_mean, which
    /// needs --signs free.
    #[arg(long, value_name = "NAME", default_value_t)]
    initial_weights: InitialWeights,
    /// Begin with the network in this file, which decides the condition, the width, the layers and
    /// their rules; with --signs free if its weights have both signs. The results are not runs of a
    /// sweep: they have no id, and are not added to tables.
    #[arg(long, value_name = "FILE.safetensors", conflicts_with_all = ["results", "hidden_layers", "grad_norm_layers", "grad_norm_z", "subtractive_loss", "initial_weights"])]
    from: Option<PathBuf>,
    /// Save the trained network in this file.
    #[arg(long, value_name = "FILE.safetensors")]
    save: Option<PathBuf>,
    #[command(flatten)]
    images: Images,
    /// When the hidden layers are measured; without --results never, with it each epoch, as in a
    /// sweep.
    #[arg(long, value_enum)]
    measure: Option<When>,
    /// Add the results to the tables in this folder, as `inorm sweep merge` does; `inorm figure` and
    /// `inorm sweep table` read them.
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// End with one line of JSON on standard output: the run's row in the table of runs, and its
    /// test accuracy after each epoch; with --from its id and
    /// its initial weights are null, and `from` names the file.
    #[arg(long)]
    json: bool,
}

/// When the hidden layers are measured.
#[derive(Clone, Copy, ValueEnum)]
enum When {
    /// Not at all.
    Never,
    /// At the last step of the run.
    LastStep,
    /// At the last step of each epoch.
    EachEpoch,
    /// At each step.
    EachStep,
}

impl From<When> for Measure {
    fn from(when: When) -> Self {
        match when {
            When::Never => Self::Never,
            When::LastStep => Self::LastStep,
            When::EachEpoch => Self::EachEpoch,
            When::EachStep => Self::EachStep,
        }
    }
}

/// Trains, and reports on standard error.
pub fn run(options: &Train) -> Outcome {
    let from = options.from.as_ref().map(NetworkWeights::load).transpose()?;
    let run = options.to_run(from.as_ref())?;
    run.validate()?;
    options.check_targets()?;
    let data = options.images.read()?;
    let images = DataIdentity::of(&data);
    options.check_tables(&images)?;
    say(data.describe());
    let mut trainer = match &from {
        Some(weights) => Trainer::from_weights(&run, weights, &data)?,
        None => Trainer::new(&run, &data)?,
    };
    let start = Instant::now();
    let mut progress = Progress::new();
    trainer.finish(&mut progress);
    progress.0.finish();
    summarize(trainer.record());
    let wall = start.elapsed().as_secs_f64();
    let weights = trainer.weights();
    let finished = FinishedRun::new(trainer.into_record(), images, provenance(), wall)?;
    // Whatever of this fails, the rest is kept.
    let saved =
        options.save.as_ref().map_or(Ok(()), |file| save(&weights, finished.record(), file));
    let filed = options.results.as_ref().map_or(Ok(()), |folder| add_to(folder, &finished));
    if options.json {
        print(to_json(&finished, options.from.as_deref())?)?;
    }
    saved.and(filed)
}

/// Adds a run to the tables in a folder.
fn add_to(folder: &Path, finished: &FinishedRun) -> Outcome {
    let mut rows = Rows::default();
    rows.push(finished);
    let merged = merge(vec![(folder.to_owned(), rows)], folder)?;
    say(format_args!("{}: {} runs", folder.display(), merged.runs));
    Ok(())
}

fn save(weights: &NetworkWeights<f32>, record: &Record, file: &Path) -> Outcome {
    if let learning::Outcome::Diverged { .. } = record.outcome {
        let file = file.display();
        return Err(Failure::new(format!("{file} is not written: the network diverged")));
    }
    weights.save(file)?;
    say(format_args!("saved in {}", file.display()));
    Ok(())
}

impl Train {
    /// Whether the results can be written, which should not turn out after the training.
    fn check_targets(&self) -> Outcome {
        let folder = self.save.as_ref().and_then(|file| file.parent());
        if let Some(folder) = folder.filter(|it| !it.as_os_str().is_empty() && !it.is_dir()) {
            return Err(Failure::Usage(format!("--save: there is no folder {}", folder.display())));
        }
        if let Some(folder) = self.save.as_ref().filter(|file| file.is_dir()) {
            return Err(Failure::Usage(format!(
                "--save: {} is a folder; name a file",
                folder.display()
            )));
        }
        if let Some(folder) = &self.results {
            fs::create_dir_all(folder).context("create folder", folder)?;
        }
        Ok(())
    }

    /// Whether the results can be added to the tables, which are of one data set.
    fn check_tables(&self, images: &DataIdentity) -> Outcome {
        let Some(folder) = &self.results else { return Ok(()) };
        // The file that merging locks has to be written, too.
        let _alone = Lock::take(&folder.join("merge.lock"), || ())?;
        if Tables::are_in(folder) {
            let runs = RunRow::from_table(&Tables::read(folder)?.runs)?;
            check_images(folder, &runs, images)?;
        }
        Ok(())
    }

    fn to_run(&self, network: Option<&NetworkWeights<f32>>) -> Outcome<Run> {
        let from = network.map(|network| run_of(&network.architecture)).transpose()?;
        let condition = self.condition.or(from.as_ref().map(|from| from.condition));
        let condition = condition.expect("clap asks for one of the two");
        if self.config_list.is_some() && self.config.is_none() {
            let message = "--config-list: give --config K, its row, instead of a width and rates";
            return Err(Failure::Usage(message.into()));
        }
        let width = self.width.or(from.as_ref().map(|from| from.width));
        let run = match (self.config, width, self.lr, self.lr_w_ie, self.lr_w_ei) {
            (Some(index), ..) => {
                let list = self.config_list.unwrap_or(self.protocol.configurations());
                Run::new(condition, &list.configuration(index)?)
            }
            (None, Some(width), Some(lr), Some(lr_w_ie), Some(lr_w_ei)) => Run {
                configuration: None,
                width,
                training: Training::paper(LearningRates { lr, lr_w_ie, lr_w_ei }),
                ..Run::new(condition, &configuration(0)?)
            },
            _ => {
                let message = "give --config K, or all of --width, --lr, --lr-w-ie, --lr-w-ei";
                return Err(Failure::Usage(message.into()));
            }
        };
        let other = |from: &&Run| (from.condition, from.width) != (condition, run.width);
        if let Some(Run { condition: found, width: units, .. }) = from.as_ref().filter(other) {
            return Err(Failure::Usage(format!(
                "--from: the file holds {found} with {units} units a hidden layer, \
                 not {condition} with {}",
                run.width
            )));
        }
        let run = run.epsilon(self.epsilon).epochs(self.epochs).seed(self.seed);
        let run = run.lambda(self.lambda).precision(self.precision).task(self.task);
        let run = run.protocol(self.protocol);
        let run = run.hidden_layers(self.hidden_layers).grad_norm_in(self.grad_norm_layers);
        let run = given(run, self.signs, Run::signs);
        let run = given(run, self.label_smoothing, Run::label_smoothing);
        let run = given(run, self.order, Run::order);
        let run = given(run, self.grad_norm_z, Run::grad_norm_z);
        let run = given(run, self.subtractive_loss, Run::subtractive_loss);
        let mut run = match from {
            Some(from) => Run {
                hidden_layers: from.hidden_layers,
                grad_norm_layers: from.grad_norm_layers,
                grad_norm_z: from.grad_norm_z,
                subtractive_loss: from.subtractive_loss,
                ..run
            },
            None => run.initial_weights(self.initial_weights),
        };
        if let Some(network) = network {
            if self.signs.is_none() && network.signs() == Signs::Free {
                run = run.signs(Signs::Free);
            }
            if let Some(problem) = network.unfit_for(run.training.rule.signs) {
                let signs = network.signs();
                return Err(Failure::Usage(format!("--from: {problem}; give --signs {signs}")));
            }
        }
        let usual = if self.results.is_some() { Measure::EachEpoch } else { Measure::Never };
        Ok(run.measure(self.measure.map_or(usual, Measure::from)))
    }
}

/// The run with a value that was given, if one was.
fn given<T>(run: Run, value: Option<T>, with: fn(Run, T) -> Run) -> Run {
    match value {
        Some(value) => with(run, value),
        None => run,
    }
}

/// A run whose network is of this architecture, if the options of this command can name one.
fn run_of(architecture: &Architecture) -> Outcome<Run> {
    let hidden = &architecture.hidden;
    let normed = (1..).zip(hidden).filter(|(_, kind)| kind.grad_norm != GradNorm::None);
    let layers: HiddenLayers = normed.map(|(layer, _)| layer).collect();
    let configuration = configuration(0)?;
    let width = hidden.first().map_or(0, |kind| kind.units);
    for condition in Condition::ALL {
        let of_condition = Run { width, ..Run::new(condition, &configuration) };
        let of_condition = of_condition.hidden_layers(hidden.len()).grad_norm_in(layers);
        for z in [GradNormZ::Plain, GradNormZ::Centred] {
            for loss in [SubtractiveLoss::Mean, SubtractiveLoss::MeanAndVariance] {
                let run = of_condition.clone();
                let run = run.grad_norm_z(z).subtractive_loss(loss);
                if run.validate().is_ok() && run.architecture() == *architecture {
                    return Ok(run);
                }
            }
        }
    }
    Err(Failure::Usage(format!(
        "--from: the file holds {architecture}, which no condition and options of this command \
         make; Network::train in Rust trains any network"
    )))
}

/// A progress bar on a terminal, which hides itself elsewhere: there a line is printed each epoch.
struct Progress(ProgressBar);

impl Progress {
    fn new() -> Self {
        let style = "{bar:30} {percent:>3} %  {per_sec}, {eta} left  {msg}";
        let style = ProgressStyle::with_template(style).expect("the template is well formed");
        Self(ProgressBar::new(1).with_style(style))
    }
}

impl Observer for Progress {
    fn step(&mut self, done: u64, total: u64, _: f64) -> ControlFlow<()> {
        self.0.set_length(total);
        self.0.set_position(done);
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, epochs: &[Epoch], total: u32) -> ControlFlow<()> {
        let Self(bar) = self;
        if let Some(&Epoch { epoch, train_loss, test_loss, test_accuracy }) = epochs.last() {
            let accuracy = format!("test accuracy {:.2} %", 100.0 * test_accuracy);
            match bar.is_hidden() {
                false => bar.set_message(accuracy),
                true => say(format_args!(
                    "epoch {epoch}/{total}: training loss {train_loss:.4}, \
                     test loss {test_loss:.4}, {accuracy}"
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
            let loss = "the loss is not a finite number any more".to_owned();
            let why = record.overflow.map_or(loss, |overflow| overflow.to_string());
            say(format_args!("diverged at step {step}: {why}"));
        }
        (_, Some(accuracy)) => {
            say(format_args!("test accuracy {:.2} %, {speed:.3} ms a step", 100.0 * accuracy));
        }
        (_, None) => {}
    }
}

fn to_json(finished: &FinishedRun, from: Option<&Path>) -> Outcome<Value> {
    let record = finished.record();
    let accuracies: Vec<f64> = record.epochs.iter().map(|epoch| epoch.test_accuracy).collect();
    let mut json = finished.row().to_json()?;
    json.insert("test_accuracy_per_epoch".to_owned(), accuracies.into());
    json.insert("data".to_owned(), record.data.as_str().into());
    if let Some(from) = from {
        // It is not the run that begins with the weights of its seed.
        json.insert("id".to_owned(), Value::Null);
        json.insert("initial_weights".to_owned(), Value::Null);
        json.insert("from".to_owned(), from.to_string_lossy().into());
    }
    Ok(json.into())
}
