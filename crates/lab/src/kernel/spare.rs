//! A kernel that is prepared before anybody asks for it.
//!
//! What takes seconds is to load the library, and that does not depend on the notebook. So when the
//! machine has nothing else to do, a second kernel is started that loads it and waits. The next
//! kernel that JupyterLab starts hands its connection file to that one, and stays only to end when
//! it ends. There is at most one spare kernel, and it is taken only by a notebook for which it
//! would have been prepared in the same way.
//!
//! While it waits, it answers what a reader asks about code: the kernel of a cell that runs cannot.

use super::backend::Backend;
use super::libraries::PrebuiltLibraries;
use super::wire;
use crate::checkout::Checkout;
use crate::compilation::{Toolchain, cache};
use crate::reaper::THIS_PROGRAM;
use inorm_core::files::{Lock, short_sha256, write};
use inorm_core::{Context, Outcome};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::env;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

/// How much memory has to be free, in kB, to start a spare kernel and to keep it.
const ENOUGH_TO_START: u64 = 3_000_000;
const ENOUGH_TO_KEEP: u64 = 1_000_000;

/// How long a kernel waits before it looks again whether there is a spare one.
const PAUSE: Duration = Duration::from_secs(10);

/// How often it is looked whether a process is still there.
const LOOK: Duration = Duration::from_millis(250);

/// The share of all processors that may be busy on an idle machine.
const IDLE: f64 = 0.25;

/// How long a reader who asks about code is kept waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// A reader has asked what only a spare kernel could have answered.
static MISSED: AtomicBool = AtomicBool::new(false);

/// Variables that differ from notebook to notebook begin with one of these.
const OF_JUPYTER: [&str; 2] = ["JPY_", "JUPYTER_"];

/// All that a prepared kernel depends on. Equal identities: one is as good as the other.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Identity {
    checkout: PathBuf,
    folder: PathBuf,
    environment: String,
    program: String,
    libraries: String,
    fresh: bool,
}

/// What a kernel tells the spare one that it takes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Takeover {
    /// Where the client says how to talk to it.
    pub connection_file: PathBuf,
    owner: i32,
}

impl Takeover {
    /// Of a kernel that the process `owner` has started.
    pub fn new(connection_file: &Path, owner: Pid) -> Self {
        let connection_file = std::path::absolute(connection_file);
        Self {
            connection_file: connection_file.unwrap_or_default(),
            owner: owner.as_raw_nonzero().get(),
        }
    }

    /// The process that started the kernel.
    pub fn owner(&self) -> Option<Pid> {
        Pid::from_raw(self.owner)
    }
}

impl Identity {
    fn now(checkout: &Checkout, toolchain: &Toolchain) -> Outcome<Self> {
        let libraries = PrebuiltLibraries::of(checkout, toolchain);
        let mut environment: Vec<String> = env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
            .filter(|(name, _)| !OF_JUPYTER.iter().any(|prefix| name.starts_with(prefix)))
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        environment.sort();
        let program = fs::metadata(THIS_PROGRAM);
        let program = program.and_then(|program| Ok((program.len(), program.modified()?)));
        Ok(Self {
            checkout: checkout.root().to_path_buf(),
            folder: env::current_dir().unwrap_or_default(),
            environment: short_sha256(environment.join("\n")),
            program: format!("{:?}", program.ok()),
            libraries: libraries.identity(),
            fresh: libraries.are_fresh(),
        })
    }
}

/// The place of the one spare kernel.
struct Place {
    lock: PathBuf,
    identity: PathBuf,
    pipe: PathBuf,
    questions: PathBuf,
}

impl Place {
    fn of(toolchain: &Toolchain) -> Self {
        let file = |name: &str| toolchain.lock(name);
        Self {
            lock: file("spare"),
            identity: file("spare.json"),
            pipe: file("spare.pipe"),
            questions: file("spare.socket"),
        }
    }
}

/// Set by `inorm lab` for the kernels of its JupyterLab. Others run a notebook and end.
pub const WANTED: &str = "INORM_SPARE";

/// Whether spare kernels are of use to whoever has started this one.
pub fn is_wanted() -> bool {
    env::var_os(WANTED).is_some()
}

/// Starts a spare kernel whenever there is none, and the machine has nothing else to do or one has
/// been missed.
pub fn keep_one(checkout: &Checkout, owner: Pid) {
    let checkout = checkout.clone();
    thread::spawn(move || {
        let Ok(toolchain) = cache().and_then(|cache| Toolchain::current(&cache)) else {
            return;
        };
        let lock = Place::of(&toolchain).lock;
        loop {
            thread::sleep(PAUSE);
            let is_free = matches!(Lock::try_take(&lock), Ok(Some(_)));
            if is_free
                && (MISSED.swap(false, Ordering::Relaxed) || is_idle())
                && let Ok(program) = env::current_exe()
                && let Some(mut spare) = start(&checkout, Command::new(program), owner)
            {
                // Once it is taken, it is its turn to keep another one.
                let _ = spare.wait();
            }
        }
    });
}

/// Starts a spare kernel that ends with the process `owner`, unless memory is short. `program` is
/// a kernel's, with a kernel's variables and working directory.
pub fn start(checkout: &Checkout, mut program: Command, owner: Pid) -> Option<Child> {
    if free_memory().is_some_and(|free| free < ENOUGH_TO_START) {
        return None;
    }
    program
        .args(["kernel", "--spare", &owner.as_raw_nonzero().to_string(), "--checkout"])
        .arg(checkout.root())
        // A Ctrl-C in the terminal is for JupyterLab.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // If it cannot be started, the next notebook waits as the first one did.
    program.spawn().ok()
}

/// The process that waits to be taken.
pub struct Spare {
    place: Place,
    identity: Identity,
    alone: Lock,
    taken: Arc<AtomicBool>,
}

impl Spare {
    /// Becomes the one spare kernel, unless there is another.
    pub fn become_one(checkout: &Checkout) -> Outcome<Option<Self>> {
        let toolchain = Toolchain::current(&cache()?)?;
        let place = Place::of(&toolchain);
        let Some(alone) = Lock::try_take(&place.lock)? else { return Ok(None) };
        // Of one that was killed.
        let _ = fs::remove_file(&place.identity);
        let identity = Identity::now(checkout, &toolchain)?;
        Ok(Some(Self { place, identity, alone, taken: Arc::default() }))
    }

    /// Ends this process when `owner` is gone or memory is short, as long as it is not taken.
    pub fn end_with(&self, owner: Pid) {
        let taken = Arc::clone(&self.taken);
        thread::spawn(move || {
            while !taken.load(Ordering::Relaxed) {
                let short = free_memory().is_some_and(|free| free < ENOUGH_TO_KEEP);
                if short || test_kill_process(owner).is_err() {
                    std::process::exit(0);
                }
                thread::sleep(LOOK);
            }
        });
    }

    /// Where questions come in, until this one is taken.
    pub fn questions(&self) -> Outcome<Questions> {
        let path = &self.place.questions;
        let _ = fs::remove_file(path);
        let listener = UnixListener::bind(path).context("create", path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).context("protect", path)?;
        Ok(Questions { listener })
    }

    /// Waits until a kernel takes this one over; from then on it ends with that kernel. `None` if
    /// the kernel that came has another identity.
    pub fn wait(self) -> Outcome<Option<Takeover>> {
        let pipe = &self.place.pipe;
        let _ = fs::remove_file(pipe);
        rustix::fs::mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .map_err(io::Error::from)
            .context("create", pipe)?;
        write(&self.place.identity, serde_json::to_vec(&self.identity).unwrap_or_default())?;
        // Returns when a kernel opens the other end.
        let mut reader = BufReader::new(File::open(pipe).context("read", pipe)?);
        let mut line = String::new();
        reader.read_line(&mut line).context("read", pipe)?;
        let Ok(takeover) = serde_json::from_str(&line) else { return Ok(None) };
        self.taken.store(true, Ordering::Relaxed);
        // The place is free for the next one.
        drop(self.alone);
        thread::spawn(move || {
            let _ = io::copy(&mut reader, &mut io::sink());
            std::process::exit(1);
        });
        Ok(Some(takeover))
    }
}

/// Lets a spare kernel serve in place of this process, if there is one that suits, and returns
/// when it has ended.
pub fn take(checkout: &Checkout, takeover: &Takeover) -> Outcome<bool> {
    let toolchain = Toolchain::current(&cache()?)?;
    let place = Place::of(&toolchain);
    let Some(mut pipe) = place.claim(&Identity::now(checkout, &toolchain)?) else {
        return Ok(false);
    };
    let line = serde_json::to_string(takeover).unwrap_or_default() + "\n";
    if pipe.write_all(line.as_bytes()).is_err() {
        return Ok(false);
    }
    // Until the reader at the other end is gone: writing nothing fails then.
    while rustix::io::write(&pipe, b"\n").is_ok() {
        thread::sleep(LOOK);
    }
    Ok(true)
}

impl Place {
    /// The end of the pipe through which a spare kernel of this identity is told to serve.
    fn claim(&self, identity: &Identity) -> Option<File> {
        let text = fs::read(&self.identity).ok()?;
        let spare: Identity = serde_json::from_slice(&text).ok()?;
        // Two kernels may try: the one that removes the file has it.
        fs::remove_file(&self.identity).ok()?;
        // Without a reader this fails instead of waiting.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK;
        let pipe = rustix::fs::open(&self.pipe, flags, Mode::empty()).ok()?;
        let _ = fs::remove_file(&self.pipe);
        // One that does not suit reads the end of its pipe, and ends.
        (spare == *identity).then(|| pipe.into())
    }
}

/// What kernels ask a spare one.
pub struct Questions {
    listener: UnixListener,
}

/// A request about code, and its content.
#[derive(Serialize, Deserialize)]
pub struct Question {
    /// `complete_request` or `inspect_request`.
    pub kind: String,
    /// As in the protocol.
    pub content: Value,
}

impl Questions {
    /// Answers the next one, if it can be read.
    pub async fn answer(&self, backend: &mut Backend) -> Outcome {
        let (stream, _) = self.listener.accept().await.context("read", "a question")?;
        let mut stream = tokio::io::BufReader::new(stream);
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_line(&mut line)).await;
        if let (Ok(Ok(_)), Ok(Question { kind, content })) = (read, serde_json::from_str(&line)) {
            let reply = backend.ask(&wire::message(&kind, content, None), drop).await?;
            // Whoever has asked may not wait any more.
            let _ = stream.write_all(reply.to_string().as_bytes()).await;
        }
        Ok(())
    }
}

/// The answer of a spare kernel that knows the same library as this one; `None` if there is none.
pub fn ask(checkout: &Checkout, question: &Question) -> Option<Value> {
    let reply = ask_one(checkout, question);
    MISSED.fetch_or(reply.is_none(), Ordering::Relaxed);
    reply
}

fn ask_one(checkout: &Checkout, question: &Question) -> Option<Value> {
    let toolchain = Toolchain::current(&cache().ok()?).ok()?;
    let place = Place::of(&toolchain);
    let spare: Identity = serde_json::from_slice(&fs::read(&place.identity).ok()?).ok()?;
    if spare != Identity::now(checkout, &toolchain).ok()? {
        return None;
    }
    let mut stream = UnixStream::connect(&place.questions).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    writeln!(stream, "{}", serde_json::to_string(question).ok()?).ok()?;
    serde_json::from_reader(stream).ok()
}

/// In kB, where the system says.
fn free_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether the processors have had little to do for a moment.
fn is_idle() -> bool {
    let Some(before) = processor_time() else { return true };
    thread::sleep(Duration::from_secs(2));
    let Some(after) = processor_time() else { return true };
    let (all, idle) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    all == 0 || 1.0 - idle as f64 / all as f64 <= IDLE
}

/// The time of all processors since the machine started, and how much of it they were idle.
fn processor_time() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let times = text.lines().next()?.split_whitespace().skip(1);
    let times: Vec<u64> = times.filter_map(|time| time.parse().ok()).collect();
    // The fourth is idle, the fifth waits for a disk.
    Some((times.iter().sum(), times.iter().skip(3).take(2).sum()))
}
