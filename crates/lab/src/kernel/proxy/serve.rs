//! A kernel from its start to its end.

use super::front;
use super::log::Log;
use super::session::Session;
use crate::checkout::Checkout;
use crate::kernel::parent;
use inorm_core::{Failure, Outcome};
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
