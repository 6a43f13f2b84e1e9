//! Several runs at once, each on one thread.

use super::{
    run::{Record, Run},
    train::{Observer, train},
};
use crate::{Result, dataset::FashionMnist};
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

/// Trains several runs at once, at most `jobs` at a time, each on one thread.
///
/// `observe` makes the observer of run number `i`. Records come back in the order of the runs.
///
/// # Errors
/// If a run's numbers make no sense; nothing is trained then.
pub fn train_all<O: Observer>(
    runs: &[Run],
    data: &FashionMnist,
    jobs: usize,
    observe: impl Fn(usize) -> O + Sync,
) -> Result<Vec<Record>> {
    runs.iter().try_for_each(Run::validate)?;
    let next = AtomicUsize::new(0);
    let records = Mutex::new(vec![None; runs.len()]);
    let work = || -> Result<()> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(run) = runs.get(index) else { return Ok(()) };
            let (_, record) = train(run, data, &mut observe(index))?;
            records.lock().expect("no thread panics while it holds the lock")[index] = Some(record);
        }
    };
    std::thread::scope(|scope| {
        let threads = jobs.clamp(1, runs.len().max(1));
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let records = records.into_inner().expect("no thread panics while it holds the lock");
    Ok(records.into_iter().flatten().collect())
}
