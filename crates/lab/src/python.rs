//! The pinned Python environment in the repository: JupyterLab, and what executes notebooks.

use crate::checkout::Checkout;
use crate::step::Step;
use inorm_core::files::{sha256, write};
use inorm_core::{Failure, Outcome};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest Python that the pinned packages run on.
pub const OLDEST: (u32, u32) = (3, 10);

/// A file in the environment from the start of the set-up on: the sign that this program makes it.
/// In the end it says what is installed.
const MARK: &str = "inorm-installed";

/// What a reader has to expect.
pub const EXPECTED: &str = "installing JupyterLab into .venv, 15 s to 1 minute";

/// Whether `.venv` is what the requirements say.
pub fn is_ready(checkout: &Checkout) -> Outcome<bool> {
    let wanted = wanted(checkout)?;
    let complete = fs::read_to_string(mark(checkout)).is_ok_and(|present| present == wanted);
    Ok(complete && checkout.python().exists())
}

/// Fails if no environment can be made here.
pub fn require_suitable(checkout: &Checkout) -> Outcome {
    require_own(checkout)?;
    find().map(|_| ())
}

/// Makes an empty `.venv`, or empties the one that is there.
pub fn create(checkout: &Checkout, step: &Step) -> Outcome {
    let python = find()?;
    clear(&checkout.environment())?;
    let mut create = Command::new(&python.program);
    create.args(["-m", "venv"]).arg(checkout.environment());
    step.run(&mut create, "install Python's venv module (Debian: apt install python3-venv)")
}

/// Installs what the requirements say.
pub fn install(checkout: &Checkout, step: &Step) -> Outcome {
    let mut install = Command::new(checkout.python());
    install
        .args(["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"])
        .arg("--requirement")
        .arg(requirements(checkout))
        .env_remove("PYTHONPATH")
        .env_remove("PYTHONHOME");
    step.run(&mut install, "check the network and the disk, then run the command again")?;
    Ok(write(&mark(checkout), wanted(checkout)?)?)
}

fn requirements(checkout: &Checkout) -> PathBuf {
    checkout.root().join("python/requirements.txt")
}

fn mark(checkout: &Checkout) -> PathBuf {
    checkout.environment().join(MARK)
}

/// What the mark says when all is installed.
fn wanted(checkout: &Checkout) -> Outcome<String> {
    let requirements = requirements(checkout);
    let text = fs::read(&requirements).map_err(|e| Failure::io("read", &requirements, &e))?;
    Ok(sha256(text))
}

/// Fails if there is an environment that somebody else made: an editor, or the reader.
pub fn require_own(checkout: &Checkout) -> Outcome {
    let environment = checkout.environment();
    let absent = fs::symlink_metadata(&environment).is_err();
    let is_empty = fs::read_dir(&environment).is_ok_and(|mut entries| entries.next().is_none());
    match absent || is_empty || environment.join(MARK).exists() {
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
    let mark = environment.join(MARK);
    fs::create_dir_all(environment).map_err(|error| Failure::io("create", environment, &error))?;
    fs::write(&mark, "").map_err(|error| Failure::io("write", &mark, &error))?;
    let entries =
        fs::read_dir(environment).map_err(|error| Failure::io("read", environment, &error))?;
    let others: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| *path != mark).collect();
    for path in others {
        let removed = match path.is_dir() && !path.is_symlink() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        removed.map_err(|error| Failure::io("remove", &path, &error))?;
    }
    Ok(())
}

/// A Python that is new enough.
#[derive(Debug)]
pub struct Python {
    /// What to run.
    pub program: PathBuf,
    /// Its version.
    pub version: (u32, u32),
}

/// The first Python on the PATH that is new enough.
pub fn find() -> Outcome<Python> {
    let names =
        ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];
    let found: Vec<Python> = names
        .iter()
        .filter_map(|name| {
            let program = PathBuf::from(name);
            version(&program).map(|version| Python { program, version })
        })
        .collect();
    let newest = found.iter().map(|python| python.version).max();
    let (major, minor) = OLDEST;
    found.into_iter().find(|python| python.version >= OLDEST).ok_or_else(|| {
        let have = match newest {
            Some((major, minor)) => format!("the newest Python here is {major}.{minor}"),
            None => "there is no Python here".to_owned(),
        };
        Failure::new(format!(
            "{have}, but JupyterLab needs {major}.{minor} or later; install one (Debian: apt install python3 python3-venv)"
        ))
    })
}

fn version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program)
        .args(["-c", "import sys; print(sys.version_info[0], sys.version_info[1])"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}
