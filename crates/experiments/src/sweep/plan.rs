//! `inorm sweep plan`.

use super::place::Place;
use clap::Args;
use inorm::{
    Condition, Error,
    architecture::{GradNormZ, HiddenLayers, SubtractiveLoss},
    configuration::{ConfigurationList, configurations},
    dataset::{Order, Task},
    layers::InitialWeights,
    learning::{Precision, Protocol, Signs},
    sweep::{Selection, Store},
};
use inorm_core::{Failure, Outcome, print};

/// Which runs to plan: a profile, and what to change in it.
#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    place: Place,
    /// quick, 'figure 2' to 'figure 7', appendix or paper.
    #[arg(long, default_value = "paper", value_parser = Selection::profile)]
    profile: Selection,
    /// Only these networks, for example e_ln,inorm_full.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    conditions: Vec<Condition>,
    /// As the authors trained: published, in the paper; revised, in their revised code; or
    /// published,revised. What else is given comes before it.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    protocol: Vec<Protocol>,
    /// Only these configurations, for example 0-4,7.
    #[arg(long, value_delimiter = ',', value_name = "ROWS", value_parser = parse_range)]
    configs: Vec<std::ops::RangeInclusive<usize>>,
    /// Configurations of the list of this protocol, whatever the protocol.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    config_list: Vec<ConfigurationList>,
    /// Only these ranges of the luminosity shift, or of the change of contrast, for example 0,0.75.
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", allow_hyphen_values = true)]
    epsilons: Vec<f64>,
    /// These seeds instead of 0.
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS")]
    seeds: Vec<u64>,
    /// These weights of the I-Norm loss.
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", allow_hyphen_values = true)]
    lambdas: Vec<f64>,
    /// These numbers of hidden layers instead of 2, for example 3,5.
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS")]
    hidden_layers: Vec<usize>,
    /// In which hidden layers GradNorm acts, for example none,1,2,1+2,all; layer 1 is the first
    /// above the input.
    #[arg(long, value_delimiter = ',', value_name = "LAYERS")]
    grad_norm_layers: Vec<HiddenLayers>,
    /// Whether weights keep their signs, for example dale,free; non_negative is b ≥ 0, too.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    signs: Vec<Signs>,
    /// In which precision, for example single,fp16_autocast.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    precision: Vec<Precision>,
    /// These label smoothings of the task loss instead of 0.1, for example 0.
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", allow_hyphen_values = true)]
    label_smoothing: Vec<f64>,
    /// In which order the training images are shown, for example file,shuffled.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    order: Vec<Order>,
    /// On which z the GradNorms work that look at it, for example plain,centred.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    grad_norm_z: Vec<GradNormZ>,
    /// What the inhibition of subtractive I-Norm learns from, for example
    /// mean,mean_and_variance.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    subtractive_loss: Vec<SubtractiveLoss>,
    /// What is changed of an image each time it is shown, for example luminosity,contrast.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    task: Vec<Task>,
    /// What the weights of hidden layers are before any training: positive, or zero_mean, which
    /// needs --signs free.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    initial_weights: Vec<InitialWeights>,
    /// Passes over the training images.
    #[arg(long, value_name = "NUMBER")]
    epochs: Option<u32>,
}

/// What not every network, or not every number of layers, can have.
const DEPENDENT: [&str; 5] =
    ["grad_norm_layers", "grad_norm_z", "subtractive_loss", "lambda", "initial_weights"];

/// Plans, and says how many runs there are.
pub fn run(options: &Plan) -> Outcome {
    let mut selection = options.profile.clone();
    replace(&mut selection.conditions, &options.conditions);
    replace(&mut selection.protocols, &options.protocol);
    replace(&mut selection.configuration_lists, &options.config_list);
    let configs: Vec<usize> = options.configs.iter().cloned().flatten().collect();
    replace(&mut selection.configurations, &configs);
    replace(&mut selection.epsilons, &options.epsilons);
    replace(&mut selection.seeds, &options.seeds);
    replace(&mut selection.lambdas, &options.lambdas);
    replace(&mut selection.hidden_layers, &options.hidden_layers);
    replace(&mut selection.grad_norm_layers, &options.grad_norm_layers);
    replace(&mut selection.signs, &options.signs);
    replace(&mut selection.precisions, &options.precision);
    replace(&mut selection.label_smoothings, &options.label_smoothing);
    replace(&mut selection.orders, &options.order);
    replace(&mut selection.grad_norm_z, &options.grad_norm_z);
    replace(&mut selection.subtractive_losses, &options.subtractive_loss);
    replace(&mut selection.tasks, &options.task);
    replace(&mut selection.initial_weights, &options.initial_weights);
    selection.epochs = options.epochs.unwrap_or(selection.epochs);
    let runs = selection.plan().map_err(|error| match &error {
        Error::Invalid { what, .. } if DEPENDENT.contains(&what.as_str()) => Failure::Usage(format!(
            "{error}; a plan is every combination of what is given: plan others with a second command"
        )),
        _ => error.into(),
    })?;
    let store = Store::create(&options.place.store)?;
    let (added, total) = store.extend_plan(&runs)?;
    let folder = store.folder().display();
    print(format_args!("{folder}: {total} runs planned, {added} of them new"))
}

fn replace<T: Clone>(profile: &mut Vec<T>, given: &[T]) {
    if !given.is_empty() {
        *profile = given.to_vec();
    }
}

/// `4` or `0-4`.
fn parse_range(text: &str) -> Result<std::ops::RangeInclusive<usize>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if first <= last && last < configurations().len() => Ok(first..=last),
        (Ok(first), Ok(last)) if first <= last => {
            Err(format!("there is no row {last}; expected 0 to {}", configurations().len() - 1))
        }
        _ => Err(format!("'{text}' is neither a row number nor a range such as 0-4")),
    }
}
