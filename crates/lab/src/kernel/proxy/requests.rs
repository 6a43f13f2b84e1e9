//! Requests that do not wait for the cell that runs.

use super::elsewhere;
use super::front::Client;
use super::session_state::SessionState;
use super::widgets::Widgets;
use crate::checkout::Checkout;
use crate::kernel::wire;
use jupyter_protocol::JupyterMessage;
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Answers what can be answered at once, and queues the rest.
pub fn forward(
    client: Client,
    state: SessionState,
    widgets: Widgets,
    checkout: Checkout,
    mut requests: UnboundedReceiver<JupyterMessage>,
) -> UnboundedReceiver<JupyterMessage> {
    let (sender, queue) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(request) = requests.recv().await {
            if widgets.answer(&request) {
                continue;
            }
            let Some(request) = state.answer(&client, request) else { continue };
            if state.is_busy() && elsewhere::can_answer(&request) {
                let (client, state, checkout) = (client.clone(), state.clone(), checkout.clone());
                let sender = sender.clone();
                tokio::spawn(async move {
                    if !elsewhere::answer(&client, &state, checkout, &request).await {
                        state.queue();
                        let _ = sender.send(request);
                    }
                });
            } else {
                state.queue();
                if sender.send(request).is_err() {
                    return;
                }
            }
        }
    });
    queue
}

/// What does not wait for the cell that runs.
pub async fn control(
    client: Client,
    state: SessionState,
    widgets: Widgets,
    mut requests: UnboundedReceiver<JupyterMessage>,
    interrupts: UnboundedSender<()>,
) {
    while let Some(request) = requests.recv().await {
        match request.header.msg_type.as_str() {
            "interrupt_request" => {
                let _ = interrupts.send(());
                client.reply(&request, json!({"status": "ok"}));
            }
            "shutdown_request" => {
                widgets.close();
                let restart = wire::switch(&request, "restart", false);
                let content = json!({"status": "ok", "restart": restart});
                client.publish("shutdown_reply", content.clone(), Some(&request));
                client.reply(&request, content);
                client.flush().await;
                // The sockets write on tasks of their own.
                tokio::time::sleep(Duration::from_millis(100)).await;
                // All that was started is ended by the reaper, as after any other end.
                std::process::exit(0);
            }
            _ => drop(state.answer(&client, request)),
        }
    }
}
