//! One cell, from the request to the backend's `idle`.

use super::cell_error::CellError;
use super::compiled::CompiledCell;
use super::front::Client;
use super::output::shown;
use super::session_state::SessionState;
use super::stream::{Stream, Written};
use super::widgets::Widgets;
use crate::kernel::backend::{Backend, Event};
use crate::kernel::cargo::{interrupt_cargo, library, was_refused};
use crate::kernel::pipes::Said;
use crate::kernel::wire;
use inorm_core::protocol::{ERROR, Location, Mark, Message};
use jupyter_protocol::JupyterMessage;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

/// How long a cell has to notice that it is to stop, before it is ended by force.
const TO_NOTICE: Duration = Duration::from_secs(3);

/// How long one that has noticed may take to return what it has.
const TO_RETURN: Duration = Duration::from_secs(60);

/// How long the last output of a cell may be on its way after the backend is idle.
const TO_ARRIVE: Duration = Duration::from_millis(12);

/// How often a cell is asked whether it will cost the reader something.
const NEWS: Duration = Duration::from_millis(500);

pub struct Cell<'c> {
    /// Where its output goes.
    pub client: &'c Client,
    pub request: &'c JupyterMessage,
    pub count: u32,
    pub audience: Audience,
    /// What knows the cells before.
    pub state: &'c SessionState,
    /// What knows the controls that it shows.
    pub widgets: &'c Widgets,
    /// The variables that there are before it.
    pub variables: &'c [String],
    /// Those that its request has cost already.
    pub lost: &'c [String],
    /// What marks messages in its output.
    pub mark: &'c Mark,
    /// The file that asks long calls to return.
    pub interrupt: &'c Path,
    /// Where the backend compiles.
    pub tree: Option<PathBuf>,
}

/// Who sees what a cell shows.
#[derive(Clone, Copy, PartialEq)]
pub enum Audience {
    Everybody,
    /// Everybody, but not its value.
    SilentlyEverybody,
    /// Its value is returned, and else nothing seen.
    Nobody,
}

/// How a cell ended.
#[derive(Debug, Default)]
pub struct Ended {
    pub error: Option<CellError>,
    /// Its value by format, if nobody has seen it.
    pub value: Option<Value>,
    /// The variables that there are after it, unless they are as they were.
    pub variables: Option<Vec<String>>,
    /// Whether the program that runs the cells was started anew.
    pub program_restarted: bool,
    /// How the backend itself ended, if it did.
    pub backend_ended: Option<String>,
    /// The variables that were lost because the library was compiled again.
    pub library_replaced: Option<Vec<String>>,
    /// Whether the reader wanted it to stop.
    pub interrupted: bool,
}

/// What is known so far.
#[derive(Default)]
struct Progress {
    /// What the backend made of the cell before.
    earlier_program: String,
    stream: Stream,
    errors: Vec<Value>,
    value: Option<Value>,
    failed: Option<Failed>,
    /// The text of an error that ends the cell, and whether it is being printed.
    explanation: String,
    explains: bool,
    replied: bool,
    idle: bool,
    /// All that was printed has arrived.
    complete: bool,
    asks: bool,
    stopping: Stopping,
    /// It was interrupted before it was compiled.
    not_begun: bool,
    backend_ended: Option<String>,
    deadline: Option<Instant>,
}

/// How a cell failed while it ran.
enum Failed {
    /// By a panic: what was said, and where.
    Panicked(String, Option<Location>),
    /// By `?` with an error.
    Returned,
}

/// How far an interrupt is.
#[derive(Default, PartialEq)]
enum Stopping {
    #[default]
    Not,
    /// The cell has been asked to stop.
    Asked,
    /// It has noticed.
    Noticed,
    /// It is being ended by force.
    Forced { lost: Vec<String> },
}

impl Cell<'_> {
    pub async fn run(
        self,
        backend: &mut Backend,
        stdin: &mut UnboundedReceiver<JupyterMessage>,
        interrupts: &mut UnboundedReceiver<()>,
    ) -> Ended {
        let mut progress = Progress { earlier_program: self.program(), ..Progress::default() };
        if let Err(failure) = backend.send(self.request).await {
            progress.backend_ended = Some(failure.to_string());
        }
        while !progress.is_over() {
            let deadline = progress.next_deadline();
            tokio::select! {
                event = backend.next() => {
                    let printed = matches!(event, Event::Said(_));
                    self.take(event, &mut progress);
                    if printed {
                        // A cell that prints more than clients read has to wait for them.
                        self.client.flush().await;
                    }
                }
                Some(()) = interrupts.recv() => self.interrupt(backend, &mut progress).await,
                Some(reply) = stdin.recv() => {
                    progress.asks = false;
                    let _ = backend.answer(reply).await;
                }
                () = tokio::time::sleep_until(deadline) => self.wake(backend, &mut progress).await,
            }
        }
        self.end(progress)
    }

    fn take(&self, event: Event, progress: &mut Progress) {
        match event {
            Event::Ended(how) => progress.backend_ended = Some(how),
            Event::Reply(reply) => {
                progress.replied |= wire::belongs(&reply, self.request);
                progress.settle();
            }
            Event::Question(question) => {
                self.write(progress.stream.take());
                progress.asks = true;
                self.client.ask(self.request, wire::content(&question).clone());
            }
            Event::Said(Said::Message(message)) => {
                self.receive(message, progress);
                progress.settle();
            }
            Event::Said(Said::Error(text)) => {
                self.receive_errors(&text, progress);
                progress.settle();
            }
            Event::Broadcast(message) if wire::belongs(&message, self.request) => {
                self.hear(&message, progress);
            }
            // Of another cell, or of none.
            Event::Broadcast(message) => self.client.pass_on(message),
        }
    }

    fn hear(&self, message: &JupyterMessage, progress: &mut Progress) {
        match message.header.msg_type.as_str() {
            "status" => {
                progress.idle |= wire::text(message, "execution_state") == "idle";
                progress.settle();
            }
            // The client was told already, with its own count.
            "execute_input" => {}
            "stream" => {
                let (name, text) = (wire::text(message, "name"), wire::text(message, "text"));
                self.write(progress.stream.push(name, text));
                progress.settle();
            }
            "error" => progress.errors.push(wire::content(message).clone()),
            "execute_result" if self.audience == Audience::Nobody => {
                progress.value = Some(wire::content(message)["data"].clone());
            }
            "execute_result" if self.audience == Audience::SilentlyEverybody => {}
            kind => {
                let mut content = wire::content(message).clone();
                if content.get("execution_count").is_some() {
                    content["execution_count"] = self.count.into();
                }
                self.publish(kind, content, progress);
            }
        }
    }

    fn receive(&self, message: Message, progress: &mut Progress) {
        match message {
            Message::End => progress.complete = true,
            Message::Stopping => progress.notice(),
            Message::Panicked { message, location } => {
                progress.failed = Some(Failed::Panicked(message, location));
            }
            Message::Returned => progress.failed = Some(Failed::Returned),
            Message::Write { text } => self.write(progress.stream.push("stdout", &text)),
            Message::Interact { id, program, controls, data } => {
                self.write(progress.stream.take());
                if self.audience != Audience::Nobody {
                    self.widgets.open(Some(self.request), id, program, controls, data);
                }
            }
            output => {
                if let Some((kind, content)) = shown(output, self.mark) {
                    self.publish(kind, content, progress);
                }
            }
        }
    }

    /// Text on standard error, in which one error may be marked.
    fn receive_errors(&self, text: &str, progress: &mut Progress) {
        for (index, part) in text.split(ERROR).enumerate() {
            if index > 0 {
                progress.explains = !progress.explains;
                if progress.explains {
                    progress.explanation.clear();
                }
            }
            match progress.explains {
                true => progress.explanation += part,
                false => self.write(progress.stream.push("stderr", part)),
            }
        }
    }

    /// Shows something below all that was printed before.
    fn publish(&self, kind: &str, content: Value, progress: &mut Progress) {
        self.write(progress.stream.take());
        if self.audience != Audience::Nobody {
            self.client.publish(kind, content, Some(self.request));
        }
    }

    fn write(&self, written: Option<Written>) {
        if let Some((name, text)) = written.filter(|_| self.audience != Audience::Nobody) {
            let content = json!({"name": name, "text": text});
            self.client.publish("stream", content, Some(self.request));
        }
    }

    /// A first interrupt asks, a second one does not ask any more.
    async fn interrupt(&self, backend: &mut Backend, progress: &mut Progress) {
        match progress.stopping {
            Stopping::Not if !progress.asks => {
                // A cell that cannot be asked is ended.
                if fs::write(self.interrupt, []).is_err() {
                    return self.end_by_force(backend, progress).await;
                }
                progress.not_begun = self.workspace().is_some_and(interrupt_cargo);
                progress.stopping = Stopping::Asked;
                progress.deadline = Some(Instant::now() + TO_NOTICE);
            }
            Stopping::Forced { .. } => {}
            _ => self.end_by_force(backend, progress).await,
        }
    }

    async fn wake(&self, backend: &mut Backend, progress: &mut Progress) {
        let now = Instant::now();
        if let Some(changes) = self.workspace().and_then(library::take_changes) {
            let text = CellError::announce_new_library(&changes, &self.held_variables(progress));
            self.write(progress.stream.push("stderr", &text));
        }
        if progress.stream.deadline().is_some_and(|deadline| deadline <= now) {
            self.write(progress.stream.take());
        }
        if progress.deadline.is_some_and(|deadline| deadline <= now) {
            progress.deadline = None;
            match progress.stopping {
                _ if progress.replied && progress.idle => progress.complete = true,
                Stopping::Asked | Stopping::Noticed => self.end_by_force(backend, progress).await,
                Stopping::Not | Stopping::Forced { .. } => {}
            }
        }
    }

    async fn end_by_force(&self, backend: &mut Backend, progress: &mut Progress) {
        progress.stopping = Stopping::Forced { lost: self.held_variables(progress) };
        progress.deadline = None;
        let _ = backend.interrupt().await;
        if std::mem::take(&mut progress.asks) {
            // The backend waits for the reader, and notices nothing else meanwhile.
            let reply = wire::message("input_reply", json!({"value": ""}), Some(self.request));
            let _ = backend.answer(reply).await;
        }
    }

    fn end(&self, mut progress: Progress) -> Ended {
        self.write(progress.stream.take());
        let _ = fs::remove_file(self.interrupt);
        let replaced = self.settle_library(&mut progress);
        let interrupted = progress.stopping != Stopping::Not;
        let held = self.held_variables(&progress);
        let said = progress.errors.iter().filter_map(|error| error["evalue"].as_str());
        let ended = said.into_iter().find(|text| text.contains("Subprocess terminated"));
        let error = match (&progress.backend_ended, &progress.stopping, ended) {
            (Some(how), ..) => Some(CellError::backend(how, true)),
            (None, Stopping::Forced { lost }, _) => Some(CellError::killed(lost)),
            _ if interrupted && replaced => {
                Some(CellError::not_begun(&[self.lost, &held].concat()))
            }
            (None, _, Some(how)) => Some(CellError::ended(how, &held)),
            _ if progress.not_begun && !progress.errors.is_empty() => {
                Some(CellError::not_begun(self.lost))
            }
            _ if !progress.errors.is_empty() => Some(CellError::compilation(
                &progress.errors,
                self.count,
                wire::text(self.request, "code"),
            )),
            _ => match &progress.failed {
                Some(failed) => Some(self.explain(failed, &progress.explanation)),
                None => interrupted.then(CellError::stopped),
            },
        };
        let forced = matches!(progress.stopping, Stopping::Forced { .. });
        let has_run = progress.backend_ended.is_none() && progress.errors.is_empty() && !forced;
        let variables = has_run.then(|| self.variables_after(&progress)).flatten();
        Ended {
            error,
            value: progress.value,
            variables,
            program_restarted: forced || ended.is_some(),
            backend_ended: progress.backend_ended,
            library_replaced: (replaced && !forced).then_some(held),
            interrupted,
        }
    }

    /// The variables that there are after a cell that has run, unless they are as they were.
    fn variables_after(&self, progress: &Progress) -> Option<Vec<String>> {
        let program = self.program();
        let cell = CompiledCell { written: "", earlier: &[], program: &program };
        if progress.failed.is_none() {
            return cell.variables_after();
        }
        // It has defined none, and what it moves does not come back.
        let moved = cell.moved();
        Some(self.variables.iter().filter(|name| !moved.contains(name)).cloned().collect())
    }

    /// After a compilation that was ended, puts the library back that is loaded. Whether it is loaded
    /// no more, because another has taken its place.
    fn settle_library(&self, progress: &mut Progress) -> bool {
        let Some(workspace) = self.workspace() else { return false };
        progress.not_begun |= was_refused(workspace);
        if progress.not_begun
            && let Err(failure) = library::keep_loaded(workspace)
        {
            progress.backend_ended.get_or_insert(failure.to_string());
        }
        library::was_replaced(workspace)
    }

    fn workspace(&self) -> Option<&Path> {
        self.tree.as_ref().and_then(|tree| tree.parent())
    }

    fn explain(&self, failed: &Failed, explanation: &str) -> CellError {
        let program = self.program();
        let (written, earlier) = (wire::text(self.request, "code"), self.state.cells());
        let cell = CompiledCell { written, earlier: &earlier, program: &program };
        let error = match failed {
            Failed::Panicked(message, location) => {
                CellError::panicked(message, location.as_ref(), cell)
            }
            Failed::Returned => CellError::returned(explanation, cell),
        };
        error.with_moved(&cell.moved())
    }

    /// The variables that are lost if the program ends.
    fn held_variables(&self, progress: &Progress) -> Vec<String> {
        let program = self.program();
        let held = CompiledCell { written: "", earlier: &[], program: &program }.variables();
        // A cell without code holds none, and what is not compiled yet has left the last program.
        match held.is_empty() || program == progress.earlier_program {
            true => self.variables.to_vec(),
            false => held,
        }
    }

    /// The program that the backend made of the cell.
    fn program(&self) -> String {
        let tree = self.tree.as_ref();
        tree.and_then(|tree| fs::read_to_string(tree.join("src/lib.rs")).ok()).unwrap_or_default()
    }
}

impl Progress {
    fn is_over(&self) -> bool {
        self.backend_ended.is_some() || (self.replied && self.idle && self.complete)
    }

    /// When the backend is done, what is still on its way gets a moment.
    fn settle(&mut self) {
        if !(self.replied && self.idle) {
            return;
        }
        self.deadline = Some(Instant::now() + TO_ARRIVE);
    }

    fn notice(&mut self) {
        if self.stopping == Stopping::Asked {
            self.stopping = Stopping::Noticed;
            self.deadline = Some(Instant::now() + TO_RETURN);
        }
    }

    fn next_deadline(&self) -> Instant {
        let deadlines = [self.stream.deadline(), self.deadline];
        let news = Instant::now() + NEWS;
        deadlines.into_iter().flatten().fold(news, Instant::min)
    }
}
