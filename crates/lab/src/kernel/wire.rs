//! Messages as they come: the content is passed on field by field, whether or not the protocol
//! crate knows the field. Signatures are made and verified by that crate.

use jupyter_protocol::{Header, JupyterMessage, JupyterMessageContent, UnknownMessage};
use jupyter_zmq_client::{Connection, RawMessage, RuntimeError};
use serde_json::{Map, Value, json};
use std::time::Duration;
use zeromq::SocketRecv;

/// How long to wait for another peer when one is gone.
const PATIENCE: Duration = Duration::from_millis(20);

/// The next message of a connection. `note` hears of those that are refused, because they are not
/// signed with the key or are not messages at all, and of peers that are gone.
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
    let header = read_header(&raw.jparts[0])?;
    let content = object(&raw.jparts[3])?;
    Ok(JupyterMessage {
        zmq_identities: raw.zmq_identities,
        // An empty object stands for no parent.
        parent_header: read_header(&raw.jparts[1]).ok(),
        metadata: object(&raw.jparts[2])?,
        content: untyped(&header.msg_type, content),
        header,
        buffers: raw.jparts[4..].to_vec(),
        channel: None,
    })
}

/// Not every client fills in what says nothing about a request.
fn read_header(part: &[u8]) -> Result<Header, RuntimeError> {
    let mut fields: Map<String, Value> = serde_json::from_slice(part)?;
    for name in ["msg_id", "username", "session", "version"] {
        let field = fields.entry(name).or_insert(Value::Null);
        *field = match field.take() {
            Value::Null => "".into(),
            Value::String(text) => text.into(),
            other => other.to_string().into(),
        };
    }
    Ok(serde_json::from_value(fields.into())?)
}

/// An empty part of a message stands for an empty object.
fn object(part: &[u8]) -> Result<Value, RuntimeError> {
    match part.trim_ascii() {
        [] => Ok(json!({})),
        part => Ok(serde_json::from_slice(part)?),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_needs_to_say_no_more_than_which_request_it_is() {
        let read = |text: Value| read_header(text.to_string().as_bytes());
        for (given, username) in [
            (json!({"msg_id": "1", "msg_type": "execute_request"}), ""),
            (json!({"msg_id": "1", "msg_type": "a", "username": null, "session": null}), ""),
            (json!({"msg_id": "1", "msg_type": "a", "username": 7, "version": 5.3}), "7"),
            (json!({"msg_id": "1", "msg_type": "a", "username": "me", "date": 3}), "me"),
        ] {
            assert_eq!(read(given).unwrap().username, username);
        }
        assert!(read(json!({"msg_id": "1"})).is_err() && read(json!({})).is_err());
        assert!(read(json!([])).is_err() && read_header(b"").is_err());
    }

    #[test]
    fn an_empty_part_is_an_empty_object() {
        assert_eq!(object(b" ").unwrap(), json!({}));
        assert_eq!(object(b"{\"a\": 1}").unwrap(), json!({"a": 1}));
        assert!(object(b"{").is_err());
    }
}
