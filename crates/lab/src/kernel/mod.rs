//! What JupyterLab starts for a notebook: a kernel in front of a Rust kernel that finds everything
//! compiled.
//!
//! | module | what |
//! | --- | --- |
//! | `proxy` | the kernel that clients see |
//! | `backend` | the Rust kernel behind it, as seen by its only client |
//! | `libraries` | the compiled libraries that it starts from |
//! | `packages` | the list of packages that it reads |
//! | `running`, `reaper` | the private directory of a running kernel, and its certain end |
//! | `wire`, `secret` | a message as it is; keys |

mod backend;
mod libraries;
mod packages;
mod proxy;
mod reaper;
mod running;
mod secret;
mod wire;

pub use libraries::PrebuiltLibraries;
pub use packages::print as print_packages;
pub use proxy::{Log, serve};
pub use reaper::{THIS_PROGRAM, reap};
pub use secret::random_hex;
