//! Jupyter, kept inside the repository: starts JupyterLab, executes notebooks.

use crate::checkout::Checkout;
use crate::kernel::{self, random_hex};
use crate::kernelspec;
use inorm_core::{Error, Failure, Outcome, print};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// Where JupyterLab listens if nobody says otherwise and it is free.
const USUAL_PORT: u16 = 8888;

/// Where the book begins.
const FIRST_PAGE: &str = "/lab/tree/notebooks/00_start_here.ipynb";

/// Replaces this process by JupyterLab on the notebooks.
pub fn open(checkout: &Checkout, address: SocketAddr, browser: bool) -> Outcome {
    let token = random_hex::<24>();
    let page = format!("http://{}{FIRST_PAGE}?token={token}", from_here(address));
    print(format_args!("\nJupyterLab: {page}\nCtrl-C ends it."))?;
    let mut command = python(checkout);
    command
        .args(["-m", "jupyterlab", "--ServerApp.port_retries=0"])
        .arg("--ServerApp.log_level=WARN")
        // Looking for language servers asks npm, if there is one, which leaves logs at home.
        .arg("--LanguageServerManager.autodetect=False")
        .arg(format!("--ServerApp.ip={}", address.ip()))
        .arg(format!("--ServerApp.port={}", address.port()))
        .arg(format!("--ServerApp.root_dir={}", checkout.root().display()))
        .arg(format!("--LabApp.default_url={FIRST_PAGE}"))
        .arg(format!("--ServerApp.open_browser={}", if browser { "True" } else { "False" }))
        // Inside a container one is often root, with nobody to be protected from.
        .arg("--ServerApp.allow_root=True")
        .env("JUPYTER_TOKEN", token)
        .env(kernel::SPARE_WANTED, "1");
    start_spare_kernel(checkout, &command);
    become_program(command)
}

/// Prepares a kernel for the first notebook, in the environment that `jupyter` will give it.
fn start_spare_kernel(checkout: &Checkout, jupyter: &Command) {
    let mut program = Command::new(kernelspec::program(checkout));
    for (name, value) in jupyter.get_envs() {
        match value {
            Some(value) => program.env(name, value),
            None => program.env_remove(name),
        };
    }
    program.current_dir(checkout.notebooks());
    // This process becomes JupyterLab.
    kernel::start_spare(checkout, program, rustix::process::getpid());
}

/// Executes notebooks where they are.
pub fn execute(checkout: &Checkout, notebooks: &[PathBuf], into: Option<&PathBuf>) -> Outcome {
    let mut script = script(checkout, "execute.py");
    if let Some(folder) = into {
        script.arg("--into").arg(folder);
    }
    script.args(notebooks);
    become_program(script)
}

/// A script of the folder `python`, still without arguments.
pub fn script(checkout: &Checkout, name: &str) -> Command {
    let mut command = python(checkout);
    command.arg(checkout.root().join("python").join(name));
    command
}

/// Lets a command take the place of this process: whatever ends the one ends the other.
pub fn become_program(mut command: Command) -> Outcome {
    Err(Error::io("run", command.get_program().to_owned(), command.exec()).into())
}

/// Python with everything that Jupyter would keep in the home directory kept in the environment.
fn python(checkout: &Checkout) -> Command {
    let state = checkout.environment().join("var/jupyter");
    // IPython complains if it has to make the directory above its own. If it cannot be made, that
    // complaint is the right one.
    let _ = std::fs::create_dir_all(&state);
    let mut command = Command::new(checkout.python());
    command
        .env("JUPYTER_CONFIG_DIR", state.join("config"))
        .env("JUPYTER_DATA_DIR", state.join("data"))
        .env("JUPYTER_RUNTIME_DIR", state.join("runtime"))
        .env("JUPYTERLAB_SETTINGS_DIR", state.join("settings"))
        .env("JUPYTERLAB_WORKSPACES_DIR", state.join("workspaces"))
        .env("IPYTHONDIR", state.join("ipython"))
        .env_remove("JUPYTER_PATH")
        .env_remove("PYTHONPATH")
        .env_remove("PYTHONHOME");
    command
}

/// Where this machine finds what listens on an address, which may be all of its own.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Where to listen: on the wanted port, else on the first free one of the usual ones.
pub fn free_address(ip: IpAddr, wanted: Option<u16>) -> Outcome<SocketAddr> {
    let at = |port: u16| SocketAddr::new(ip, port);
    // Whether there is such an address has nothing to do with the port.
    TcpListener::bind(at(0)).map_err(|error| {
        Failure::new(format!(
            "cannot listen on {ip}: {error}; name one of this machine's with --ip"
        ))
    })?;
    let is_free = |address: &SocketAddr| TcpListener::bind(address).is_ok();
    match wanted {
        Some(port) if is_free(&at(port)) => Ok(at(port)),
        Some(port) => Err(Failure::new(format!(
            "port {port} of {ip} is in use; name another with --port, or leave --port out"
        ))),
        None => (USUAL_PORT..USUAL_PORT + 100)
            .map(at)
            .find(is_free)
            .ok_or_else(|| Failure::new("100 ports from 8888 on are in use; name one with --port")),
    }
}
