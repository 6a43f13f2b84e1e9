//! The sweep: many runs as data, computed in any order, on any number of machines, and put
//! aside and taken up again at any moment.
//!
//! A [`Selection`] says which runs there shall be, each with an id that is the hash of everything
//! that decides its result. A [`Worker`] takes runs of a plan that nobody has done or is doing,
//! trains them and files each under its id in a [`Store`]; any number of workers may share one.
//! [`merge`] makes three tables of everything that is filed: runs, epochs, measurements.

mod claim;
mod claims;
mod files;
mod merge;
mod plan;
mod rows;
mod store;
mod submit;
mod table;
mod together;
mod work;

pub use claim::{Claim, Holder};
pub use claims::{CLAIMS, Evidence, PaperClaim, claims_markdown, evidence};
pub use files::{read_table, write_table};
pub use merge::{Merged, Tables, merge};
pub use plan::{Planned, Profile, Selection};
pub use rows::{Provenance, SCHEMA, data_source};
pub use store::{Progress, Store};
pub use submit::{IN_OTHER_HANDS, Script, Submission, quoted};
pub use table::{comparison, left_out, outside_published};
pub use work::{Event, Shard, Summary, Worker, cost};
