//! The cargo that a Rust kernel runs: the reader's own, but for three commands.
//!
//! | command | what is different | why |
//! | --- | --- | --- |
//! | `cargo metadata` | lists only packages that a notebook can name | the kernel reads the sources of all |
//! | `cargo build` | one call of rustc, if only the cell has changed | cargo takes longer than rustc |
//! | `cargo check` | the same, without code | cargo would check every dependency first |
//!
//! Everything else passes through unchanged. What a call does to the library that is loaded is
//! foreseen, said, and checked in `library`.

mod call;
mod compile;
mod home;
mod interrupt;
pub mod library;
mod linker;
mod packages;
mod processes;
mod program;
mod record;
mod variables;
mod watched;

pub use compile::compile;
pub use home::CargoHome;
pub use interrupt::{interrupt_cargo, was_refused};
pub use linker::link;
pub use packages::print as print_packages;
pub use record::call_rustc;
