//! What JupyterLab starts for a notebook: a kernel in front of a Rust kernel that finds everything
//! compiled.
//!
//! | module | what |
//! | --- | --- |
//! | `proxy` | the kernel that clients see |
//! | `backend` | the Rust kernel behind it, as seen by its only client |
//! | `libraries` | the compiled libraries that it starts from |
//! | `cargo` | the cargo that it runs: what it reads, and how a cell is compiled |
//! | `running` | the private directory of a running kernel |
//! | `pipes` | what the program that runs the cells says past the Rust kernel |
//! | `spare` | a kernel that is prepared before anybody asks for it |
//! | `wire`, `secret` | a message as it is; keys |

mod backend;
mod cargo;
mod libraries;
mod pipes;
mod proxy;
mod running;
mod secret;
mod spare;
mod wire;

pub use cargo::{call_rustc, compile, link, print_packages};
pub use libraries::PrebuiltLibraries;
pub use proxy::{Log, serve, wait_as_spare};
pub use secret::random_hex;
pub use spare::{WANTED as SPARE_WANTED, start as start_spare};
