//! The conversation with this project's kernel, from inside the program that runs the cells.
//!
//! [`inorm_core::protocol`] says what is sent, and how.

mod attach;
#[cfg(unix)]
mod output;
mod panics;

pub use attach::{attach, clear};
