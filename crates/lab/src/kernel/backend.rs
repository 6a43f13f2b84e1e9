//! The Rust kernel behind ours, as seen by its only client.

use super::cargo::CargoHome;
use super::pipes::{Pipes, Said};
use super::running::Running;
use super::secret::random_hex;
use super::wire;
use crate::compilation::Toolchain;
use crate::reaper::Group;
use inorm_core::files::write_private;
use inorm_core::{Context, Failure, Outcome};
use jupyter_protocol::{ConnectionInfo, JupyterMessage, Transport};
use jupyter_zmq_client::{
    ClientControlConnection, ClientIoPubConnection, ClientShellConnection, ClientStdinConnection,
    Connection, DealerSendConnection, RuntimeError, create_client_control_connection,
    create_client_iopub_connection, create_client_shell_connection_with_identity,
    create_client_stdin_connection_with_identity, peek_ports_with_listeners,
    peer_identity_for_session,
};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;
use tokio::task::JoinSet;
use zeromq::SocketRecv;

/// How often a kernel that is starting is asked whether it is there.
const PATIENCE: Duration = Duration::from_millis(50);

/// Messages that wait to be passed on; a backend that says more has to wait itself.
const WAITING: usize = 4096;

/// A Rust kernel, started and connected.
pub struct Backend {
    // Ends with the backend, and whatever it has started with it.
    _group: Group,
    ended: watch::Receiver<Option<String>>,
    shell: DealerSendConnection,
    control: DealerSendConnection,
    stdin: DealerSendConnection,
    events: Receiver<Event>,
    pipes: Option<Pipes>,
    /// What comes after all that the program has said before, and how much of that may still come.
    held: Option<(Event, usize)>,
    // Each reads a connection until the backend is dropped.
    _readers: JoinSet<()>,
}

/// How much of what a program says without pause comes before what the backend says.
const AT_ONCE: usize = 4096;

/// What a backend has to say, or the program in which it runs the cells.
pub enum Event {
    /// To everyone.
    Broadcast(JupyterMessage),
    /// The answer to a request.
    Reply(JupyterMessage),
    /// A question to the reader.
    Question(JupyterMessage),
    /// Past the backend.
    Said(Said),
    /// Its process has ended, and how.
    Ended(String),
}

impl Backend {
    /// Starts the kernel `program` on the build results in `tree`, for code in `folder`. What it
    /// and the compiler say goes line by line to `log`.
    pub async fn start(
        toolchain: &Toolchain,
        running: &Running,
        program: &Path,
        tree: &Path,
        folder: &Path,
        variables: &[(&str, String)],
        log: impl FnMut(String) + Send + 'static,
    ) -> Outcome<Self> {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (ports, listeners) = peek_ports_with_listeners(address, 5).await.map_err(protocol)?;
        let info = connection_info(address, &ports);
        // It has the key to the kernel: for the owner alone.
        let file = running.join("backend.json");
        write_private(&file, serde_json::to_vec(&info).expect("it is made of text and numbers"))?;
        let cargo = CargoHome::make(&running.join("cargo"))?;
        let mut command = toolchain.backend(program, tree, folder);
        command.env("CARGO_HOME", &cargo.directory).env("PATH", cargo.path());
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.arg("--control_file").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // It binds these very ports now.
        drop(listeners);
        let (mut process, group) = running.reaper.spawn(&mut command).context("run", program)?;
        if let Some(output) = process.stderr.take() {
            let lines = BufReader::new(output).lines();
            std::thread::spawn(|| lines.map_while(Result::ok).for_each(log));
        }
        let mut backend = Self::connect(&info, process, group).await?;
        backend.wait_until_ready().await?;
        let builds = format!(":build_env CARGO_HOME={}", cargo.original.display());
        backend.execute(&builds).await?;
        Ok(backend)
    }

    /// From now on what the program that runs the cells says is heard.
    pub fn listen_to(&mut self, pipes: Pipes) {
        self.pipes = Some(pipes);
    }

    /// Connects to a kernel as soon as it listens.
    async fn connect(info: &ConnectionInfo, process: Child, group: Group) -> Outcome<Self> {
        let (sender, events) = mpsc::channel(WAITING);
        let ended = watch_over(process, sender.clone());
        let (shell, iopub, control, stdin) = loop {
            if let Some(how) = ended.borrow().clone() {
                return Err(Failure::new(how));
            }
            match tokio::time::timeout(PATIENCE * 100, connections(info)).await {
                Ok(Ok(connections)) => break connections,
                _ => tokio::time::sleep(PATIENCE).await,
            }
        };
        let (shell, replies) = shell.split();
        let (control, acknowledgements) = control.split();
        let (stdin, questions) = stdin.split();
        let mut readers = JoinSet::new();
        readers.spawn(listen(iopub, sender.clone(), Event::Broadcast));
        readers.spawn(listen(replies, sender.clone(), Event::Reply));
        readers.spawn(listen(acknowledgements, sender.clone(), Event::Reply));
        readers.spawn(listen(questions, sender, Event::Question));
        let (pipes, held, _readers, _group) = (None, None, readers, group);
        Ok(Self { _group, ended, shell, control, stdin, events, pipes, held, _readers })
    }

    /// Sends a request of a client, under the client's own name.
    pub async fn send(&mut self, request: &JupyterMessage) -> Outcome {
        send(&mut self.shell, request.clone()).await
    }

    /// Sends what the reader typed.
    pub async fn answer(&mut self, reply: JupyterMessage) -> Outcome {
        send(&mut self.stdin, reply).await
    }

    /// Ends what runs; every variable is lost.
    pub async fn interrupt(&mut self) -> Outcome {
        send(&mut self.control, wire::message("interrupt_request", json!({}), None)).await
    }

    pub async fn next(&mut self) -> Event {
        let ended = || Event::Ended("the Rust kernel has ended".to_owned());
        let Some(pipes) = &mut self.pipes else {
            return self.events.recv().await.unwrap_or_else(ended);
        };
        let (event, left) = match self.held.take() {
            Some(held) => held,
            None => tokio::select! {
                said = pipes.next() => return Event::Said(said),
                event = self.events.recv() => (event.unwrap_or_else(ended), AT_ONCE),
            },
        };
        match pipes.try_next().filter(|_| left > 0) {
            Some(said) => {
                self.held = Some((event, left - 1));
                Event::Said(said)
            }
            None => event,
        }
    }

    /// Runs a cell that no client sees; an error in it is a failure with the compiler's or the
    /// program's words.
    pub async fn execute(&mut self, code: &str) -> Outcome {
        let content = json!({"code": code, "silent": false, "store_history": false,
            "user_expressions": {}, "allow_stdin": false, "stop_on_error": true});
        let request = wire::message("execute_request", content, None);
        let mut problems = Vec::new();
        self.ask(&request, |event| match event {
            Event::Broadcast(message) if message.header.msg_type == "error" => {
                problems.push(wire::text(&message, "evalue").to_owned());
            }
            _ => {}
        })
        .await?;
        match problems.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(with_advice(problems.join("; ")))),
        }
    }

    /// Sends a request and waits for its reply and its end. `hear` is told everything else.
    pub async fn ask(
        &mut self,
        request: &JupyterMessage,
        mut hear: impl FnMut(Event),
    ) -> Outcome<Value> {
        self.send(request).await?;
        let (mut reply, mut idle) = (None, false);
        while reply.is_none() || !idle {
            match self.next().await {
                Event::Ended(how) => return Err(Failure::new(how)),
                Event::Reply(message) if wire::belongs(&message, request) => {
                    reply = Some(wire::content(&message).clone());
                }
                event => {
                    if let Event::Broadcast(message) = &event
                        && wire::belongs(message, request)
                    {
                        idle |= wire::text(message, "execution_state") == "idle";
                    }
                    hear(event);
                }
            }
        }
        Ok(reply.unwrap_or_default())
    }

    /// Asks the kernel to end, and sees to it.
    pub async fn shut_down(mut self) {
        let request = wire::message("shutdown_request", json!({"restart": false}), None);
        let _ = send(&mut self.control, request).await;
        let gone = self.ended.wait_for(Option::is_some);
        let _ = tokio::time::timeout(PATIENCE * 40, gone).await;
        // Whether or not it has ended: what it has started ends too, with the value itself.
    }

    /// A subscription takes effect some time after it is made: asks until an answer is heard.
    async fn wait_until_ready(&mut self) -> Outcome {
        loop {
            let request = wire::message("kernel_info_request", json!({}), None);
            self.send(&request).await?;
            match tokio::time::timeout(PATIENCE * 10, self.next()).await {
                Ok(Event::Broadcast(_)) => return Ok(()),
                Ok(Event::Ended(how)) => return Err(Failure::new(how)),
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// The four connections of a client.
type Connections =
    (ClientShellConnection, ClientIoPubConnection, ClientControlConnection, ClientStdinConnection);

async fn connections(info: &ConnectionInfo) -> Result<Connections, RuntimeError> {
    let session = format!("inorm-{}", std::process::id());
    let identity = peer_identity_for_session(&session)?;
    tokio::try_join!(
        create_client_shell_connection_with_identity(info, &session, identity.clone()),
        create_client_iopub_connection(info, "", &session),
        create_client_control_connection(info, &session),
        create_client_stdin_connection_with_identity(info, &session, identity.clone()),
    )
}

/// Reads a connection as long as it exists.
async fn listen<S: SocketRecv>(
    mut connection: Connection<S>,
    sender: Sender<Event>,
    event: fn(JupyterMessage) -> Event,
) {
    while sender.send(event(wire::next(&mut connection, drop).await)).await.is_ok() {}
}

/// Waits for the process on a thread of its own, and says when and how it has ended.
fn watch_over(mut process: Child, events: Sender<Event>) -> watch::Receiver<Option<String>> {
    let (sender, receiver) = watch::channel(None);
    std::thread::spawn(move || {
        let how = match process.wait() {
            Ok(status) => {
                format!("the Rust kernel has ended ({status}) without having been asked to")
            }
            Err(error) => format!("cannot watch the Rust kernel: {error}"),
        };
        let _ = sender.send(Some(how.clone()));
        let _ = events.blocking_send(Event::Ended(how));
    });
    receiver
}

/// What the compiler says has no advice for a reader.
fn with_advice(message: String) -> String {
    match message.contains("No space left on device") {
        true => {
            format!("{message}; free some space, or set INORM_CACHE to another disk, and try again")
        }
        false => message,
    }
}

/// The connection would sign with a session of its own, but a request keeps the one that it has.
async fn send(connection: &mut DealerSendConnection, mut message: JupyterMessage) -> Outcome {
    connection.session_id.clone_from(&message.header.session);
    message.zmq_identities.clear();
    connection.send(message).await.map_err(protocol)
}

fn connection_info(address: IpAddr, ports: &[u16]) -> ConnectionInfo {
    ConnectionInfo {
        ip: address.to_string(),
        transport: Transport::TCP,
        shell_port: ports[0],
        iopub_port: ports[1],
        stdin_port: ports[2],
        control_port: ports[3],
        hb_port: ports[4],
        key: random_hex::<32>(),
        signature_scheme: "hmac-sha256".to_owned(),
        kernel_name: None,
    }
}

fn protocol(error: RuntimeError) -> Failure {
    Failure::new(format!("the connection to the Rust kernel failed: {error}"))
}
