//! A kernel from its start to its end.

use super::front;
use super::log::Log;
use super::session::Session;
use crate::checkout::Checkout;
use inorm_core::{Failure, Outcome, say};
use rustix::process::{Pid, getppid};
use std::path::Path;
use std::time::Duration;

/// Serves one notebook until its client shuts it down or is gone.
pub fn serve(checkout: Checkout, connection_file: &Path, log: Log) -> Outcome {
    end_with_parent();
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

/// Ends this process when the one that started it is gone: nobody will ever ask it again.
fn end_with_parent() {
    let parent = getppid();
    // Of the first process of the system: the kernel was started detached on purpose.
    if parent.is_none_or(Pid::is_init) {
        return;
    }
    std::thread::spawn(move || {
        while getppid() == parent {
            std::thread::sleep(Duration::from_millis(500));
        }
        say("inorm kernel: the client is gone; ending");
        std::process::exit(1);
    });
}
