//! The files that a compiled cell depends on, and whether one of them has changed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// When a file was changed, and how large it is.
type Stamp = (SystemTime, u64);

/// Files as they were; those that did not exist, too.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Watched(BTreeMap<PathBuf, Option<Stamp>>);

impl Watched {
    /// Watches a file from now on.
    pub fn add(&mut self, path: impl Into<PathBuf>) {
        let path = path.into();
        let stamp = stamp(&path);
        self.0.insert(path, stamp);
    }

    /// Watches the settings of cargo that hold in `folder` and those in its own `home`.
    pub fn add_settings(&mut self, folder: &Path, home: Option<PathBuf>) {
        let homes = folder.ancestors().map(|folder| folder.join(".cargo")).chain(home);
        for file in homes.flat_map(|home| [home.join("config.toml"), home.join("config")]) {
            self.add(file);
        }
    }

    /// Whether all are as they were.
    pub fn are_unchanged(&self) -> bool {
        self.0.iter().all(|(path, before)| is_unchanged(*before, stamp(path)))
    }

    /// Whether one was changed after `time`.
    pub fn were_changed_after(&self, time: SystemTime) -> bool {
        self.0.values().flatten().any(|(modified, _)| *modified >= time)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Archives keep whole seconds: those of a container's layers, for one, which are unpacked elsewhere.
fn is_unchanged(before: Option<Stamp>, now: Option<Stamp>) -> bool {
    let (Some((then, size)), Some((modified, size_now))) = (before, now) else {
        return before == now;
    };
    let in_seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).ok();
    let whole = in_seconds(then).map(|since| Duration::from_secs(since.as_secs()));
    size == size_now && (then == modified || whole.is_some() && whole == in_seconds(modified))
}

/// What the packages are made of that may change while a notebook is open: those that lie in a
/// folder of their author's, neither in cargo's registry nor in the kernel's own directory.
#[derive(Debug, Default)]
pub struct Sources {
    /// Their files.
    pub files: Watched,
    /// The variables that build scripts and sources read.
    pub variables: BTreeSet<String>,
    /// Whether there is one of which it cannot be said what it depends on.
    pub unknown: bool,
}

impl Sources {
    /// Takes note of one of cargo's messages. Paths in what rustc wrote are relative to `workspace`.
    pub fn hear(&mut self, message: &Value, workspace: &Path) {
        let is_local = text(message, "package_id").starts_with("path+file://")
            && !Path::new(text(message, "manifest_path")).starts_with(workspace);
        match text(message, "reason") {
            "compiler-artifact" if is_local => self.add_package(message, workspace),
            "build-script-executed" => self.add_build_script(message, is_local),
            _ => {}
        }
    }

    fn add_package(&mut self, message: &Value, workspace: &Path) {
        let manifest = Path::new(text(message, "manifest_path"));
        for folder in manifest.ancestors().skip(1) {
            self.files.add(folder.join("Cargo.toml"));
            self.files.add(folder.join("Cargo.lock"));
        }
        let is_build_script = |kind: &Value| kind == "custom-build";
        if items(&message["target"]["kind"]).any(is_build_script) {
            return self.files.add(text(&message["target"], "src_path"));
        }
        let files = items(&message["filenames"]).filter_map(Value::as_str).map(Path::new);
        let listed =
            files.filter_map(dependencies_of).find_map(|file| fs::read_to_string(file).ok());
        match listed {
            Some(listed) => self.add_listed(&listed, workspace),
            None => self.unknown = true,
        }
    }

    /// What rustc lists for make: the rules without dependencies name the sources.
    fn add_listed(&mut self, listed: &str, workspace: &Path) {
        for line in listed.lines() {
            if let Some(variable) = line.strip_prefix("# env-dep:") {
                self.variables.insert(variable.split('=').next().unwrap_or_default().to_owned());
            } else if let Some(file) = line.strip_suffix(':') {
                self.files.add(workspace.join(file.replace("\\ ", " ")));
            }
        }
    }

    fn add_build_script(&mut self, message: &Value, is_local: bool) {
        let output = Path::new(text(message, "out_dir")).with_file_name("output");
        let output = fs::read_to_string(output).unwrap_or_default();
        let of = |kind: &'static str| {
            let said = output.lines().filter_map(|line| {
                line.strip_prefix("cargo::").or_else(|| line.strip_prefix("cargo:"))
            });
            said.filter_map(move |line| line.strip_prefix(kind)?.strip_prefix('='))
        };
        self.variables.extend(of("rerun-if-env-changed").map(str::to_owned));
        if is_local {
            let files: Vec<&str> = of("rerun-if-changed").collect();
            // Without any, every file of the package counts, and with a folder all that is in it.
            let folder = package_folder(text(message, "package_id"));
            let files = files.into_iter().map(|file| folder.join(file));
            let files: Vec<PathBuf> = files.collect();
            self.unknown |= files.is_empty() || files.iter().any(|file| file.is_dir());
            files.into_iter().for_each(|file| self.files.add(file));
        }
    }
}

/// `path+file:///folder#name@1.0.0`, as cargo names a package in a folder.
fn package_folder(id: &str) -> PathBuf {
    let path = id.trim_start_matches("path+file://");
    PathBuf::from(path.split('#').next().unwrap_or_default())
}

/// Where rustc lists the sources of a library: beside it.
fn dependencies_of(library: &Path) -> Option<PathBuf> {
    let name = library.file_stem()?.to_str()?;
    Some(library.with_file_name(name.strip_prefix("lib").unwrap_or(name)).with_extension("d"))
}

fn items(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().into_iter().flatten()
}

fn text<'v>(message: &'v Value, key: &str) -> &'v str {
    message[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_and_an_archive_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let set = |seconds: u64, nanoseconds: u32| {
            let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        let watch = || {
            let mut watched = Watched::default();
            watched.add(&path);
            watched.add(folder.path().join("absent"));
            watched
        };
        fs::write(&path, "text").unwrap();
        set(1_000_000, 7);
        let watched = watch();
        for (seconds, nanoseconds, unchanged) in [
            (1_000_000, 7, true),
            (1_000_000, 0, true),
            (1_000_000, 8, false),
            (1_000_001, 0, false),
            (999_999, 7, false),
        ] {
            set(seconds, nanoseconds);
            assert_eq!(watched.are_unchanged(), unchanged, "{seconds} s and {nanoseconds} ns");
        }
        fs::write(&path, "longer text").unwrap();
        set(1_000_000, 7);
        assert!(!watched.are_unchanged());
        // What an archive has kept is compared to the nanosecond.
        set(1_000_000, 0);
        let watched = watch();
        set(1_000_000, 7);
        assert!(!watched.are_unchanged());
        fs::remove_file(&path).unwrap();
        assert!(!watched.are_unchanged() && watch().are_unchanged());
    }
}
