//! The steps from a fresh clone to a notebook that opens. Each looks first whether it has anything
//! to do, so that a set-up that was interrupted goes on where it was.

use crate::checkout::Checkout;
use crate::compilation::{Build, Cache, EVCXR_VERSION, Package, Toolchain, evcxr};
use crate::kernel::PrebuiltLibraries;
use crate::kernelspec;
use crate::python;
use crate::step::{Output, Step};
use inorm_core::dataset::{FashionMnist, Source};
use inorm_core::files::Lock;
use inorm_core::{Failure, Outcome};
use std::path::{Path, PathBuf};
use std::thread;

const PYTHON: &str = "Python environment";
const LIBRARIES: &str = "Libraries for the notebooks";

/// What to do when cargo fails.
const AGAIN: &str =
    "check the network and the disk, then run the command again: it goes on from there";

/// Makes everything ready. What does not wait for each other is done at the same time.
pub fn prepare(checkout: &Checkout) -> Outcome {
    let cache = Cache::find()?;
    let name = checkout.name();
    let _alone = Lock::take(&cache.join(format!("locks/clone-{name}")), || {
        println!("another set-up of this clone is running; waiting for it to end");
    })?;
    let environment = begin_python(checkout)?;
    let toolchain = Toolchain::current(&cache)?;
    let program = thread::scope(|scope| {
        let installed = scope.spawn(|| finish_python(checkout, environment));
        let kernel = scope.spawn(|| prepare_evcxr(&cache));
        let compiled = compile_libraries(checkout, &toolchain);
        join(installed)?;
        let program = join(kernel)?;
        compiled.map(|()| program)
    })?;
    load_libraries(checkout, &toolchain, &program)?;
    kernelspec::write(checkout)?;
    Step::ready("Kernel", "registered as \"Rust (inorm)\" in .venv");
    describe_data();
    Ok(())
}

fn join<T>(step: thread::ScopedJoinHandle<'_, Outcome<T>>) -> Outcome<T> {
    step.join().unwrap_or_else(|_| Err(Failure::new("a step of the set-up has panicked")))
}

/// What most often goes wrong with Python does so here, before anything is compiled.
fn begin_python(checkout: &Checkout) -> Outcome<Option<Step>> {
    if python::is_ready(checkout)? {
        Step::ready(PYTHON, "ready");
        return Ok(None);
    }
    python::require_suitable(checkout)?;
    let step = Step::begin(PYTHON, python::EXPECTED, Output::Stdout);
    python::create(checkout, &step)?;
    Ok(Some(step))
}

fn finish_python(checkout: &Checkout, begun: Option<Step>) -> Outcome {
    if let Some(step) = begun {
        python::install(checkout, &step)?;
        step.end();
    }
    Ok(())
}

fn prepare_evcxr(cache: &Cache) -> Outcome<PathBuf> {
    let name = format!("Rust kernel evcxr_jupyter {EVCXR_VERSION}");
    if let Some(program) = evcxr::find(cache) {
        Step::ready(&name, "ready");
        return Ok(program);
    }
    let _alone = Lock::take(&cache.join("locks/evcxr"), || {
        println!("{name}: another set-up compiles it; waiting for it to end");
    })?;
    if let Some(program) = evcxr::find(cache) {
        return Ok(program);
    }
    let expected = "compiling, once; 4 to 12 minutes on two cores";
    let step = Step::begin(&name, expected, Output::Stdout);
    step.run(&mut evcxr::install_command(cache), AGAIN)?;
    evcxr::clean_up(cache);
    step.end();
    evcxr::require(cache)
}

fn compile_libraries(checkout: &Checkout, toolchain: &Toolchain) -> Outcome {
    if PrebuiltLibraries::of(checkout, toolchain).are_fresh() {
        Step::ready(LIBRARIES, "ready");
        return Ok(());
    }
    let expected = match Build::has_base(checkout, toolchain) {
        true => "compiling this clone's library, about 1 minute",
        false => "compiling, once; 3 to 8 minutes on two cores",
    };
    let build = begin_build(checkout, toolchain)?;
    let step = Step::begin(LIBRARIES, expected, Output::Stdout);
    step.run(&mut build.command(Package::Libraries), AGAIN)?;
    step.end();
    Ok(())
}

fn begin_build(checkout: &Checkout, toolchain: &Toolchain) -> Outcome<Build> {
    Build::begin(checkout, toolchain, || {
        println!("{LIBRARIES}: another process is compiling; waiting for it to end");
    })
}

/// The Rust kernel has the last word on whether anything has to be compiled.
fn load_libraries(checkout: &Checkout, toolchain: &Toolchain, program: &Path) -> Outcome {
    let libraries = PrebuiltLibraries::of(checkout, toolchain);
    if libraries.are_fresh() {
        return Ok(());
    }
    let build = begin_build(checkout, toolchain)?;
    let step = Step::begin("First notebook", "loading the libraries, 15 to 40 s", Output::Stdout);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let loaded = libraries.load(checkout, toolchain, &build, program, step.listener());
    runtime.block_on(loaded).inspect_err(|_| step.show_last_words())?;
    step.end();
    Ok(())
}

fn describe_data() {
    let what = match FashionMnist::locate() {
        Ok(Source::Folder(folder)) => format!("in {}", folder.display()),
        Ok(Source::Subset) => "not found, the notebooks use the built-in subset; \
                               `inorm data fetch` gets all of it"
            .to_owned(),
        // The notebooks that need images will say so, too; that is no reason to open none.
        Err(error) => error.to_string(),
    };
    Step::ready("FashionMNIST", &what);
}
