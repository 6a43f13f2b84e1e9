//! What JupyterLab starts for a notebook: a kernel in front of a Rust kernel that finds everything
//! compiled.

mod backend;
mod cache;
mod compiler;
pub mod evcxr;
pub mod packages;
mod parent;
pub mod proxy;
mod recipe;
mod running;
mod seed;
mod tree;
mod workspace;

pub use cache::{Cache, Lock};
pub use compiler::Compiler;
pub use proxy::{Log, serve};
pub use recipe::{EVCXR_VERSION, Recipe, short, write_if_different};
pub use running::{this_program, undertaker};
pub use seed::Seed;
