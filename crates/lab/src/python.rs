//! The pinned Python environment in the repository: JupyterLab, what executes notebooks, and, once
//! it is asked for, what renders the book.

use crate::checkout::Checkout;
use crate::step::{Output, Step};
use inorm_core::files::{entries, sha256, write};
use inorm_core::{Context, Failure, Outcome};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name of the step that makes the environment.
pub const STEP: &str = "Python environment";

/// The oldest Python that the pinned packages run on.
const OLDEST: Version = (3, 10);

/// The oldest Python that those for the book run on.
const OLDEST_FOR_BOOK: Version = (3, 11);

/// Packages that are installed together.
struct Packages {
    /// The file that pins them.
    requirements: &'static str,
    /// The file in the environment that says which of them are installed.
    mark: &'static str,
}

/// Its mark is there from the start of the set-up on: the sign that this program makes the
/// environment.
const JUPYTER: Packages =
    Packages { requirements: "python/requirements.txt", mark: "inorm-installed" };

const BOOK: Packages =
    Packages { requirements: "python/requirements-book.txt", mark: "inorm-book-installed" };

/// Major and minor.
pub type Version = (u32, u32);

/// Whether `.venv` is what the requirements say.
pub fn is_ready(checkout: &Checkout) -> Outcome<bool> {
    Ok(JUPYTER.are_installed(checkout)? && checkout.python().exists())
}

/// Makes sure that `.venv` has what renders the book.
pub fn add_book(checkout: &Checkout) -> Outcome {
    if !is_ready(checkout)? {
        begin(checkout)?.finish()?;
    }
    if BOOK.are_installed(checkout)? {
        return Ok(());
    }
    let found = version_of(checkout.python());
    if found.is_none_or(|version| version < OLDEST_FOR_BOOK) {
        let (major, minor) = OLDEST_FOR_BOOK;
        let found = found.map_or("unknown".to_owned(), |(major, minor)| format!("{major}.{minor}"));
        return Err(Failure::new(format!(
            "the Python of {} is {found}, but the book needs {major}.{minor} or later; put such a \
             python3 first on your PATH, delete that folder, then run the command again",
            checkout.environment().display()
        )));
    }
    let expected = "installing Sphinx and MyST-NB into .venv, 10 to 40 s";
    let step = Step::begin("Packages for the book", expected, Output::Stdout);
    BOOK.install(checkout, &step)?;
    step.end();
    Ok(())
}

/// An environment that has nothing in it yet.
pub struct Empty<'c> {
    checkout: &'c Checkout,
    step: Step,
}

/// Makes `.venv`, or empties the one that is there. What most often goes wrong with Python does so
/// here.
pub fn begin(checkout: &Checkout) -> Outcome<Empty<'_>> {
    require_own(checkout)?;
    let python = find()?;
    let expected = "installing JupyterLab into .venv, 15 s to 1 minute";
    let step = Step::begin(STEP, expected, Output::Stdout);
    clear(&checkout.environment())?;
    let mut create = Command::new(python.program);
    create.args(["-m", "venv"]).arg(checkout.environment());
    step.run(create, "install Python's venv module (Debian: apt install python3-venv)")?;
    Ok(Empty { checkout, step })
}

impl Empty<'_> {
    /// Installs what the requirements say.
    pub fn finish(self) -> Outcome {
        JUPYTER.install(self.checkout, &self.step)?;
        self.step.end();
        Ok(())
    }
}

impl Packages {
    fn are_installed(&self, checkout: &Checkout) -> Outcome<bool> {
        let wanted = self.wanted(checkout)?;
        Ok(fs::read_to_string(self.mark(checkout)).is_ok_and(|present| present == wanted))
    }

    fn install(&self, checkout: &Checkout, step: &Step) -> Outcome {
        let mut install = Command::new(checkout.python());
        install
            .args(["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"])
            .arg("--requirement")
            .arg(checkout.root().join(self.requirements))
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME");
        step.run(install, "check the network and the disk, then run the command again")?;
        write(&self.mark(checkout), self.wanted(checkout)?)?;
        Ok(())
    }

    fn mark(&self, checkout: &Checkout) -> PathBuf {
        checkout.environment().join(self.mark)
    }

    /// What the mark says when all is installed.
    fn wanted(&self, checkout: &Checkout) -> Outcome<String> {
        let requirements = checkout.root().join(self.requirements);
        Ok(sha256(fs::read(&requirements).context("read", &requirements)?))
    }
}

/// Fails if there is an environment that somebody else made: an editor, or the reader.
pub fn require_own(checkout: &Checkout) -> Outcome {
    let environment = checkout.environment();
    let absent = fs::symlink_metadata(&environment).is_err();
    let is_empty = fs::read_dir(&environment).is_ok_and(|mut entries| entries.next().is_none());
    match absent || is_empty || environment.join(JUPYTER.mark).exists() {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "{} was not made by this program, and is left alone; move or delete it, then run the \
             command again",
            environment.display()
        ))),
    }
}

/// Makes the environment, or empties it of all but the mark, which has to outlast an interruption.
fn clear(environment: &Path) -> Outcome {
    let mark = environment.join(JUPYTER.mark);
    fs::create_dir_all(environment).context("create", environment)?;
    fs::write(&mark, "").context("write", &mark)?;
    for path in entries(environment).filter(|path| *path != mark) {
        let removed = match path.is_dir() && !path.is_symlink() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        removed.context("remove", &path)?;
    }
    Ok(())
}

/// A Python that is new enough.
#[derive(Debug)]
pub struct Python {
    pub program: &'static str,
    pub version: Version,
}

/// The first Python on the PATH that is new enough.
pub fn find() -> Outcome<Python> {
    let names =
        ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];
    let found = names
        .into_iter()
        .filter_map(|program| Some(Python { program, version: version_of(program)? }));
    let found: Vec<Python> = found.collect();
    let have = match found.iter().map(|python| python.version).max() {
        Some((major, minor)) => format!("the newest Python here is {major}.{minor}"),
        None => "there is no Python here".to_owned(),
    };
    found.into_iter().find(|python| python.version >= OLDEST).ok_or_else(|| {
        let (major, minor) = OLDEST;
        Failure::new(format!(
            "{have}, but JupyterLab needs {major}.{minor} or later; install one (Debian: apt install python3 python3-venv)"
        ))
    })
}

fn version_of(python: impl AsRef<OsStr>) -> Option<Version> {
    let ask = "import sys; print('%d.%d' % sys.version_info[:2])";
    let output = Command::new(python).args(["-c", ask]).output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// Major and minor version in a text such as `3.12` or `1.95.0`.
pub fn parse_version(text: &str) -> Option<Version> {
    let mut numbers = text.trim().split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}
