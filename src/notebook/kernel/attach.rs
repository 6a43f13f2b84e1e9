//! The beginning of the conversation with the kernel.

#[cfg(unix)]
use super::output;
use super::panics;
use inorm_core::protocol::{self, Message};
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells the kernel about panics, errors of `?`, and text without a newline from now on. The
/// kernel calls it before the first cell.
#[doc(hidden)]
pub fn attach() {
    static ATTACHED: AtomicBool = AtomicBool::new(false);
    let Some(mark) = protocol::mark() else { return };
    if ATTACHED.swap(true, Ordering::SeqCst) {
        return;
    }
    panics::catch();
    #[cfg(unix)]
    output::filter(mark);
    #[cfg(not(unix))]
    let _ = mark;
}

/// Removes what the cell has shown so far. Kernels other than this project's keep it.
pub fn clear() {
    protocol::send(&Message::Clear);
}
