//! Where and how the libraries of the notebooks, the experiments and the Rust kernel are compiled.
//!
//! | module | what |
//! | --- | --- |
//! | `cache` | the directory that all clones share |
//! | `compiler` | the Rust compiler of the reader's shell |
//! | `standard_library` | the sources of the standard library that a kernel reads |
//! | `toolchain` | one way of compiling: a compiler, a Rust kernel, settings |
//! | `workspace` | the packages that are compiled, and the versions of what they depend on |
//! | `build` | a directory in which cargo compiles them, for one clone |
//! | `freshness` | whether what was compiled is newer than its sources |
//! | `tree` | copies of build directories that cost next to nothing |
//! | `evcxr` | the program of the Rust kernel: found, or built once |

mod build;
mod cache;
mod compiler;
pub mod evcxr;
mod freshness;
mod standard_library;
mod toolchain;
pub mod tree;
mod workspace;

pub use build::Build;
pub use cache::cache;
pub use compiler::{Compiler, OLDEST_RUST};
pub use freshness::{Freshness, Sources};
pub use toolchain::{
    DEPENDENCY, EVCXR_VERSION, LIBRARY, LIBRARY_PATH, Toolchain, dependency, library_path,
};
pub use workspace::{LIBRARIES, PROGRAM, Workspace};
