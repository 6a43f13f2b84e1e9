//! The sweep: many runs as data, trained in any order, on any number of machines, and stopped and
//! resumed at any moment.
//!
//! A [`Selection`] says which runs to plan, each with an id that is the hash of everything
//! that decides its result. A [`Worker`] claims unfinished runs of a plan, trains them and files
//! the results of each under its id in a [`Store`]; any number of workers may share one. [`merge`]
//! adds everything that is filed to the [tables](crate::results) of a folder.

mod claim;
mod ensembles;
mod plan;
mod session;
mod store;
mod worker;

pub use claim::{Claim, Holder};
pub use plan::{Planned, Selection};
pub use store::{RunStatus, Store, merge, results_in};
pub use worker::{Shard, Summary, SweepEvent, Worker, cost};
