//! How the networks learn: a [`Run`] goes in, weights and a [`Record`] come out; or a network and a
//! [`Training`], and the network has learned.
//!
//! [`train`] does one run, [`train_all`] several at once; an [`Observer`] watches, and may stop
//! them; a [`Steering`] changes a training while it runs. A [`Trainer`] advances an epoch at a time
//! and can save a run as a [`Checkpoint`]; [`evaluate`] classifies images with any network.
//! [`results`](crate::results) makes tables of records, which is what figures read.

mod checkpoint;
mod evaluate;
mod network_run;
mod protocol;
mod record;
mod run;
mod steering;
mod train;
mod train_all;
mod training;
mod variations;

pub use checkpoint::Checkpoint;
pub use evaluate::{Evaluation, evaluate, evaluate_at};
pub(crate) use evaluate::{check_classifier, evaluation};
pub use network_run::NetworkRun;
pub use protocol::Protocol;
pub use record::{Epoch, Measurement, Outcome, Overflow, Record, Recorded};
pub use run::Run;
pub(crate) use run::summarized;
pub use steering::{Change, Settings, Steering};
pub use train::{Observer, Trainer, train};
pub use train_all::{in_parallel, train_all};
pub use training::{Measure, Training};
pub(crate) use variations::{VARIATIONS, unusual};

pub use crate::learning_rule::{LearningRule, Precision, Signs};
