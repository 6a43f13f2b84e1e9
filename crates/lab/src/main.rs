//! The program `inorm`: sets up and opens the notebooks, fetches the data, and is the kernel that
//! JupyterLab starts. What trains and draws is another program, which it builds and runs.
//!
//! | module | what |
//! | --- | --- |
//! | `command_line` | the commands |
//! | `lab`, `book`, `data`, `doctor`, `experiments`, `format` | one command each |
//! | `set_up` | the steps from a fresh clone to a notebook that opens |
//! | `python`, `jupyter`, `kernelspec` | JupyterLab, and what it works with |
//! | `kernel` | what JupyterLab starts for a notebook |
//! | `source` | what can be told of a cell's code without compiling it |
//! | `compilation` | where and how the libraries and the experiments are compiled |
//! | `download`, `step`, `checkout` | a file from the network, the progress of a step, the clone |
//! | `reaper` | the certain end of what this program has started |

mod book;
mod checkout;
mod command_line;
mod compilation;
mod data;
mod doctor;
mod download;
mod experiments;
mod format;
mod jupyter;
mod kernel;
mod kernelspec;
mod lab;
mod python;
mod reaper;
mod set_up;
mod source;
mod step;

use std::process::ExitCode;

fn main() -> ExitCode {
    inorm_core::failure::conclude(command_line::parse().and_then(command_line::run))
}
