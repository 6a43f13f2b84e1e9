//! The conversation with this project's kernel, from inside the program that runs the cells.
//!
//! [`inorm_core::protocol`] says what is sent, and how.

mod controls;
mod input;
mod output;
mod panics;

pub use controls::connection;
use inorm_core::protocol::{self, Message};
pub use panics::catch_quietly;
use std::sync::Once;

/// Tells the kernel about panics, errors of `?`, and text without a newline from now on. The
/// kernel calls it before the first cell.
#[doc(hidden)]
pub fn attach() {
    static ATTACHED: Once = Once::new();
    if let Some(mark) = protocol::mark() {
        ATTACHED.call_once(|| {
            panics::catch();
            output::redirect(mark);
        });
    }
}

/// Removes what the cell has shown so far. Kernels other than this project's keep it.
pub fn clear() {
    protocol::send(&Message::Clear);
}
