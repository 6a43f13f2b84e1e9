//! How the backend comes to be: a private copy of the compiled libraries, a Rust kernel on it,
//! and the first line of the notebook run in advance, so that a reader does not wait for it.

use super::log::Log;
use crate::checkout::Checkout;
use crate::compilation::{Freshness, Toolchain, Workspace, cache, dependency, evcxr};
use crate::kernel::backend::Backend;
use crate::kernel::cargo::library;
use crate::kernel::libraries::PrebuiltLibraries;
use crate::kernel::pipes::Pipes;
use crate::kernel::running::Running;
use crate::kernel::secret::random_hex;
use inorm_core::controls::CONTROLS;
use inorm_core::files::write_if_different;
use inorm_core::protocol::{self, Mark};
use inorm_core::{Outcome, say};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::OnceCell;
use tokio::task::{JoinHandle, block_in_place};

/// What a preparation takes where nobody has measured it yet.
const EXPECTED: Duration = Duration::from_secs(20);

/// The socket to which programs with controls connect, in the private directory.
const SOCKET: &str = "controls";

/// Makes the kernel infer the types of the library once, which takes seconds; a table is what
/// most notebooks show first. The variable is the price: the kernel infers only what is kept.
const WARM_UP: &str = "let inorm_is_ready = inorm::notebook::Table::empty(\"\").text();";

/// Takes that variable away again, and shows a table as a first cell would, unseen.
const READY: &str = "drop(inorm_is_ready);\n\
    Ok::<_, inorm::Error>(inorm::notebook::Table::empty(\"\"))?";

const ATTACH: &str = "inorm::notebook::attach();";

/// Starts backends, one after the other.
pub struct Launcher {
    checkout: Checkout,
    mark: Mark,
    log: Log,
    shared: OnceCell<Shared>,
    started: AtomicU32,
}

/// What all backends of this process share.
struct Shared {
    program: PathBuf,
    toolchain: Toolchain,
    running: Running,
    /// To which programs with controls connect; without it they show none.
    controls: Option<UnixListener>,
}

/// A backend that is being started.
pub struct Preparation {
    /// Ends with the backend.
    pub task: JoinHandle<Outcome<Backend>>,
    begun: Instant,
    news: Arc<Mutex<News>>,
}

/// What is known while it is being started.
#[derive(Default)]
struct News {
    /// How long it takes.
    expected: Option<Duration>,
    /// What the backend or the compiler said last.
    said: String,
    /// Whether a cell waits for it.
    is_awaited: bool,
}

impl Launcher {
    /// For the notebooks of a clone.
    pub fn new(checkout: Checkout, log: Log) -> Arc<Self> {
        let mark = Mark::new(&random_hex::<8>());
        let (shared, started) = (OnceCell::new(), AtomicU32::new(0));
        Arc::new(Self { checkout, mark, log, shared, started })
    }

    /// What marks messages in the output of cells.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Begins to start a backend.
    pub fn begin(self: &Arc<Self>) -> Preparation {
        let news = Arc::default();
        let task = tokio::spawn(Arc::clone(self).launch(Arc::clone(&news)));
        Preparation { task, begun: Instant::now(), news }
    }

    /// The clone whose notebooks it is for.
    pub fn checkout(&self) -> &Checkout {
        &self.checkout
    }

    /// The directory in which the newest backend compiles, if there is one.
    pub fn tree(&self) -> Option<PathBuf> {
        let number = self.started.load(Ordering::Relaxed);
        self.shared.get().map(|shared| Workspace::at(&shared.directory(number)).tree())
    }

    /// The connection of the next program with controls; none if there can be no more.
    pub async fn next_program(&self) -> Option<UnixStream> {
        let controls = self.shared().await.ok()?.controls.as_ref()?;
        controls.accept().await.ok().map(|(stream, _)| stream)
    }

    /// The file by which cells are asked to stop.
    pub fn interrupt(&self) -> Option<PathBuf> {
        self.shared.get().map(Shared::interrupt)
    }

    /// Makes the library in the program that runs the cells speak to this kernel.
    pub async fn attach(&self, backend: &mut Backend) -> Outcome {
        self.attach_with(backend, &dependency(self.checkout.root())).await
    }

    /// The same for a new program.
    pub async fn attach_again(&self, backend: &mut Backend) {
        self.attach_again_with(backend, &dependency(self.checkout.root())).await;
    }

    /// The same after the library was compiled again, because of a package that the last cell named,
    /// or that the backend added for it.
    pub async fn attach_new_library(&self, backend: &mut Backend) {
        let manifest = self.tree().map(|tree| fs::read_to_string(tree.join("Cargo.toml")));
        let named = dependencies(&manifest.and_then(Result::ok).unwrap_or_default());
        self.attach_again_with(backend, &named).await;
    }

    async fn attach_again_with(&self, backend: &mut Backend, dependencies: &str) {
        // The first call may be the one in which the backend finds that its program has ended.
        for _ in 0..2 {
            match self.attach_with(backend, dependencies).await {
                Ok(()) => return,
                Err(failure) => self.log.note(|| failure.to_string()),
            }
        }
    }

    async fn attach_with(&self, backend: &mut Backend, dependencies: &str) -> Outcome {
        let tree = self.tree().unwrap_or_default();
        let workspace = tree.parent().unwrap_or(&tree);
        library::set_loaded(workspace, false)?;
        backend.execute(dependencies).await?;
        backend.execute(ATTACH).await?;
        library::set_loaded(workspace, true)
    }

    async fn launch(self: Arc<Self>, news: Arc<Mutex<News>>) -> Outcome<Backend> {
        let begun = Instant::now();
        let shared = self.shared().await?;
        lock(&news).expected = Some(shared.expected());
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let workspace = block_in_place(|| self.make_workspace(shared, number))?;
        let Shared { program, toolchain, running, .. } = shared;
        let libraries = PrebuiltLibraries::of(&self.checkout, toolchain);
        let changed = (!libraries.are_fresh()).then(|| Freshness::now(self.checkout.root()));
        let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        let pipes = Pipes::make(running, &self.mark)?;
        let [messages, errors] = pipes.variables();
        let variables = [
            (protocol::INTERRUPT, shared.interrupt().display().to_string()),
            (protocol::MARK, self.mark.as_str().to_owned()),
            (CONTROLS, shared.controls().display().to_string()),
            messages,
            errors,
        ];
        let (log, tree, heard) = (self.log, workspace.tree(), Arc::clone(&news));
        let listener = move |line: String| {
            log.note(|| format!("backend: {line}"));
            lock(&heard).said = line;
        };
        let mut backend =
            Backend::start(toolchain, running, program, &tree, &folder, &variables, listener)
                .await?;
        backend.listen_to(pipes);
        log.note(|| "the backend answers".to_owned());
        workspace.keep_versions(&self.checkout)?;
        self.attach(&mut backend).await?;
        log.note(|| "the library is loaded".to_owned());
        if let Some(freshness) = changed {
            let kept = block_in_place(|| libraries.keep(&workspace, running, &freshness));
            log.note(|| format!("what had to be compiled is kept: {kept:?}"));
        }
        // A cell that waits already does the same, and something of use with it.
        if !lock(&news).is_awaited {
            backend.execute(WARM_UP).await?;
            backend.execute(READY).await?;
            log.note(|| "the backend is warm".to_owned());
        }
        shared.took(begun.elapsed());
        Ok(backend)
    }

    async fn shared(&self) -> Outcome<&Shared> {
        self.shared.get_or_try_init(|| async { block_in_place(Shared::find) }).await
    }

    /// A directory of its own for each backend; that of the one before is of no use any more.
    fn make_workspace(&self, shared: &Shared, number: u32) -> Outcome<Workspace> {
        let _ = fs::remove_dir_all(shared.directory(number - 1));
        let directory = shared.directory(number);
        PrebuiltLibraries::of(&self.checkout, &shared.toolchain).link_to(&directory)?;
        // What a kernel has kept says that the library is loaded: by that one.
        library::set_loaded(&directory, false)?;
        Workspace::for_kernel(&directory, &self.checkout)
    }
}

impl Shared {
    fn find() -> Outcome<Self> {
        let cache = cache()?;
        let program = evcxr::require(&cache)?;
        let toolchain = Toolchain::current(&cache)?;
        let running = Running::new(&toolchain)?;
        let socket = running.join(SOCKET);
        let controls = UnixListener::bind(&socket)
            .inspect_err(|error| {
                say(format_args!(
                    "inorm kernel: notebooks will have no sliders, because the socket {} cannot be \
                     made: {error}; INORM_CACHE can name a folder with a shorter path",
                    socket.display()
                ));
            })
            .ok();
        Ok(Self { program, toolchain, running, controls })
    }

    fn controls(&self) -> PathBuf {
        self.running.join(SOCKET)
    }

    fn directory(&self, number: u32) -> PathBuf {
        self.running.join(&format!("kernel-{number}"))
    }

    /// The file by which cells are asked to stop.
    fn interrupt(&self) -> PathBuf {
        self.running.join("interrupt")
    }

    /// As long as the last time.
    fn expected(&self) -> Duration {
        let noted = fs::read_to_string(self.noted_seconds());
        let seconds = noted.ok().and_then(|text| text.trim().parse().ok());
        seconds.map_or(EXPECTED, Duration::from_secs)
    }

    fn noted_seconds(&self) -> PathBuf {
        self.toolchain.home().join("preparation-seconds")
    }

    fn took(&self, time: Duration) {
        let seconds = time.as_secs_f64().round().to_string();
        // Only an estimate is lost if that fails.
        let _ = write_if_different(&self.noted_seconds(), &seconds);
    }
}

impl Preparation {
    /// Leaves out what a waiting cell can do without.
    pub fn hurry(&self) {
        lock(&self.news).is_awaited = true;
    }

    /// What a reader is told meanwhile, in one line.
    pub fn describe(&self) -> String {
        let news = lock(&self.news);
        let Some(expected) = news.expected else {
            return "preparing the library".to_owned();
        };
        let left = expected.as_secs_f64() - self.begun.elapsed().as_secs_f64();
        if left >= 1.0 {
            return format!("preparing the library, about {left:.0} s left");
        }
        match news.said.trim() {
            compiling if compiling.starts_with("Compiling") && left < -5.0 => format!(
                "preparing the library takes minutes this time, because it has to be compiled: \
                 {compiling} (`inorm lab` does that in advance)"
            ),
            _ => "preparing the library, a few seconds left".to_owned(),
        }
    }
}

/// The packages that the manifest of the backend's own package names, as it wants them named in a
/// cell.
fn dependencies(manifest: &str) -> String {
    let named = manifest.split_once("[dependencies]").map_or("", |(_, named)| named);
    let lines = named.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| format!(":dep {line}\n")).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_names_can_be_named_again() {
        let manifest = "[package]\nname = \"ctx\"\n\n[dependencies]\ninorm = { path = \"/a\" }\n\
                        tokio = {version=\"1\", features=[\"rt\"]}\n\n";
        let expected =
            ":dep inorm = { path = \"/a\" }\n:dep tokio = {version=\"1\", features=[\"rt\"]}\n";
        assert_eq!(dependencies(manifest), expected);
        assert_eq!(dependencies(""), "");
    }
}
