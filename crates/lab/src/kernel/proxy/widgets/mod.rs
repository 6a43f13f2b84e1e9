//! Controls that a reader moves: their models in Jupyter's widgets protocol, and the messages of
//! clients about these.
//!
//! The program [announces](inorm_core::protocol::Message::Interact) controls and a value. They
//! become one model for each control, one for the value, and a column of all; each is a comm of
//! its own. Clients are answered from the models kept here, at any time, whether or not a cell
//! runs. A change goes to the program through a socket, and its new value comes back the same way.
//! Then clients get the new value, the change itself, and `idle`, in this order: a client sends
//! the next change after `idle`.

mod models;
mod saved;

use super::front::Client;
use super::log::Log;
use super::session_state::SessionState;
use crate::kernel::wire;
use inorm_core::controls::{Answer, Command, Control, Kind};
use inorm_core::protocol::Mark;
use jupyter_protocol::JupyterMessage;
use models::Model;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The target of the comms of models.
const MODELS: &str = "jupyter.widget";

/// The target of a comm on which a client asks for all models.
const MANAGERS: &str = "jupyter.widget.control";

/// The version of the protocol between models and views.
const VERSION: &str = "2.1.0";

/// Pages that were reloaded do not always say that they are gone.
const MOST_MANAGERS: usize = 64;

/// How long a change may stay without an answer, before a client may send the next.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long after the last answer what is saved with the notebook is replaced.
const SAVE_DELAY: Duration = Duration::from_millis(400);

/// The controls of one kernel.
#[derive(Clone)]
pub struct Widgets {
    client: Client,
    state: SessionState,
    mark: Mark,
    log: Log,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// By name.
    open: BTreeMap<String, Interaction>,
    /// Where commands for the programs go, by their process ids.
    programs: BTreeMap<u32, UnboundedSender<Command>>,
    /// The comms on which clients ask for all models.
    managers: VecDeque<String>,
    changes: u64,
}

/// Some controls, and the value below them.
struct Interaction {
    /// Its id in the program.
    id: String,
    program: u32,
    /// The cell that shows it.
    request: JupyterMessage,
    controls: Vec<Control>,
    values: Vec<Value>,
    /// What is shown, by format.
    data: Map<String, Value>,
    /// Changes without an answer.
    pending: Vec<Pending>,
    /// How often `data` was replaced, and how often it had been when it was last saved.
    shown: u64,
    saved: u64,
}

struct Pending {
    change: u64,
    request: JupyterMessage,
    /// The comm of what was changed, and the state that the client sent.
    echo: Option<(String, Value)>,
}

impl Widgets {
    /// None yet.
    pub fn new(client: Client, state: SessionState, mark: Mark, log: Log) -> Self {
        Self { client, state, mark, log, inner: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Exchanges messages with a program until it ends.
    pub async fn serve(self, stream: UnixStream) {
        let peer = stream.peer_cred().ok().and_then(|peer| u32::try_from(peer.pid()?).ok());
        let Some(program) = peer else { return };
        let (reader, mut writer) = stream.into_split();
        let (sender, mut commands) = unbounded_channel::<Command>();
        self.lock().programs.insert(program, sender);
        tokio::spawn(async move {
            while let Some(command) = commands.recv().await {
                let mut line = serde_json::to_vec(&command).expect("it is text and numbers");
                line.push(b'\n');
                // If the program has ended, the loop below ends, too.
                let _ = writer.write_all(&line).await;
            }
        });
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(shown) => self.show(shown),
                Err(error) => self.log.note(|| format!("not an answer of a program: {error}")),
            }
        }
        let mut inner = self.lock();
        inner.programs.remove(&program);
        self.close_those(&mut inner, |interaction| interaction.program == program);
    }

    /// Shows controls in the output of a cell.
    pub fn open(
        &self,
        request: Option<&JupyterMessage>,
        id: String,
        program: u32,
        controls: Vec<Control>,
        data: Map<String, Value>,
    ) {
        let Some(request) = request else { return };
        let (name, request) = (self.mark.display_id(&id), request.clone());
        let values = controls.iter().map(|control| control.start.clone()).collect();
        let (pending, shown, saved) = (Vec::new(), 0, 0);
        let interaction =
            Interaction { id, program, request, controls, values, data, pending, shown, saved };
        let mut inner = self.lock();
        for (comm, model) in interaction.models(&name) {
            let data = json!({"state": model.state, "buffer_paths": []});
            let content = json!({"comm_id": comm, "target_name": MODELS, "data": data});
            let mut message = wire::message("comm_open", content, Some(&interaction.request));
            message.metadata = json!({"version": VERSION});
            self.client.pass_on(message);
        }
        let view = json!({"version_major": 2, "version_minor": 0,
            "model_id": models::column_of(&name)});
        let data = json!({"application/vnd.jupyter.widget-view+json": view,
            "text/plain": interaction.labels()});
        let content = json!({"data": data, "metadata": {}});
        self.client.publish("display_data", content, Some(&interaction.request));
        self.save("display_data", &name, &interaction);
        inner.open.insert(name, interaction);
    }

    /// Answers a message about models; false if it is about something else.
    pub fn answer(&self, request: &JupyterMessage) -> bool {
        let comm = wire::text(request, "comm_id");
        let target = wire::text(request, "target_name");
        let mut inner = self.lock();
        match request.header.msg_type.as_str() {
            "comm_info_request" => {
                self.state.reply(&self.client, request, inner.info(target));
                return true;
            }
            "comm_msg" | "comm_close" if comm.starts_with(self.mark.as_str()) => {
                self.answer_model(&mut inner, comm, request);
                return true;
            }
            "comm_open" if target == MANAGERS => {
                inner.managers.push_back(comm.to_owned());
                if inner.managers.len() > MOST_MANAGERS {
                    inner.managers.pop_front();
                }
            }
            // Only the program makes models.
            "comm_open" if target == MODELS => {
                self.client.publish(
                    "comm_close",
                    json!({"comm_id": comm, "data": {}}),
                    Some(request),
                );
            }
            "comm_msg" if inner.managers.iter().any(|manager| manager == comm) => {
                if method(request) == "request_states" {
                    self.publish(comm, "update_states", "states", inner.states(), request);
                }
            }
            "comm_close" if inner.managers.iter().any(|manager| manager == comm) => {
                inner.managers.retain(|manager| manager != comm);
            }
            _ => return false,
        }
        self.state.finish(&self.client, request);
        true
    }

    /// Answers a message about one of our models.
    fn answer_model(&self, inner: &mut Inner, comm: &str, request: &JupyterMessage) {
        let name = models::name_of(comm);
        let mut is_pending = false;
        match inner.open.get_mut(name) {
            None => self.log.note(|| format!("{comm} is closed already")),
            Some(_) if request.header.msg_type == "comm_close" => {
                self.close_those(inner, |interaction| {
                    self.mark.display_id(&interaction.id) == name
                });
            }
            Some(interaction) if method(request) == "request_state" => {
                let model = interaction.models(name).into_iter().find(|(id, _)| id == comm);
                let state = model.map_or(Value::Null, |(_, model)| model.state);
                self.publish(comm, "update", "state", state, request);
            }
            Some(interaction) => {
                let data = &wire::content(request)["data"];
                match models::index_of(comm).and_then(|index| interaction.change(index, data)) {
                    Some(true) => is_pending = self.set(inner, name, comm, request),
                    // It has this value already.
                    Some(false) => self.echo(comm, &data["state"], request),
                    None => self.log.note(|| format!("{comm} cannot be set to {data}")),
                }
            }
        }
        if !is_pending {
            self.state.finish(&self.client, request);
        }
    }

    /// Passes a change on to the program; false if that has ended.
    fn set(&self, inner: &mut Inner, name: &str, comm: &str, request: &JupyterMessage) -> bool {
        inner.changes += 1;
        let change = inner.changes;
        let Some(interaction) = inner.open.get_mut(name) else { return false };
        let (id, values) = (interaction.id.clone(), interaction.values.clone());
        let program = inner.programs.get(&interaction.program);
        let command = Command::Set { id, change, values };
        if program.is_none_or(|program| program.send(command).is_err()) {
            self.close_those(inner, |interaction| self.mark.display_id(&interaction.id) == name);
            return false;
        }
        let state = &wire::content(request)["data"]["state"];
        let echo = state.is_object().then(|| (comm.to_owned(), state.clone()));
        interaction.pending.push(Pending { change, request: request.clone(), echo });
        let (widgets, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(ANSWER_TIMEOUT).await;
            if let Some(interaction) = widgets.lock().open.get_mut(&name) {
                widgets.release(interaction, change);
            }
        });
        true
    }

    /// Shows the answer of a program.
    fn show(&self, shown: Answer) {
        let name = self.mark.display_id(&shown.id);
        let mut inner = self.lock();
        let Some(interaction) = inner.open.get_mut(&name) else { return };
        interaction.data = shown.data;
        interaction.shown += 1;
        let latest = interaction.pending.iter().rfind(|pending| pending.change <= shown.change);
        let request = latest.map_or(&interaction.request, |pending| &pending.request);
        let state = json!({"outputs": models::outputs(&interaction.data)});
        self.publish(&models::value_of(&name), "update", "state", state, request);
        self.release(interaction, shown.change);
        let (widgets, count) = (self.clone(), interaction.shown);
        tokio::spawn(async move {
            tokio::time::sleep(SAVE_DELAY).await;
            let mut inner = widgets.lock();
            let interaction = inner.open.get_mut(&name);
            if let Some(interaction) = interaction.filter(|it| it.shown == count) {
                interaction.saved = count;
                widgets.save("update_display_data", &name, interaction);
            }
        });
    }

    /// Ends the requests of this change, and of those before it.
    fn release(&self, interaction: &mut Interaction, change: u64) {
        let all = std::mem::take(&mut interaction.pending).into_iter();
        let (answered, pending): (Vec<_>, _) = all.partition(|pending| pending.change <= change);
        interaction.pending = pending;
        for Pending { request, echo, .. } in answered {
            if let Some((comm, state)) = echo {
                self.echo(&comm, &state, &request);
            }
            self.state.finish(&self.client, &request);
        }
    }

    fn echo(&self, comm: &str, state: &Value, request: &JupyterMessage) {
        self.publish(comm, "echo_update", "state", state.clone(), request);
    }

    fn publish(&self, comm: &str, method: &str, name: &str, value: Value, cause: &JupyterMessage) {
        let data = json!({"method": method, name: value, "buffer_paths": []});
        self.client.publish("comm_msg", json!({"comm_id": comm, "data": data}), Some(cause));
    }

    /// Shows the copy of the value that is saved with the notebook.
    fn save(&self, kind: &str, name: &str, interaction: &Interaction) {
        let data = saved::formats(name, &interaction.describe(), &interaction.data);
        let content = json!({"data": data, "metadata": {}, "transient": {"display_id": name}});
        self.client.publish(kind, content, Some(&interaction.request));
    }

    /// Closes the controls of a cell that is executed again, and of those that were deleted.
    pub fn close_replaced(&self, request: &JupyterMessage) {
        let metadata = &request.metadata;
        let deleted = metadata["deletedCells"].as_array().cloned().unwrap_or_default();
        let is_gone = |cell: &Value| {
            cell.is_string() && (*cell == metadata["cellId"] || deleted.contains(cell))
        };
        let mut inner = self.lock();
        self.close_those(&mut inner, |interaction| {
            is_gone(&interaction.request.metadata["cellId"])
        });
    }

    /// Closes all controls.
    pub fn close(&self) {
        self.close_those(&mut self.lock(), |_| true);
    }

    fn close_those(&self, inner: &mut Inner, is_gone: impl Fn(&Interaction) -> bool) {
        let all = std::mem::take(&mut inner.open).into_iter();
        let (gone, open): (BTreeMap<_, _>, _) =
            all.partition(|(_, interaction)| is_gone(interaction));
        inner.open = open;
        for (name, mut interaction) in gone {
            self.release(&mut interaction, u64::MAX);
            if interaction.saved < interaction.shown {
                self.save("update_display_data", &name, &interaction);
            }
            for (comm, _) in interaction.models(&name).into_iter().rev() {
                let content = json!({"comm_id": comm, "data": {}});
                self.client.publish("comm_close", content, Some(&interaction.request));
            }
            if let Some(program) = inner.programs.get(&interaction.program) {
                let _ = program.send(Command::Close { id: interaction.id });
            }
        }
    }
}

impl Inner {
    /// The comms with this target, or all.
    fn info(&self, target: &str) -> Value {
        let models = self.open.iter().filter(|_| ["", MODELS].contains(&target));
        let models = models.flat_map(|(name, interaction)| interaction.models(name));
        let comms = models.map(|(comm, _)| (comm, json!({"target_name": MODELS})));
        json!({"status": "ok", "comms": comms.collect::<Map<_, _>>()})
    }

    /// All models.
    fn states(&self) -> Value {
        let models = self.open.iter().flat_map(|(name, interaction)| interaction.models(name));
        models.map(|(comm, model)| (comm, model.described())).collect::<Map<_, _>>().into()
    }
}

impl Interaction {
    /// By their comms; those that others consist of come first.
    fn models(&self, name: &str) -> Vec<(String, Model)> {
        models::of(name, &self.controls, &self.values, &self.data)
    }

    /// What stands in the place of the controls in a client that does not know widgets.
    fn labels(&self) -> String {
        let labels: Vec<_> = self.controls.iter().map(|control| control.label.as_str()).collect();
        format!("controls: {}", labels.join(", "))
    }

    /// What is set, in words.
    fn describe(&self) -> String {
        let set = self.controls.iter().zip(&self.values);
        set.map(|(control, value)| control.describe(value)).collect::<Vec<_>>().join(", ")
    }

    /// Applies a client's message to a control; whether that changed it, or nothing if it is not
    /// a message that can be applied.
    fn change(&mut self, index: usize, data: &Value) -> Option<bool> {
        let (control, value) = (self.controls.get(index)?, self.values.get_mut(index)?);
        let next = match (&control.kind, data["method"].as_str()?) {
            (Kind::Button, "custom") if data["content"]["event"] == "click" => {
                (value.as_u64()? + 1).into()
            }
            (Kind::Button, _) => return None,
            (_, "update") => data["state"][models::key(control)].clone(),
            _ => return None,
        };
        control.accepts(&next).then(|| std::mem::replace(value, next.clone()) != next)
    }
}

/// The method of a message about a model.
fn method(request: &JupyterMessage) -> &str {
    wire::content(request)["data"]["method"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::proxy::front::Sent;
    use tokio::io::AsyncReadExt;

    const CHANGED: &str = "inorm-word-1-1-0";

    struct Fixture {
        widgets: Widgets,
        sent: Sent,
        program: UnixStream,
    }

    impl Fixture {
        /// Two controls, and the other end of the socket.
        async fn new() -> Self {
            let (client, sent) = Client::without_sockets();
            let mark = Mark::new("word");
            let widgets = Widgets::new(client, SessionState::default(), mark, Log::Quiet);
            let (program, kernel) = UnixStream::pair().unwrap();
            tokio::spawn(widgets.clone().serve(kernel));
            while widgets.lock().programs.is_empty() {
                tokio::task::yield_now().await;
            }
            let control =
                |label: &str, kind, start: Value| Control { label: label.to_owned(), kind, start };
            let controls = vec![
                control("ε", Kind::Real { min: 0.0, max: 1.0, step: 0.1 }, json!(0.0)),
                control("again", Kind::Button, json!(0)),
            ];
            let mut cell = request("execute_request", json!({}));
            cell.metadata = json!({"cellId": "a"});
            widgets.open(Some(&cell), "1-1".to_owned(), std::process::id(), controls, text("0"));
            Self { widgets, sent, program }
        }

        fn ask(&self, kind: &str, content: Value) -> bool {
            self.widgets.answer(&request(kind, content))
        }

        fn move_to(&self, value: impl Into<Value>) {
            let state = json!({"value": value.into()});
            let data = json!({"method": "update", "state": state, "buffer_paths": []});
            assert!(self.ask("comm_msg", json!({"comm_id": CHANGED, "data": data})));
        }

        /// What was published since the last call, in short.
        fn published(&mut self) -> Vec<String> {
            let short = |message: &JupyterMessage| {
                let content = wire::content(message);
                let word = ["execution_state", "comm_id"]
                    .into_iter()
                    .find_map(|name| content[name].as_str());
                let kind = content["data"]["method"].as_str().unwrap_or(&message.header.msg_type);
                let word = word.map(|word| word.rsplit('-').next().unwrap_or(word));
                format!("{kind} {}", word.unwrap_or("")).trim_end().to_owned()
            };
            std::iter::from_fn(|| self.sent.next()).map(|message| short(&message)).collect()
        }

        async fn command(&mut self) -> Command {
            let mut line = Vec::new();
            while line.last() != Some(&b'\n') {
                line.push(self.program.read_u8().await.unwrap());
            }
            serde_json::from_slice(&line).unwrap()
        }

        async fn answer(&mut self, change: u64, shown: &str) {
            let shown = Answer { id: "1-1".to_owned(), change, data: text(shown) };
            let line = serde_json::to_string(&shown).unwrap() + "\n";
            let before = self.widgets.lock().open["inorm-word-1-1"].shown;
            self.program.write_all(line.as_bytes()).await.unwrap();
            while self.widgets.lock().open["inorm-word-1-1"].shown == before {
                tokio::task::yield_now().await;
            }
        }
    }

    fn request(kind: &str, content: Value) -> JupyterMessage {
        wire::message(kind, content, None)
    }

    fn text(shown: &str) -> Map<String, Value> {
        Map::from_iter([("text/plain".to_owned(), shown.into())])
    }

    #[tokio::test]
    async fn a_change_is_answered_with_the_value_the_change_and_idle_in_this_order() {
        let mut fixture = Fixture::new().await;
        let opened = ["comm_open 0", "comm_open 1", "comm_open value", "comm_open column"];
        assert_eq!(fixture.published(), [&opened[..], &["display_data", "display_data"]].concat());
        fixture.move_to(0.5);
        assert!(fixture.published().is_empty());
        let values = vec![json!(0.5), json!(0)];
        assert_eq!(
            fixture.command().await,
            Command::Set { id: "1-1".to_owned(), change: 1, values }
        );
        fixture.answer(1, "half").await;
        assert_eq!(fixture.published(), ["update value", "echo_update 0", "status idle"]);
        tokio::time::sleep(SAVE_DELAY * 2).await;
        assert_eq!(fixture.published(), ["update_display_data"]);
        fixture.move_to(0.5);
        assert_eq!(fixture.published(), ["echo_update 0", "status idle"]);
    }

    #[tokio::test]
    async fn changes_that_come_together_are_answered_together() {
        let mut fixture = Fixture::new().await;
        fixture.published();
        (1..=9).for_each(|tenth| fixture.move_to(f64::from(tenth) / 10.0));
        let click = json!({"method": "custom", "content": {"event": "click"}});
        fixture.ask("comm_msg", json!({"comm_id": "inorm-word-1-1-1", "data": click}));
        fixture.answer(8, "8").await;
        let each = ["echo_update 0", "status idle"].repeat(8);
        assert_eq!(fixture.published(), [vec!["update value"], each].concat());
        fixture.answer(10, "10").await;
        let rest = ["update value", "echo_update 0", "status idle", "status idle"];
        assert_eq!(fixture.published(), rest);
        for _ in 0..9 {
            fixture.command().await;
        }
        let values = vec![json!(0.9), json!(1)];
        assert_eq!(
            fixture.command().await,
            Command::Set { id: "1-1".to_owned(), change: 10, values }
        );
    }

    #[tokio::test]
    async fn a_program_that_does_not_answer_keeps_nobody_waiting() {
        let mut fixture = Fixture::new().await;
        fixture.published();
        fixture.move_to(0.5);
        tokio::time::sleep(ANSWER_TIMEOUT - SAVE_DELAY).await;
        assert!(fixture.published().is_empty());
        tokio::time::sleep(SAVE_DELAY * 2).await;
        assert_eq!(fixture.published(), ["echo_update 0", "status idle"]);
        fixture.answer(1, "late").await;
        assert_eq!(fixture.published(), ["update value"]);
    }

    #[tokio::test]
    async fn all_is_closed_when_the_program_ends_or_the_cell_is_run_again() {
        let closed = ["column", "value", "1", "0"].map(|model| format!("comm_close {model}"));
        let mut fixture = Fixture::new().await;
        fixture.published();
        let mut another = request("execute_request", json!({}));
        another.metadata = json!({"cellId": "b", "deletedCells": ["c"]});
        fixture.widgets.close_replaced(&another);
        assert!(fixture.published().is_empty());
        another.metadata = json!({"cellId": "b", "deletedCells": ["a"]});
        fixture.widgets.close_replaced(&another);
        assert_eq!(fixture.published(), closed);
        assert_eq!(fixture.command().await, Command::Close { id: "1-1".to_owned() });
        fixture.move_to(0.5);
        assert_eq!(fixture.published(), ["status idle"]);

        let mut fixture = Fixture::new().await;
        fixture.published();
        fixture.move_to(0.5);
        drop(std::mem::replace(&mut fixture.program, UnixStream::pair().unwrap().0));
        while !fixture.widgets.lock().open.is_empty() {
            tokio::task::yield_now().await;
        }
        let answered = ["echo_update 0", "status idle"].map(str::to_owned);
        assert_eq!(fixture.published(), [&answered[..], &closed[..]].concat());
    }

    #[tokio::test]
    async fn a_page_that_is_opened_again_gets_all_models() {
        let mut fixture = Fixture::new().await;
        fixture.published();
        assert!(fixture.ask("comm_open", json!({"comm_id": "m", "target_name": MANAGERS})));
        let data = json!({"method": "request_states"});
        assert!(fixture.ask("comm_msg", json!({"comm_id": "m", "data": data})));
        assert!(fixture.ask("comm_close", json!({"comm_id": "m", "data": {}})));
        let expected = ["status idle", "update_states m", "status idle", "status idle"];
        assert_eq!(fixture.published(), expected);
        let inner = fixture.widgets.lock();
        let info = inner.info("")["comms"].as_object().unwrap().clone();
        assert_eq!(inner.states().as_object().unwrap().len(), 4);
        assert!(info.len() == 4 && inner.managers.is_empty());
        assert_eq!(inner.info("another")["comms"], json!({}));
    }

    #[tokio::test]
    async fn what_cannot_be_set_changes_nothing_and_gets_one_idle() {
        let mut fixture = Fixture::new().await;
        fixture.published();
        for data in [
            json!(null),
            json!([1]),
            json!({"method": 3}),
            json!({"method": "dance"}),
            json!({"method": "update"}),
            json!({"method": "update", "state": {"value": 2}}),
            json!({"method": "update", "state": {"value": {"a": "x".repeat(100_000)}}}),
            json!({"method": "custom", "content": {"event": "click"}}),
        ] {
            for part in ["0", "value", "column", "7", "-1", ""] {
                let comm = format!("inorm-word-1-1-{part}");
                assert!(fixture.ask("comm_msg", json!({"comm_id": comm, "data": data})));
                assert_eq!(fixture.published(), ["status idle"], "{data} {part}");
            }
        }
        assert_eq!(fixture.widgets.lock().open["inorm-word-1-1"].values, [json!(0.0), json!(0)]);
        // A comm of that name does not take the place of a model.
        assert!(fixture.ask("comm_open", json!({"comm_id": CHANGED, "target_name": MANAGERS})));
        assert_eq!(fixture.published(), ["status idle"]);
        fixture.move_to(0.0);
        assert_eq!(fixture.published(), ["echo_update 0", "status idle"]);
        assert!(fixture.ask("comm_open", json!({"comm_id": "x", "target_name": MODELS})));
        assert_eq!(fixture.published(), ["comm_close x", "status idle"]);
        for foreign in ["comm_open", "comm_msg", "comm_close", "execute_request"] {
            assert!(!fixture.ask(foreign, json!({"comm_id": "x", "target_name": "another"})));
        }
    }
}
