//! What came of runs: the tables of results, and the values that the paper published.
//!
//! [`RunRow`], [`EpochRow`] and [`MeasurementRow`] say what the tables hold. Rows come from records
//! of training ([`runs_table`] and the like) or from the files of a sweep, a [`FinishedRun`] each;
//! [`merge`] adds them to the three [`Tables`] of a folder. [`stored_results`] are those that come
//! with the project. [`comparison`] and [`claims_markdown`] hold results against the
//! [published values](published_for).

mod checksums;
mod comparison;
mod finished;
#[cfg(test)]
pub(crate) mod made_up;
mod merge;
mod origin;
mod paper_claims;
mod published;
mod row;
mod schema;
mod stored;
mod tables;

pub use comparison::{ComparisonRow, comparison, left_out, outside_published};
pub use finished::FinishedRun;
pub use merge::{Merged, merge};
pub use origin::{DataIdentity, Provenance, data_source};
pub use paper_claims::claims_markdown;
pub use published::{Published, find as published_for, table as published_table};
pub use schema::{EpochRow, MeasurementRow, RunRow, SCHEMA};
pub use stored::{
    count_runs, everything_stored, median_accuracies, results_folder, stored_results,
};
pub use tables::{Rows, Tables, epochs_table, measurements_table, runs_table};
