//! Networks of excitatory and inhibitory units that learn to see under changing light, and what
//! inhibition has to do to the *error signal* for normalization to help them.
//!
//! This crate backs a book of Rust notebooks that reproduces "Inhibitory normalization of error
//! signals improves learning in neural circuits" (Eyono, Levenstein, Ghosh, Cornford, Richards;
//! arXiv 2603.17676). In short: LayerNorm helps networks to classify clothes whose luminosity is
//! shifted at random. Inhibition that learns to normalize activity in the same way (I-Norm) does
//! not help, until the back-propagated errors are normalized as well (GradNorm); centering them is
//! what counts, and plain lateral inhibition can do it.
//!
//! # A first experiment
//!
//! ```
//! use inorm::{configuration::configuration, dataset::FashionMnist, learning::Training};
//! use inorm::{layers::{Center, INorm}, networks::{ImageBatch, Network, task_loss}, notebook::train};
//!
//! // 784 inputs, two hidden layers of 120 excitatory units and 12 that inhibit them, 10 classes.
//! type Net = Network<(INorm<784, 120, 12, Center>, INorm<120, 120, 12, Center>)>;
//!
//! # fn main() -> inorm::Result<()> {
//! let data = FashionMnist::subset()?; // 2,560 real images; `load` finds the full set
//! let mut network = Net::new(0)?;
//! let training = Training::paper(configuration(13)?.rates).epsilon(0.25).epochs(2);
//! let record = train(&mut network, &training, &data)?;
//! assert!(record.test_accuracy().unwrap() > 0.4); // chance is 0.1
//!
//! let batch = ImageBatch::new(&data.test, 0..32, 0.25, 0)?;
//! let pass = network.forward(&batch.x);
//! let (_, error) = task_loss(&pass.logits, &batch.labels, 0.1);
//! let errors = network.errors(&error, &pass);
//! assert_eq!(errors.0.arriving.sizes(), [32, 120]); // at the first hidden layer
//! assert!(network.hidden.0.w_ee.as_vec().iter().all(|&w| w >= 0.0)); // Dale's principle
//! # Ok(())
//! # }
//! ```
//!
//! Layers, their sizes, normalization and GradNorm are the network's type, so a wrong wiring does
//! not compile:
//!
//! ```compile_fail
//! # use inorm::{layers::{Center, INorm}, networks::Network};
//! type Net = Network<(INorm<784, 120, 12, Center>, INorm<100, 120, 12, Center>)>;
//! Net::new(0).unwrap(); // expected 120 inputs, found 100
//! ```
//!
//! Networks and their inputs are on dfdx's `AutoDevice`: with the feature `cuda` on a GPU, else on
//! the processor. `Network<…, 10, f64>` computes in double precision.
//!
//! # Six types
//!
//! | type | what it is |
//! | --- | --- |
//! | [`Network`](networks::Network) | a network with its layers and sizes in its type, and its learning rule written out |
//! | [`Training`](learning::Training) | how it is trained: learning rule, ε, seed, epochs |
//! | [`FashionMnist`](dataset::FashionMnist) | the images |
//! | [`Record`](learning::Record) | what came of a training: losses, accuracies, measurements, outcome |
//! | [`Condition`] | which of the paper's networks, or of five more, as [types](networks::paper) and by name |
//! | [`Run`](learning::Run) | one experiment of the paper as a value: condition, width, and how it is trained |
//!
//! # Where to find what
//!
//! | what | module | notebook |
//! | --- | --- | --- |
//! | the images, and the changes of their luminosity (Fig. 1) or contrast | [`dataset`] | `01` |
//! | the layers, each with its learning rule | [`layers`] | `03`, `05` |
//! | the networks (Figs. 2 to 7) | [`condition`], [`architecture`], [`networks`] | `02` to `07` |
//! | learning: the rule, runs, training | [`learning_rule`], [`learning`], [`configuration`] | all |
//! | the engine that trains them fast | [`engine`] | – |
//! | many networks trained together, also on a GPU | [`ensemble`] | – |
//! | moments, alignments, spectra; statistics | [`engine::LayerMeasurement`], [`statistics`] | `03` to `07` |
//! | the tables of results, and what was published | [`results`] | all |
//! | many runs, on one machine or a cluster | [`sweep`] | – |
//! | charts, one module a figure | [`figures`] | all |
//! | what a cell shows | [`notebook`] | all |
//! | whether the reader wants a long call to stop | [`interrupt`] | – |
//! | reproducible randomness; the one error type | [`randomness`], [`Error`] | – |
//! | where we differ, and why | [`deviations`] | at the end of each |
//!
//! Three packages stand beside this library: `crates/core`, below it, has what it shares with the
//! programs; `crates/lab` is the program `inorm`, which sets up the notebooks and is their kernel;
//! `crates/experiments` trains, sweeps and draws from the command line.
//!
//! # Glossary
//!
//! A layer maps pre-synaptic activity h ≥ 0 to z. Indices are *post, pre*: `W_IE` is E → I.
//!
//! Signs are those of Dale's principle; [`Signs`](learning::Signs) has two others.
//!
//! | symbol | field | shape | sign | meaning |
//! | --- | --- | --- | --- | --- |
//! | `W_EE` | `w_ee` | `[EXC, IN]` | ≥ 0 | excitatory to excitatory |
//! | `W_IE` | `w_ie` | `[INH, IN]` | ≥ 0 | excitatory to subtractive inhibitory |
//! | `W_EI` | `w_ei` | `[EXC, INH]` | ≥ 0 | subtractive inhibitory to excitatory |
//! | `U_IE` | `u_ie` | `[EXC, IN]` | any | excitatory to divisive inhibitory |
//! | `b` | `b` | `[EXC]` | any | bias |
//! | ν | `nu` | `[EXC]` | ≥ 0, sum 1 | fixed weights of lateral inhibition |
//! | h | `h` | `[B, IN]` | ≥ 0 | input of a layer |
//! | z | `z` | `[B, EXC]` | any | activity before normalization and ReLU |
//! | s | `s` | `[B]` | > 0 | divisive inhibition, one number a sample |
//! | δ | `delta` | `[B, EXC]` | any | error, `∂L/∂z` |
//! | ε | `epsilon` | – | 0 to 1 | range of the luminosity shift, or of the change of contrast |
//! | λ | `lambda` | – | ≥ 0 | weight of the local I-Norm loss |
//!
//! `U_EI`, from divisive inhibitory to excitatory units, is a fixed uniform average: a mean, never
//! a matrix.

pub mod architecture;
pub mod condition;
pub mod configuration;
pub mod dataset;
pub mod deviations;
pub mod engine;
pub mod ensemble;
mod error;
pub mod figures;
pub mod interrupt;
pub mod layers;
pub mod learning;
pub mod learning_rule;
mod named;
pub mod networks;
mod nonfinite;
pub mod notebook;
mod opaque;
pub mod randomness;
pub mod results;
mod show;
pub mod statistics;
pub mod sweep;

pub use architecture::Architecture;
pub use condition::Condition;
/// The tensors that everything is made of. Notebooks use this one, never a second copy.
pub use dfdx;
pub use error::{Error, Result};
/// The tables that results come in.
pub use polars;

/// The example of the README, compiled with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
