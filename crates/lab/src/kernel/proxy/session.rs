//! One request after the other, and what happens between them.

use super::cell::{Audience, Cell, Ended};
use super::cell_error::CellError;
use super::front::{Client, Requests};
use super::inspection;
use super::launch::{Launcher, Preparation};
use super::log::Log;
use super::output::shown;
use super::reply;
use super::requests;
use super::session_state::SessionState;
use super::widgets::Widgets;
use crate::kernel::backend::{Backend, Event};
use crate::kernel::pipes::Said;
use crate::kernel::wire;
use crate::source;
use inorm_core::protocol::{Mark, Message};
use inorm_core::say;
use jupyter_protocol::JupyterMessage;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// How often the line is renewed that says how long the reader has to wait.
const NEWS: Duration = Duration::from_millis(500);

/// Cells that were sent together with one that fails may still be on their way.
const ON_THEIR_WAY: Duration = Duration::from_millis(20);

/// The conversation with the clients of one notebook.
pub struct Session {
    client: Client,
    state: SessionState,
    widgets: Widgets,
    queue: UnboundedReceiver<JupyterMessage>,
    stdin: UnboundedReceiver<JupyterMessage>,
    interrupts: UnboundedReceiver<()>,
    launcher: Arc<Launcher>,
    backend: BackendState,
    mark: Mark,
    count: u32,
    variables: Vec<String>,
    /// Those that a cell has moved or made impossible, with its number.
    gone: BTreeMap<String, u32>,
    /// What was executed last: a thread of it may still have something to say.
    last: Option<JupyterMessage>,
    log: Log,
}

/// How far the backend is.
pub enum BackendState {
    Preparing(Preparation),
    Ready(Box<Backend>),
    /// It does not come up; why.
    Failed(String),
}

impl Session {
    /// Begins to answer, with a backend that is being prepared or is ready already.
    pub fn new(
        client: Client,
        received: Requests,
        launcher: Arc<Launcher>,
        backend: BackendState,
        log: Log,
    ) -> Self {
        client.status("starting", None);
        let mark = launcher.mark().clone();
        let state = SessionState::default();
        let (sender, interrupts) = unbounded_channel();
        let widgets = Widgets::new(client.clone(), state.clone(), mark.clone(), log);
        let (control, shell) = (received.control, received.shell);
        let (told, asked) = (widgets.clone(), widgets.clone());
        tokio::spawn(requests::control(client.clone(), state.clone(), told, control, sender));
        let checkout = launcher.checkout().clone();
        let queue = requests::forward(client.clone(), state.clone(), asked, checkout, shell);
        tokio::spawn(connect_programs(Arc::clone(&launcher), widgets.clone()));
        state.set_prepared(matches!(backend, BackendState::Ready(_)));
        Self {
            client,
            state,
            widgets,
            queue,
            stdin: received.stdin,
            interrupts,
            launcher,
            backend,
            mark,
            count: 0,
            variables: Vec::new(),
            gone: BTreeMap::new(),
            last: None,
            log,
        }
    }

    /// Serves until nobody can ask any more.
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                request = self.queue.recv() => match request {
                    Some(request) => {
                        self.state.leave_queue();
                        self.handle(&request).await;
                    }
                    None => return,
                },
                event = self.backend.next() => self.between_requests(event),
            }
        }
    }

    async fn handle(&mut self, request: &JupyterMessage) {
        self.state.begin(&self.client, request);
        let mut sent_before = Vec::new();
        match request.header.msg_type.as_str() {
            "execute_request" => sent_before = self.execute(request).await,
            "complete_request" | "inspect_request" => self.ask(request).await,
            "comm_open" | "comm_msg" | "comm_close" => {
                if let BackendState::Ready(backend) = &mut self.backend {
                    let _ = backend.send(request).await;
                }
            }
            other => self.log.note(|| format!("{other} is not supported")),
        }
        self.state.end(&self.client, request);
        for other in sent_before {
            match other.header.msg_type.as_str() {
                "execute_request" => self.abort(&other),
                _ => Box::pin(self.handle(&other)).await,
            }
        }
    }

    /// Returns what the client had sent before it learned that the cell failed: none of these
    /// cells is executed, unless the client wants them to be.
    async fn execute(&mut self, request: &JupyterMessage) -> Vec<JupyterMessage> {
        let silent = wire::switch(request, "silent", false);
        self.last = Some(request.clone());
        self.widgets.close_replaced(request);
        self.announce(request, silent);
        let mut sent_before = Vec::new();
        let audience = if silent { Audience::SilentlyEverybody } else { Audience::Everybody };
        let content = match self.execute_when_prepared(request, audience).await {
            Ok(()) => reply::ok(self.count, self.expressions(request).await),
            Err(error) => {
                self.client.publish("error", error.content(), Some(request));
                if wire::switch(request, "stop_on_error", true) {
                    tokio::time::sleep(ON_THEIR_WAY).await;
                    while let Ok(request) = self.queue.try_recv() {
                        self.state.leave_queue();
                        sent_before.push(request);
                    }
                }
                reply::error(self.count, &error)
            }
        };
        self.client.reply(request, content);
        sent_before
    }

    fn abort(&self, request: &JupyterMessage) {
        self.client.status("busy", Some(request));
        self.client.reply(request, reply::aborted(self.count));
        self.client.status("idle", Some(request));
    }

    /// Counts the cell, and tells all clients what is executed.
    fn announce(&mut self, request: &JupyterMessage, silent: bool) {
        let code = wire::text(request, "code");
        if !silent && wire::switch(request, "store_history", true) {
            self.count += 1;
            self.state.remember(self.count, code);
        }
        if !silent {
            let content = json!({"code": code, "execution_count": self.count});
            self.client.publish("execute_input", content, Some(request));
        }
    }

    async fn execute_when_prepared(
        &mut self,
        request: &JupyterMessage,
        audience: Audience,
    ) -> Result<(), CellError> {
        // An interrupt that came when nothing ran.
        while self.interrupts.try_recv().is_ok() {}
        self.wait_until_prepared(request).await?;
        let code = wire::text(request, "code");
        if let Some(line) = source::line_of_lone_brace(code) {
            return Err(CellError::closed_too_often(line));
        }
        match code.trim().is_empty() {
            true => Ok(()),
            false => {
                let request = self.with_something_to_run(request);
                let error = self.run_cell(&request, audience).await.error;
                error.map_or(Ok(()), |error| Err(error.with_last_cells(&self.gone)))
            }
        }
    }

    /// The same request; where a type is defined anew, so that its old variables are named as lost
    /// in this cell and not in the next one.
    fn with_something_to_run(&self, request: &JupyterMessage) -> JupyterMessage {
        let (code, cells) = (wire::text(request, "code"), self.state.cells());
        // The last one is this cell.
        let earlier = cells.iter().rev().skip(1).map(|(_, code)| code.as_str());
        if !source::ends_with_new_type(code, earlier) {
            return request.clone();
        }
        let mut content = wire::content(request).clone();
        content["code"] = format!("{code}\nlet _ = ();").into();
        wire::with_content(request, content)
    }

    /// Shows how long it will take, if it takes long.
    async fn wait_until_prepared(&mut self, request: &JupyterMessage) -> Result<(), CellError> {
        let id = self.mark.display_id(&format!("preparation-{}", request.header.msg_id));
        let mut shown = None;
        while let BackendState::Preparing(preparation) = &self.backend {
            preparation.hurry();
            let news = preparation.describe();
            if shown.as_ref() != Some(&news) {
                let kind = if shown.is_none() { "display_data" } else { "update_display_data" };
                let content = json!({"data": {"text/plain": news}, "metadata": {},
                    "transient": {"display_id": id}});
                self.client.publish(kind, content, Some(request));
                shown = Some(news);
            }
            tokio::select! {
                event = self.backend.next() => self.between_requests(event),
                Some(()) = self.interrupts.recv() => {
                    self.clear(request);
                    return Err(CellError::not_prepared());
                }
                () = tokio::time::sleep(NEWS) => {}
            }
        }
        if shown.is_some() {
            self.clear(request);
        }
        match &self.backend {
            BackendState::Failed(why) => {
                let error = CellError::backend(why, false);
                // The next cell tries again: the reader may have removed the cause.
                self.prepare();
                Err(error)
            }
            _ => Ok(()),
        }
    }

    fn clear(&self, request: &JupyterMessage) {
        self.client.publish("clear_output", json!({"wait": false}), Some(request));
    }

    async fn run_cell(&mut self, request: &JupyterMessage, audience: Audience) -> Ended {
        let BackendState::Ready(backend) = &mut self.backend else { return Ended::default() };
        let Some(interrupt) = self.launcher.interrupt() else { return Ended::default() };
        let code = wire::text(request, "code");
        let (mut lost, mut is_repeated) = (Vec::new(), false);
        let mut ended = loop {
            let cell = Cell {
                client: &self.client,
                request,
                count: self.count,
                audience,
                state: &self.state,
                widgets: &self.widgets,
                variables: &self.variables,
                lost: &lost,
                mark: &self.mark,
                interrupt: &interrupt,
                tree: self.launcher.tree(),
            };
            let mut ended = cell.run(backend, &mut self.stdin, &mut self.interrupts).await;
            let Some(variables) = ended.library_replaced.take() else { break ended };
            if !variables.is_empty() {
                let names = variables.join(", ");
                let text = format!("The library was compiled again; lost: {names}\n");
                let content = json!({"name": "stderr", "text": text});
                self.client.publish("stream", content, Some(request));
            }
            self.variables.clear();
            self.launcher.attach_new_library(backend).await;
            // What was compiled could not be loaded beside the old library: it is run once more.
            let is_over = ended.interrupted || !ended.program_restarted || is_repeated;
            ended.program_restarted = false;
            if is_over {
                break ended;
            }
            (lost, is_repeated) = (variables, true);
        };
        let detached = [":clear", ":restart"].iter().any(|name| source::has_command(code, name));
        if detached || ended.program_restarted || ended.backend_ended.is_some() {
            self.variables.clear();
        }
        if let Some(variables) = ended.variables.take() {
            let before = std::mem::replace(&mut self.variables, variables);
            self.gone.extend(before.into_iter().map(|name| (name, self.count)));
            self.gone.retain(|name, _| !self.variables.contains(name));
        }
        if let Some(how) = &ended.backend_ended {
            self.log.note(|| how.clone());
            self.prepare();
        } else if ended.program_restarted || detached {
            self.launcher.attach_again(backend).await;
        }
        ended
    }

    /// Values that a client asks for together with a cell.
    async fn expressions(&mut self, request: &JupyterMessage) -> Value {
        let mut values = Map::new();
        let asked = wire::content(request)["user_expressions"].as_object();
        for (name, code) in asked.into_iter().flatten() {
            if !matches!(self.backend, BackendState::Ready(_)) {
                break;
            }
            let content = json!({"code": code.as_str().unwrap_or_default(), "allow_stdin": false});
            let ended = self
                .run_cell(&wire::message("execute_request", content, None), Audience::Nobody)
                .await;
            let value = match &ended.error {
                None => reply::expression(ended.value),
                Some(error) => reply::failed_expression(error),
            };
            values.insert(name.clone(), value);
        }
        Value::Object(values)
    }

    /// A question about code: the backend answers it.
    async fn ask(&mut self, request: &JupyterMessage) {
        let BackendState::Ready(backend) = &mut self.backend else { return };
        let Some(question) = inspection::clarify(request) else {
            return self.client.reply(request, reply::nothing_known(request));
        };
        let mut others = Vec::new();
        let reply = backend.ask(&question, |event| others.push(event)).await;
        for event in others {
            match event {
                Event::Broadcast(message) if wire::belongs(&message, request) => {}
                event => self.between_requests(Some(event)),
            }
        }
        match reply {
            Ok(answer) => self.client.reply(request, reply::known(request, answer)),
            Err(failure) => self.between_requests(Some(Event::Ended(failure.to_string()))),
        }
    }

    fn between_requests(&mut self, event: Option<Event>) {
        match event {
            None => {
                self.state.set_prepared(matches!(self.backend, BackendState::Ready(_)));
                if let BackendState::Failed(why) = &self.backend {
                    say(format_args!("inorm kernel: {why}"));
                }
            }
            Some(Event::Ended(how)) => {
                say(format_args!("inorm kernel: {how}; a new one is being prepared"));
                self.variables.clear();
                if self.last.is_some() {
                    let text = CellError::backend(&how, true).text();
                    let content = json!({"name": "stderr", "text": text});
                    self.client.publish("stream", content, self.last.as_ref());
                }
                self.prepare();
            }
            Some(Event::Said(Said::Message(Message::Interact { id, program, controls, data }))) => {
                self.widgets.open(self.last.as_ref(), id, program, controls, data);
            }
            // Of a thread that the last cell has left.
            Some(Event::Said(said)) => {
                let output = match said {
                    Said::Message(message) => shown(message, &self.mark),
                    Said::Error(text) => Some(("stream", json!({"name": "stderr", "text": text}))),
                };
                if let Some((kind, content)) = output {
                    self.client.publish(kind, content, self.last.as_ref());
                }
            }
            // What an extension of the client talks about.
            Some(Event::Broadcast(message)) if message.header.msg_type.starts_with("comm_") => {
                self.client.pass_on(message);
            }
            Some(_) => {}
        }
    }

    fn prepare(&mut self) {
        self.state.set_prepared(false);
        self.backend = BackendState::Preparing(self.launcher.begin());
    }
}

/// Connects controls with each program that runs cells.
async fn connect_programs(launcher: Arc<Launcher>, widgets: Widgets) {
    while let Some(program) = launcher.next_program().await {
        tokio::spawn(widgets.clone().serve(program));
    }
}

impl BackendState {
    /// What the backend says next; nothing if only its state has changed.
    async fn next(&mut self) -> Option<Event> {
        match self {
            Self::Ready(backend) => Some(backend.next().await),
            Self::Failed(_) => std::future::pending().await,
            Self::Preparing(preparation) => {
                *self = match (&mut preparation.task).await {
                    Ok(Ok(backend)) => Self::Ready(Box::new(backend)),
                    Ok(Err(failure)) => Self::Failed(failure.to_string()),
                    Err(panic) => Self::Failed(panic.to_string()),
                };
                None
            }
        }
    }
}
