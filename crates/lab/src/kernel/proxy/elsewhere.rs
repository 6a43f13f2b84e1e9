//! Questions about code while a cell runs. The backend has no time for them, but a spare kernel that
//! knows the same library has. It does not know what this notebook has defined: it is given the
//! cells so far together with the one that the reader writes.

use super::front::Client;
use super::inspection;
use super::reply;
use super::session_state::SessionState;
use crate::checkout::Checkout;
use crate::kernel::spare::{self, Question};
use crate::kernel::wire;
use crate::source::{is_command, is_complete};
use jupyter_protocol::JupyterMessage;
use serde_json::Value;

/// Whether another kernel could answer this request.
pub fn can_answer(request: &JupyterMessage) -> bool {
    ["complete_request", "inspect_request"].contains(&request.header.msg_type.as_str())
}

/// Answers it, if there is a kernel that can; tells whether it has.
pub async fn answer(
    client: &Client,
    state: &SessionState,
    checkout: Checkout,
    request: &JupyterMessage,
) -> bool {
    let before = cells_as_statements(&state.cells());
    let length = before.chars().count() as u64;
    let Some(clear) = inspection::clarify(request) else {
        state.reply(client, request, reply::nothing_known(request));
        return true;
    };
    let mut content = wire::content(&clear).clone();
    content["code"] = format!("{before}{}", content["code"].as_str().unwrap_or_default()).into();
    content["cursor_pos"] = shifted(&content["cursor_pos"], |at| at + length);
    let question = Question { kind: request.header.msg_type.clone(), content };
    let answer = tokio::task::spawn_blocking(move || spare::ask(&checkout, &question)).await;
    let Ok(Some(mut answer)) = answer else { return false };
    for name in ["cursor_start", "cursor_end"] {
        if let Some(at) = answer.get_mut(name) {
            *at = shifted(at, |at| at.saturating_sub(length));
        }
    }
    state.reply(client, request, reply::known(request, answer));
    true
}

fn shifted(position: &Value, shift: impl Fn(u64) -> u64) -> Value {
    position.as_u64().map_or_else(|| position.clone(), |at| shift(at).into())
}

/// What the cells define, for a kernel that has executed none of them.
fn cells_as_statements(cells: &[(u64, String)]) -> String {
    let complete = cells.iter().filter(|(_, code)| is_complete(code)["status"] == "complete");
    let lines = complete.flat_map(|(_, code)| code.lines().chain([";"]));
    lines.filter(|line| !is_command(line)).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_statements() {
        let cells = [":dep a\nlet b = 1;\nb", "let c = (", "fn d() {}"].map(str::to_owned);
        let cells: Vec<(u64, String)> = (1..).zip(cells).collect();
        assert_eq!(cells_as_statements(&cells), "let b = 1;\nb\n;\nfn d() {}\n;\n");
    }
}
