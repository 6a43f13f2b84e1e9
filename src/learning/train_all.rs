//! Several runs at once, each on one thread.

use super::{
    record::Record,
    run::Run,
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
    let work = |index: usize| Ok(train(&runs[index], data, &mut observe(index))?.1);
    in_parallel(runs.len(), jobs, work)
}

/// Does `work` for each number below `count`, at most `jobs` at a time, each on one thread; what
/// comes back is in their order.
///
/// # Errors
/// The first of `work`.
pub fn in_parallel<T: Send>(
    count: usize,
    jobs: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new((0..count).map(|_| None).collect::<Vec<_>>());
    let work = || -> Result<()> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return Ok(());
            }
            let result = work(index)?;
            done.lock().expect("no thread panics while it holds the lock")[index] = Some(result);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.clamp(1, count.max(1))).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let done = done.into_inner().expect("no thread panics while it holds the lock");
    Ok(done.into_iter().flatten().collect())
}
