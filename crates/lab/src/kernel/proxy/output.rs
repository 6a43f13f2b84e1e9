//! What clients are told of what the program shows.

use inorm_core::protocol::{Mark, Message};
use serde_json::{Value, json};

/// The kind and the content of what shows a message, if it is to be shown.
pub fn shown(message: Message, mark: &Mark) -> Option<(&'static str, Value)> {
    let display = |data, id: String| {
        let id = mark.display_id(&id);
        json!({"data": Value::Object(data), "metadata": {}, "transient": {"display_id": id}})
    };
    match message {
        Message::Write { text } => Some(("stream", json!({"name": "stdout", "text": text}))),
        Message::Clear => Some(("clear_output", json!({"wait": false}))),
        Message::Display { data, id } => Some(("display_data", display(data, id))),
        Message::Update { data, id } => Some(("update_display_data", display(data, id))),
        _ => None,
    }
}
