//! What `--verbose` shows.

use crate::kernel::wire;
use inorm_core::say;
use jupyter_protocol::JupyterMessage;
use std::sync::OnceLock;
use std::time::Instant;

/// Whether and when something is said on standard error, for a person who debugs the kernel.
#[derive(Clone, Copy, Debug)]
pub enum Log {
    /// Only what a reader must know.
    Quiet,
    /// Every message, and what the backend says.
    Verbose,
}

impl Log {
    /// Says something that only a person who debugs wants to know.
    pub fn note(self, text: impl FnOnce() -> String) {
        if let Self::Verbose = self {
            static STARTED: OnceLock<Instant> = OnceLock::new();
            let seconds = STARTED.get_or_init(Instant::now).elapsed().as_secs_f64();
            say(format_args!("inorm kernel {seconds:9.3} s: {}", text()));
        }
    }

    /// Notes a message, in one line.
    pub fn message(self, way: &str, message: &JupyterMessage) {
        self.note(|| {
            let content = wire::content(message).to_string();
            let start: String = content.chars().take(160).collect();
            let parent = message.parent_header.as_ref().map_or("-", |parent| &parent.msg_id);
            format!("{way}: {} (for {parent}) {start}", message.header.msg_type)
        });
    }
}
