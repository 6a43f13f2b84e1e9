//! What the processor does for an ensemble.

use std::{
    panic::resume_unwind,
    thread::{ScopedJoinHandle, available_parallelism, scope},
};

/// What `f` makes of each item, in their order; on all cores.
pub(super) fn on_all_cores<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = available_parallelism().map_or(1, usize::from);
    let f = &f;
    scope(|scope| {
        let parts: Vec<_> = items
            .chunks(items.len().div_ceil(cores).max(1))
            .map(|part| scope.spawn(move || part.iter().map(f).collect::<Vec<_>>()))
            .collect();
        let joined = parts.into_iter().map(ScopedJoinHandle::join);
        joined.flat_map(|part| part.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}
