//! A kernel from its start to its end.

use super::front;
use super::launch::Launcher;
use super::log::Log;
use super::session::{BackendState, Session};
use crate::checkout::Checkout;
use crate::kernel::spare::{self, Spare, Takeover};
use inorm_core::{Failure, Outcome, say};
use rustix::process::{Pid, getppid};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinError;

/// Serves one notebook until its client shuts it down or is gone.
pub fn serve(checkout: Checkout, connection_file: &Path, log: Log) -> Outcome {
    let parent = end_with_parent();
    if let (Log::Quiet, Some(owner), true) = (log, parent, spare::is_wanted()) {
        let takeover = Takeover::new(connection_file, owner);
        // Whatever goes wrong with a spare kernel, this one can do without.
        if spare::take(&checkout, &takeover).unwrap_or(false) {
            return Ok(());
        }
        spare::keep_one(&checkout, owner);
    }
    runtime()?.block_on(async {
        let launcher = Launcher::new(checkout, log);
        let backend = BackendState::Preparing(launcher.begin());
        converse(launcher, backend, connection_file, log).await
    })
}

/// Prepares a kernel, and waits until a notebook needs it or the process `owner` is gone.
pub fn wait_as_spare(checkout: &Checkout, owner: Pid) -> Outcome {
    let Some(spare) = Spare::become_one(checkout)? else { return Ok(()) };
    spare.end_with(owner);
    runtime()?.block_on(async {
        let launcher = Launcher::new(checkout.clone(), Log::Quiet);
        let panicked = |error: JoinError| Failure::new(error.to_string());
        let mut backend = launcher.begin().task.await.map_err(panicked)??;
        let questions = spare.questions()?;
        let mut taken = tokio::task::spawn_blocking(|| spare.wait());
        let takeover = loop {
            tokio::select! {
                taken = &mut taken => break taken.map_err(panicked)??,
                answered = questions.answer(&mut backend) => answered?,
            }
        };
        drop(questions);
        let Some(takeover) = takeover else { return Ok(()) };
        if let Some(owner) = takeover.owner() {
            spare::keep_one(checkout, owner);
        }
        let backend = BackendState::Ready(Box::new(backend));
        converse(launcher, backend, &takeover.connection_file, Log::Quiet).await
    })
}

async fn converse(
    launcher: Arc<Launcher>,
    backend: BackendState,
    connection_file: &Path,
    log: Log,
) -> Outcome {
    let info = front::read_connection_file(connection_file)?;
    let (client, requests) = front::open(&info, log).await?;
    log.note(|| "listening".to_owned());
    Session::new(client, requests, launcher, backend, log).run().await;
    Ok(())
}

fn runtime() -> Outcome<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))
}

/// Ends this process when the one that started it is gone: nobody will ever ask it again. Returns
/// that process, unless the kernel was started detached on purpose.
fn end_with_parent() -> Option<Pid> {
    let parent = getppid().filter(|parent| !parent.is_init())?;
    std::thread::spawn(move || {
        while getppid() == Some(parent) {
            std::thread::sleep(Duration::from_millis(500));
        }
        say("inorm kernel: the client is gone; ending");
        std::process::exit(1);
    });
    Some(parent)
}
