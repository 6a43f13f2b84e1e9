//! The side that the client sees: five sockets, of which one only echoes and one only listens.

use super::log::Log;
use crate::kernel::wire;
use inorm_core::{Context, Failure, Outcome};
use jupyter_protocol::{Channel, ConnectionInfo, JupyterMessage, Transport};
use jupyter_zmq_client::{
    KernelHeartbeatConnection, KernelIoPubConnection, RouterRecvConnection, RouterSendConnection,
    create_kernel_control_connection, create_kernel_heartbeat_connection,
    create_kernel_iopub_connection, create_kernel_shell_connection, create_kernel_stdin_connection,
};
use serde_json::{Value, json};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use zeromq::{SocketRecv, SocketSend};

/// A handle through which any task sends to the client. Everything that is sent goes through one
/// queue, so that a reply precedes the `idle` that follows it.
#[derive(Clone)]
pub struct Client {
    outgoing: UnboundedSender<Outgoing>,
}

enum Outgoing {
    Message(Channel, Box<JupyterMessage>),
    Flush(oneshot::Sender<()>),
}

/// What comes from the client, by channel.
pub struct Requests {
    /// Cells to execute and questions about them.
    pub shell: UnboundedReceiver<JupyterMessage>,
    /// What must not wait for a cell: interrupt, shutdown.
    pub control: UnboundedReceiver<JupyterMessage>,
    /// What the reader typed.
    pub stdin: UnboundedReceiver<JupyterMessage>,
}

/// Reads the file in which the client says how to talk to it.
pub fn read_connection_file(path: &Path) -> Outcome<ConnectionInfo> {
    let text = fs::read(path).context("read", path)?;
    let info: ConnectionInfo = serde_json::from_slice(&text).map_err(|error| {
        Failure::new(format!("{} is not a Jupyter connection file: {error}", path.display()))
    })?;
    let local = info.ip.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        || info.ip == "localhost"
        || info.transport == Transport::IPC;
    match local {
        true => Ok(info),
        false => Err(Failure::new(format!(
            "{} asks for the address {}; a kernel runs whatever it is told, so this one listens \
             on 127.0.0.1 only",
            path.display(),
            info.ip
        ))),
    }
}

/// Binds the client's ports and serves them until the process ends.
pub async fn open(info: &ConnectionInfo, log: Log) -> Outcome<(Client, Requests)> {
    let session = format!("inorm-{}", std::process::id());
    let bound = tokio::try_join!(
        create_kernel_heartbeat_connection(info),
        create_kernel_shell_connection(info, &session),
        create_kernel_control_connection(info, &session),
        create_kernel_stdin_connection(info, &session),
        create_kernel_iopub_connection(info, &session),
    );
    let (heartbeat, shell, control, stdin, iopub) = bound.map_err(|error| {
        Failure::new(format!("cannot listen where the client wants to talk: {error}"))
    })?;
    tokio::spawn(echo(heartbeat));
    let (shell, shell_requests) = shell.split();
    let (control, control_requests) = control.split();
    let (stdin, stdin_replies) = stdin.split();
    let (outgoing, queue) = unbounded_channel();
    tokio::spawn(Writer { shell, control, stdin, iopub, log }.run(queue));
    let requests = Requests {
        shell: listen(shell_requests, Channel::Shell, log),
        control: listen(control_requests, Channel::Control, log),
        stdin: listen(stdin_replies, Channel::Stdin, log),
    };
    Ok((Client { outgoing }, requests))
}

impl Client {
    /// Tells everyone who listens; `request` is what it is about.
    pub fn publish(&self, kind: &str, content: Value, request: Option<&JupyterMessage>) {
        self.pass_on(wire::message(kind, content, request));
    }

    /// Tells everyone a message of the backend, as it is.
    pub fn pass_on(&self, mut message: JupyterMessage) {
        message.zmq_identities.clear();
        self.send(Channel::IOPub, message);
    }

    /// `busy`, `idle`, `starting`.
    pub fn status(&self, state: &str, request: Option<&JupyterMessage>) {
        self.publish("status", json!({"execution_state": state}), request);
    }

    /// Answers whoever asked, on the channel on which it was asked.
    pub fn reply(&self, request: &JupyterMessage, content: Value) {
        let kind = request.header.msg_type.replace("_request", "_reply");
        let channel = request.channel.clone().unwrap_or(Channel::Shell);
        self.send(channel, wire::message(&kind, content, Some(request)));
    }

    /// Asks the reader for a line.
    pub fn ask(&self, request: &JupyterMessage, content: Value) {
        self.send(Channel::Stdin, wire::message("input_request", content, Some(request)));
    }

    /// Returns when everything that was sent is with the sockets.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        let _ = self.outgoing.send(Outgoing::Flush(done));
        let _ = flushed.await;
    }

    fn send(&self, channel: Channel, message: JupyterMessage) {
        let _ = self.outgoing.send(Outgoing::Message(channel, Box::new(message)));
    }
}

/// What was sent to a client without sockets.
#[cfg(test)]
pub struct Sent(UnboundedReceiver<Outgoing>);

#[cfg(test)]
impl Sent {
    /// The next message on iopub, if there is one.
    pub fn next(&mut self) -> Option<JupyterMessage> {
        match self.0.try_recv().ok()? {
            Outgoing::Message(Channel::IOPub, message) => Some(*message),
            _ => self.next(),
        }
    }
}

#[cfg(test)]
impl Client {
    /// A client without sockets.
    pub fn without_sockets() -> (Self, Sent) {
        let (outgoing, sent) = unbounded_channel();
        (Self { outgoing }, Sent(sent))
    }
}

struct Writer {
    shell: RouterSendConnection,
    control: RouterSendConnection,
    stdin: RouterSendConnection,
    iopub: KernelIoPubConnection,
    log: Log,
}

impl Writer {
    async fn run(mut self, mut queue: UnboundedReceiver<Outgoing>) {
        while let Some(next) = queue.recv().await {
            match next {
                Outgoing::Flush(done) => drop(done.send(())),
                Outgoing::Message(channel, message) => {
                    self.log.message("to the client", &message);
                    let sent = match channel {
                        Channel::Shell => self.shell.send(*message).await,
                        Channel::Control => self.control.send(*message).await,
                        Channel::Stdin => self.stdin.send(*message).await,
                        _ => self.iopub.send(*message).await,
                    };
                    if let Err(error) = sent {
                        // The client that asked is gone; others may be there.
                        self.log.note(|| format!("a message was not delivered: {error}"));
                    }
                }
            }
        }
    }
}

/// Sends back what comes: the client's way to see that the kernel is alive.
async fn echo(mut heartbeat: KernelHeartbeatConnection) {
    loop {
        match heartbeat.socket.recv().await {
            Ok(beat) => drop(heartbeat.socket.send(beat).await),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn listen(
    mut connection: RouterRecvConnection,
    channel: Channel,
    log: Log,
) -> UnboundedReceiver<JupyterMessage> {
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let message = wire::next(&mut connection, |problem| log.note(|| problem)).await;
            log.message("from the client", &message);
            if sender.send(message.with_channel(channel.clone())).is_err() {
                return;
            }
        }
    });
    receiver
}
