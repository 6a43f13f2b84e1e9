//! The steps from a fresh clone to a notebook that opens. Each looks first whether it has anything
//! to do, so that a set-up that was interrupted goes on where it was.

use crate::checkout::Checkout;
use crate::compilation::{Build, EVCXR_VERSION, LIBRARIES, Toolchain, cache, evcxr};
use crate::kernel::PrebuiltLibraries;
use crate::step::{GO_ON, Output, Step};
use crate::{kernelspec, python};
use inorm_core::dataset::{FashionMnist, Source};
use inorm_core::files::Lock;
use inorm_core::{Failure, Outcome};
use std::path::{Path, PathBuf};
use std::thread;

const STEP: &str = "Libraries for the notebooks";

/// Makes everything ready; independent steps run at the same time.
pub fn prepare(checkout: &Checkout) -> Outcome {
    let cache = cache()?;
    let name = checkout.name();
    let _alone = Lock::take(&cache.join(format!("locks/clone-{name}")), || {
        Output::Stdout.line("another set-up of this clone is running; waiting for it to end");
    })?;
    let environment = begin_python(checkout)?;
    let toolchain = Toolchain::current(&cache)?;
    let program = thread::scope(|scope| {
        let python = scope.spawn(|| environment.map_or(Ok(()), python::Empty::finish));
        let kernel = scope.spawn(|| prepare_evcxr(&cache));
        let compiled = compile_libraries(checkout, &toolchain);
        join(python)?;
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

fn begin_python(checkout: &Checkout) -> Outcome<Option<python::Empty<'_>>> {
    if python::is_ready(checkout)? {
        Step::ready(python::STEP, "ready");
        return Ok(None);
    }
    python::begin(checkout).map(Some)
}

fn prepare_evcxr(cache: &Path) -> Outcome<PathBuf> {
    let name = format!("Rust kernel evcxr_jupyter {EVCXR_VERSION}");
    if let Some(program) = evcxr::find(cache) {
        Step::ready(&name, "ready");
        return Ok(program);
    }
    let _alone = Lock::take(&cache.join("locks/evcxr"), || {
        Output::Stdout
            .line(format_args!("{name}: another set-up compiles it; waiting for it to end"));
    })?;
    if let Some(program) = evcxr::find(cache) {
        return Ok(program);
    }
    let expected = "compiling, once; 4 to 12 minutes on two cores";
    let step = Step::begin(&name, expected, Output::Stdout);
    let program = evcxr::install(cache, &step)?;
    step.end();
    Ok(program)
}

fn compile_libraries(checkout: &Checkout, toolchain: &Toolchain) -> Outcome {
    if PrebuiltLibraries::of(checkout, toolchain).are_fresh() {
        Step::ready(STEP, "ready");
        return Ok(());
    }
    let expected = match Build::has_base(checkout, toolchain) {
        true => "compiling this clone's library, about 1 minute",
        false => "compiling, once; 3 to 8 minutes on two cores",
    };
    let build = Build::begin(checkout, toolchain, Output::Stdout)?;
    let step = Step::begin(STEP, expected, Output::Stdout);
    step.run(build.command(LIBRARIES), GO_ON)?;
    step.end();
    Ok(())
}

/// The Rust kernel has the last word on whether anything has to be compiled.
fn load_libraries(checkout: &Checkout, toolchain: &Toolchain, program: &Path) -> Outcome {
    let libraries = PrebuiltLibraries::of(checkout, toolchain);
    if libraries.are_fresh() {
        return Ok(());
    }
    let build = Build::begin(checkout, toolchain, Output::Stdout)?;
    let step = Step::begin("First notebook", "loading the libraries, 15 to 40 s", Output::Stdout);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let loaded = libraries.load(&build, program, step.listener());
    runtime.block_on(loaded).inspect_err(|_| step.show_last_words())?;
    step.end();
    Ok(())
}

fn describe_data() {
    let what = match FashionMnist::locate() {
        Ok(Source::Folder(folder)) => format!("in {}", folder.display()),
        Ok(_) => "not found, the notebooks use the built-in subset; \
                               `inorm data fetch` gets all of it"
            .to_owned(),
        // The notebooks that need images will say so, too; that is not a reason to open none.
        Err(error) => error.to_string(),
    };
    Step::ready("FashionMNIST", &what);
}
