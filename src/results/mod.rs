//! What came of runs: the tables of results, and the values that the paper published.
//!
//! [`RunRow`], [`EpochRow`] and [`MeasurementRow`] say what the tables hold. Rows come from records
//! of training ([`runs_table`] and the like) or from the files of a sweep, a [`FinishedRun`] each;
//! [`merge`] adds them to the three [`Tables`] of a folder. [`stored_results`] are those that come
//! with the project. [`comparison`], [`claims`] and [`marks`] hold results against what was
//! published: [distributions](published_for), and
//! [single configurations](published_configurations). [`variants`], [`differences`] and
//! [`differences_over_epochs`] are of
//! networks and rules that the paper does not have, [`beyond_the_paper`] of what it leaves open, and
//! [`revision_marks`] holds them against the authors' later ones.

mod beyond;
mod checksums;
mod comparison;
mod departures;
mod finished;
#[cfg(test)]
pub(crate) mod made_up;
mod merge;
mod origin;
mod paired_epochs;
mod paper_claims;
mod published;
mod published_points;
mod revision;
mod row;
mod schema;
mod stored;
mod tables;
mod variant;

pub use beyond::{beyond_the_paper, beyond_the_paper_markdown};
pub use comparison::{ComparisonRow, comparison, left_out, outside_published};
pub use departures::{OUTSIDE, departures_markdown};
pub use finished::FinishedRun;
pub use merge::{Merged, check_images, merge};
pub use origin::{DataIdentity, Provenance, data_source};
pub use paired_epochs::{PairedEpochRow, differences_over_epochs};
pub use paper_claims::{
    ClaimRow, MARGIN, MarkRow, claims, claims_markdown, differences, marks, points,
};
pub use published::{Published, find as published_for, table as published_table};
pub use published_points::{PublishedConfiguration, configurations as published_configurations};
pub use revision::{RevisionMarkRow, revision_marks};
pub use row::rows_to_json;
pub use schema::{EpochRow, MeasurementRow, RunRow, SCHEMA};
pub use stored::{
    count_runs, everything_stored, median_accuracies, results_folder, stored_results,
};
pub use tables::{Rows, Tables, epochs_table, measurements_table, runs_table};
pub use variant::{Variant, VariantRow, variants};
