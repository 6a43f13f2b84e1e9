//! A thin Jupyter kernel in front of an unmodified Rust kernel, the *backend*.
//!
//! It answers as soon as its ports are bound, while the backend is still being prepared. Cells
//! that come early wait, with one line that says for what. After that it passes messages on, and
//! adds what the backend lacks: output that changes in place, an interrupt that keeps variables,
//! a panic that is an error, a new backend when one dies.
//!
//! | module | what |
//! | --- | --- |
//! | `front` | the five sockets that the client sees |
//! | `questions` | what is answered without the backend |
//! | `session` | one request after the other, and what happens between them |
//! | `launch` | how the backend comes to be |
//! | `cell` | one cell, from the request to `idle` |
//! | `stream`, `display` | printed text, and the lines in it that are instructions |
//! | `trouble` | errors, in words for the reader |
//! | `wire` | a message as it is |

mod cell;
mod display;
mod front;
mod history;
mod launch;
mod log;
mod questions;
mod session;
mod source;
mod stream;
mod trouble;
pub mod wire;

pub use log::Log;

use super::parent;
use crate::cli::{Checkout, Failure, Outcome};
use session::Session;
use std::path::Path;

/// Serves one notebook until its client shuts it down or is gone.
pub fn serve(checkout: Checkout, connection_file: &Path, log: Log) -> Outcome {
    parent::end_with_parent();
    let info = front::read_connection_file(connection_file)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let (client, requests) = front::open(&info, log).await?;
        log.note(|| "listening".to_owned());
        Session::new(client, requests, checkout, log).run().await;
        Ok(())
    })
}
