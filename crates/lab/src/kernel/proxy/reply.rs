//! The contents of replies.

use super::cell_error::CellError;
use crate::kernel::wire;
use jupyter_protocol::JupyterMessage;
use serde_json::{Value, json};

/// The `execute_reply` of a cell that ran to its end, with the values that were asked for together with it.
pub fn ok(count: u32, expressions: Value) -> Value {
    json!({"status": "ok", "execution_count": count, "payload": [],
        "user_expressions": expressions})
}

/// The same of a cell that failed.
pub fn error(count: u32, error: &CellError) -> Value {
    let mut content = failed_expression(error);
    content["execution_count"] = count.into();
    content["payload"] = json!([]);
    content["user_expressions"] = json!({});
    content
}

/// The same of a cell that was not executed because one before it failed.
pub fn aborted(count: u32) -> Value {
    json!({"status": "aborted", "execution_count": count, "payload": [], "user_expressions": {}})
}

/// A value that was asked for.
pub fn expression(data: Option<Value>) -> Value {
    let data = data.unwrap_or_else(|| json!({"text/plain": "()"}));
    json!({"status": "ok", "data": data, "metadata": {}})
}

/// A value that was asked for and is none.
pub fn failed_expression(error: &CellError) -> Value {
    let mut content = error.content();
    content["status"] = "error".into();
    content
}

/// What was answered to a question about code. Clients look for the fields of an answer in a failure
/// too.
pub fn known(request: &JupyterMessage, answer: Value) -> Value {
    if answer["status"] == "ok" { answer } else { nothing_known(request) }
}

/// To a question about code of which nothing is known.
pub fn nothing_known(request: &JupyterMessage) -> Value {
    if request.header.msg_type != "complete_request" {
        return json!({"status": "ok", "found": false, "data": {}, "metadata": {}});
    }
    let position = wire::content(request)["cursor_pos"].as_u64().unwrap_or(0);
    json!({"status": "ok", "matches": [], "metadata": {},
        "cursor_start": position, "cursor_end": position})
}
