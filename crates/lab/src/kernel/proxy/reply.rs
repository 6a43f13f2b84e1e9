//! The contents of `execute_reply` messages.

use super::cell_error::CellError;
use serde_json::{Value, json};

/// Of a cell that ran to its end, with the values that were asked for together with it.
pub fn ok(count: u32, expressions: Value) -> Value {
    json!({"status": "ok", "execution_count": count, "payload": [],
        "user_expressions": expressions})
}

/// Of a cell that failed.
pub fn error(count: u32, error: &CellError) -> Value {
    let mut content = failed_expression(error);
    content["execution_count"] = count.into();
    content["payload"] = json!([]);
    content["user_expressions"] = json!({});
    content
}

/// Of a cell that was not executed because one before it failed.
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
