//! The pinned Python environment in the repository: JupyterLab, and what executes notebooks.

use super::step::Step;
use crate::cli::{Checkout, Failure, Outcome};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest Python that the pinned packages run on.
pub const OLDEST: (u32, u32) = (3, 10);

/// A file in the environment from the start of the set-up on: the sign that this program makes it.
/// In the end it says what is installed.
const MARK: &str = "inorm-installed";

/// Makes `.venv` what the requirements say, if it is not yet.
pub fn prepare(checkout: &Checkout) -> Outcome {
    let requirements = checkout.root().join("python/requirements.txt");
    let wanted = fs::read(&requirements)
        .map(|text| format!("{:x?}", Sha256::digest(text)))
        .map_err(|error| Failure::io("read", &requirements, &error))?;
    let mark = checkout.environment().join(MARK);
    let complete = fs::read_to_string(&mark).is_ok_and(|present| present == wanted);
    if complete && checkout.python().exists() {
        Step::ready("Python environment", "ready");
        return Ok(());
    }
    require_own(checkout)?;
    let python = find()?;
    let step = Step::begin("Python environment", "JupyterLab into .venv, about 1 minute");
    clear(&checkout.environment())?;
    let mut create = Command::new(&python.program);
    create.args(["-m", "venv"]).arg(checkout.environment());
    step.run(&mut create, "install Python's venv module (Debian: apt install python3-venv)")?;
    let mut install = Command::new(checkout.python());
    install
        .args(["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"])
        .arg("--requirement")
        .arg(&requirements)
        .env_remove("PYTHONPATH")
        .env_remove("PYTHONHOME");
    step.run(&mut install, "check the network and the disk, then run the command again")?;
    fs::write(&mark, wanted).map_err(|error| Failure::io("write", &mark, &error))?;
    step.end();
    Ok(())
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
    fs::create_dir_all(environment).map_err(|error| Failure::io("make", environment, &error))?;
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
