//! What trains, sweeps, draws and compares from the command line.
//!
//! It is a library so that `inorm` can compile it together with the libraries of the notebooks:
//! the program that it builds does nothing but call [`main`].

mod command_line;
mod evaluate;
mod figure;
mod images;
pub mod parity;
mod results;
mod sweep;
mod train;

pub use command_line::main;
