//! What the library and the two programs of inorm have in common, none of it about learning.
//!
//! | module | what |
//! | --- | --- |
//! | [`failure`] | what a program says when it cannot do what it was asked, and its exit code |
//! | [`error`] | a file that cannot be read or written, or is not what it should be |
//! | [`files`] | files that are written whole or not at all, locks, digests |
//! | [`protocol`] | the messages from a notebook's cell to the kernel |
//! | [`controls`] | what a reader moves in a cell's output, and the messages about it |
//! | [`dataset`] | FashionMNIST: where it is, and how it is read and verified |
//!
//! It compiles in seconds: whoever wants the notebooks waits for it first.

pub mod controls;
pub mod dataset;
pub mod error;
pub mod failure;
pub mod files;
pub mod protocol;

pub use error::{Context, Error, Result};
pub use failure::{Failure, Outcome, print, say};
