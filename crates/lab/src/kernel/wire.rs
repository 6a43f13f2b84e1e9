//! Messages as they come: the content is passed on field by field, whether or not the protocol
//! crate knows the field. Signatures are made and verified by that crate.

use jupyter_protocol::{Header, JupyterMessage, JupyterMessageContent, UnknownMessage};
use jupyter_zmq_client::{Connection, RawMessage, RuntimeError};
use serde_json::Value;
use std::time::Duration;
use zeromq::SocketRecv;

/// How long to wait for another peer when one is gone.
const PATIENCE: Duration = Duration::from_millis(20);

/// The next message of a connection. `note` hears of those that are refused, because they are not
/// signed with the key or are no messages at all, and of peers that are gone.
pub async fn next<S: SocketRecv>(
    connection: &mut Connection<S>,
    note: impl Fn(String),
) -> JupyterMessage {
    loop {
        match connection.socket.recv().await {
            Ok(raw) => match RawMessage::from_multipart(raw, &connection.mac).and_then(parse) {
                Ok(message) => return message,
                Err(error) => note(format!("a message is refused: {error}")),
            },
            Err(error) => {
                note(format!("a peer is gone: {error}"));
                tokio::time::sleep(PATIENCE).await;
            }
        }
    }
}

fn parse(raw: RawMessage) -> Result<JupyterMessage, RuntimeError> {
    let header: Header = serde_json::from_slice(&raw.jparts[0])?;
    let content: Value = serde_json::from_slice(&raw.jparts[3])?;
    Ok(JupyterMessage {
        zmq_identities: raw.zmq_identities,
        // An empty object stands for no parent.
        parent_header: serde_json::from_slice(&raw.jparts[1]).ok(),
        metadata: serde_json::from_slice(&raw.jparts[2])?,
        content: untyped(&header.msg_type, content),
        header,
        buffers: raw.jparts[4..].to_vec(),
        channel: None,
    })
}

/// A new message; a child of `parent` is addressed to whoever sent that.
pub fn message(kind: &str, content: Value, parent: Option<&JupyterMessage>) -> JupyterMessage {
    let mut message = JupyterMessage::new(untyped(kind, content), parent);
    "kernel".clone_into(&mut message.header.username);
    message
}

/// The same message, saying something else.
pub fn with_content(message: &JupyterMessage, content: Value) -> JupyterMessage {
    let content = untyped(&message.header.msg_type, content);
    JupyterMessage { content, ..message.clone() }
}

fn untyped(kind: &str, content: Value) -> JupyterMessageContent {
    JupyterMessageContent::UnknownMessage(UnknownMessage { msg_type: kind.to_owned(), content })
}

/// What a message that was [`received`](next) or [`made`](message) here says.
pub fn content(message: &JupyterMessage) -> &Value {
    match &message.content {
        JupyterMessageContent::UnknownMessage(unknown) => &unknown.content,
        _ => &Value::Null,
    }
}

/// A text in the content, empty if there is none of this name.
pub fn text<'m>(message: &'m JupyterMessage, name: &str) -> &'m str {
    content(message)[name].as_str().unwrap_or_default()
}

/// A switch in the content, or what holds if it is not there.
pub fn switch(message: &JupyterMessage, name: &str, otherwise: bool) -> bool {
    content(message)[name].as_bool().unwrap_or(otherwise)
}

/// Whether a message answers, or was caused by, `request`.
pub fn belongs(message: &JupyterMessage, request: &JupyterMessage) -> bool {
    message.parent_header.as_ref().is_some_and(|parent| parent.msg_id == request.header.msg_id)
}
