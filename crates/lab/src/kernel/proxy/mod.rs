//! A thin Jupyter kernel in front of an unmodified Rust kernel, the *backend*.
//!
//! It answers as soon as its ports are bound, while the backend is still being prepared. Cells
//! that come early wait, with one line that says for what. After that it passes messages on, and
//! adds what the backend lacks: output that changes in place, an interrupt that keeps variables,
//! a panic that is an error, a new backend when one dies.
//!
//! | module | what |
//! | --- | --- |
//! | `serve` | a kernel from its start to its end |
//! | `session` | one request after the other, and what happens between them |
//! | `session_state` | what is answered without the backend |
//! | `requests` | what does not wait for the cell that runs |
//! | `elsewhere` | questions about code while a cell runs |
//! | `widgets` | controls that a reader moves, and what changes with them |
//! | `launch` | how the backend comes to be |
//! | `cell` | one cell, from the request to `idle` |
//! | `cell_error` | errors, in words for the reader |
//! | `compiled` | a cell as the backend compiled it |
//! | `stream`, `output`, `reply` | what a client is told: printed text, values, the end of a cell |
//! | `inspection` | which code to ask about, for a reader who asks about a name |
//! | `history` | the cells so far |
//! | `front`, `log` | the five sockets that the client sees; what `--verbose` shows |

mod cell;
mod cell_error;
mod compiled;
mod elsewhere;
mod front;
mod history;
mod inspection;
mod launch;
mod log;
mod output;
mod reply;
mod requests;
mod serve;
mod session;
mod session_state;
mod stream;
mod widgets;

pub use log::Log;
pub use serve::{serve, wait_as_spare};
