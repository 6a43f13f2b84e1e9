//! The Rust kernel behind ours, as seen by its only client.

use super::recipe::Recipe;
use super::running::Running;
use crate::cli::{Failure, Outcome};
use jupyter_protocol::{
    ConnectionInfo, ExecuteRequest, ExecutionState, JupyterMessage, JupyterMessageContent,
    KernelInfoRequest, ShutdownRequest, Transport,
};
use jupyter_zmq_client::{
    ClientControlConnection, ClientIoPubConnection, ClientShellConnection,
    create_client_control_connection, create_client_iopub_connection,
    create_client_shell_connection_with_identity, peek_ports_with_listeners,
    peer_identity_for_session,
};
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// How often a kernel that is starting is asked whether it is there.
const PATIENCE: Duration = Duration::from_millis(100);

/// A Rust kernel, started and connected.
pub struct Backend {
    process: Child,
    shell: ClientShellConnection,
    iopub: ClientIoPubConnection,
    control: ClientControlConnection,
}

impl Backend {
    /// Starts the kernel `program` on the build results in `tree`, for code in `folder`. What it
    /// and the compiler say goes line by line to `log`.
    pub async fn start(
        recipe: &Recipe,
        running: &mut Running,
        program: &Path,
        tree: &Path,
        folder: &Path,
        log: impl FnMut(String) + Send + 'static,
    ) -> Outcome<Self> {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (ports, listeners) = peek_ports_with_listeners(address, 5).await.map_err(protocol)?;
        let info = connection_info(address, &ports);
        let file = running.join("backend.json");
        write_private(&file, &info)?;
        let mut command = recipe.backend(program, tree, folder);
        command.arg("--control_file").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // It binds these very ports now.
        drop(listeners);
        let mut process =
            running.spawn(&mut command).map_err(|error| Failure::io("run", program, &error))?;
        if let Some(output) = process.stderr.take() {
            pass_on(output, log);
        }
        let (shell, iopub, control) = connect(&info, &mut process).await?;
        let mut backend = Self { process, shell, iopub, control };
        backend.wait_until_ready().await?;
        Ok(backend)
    }

    /// Runs a cell; an error in it is a failure with the compiler's or the program's words.
    pub async fn execute(&mut self, code: &str) -> Outcome {
        let request = JupyterMessage::new(ExecuteRequest::new(code.to_owned()), None);
        let id = request.header.msg_id.clone();
        self.shell.send(request).await.map_err(protocol)?;
        let mut problem = None;
        loop {
            let message = self.next_message().await?;
            if message.parent_header.is_none_or(|parent| parent.msg_id != id) {
                continue;
            }
            match message.content {
                JupyterMessageContent::ErrorOutput(error) => problem = Some(error.evalue),
                JupyterMessageContent::Status(status)
                    if status.execution_state == ExecutionState::Idle =>
                {
                    return problem.map_or(Ok(()), |problem| Err(Failure::new(problem)));
                }
                _ => {}
            }
        }
    }

    /// Asks the kernel to end, and sees to it.
    pub async fn shut_down(mut self) {
        let request = JupyterMessage::new(ShutdownRequest { restart: false }, None);
        let _ = self.control.send(request).await;
        for _ in 0..20 {
            tokio::time::sleep(PATIENCE).await;
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
        }
        super::running::end_group(self.process.id() as i32);
        let _ = self.process.wait();
    }

    /// The next broadcast message, unless the process has ended.
    async fn next_message(&mut self) -> Outcome<JupyterMessage> {
        loop {
            match tokio::time::timeout(Duration::from_secs(1), self.iopub.read()).await {
                Ok(Ok(message)) => return Ok(message),
                // A kind of message that the protocol crate does not know is none for us.
                Ok(Err(jupyter_zmq_client::RuntimeError::ParseError { .. })) => {}
                Ok(Err(error)) => return Err(protocol(error)),
                Err(_) => check_alive(&mut self.process)?,
            }
        }
    }

    /// A subscription takes effect some time after it is made: asks until an answer is heard.
    async fn wait_until_ready(&mut self) -> Outcome {
        loop {
            let request = JupyterMessage::new(KernelInfoRequest {}, None);
            self.shell.send(request).await.map_err(protocol)?;
            match tokio::time::timeout(PATIENCE * 10, self.iopub.read()).await {
                Ok(_) => return Ok(()),
                Err(_) => check_alive(&mut self.process)?,
            }
        }
    }
}

fn check_alive(process: &mut Child) -> Outcome {
    match process.try_wait() {
        Ok(None) => Ok(()),
        Ok(Some(status)) => Err(Failure::new(format!(
            "the Rust kernel has ended ({status}) before it was asked to"
        ))),
        Err(error) => Err(Failure::new(format!("cannot watch the Rust kernel: {error}"))),
    }
}

async fn connect(
    info: &ConnectionInfo,
    process: &mut Child,
) -> Outcome<(ClientShellConnection, ClientIoPubConnection, ClientControlConnection)> {
    let session = jupyter_session();
    let identity = peer_identity_for_session(&session).map_err(protocol)?;
    loop {
        check_alive(process)?;
        let connected = async {
            Ok::<_, jupyter_zmq_client::RuntimeError>((
                create_client_shell_connection_with_identity(info, &session, identity.clone())
                    .await?,
                create_client_iopub_connection(info, "", &session).await?,
                create_client_control_connection(info, &session).await?,
            ))
        };
        if let Ok(Ok(connections)) = tokio::time::timeout(PATIENCE * 50, connected).await {
            return Ok(connections);
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

fn jupyter_session() -> String {
    format!("inorm-{}", std::process::id())
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
        key: random_key(),
        signature_scheme: "hmac-sha256".to_owned(),
        kernel_name: None,
    }
}

fn random_key() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file has the key to the kernel: for the owner alone.
fn write_private(path: &Path, info: &ConnectionInfo) -> Outcome {
    let failure = |error| Failure::io("write", path, &error);
    let text = serde_json::to_vec(info).map_err(|error| failure(error.into()))?;
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(&text))
        .map_err(failure)
}

fn pass_on(
    output: impl std::io::Read + Send + 'static,
    mut log: impl FnMut(String) + Send + 'static,
) {
    std::thread::spawn(move || {
        use std::io::BufRead;
        for line in std::io::BufReader::new(output).lines().map_while(Result::ok) {
            log(line);
        }
    });
}

fn protocol(error: jupyter_zmq_client::RuntimeError) -> Failure {
    Failure::new(format!("the connection to the Rust kernel failed: {error}"))
}
