//! `inorm lab`: everything that a reader needs, then JupyterLab.

pub mod book;
mod jupyter;
mod kernelspec;
pub mod python;
mod step;

use super::{Checkout, Failure, Outcome};
use crate::kernel::{Cache, EVCXR_VERSION, Lock, Recipe, Seed, evcxr};
use inorm::dataset::{FashionMnist, Source};
use std::fs;
use std::path::{Path, PathBuf};
use step::Step;

/// What to do once everything is ready.
#[derive(clap::Args)]
pub struct Lab {
    /// Do not open a browser.
    #[arg(long)]
    no_browser: bool,
    /// The port of 127.0.0.1 to listen on; from 8888 the first free one if not given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Execute these notebooks in place instead of opening JupyterLab.
    #[arg(long, value_name = "NOTEBOOK", num_args = 0.., conflicts_with_all = ["no_browser", "port"])]
    run: Option<Vec<PathBuf>>,
    /// With --run: all notebooks of the book.
    #[arg(long, requires = "run")]
    all: bool,
    /// With --run: write the results to this folder and leave the notebooks as they are.
    #[arg(long, value_name = "DIR", requires = "run")]
    into: Option<PathBuf>,
    /// Only prepare everything.
    #[arg(long, conflicts_with_all = ["no_browser", "port", "run"])]
    prepare: bool,
}

/// Sets up what is missing, then opens JupyterLab or executes notebooks.
pub fn run(lab: Lab) -> Outcome {
    let checkout = Checkout::find()?;
    let notebooks = lab.notebooks(&checkout)?;
    let port = jupyter::free_port(lab.port)?;
    prepare(&checkout)?;
    match notebooks {
        Some(notebooks) => jupyter::execute(&checkout, &notebooks, lab.into.as_ref()),
        None if lab.prepare => Ok(()),
        None => jupyter::open(&checkout, port, !lab.no_browser),
    }
}

impl Lab {
    /// The notebooks to execute, if that is what was asked for.
    fn notebooks(&self, checkout: &Checkout) -> Outcome<Option<Vec<PathBuf>>> {
        let Some(named) = &self.run else { return Ok(None) };
        match (self.all, named.is_empty()) {
            (true, true) => return all_notebooks(&checkout.notebooks()).map(Some),
            (false, false) => {}
            _ => {
                return Err(Failure::Usage(
                    "--run needs either the notebooks to execute or --all".to_owned(),
                ));
            }
        }
        match named.iter().find(|path| !path.is_file()) {
            None => Ok(Some(named.clone())),
            Some(path) => Err(Failure::Usage(format!(
                "there is no notebook {}; the book's are in notebooks/",
                path.display()
            ))),
        }
    }
}

fn all_notebooks(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::io("read", folder, &error))?;
    let mut notebooks: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ipynb"))
        .collect();
    notebooks.sort();
    match notebooks.is_empty() {
        true => Err(Failure::new(format!("there are no notebooks in {}", folder.display()))),
        false => Ok(notebooks),
    }
}

/// The steps of the set-up. Each looks first whether it has anything to do, so that an
/// interrupted set-up goes on where it was.
fn prepare(checkout: &Checkout) -> Outcome {
    let cache = Cache::find()?;
    let name = checkout.name();
    let _alone = Lock::take(&cache.join(format!("locks/clone-{name}")), || {
        println!("another set-up of this clone is running; waiting for it to end");
    })?;
    python::prepare(checkout)?;
    let program = prepare_evcxr(&cache)?;
    prepare_seed(checkout, &cache, &program)?;
    kernelspec::write(checkout)?;
    Step::ready("Kernel", "registered as \"Rust (inorm)\" in .venv");
    describe_data();
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
    let step = Step::begin(&name, "compiling, once; 6 to 13 minutes on two cores");
    step.run(
        &mut evcxr::install_command(cache),
        "check the network and the disk (2 GB), then run the command again: it goes on from there",
    )?;
    evcxr::clean_up(cache);
    step.end();
    evcxr::require(cache)
}

fn prepare_seed(checkout: &Checkout, cache: &Cache, program: &Path) -> Outcome {
    const NAME: &str = "Libraries for the notebooks";
    let recipe = Recipe::current(cache)?;
    let seed = Seed::of(checkout, &recipe);
    if seed.is_fresh() {
        Step::ready(NAME, "ready");
        return Ok(());
    }
    let expected = match seed.has_base(&recipe) {
        true => "compiling this clone's library, about 1 minute",
        false => "compiling, once; 4 to 8 minutes on two cores",
    };
    let step = Step::begin(NAME, expected);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let grown = runtime.block_on(seed.grow(checkout, &recipe, program, step.listener()));
    grown.inspect_err(|_| step.show_last_words())?;
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
