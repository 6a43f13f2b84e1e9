//! What the kernel answers at once, whatever the backend is doing.

use super::front::Client;
use super::history::History;
use super::reply;
use crate::compilation::EVCXR_VERSION;
use crate::kernel::wire;
use crate::source;
use jupyter_protocol::JupyterMessage;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all tasks of a session know.
#[derive(Clone, Default)]
pub struct SessionState {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    history: History,
    active: Option<JupyterMessage>,
    queued: usize,
    prepared: bool,
}

impl SessionState {
    /// A request is being worked on.
    pub fn begin(&self, client: &Client, request: &JupyterMessage) {
        self.lock().active = Some(request.clone());
        client.status("busy", Some(request));
    }

    /// It is no longer.
    pub fn end(&self, client: &Client, request: &JupyterMessage) {
        let mut inner = self.lock();
        inner.active = None;
        client.status("idle", Some(request));
    }

    /// Notes whether there is a backend to ask.
    pub fn set_prepared(&self, prepared: bool) {
        self.lock().prepared = prepared;
    }

    /// Keeps a cell for those who ask what was executed.
    pub fn remember(&self, count: u32, code: &str) {
        self.lock().history.push(count, code);
    }

    /// The cells so far, with their numbers.
    pub fn cells(&self) -> Vec<(u64, String)> {
        self.lock().history.cells().to_vec()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request if that needs no backend; else gives it back.
    pub fn answer(&self, client: &Client, request: JupyterMessage) -> Option<JupyterMessage> {
        let reply = self.lock().reply(&request);
        let Some(reply) = reply else { return Some(request) };
        self.reply(client, &request, reply);
        None
    }

    /// Replies to a request beside whatever is being worked on.
    pub fn reply(&self, client: &Client, request: &JupyterMessage, content: Value) {
        client.status("busy", Some(request));
        client.reply(request, content);
        self.finish(client, request);
    }

    /// Says that a request is answered, beside whatever is being worked on.
    pub fn finish(&self, client: &Client, request: &JupyterMessage) {
        let inner = self.lock();
        client.status("idle", Some(request));
        if inner.active.is_some() {
            // To clients the last status counts, and a cell is still running.
            client.status("busy", inner.active.as_ref());
        }
    }

    /// Counts a request that waits for its turn.
    pub fn queue(&self) {
        self.lock().queued += 1;
    }

    /// One of them waits no longer.
    pub fn leave_queue(&self) {
        self.lock().queued -= 1;
    }

    /// Whether something is being worked on or waits for its turn.
    pub fn is_busy(&self) -> bool {
        let inner = self.lock();
        inner.active.is_some() || inner.queued > 0
    }
}

impl Inner {
    fn reply(&self, request: &JupyterMessage) -> Option<Value> {
        Some(match request.header.msg_type.as_str() {
            "kernel_info_request" => kernel_info(),
            "is_complete_request" => source::is_complete(wire::text(request, "code")),
            "history_request" => self.history.reply(wire::content(request)),
            // A reader who types does not wait for a library to be loaded.
            "complete_request" | "inspect_request" if !self.prepared => {
                reply::nothing_known(request)
            }
            _ => return None,
        })
    }
}

fn kernel_info() -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "status": "ok",
        "protocol_version": "5.3",
        "implementation": "inorm",
        "implementation_version": version,
        "language_info": {
            "name": "Rust",
            "version": "",
            "mimetype": "text/rust",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
        },
        "banner": format!("Rust (inorm {version}, with evcxr {EVCXR_VERSION})"),
        "help_links": [
            {"text": "The standard library", "url": "https://doc.rust-lang.org/stable/std/"},
            {"text": "The notebook's commands", "url":
                "https://github.com/evcxr/evcxr/blob/main/COMMON.md"},
        ],
        "supported_features": [],
    })
}
