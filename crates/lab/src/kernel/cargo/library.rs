//! The library, while the program that runs the cells has it loaded.
//!
//! A `:dep` can ask for other features of packages that the library is made of too. Cargo then
//! compiles the library again, and a cell that is linked with the new one cannot be loaded beside
//! the old one. So the reader is told before anything is compiled; and once the file of the library
//! is another, whatever the reason, the program is ended. The kernel starts it again, with the new
//! library and without variables. An interrupt before that puts the files of the loaded library
//! back, so that it costs nothing.

use super::packages::{items, text};
use super::processes::{children, end};
use super::watched::Watched;
use crate::compilation::LIBRARY;
use inorm_core::files::{entries, remove, write};
use inorm_core::{Context, Failure, Outcome};
use rustix::process::getppid;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// The name of its package.
const PACKAGE: &str = "inorm";

/// The library that is loaded; there is no such file while none is.
const LOADED: &str = "library-loaded.json";

/// The features of the packages that it is made of.
const FEATURES: &str = "library-features.json";

/// What is about to change, in words.
const CHANGES: &str = "library-changes";

/// Exists once the loaded library is not the compiled one any more.
const REPLACED: &str = "library-replaced";

/// The folder with links to the files of the loaded library, while cargo may write others.
const KEPT: &str = "library-kept";

/// The features of packages, by name and version.
type Features = BTreeMap<String, Value>;

/// Notes whether the library in this workspace is loaded.
pub fn set_loaded(workspace: &Path, is_loaded: bool) -> Outcome {
    let file = workspace.join(LOADED);
    match is_loaded {
        true => Ok(write(&file, serde_json::to_vec(&compiled(workspace)).unwrap_or_default())?),
        false => Ok(remove(&file)?),
    }
}

/// What is about to change in the loaded library, said once.
pub fn take_changes(workspace: &Path) -> Option<String> {
    take(workspace, CHANGES)
}

/// Whether the library has taken the place of the loaded one, said once.
pub fn was_replaced(workspace: &Path) -> bool {
    take(workspace, REPLACED).is_some()
}

/// After a compilation that was ended: puts the files of the loaded library back if there are others
/// in their place, so that the program can go on with it.
pub fn keep_loaded(workspace: &Path) -> Outcome {
    if loaded(workspace).is_none_or(|library| library.are_unchanged()) {
        return Ok(());
    }
    let kept = workspace.join(KEPT);
    let begun = fs::metadata(&kept).and_then(|folder| folder.modified()).context("read", &kept)?;
    for output in outputs(workspace) {
        for file in entries(&kept.join(output.file_name().unwrap_or_default())) {
            let place = output.join("debug/deps").join(file.file_name().unwrap_or_default());
            fs::rename(&file, &place).context("put back", &place)?;
        }
        forget_compiled_since(begun, &output).context("look through", &output)?;
    }
    match loaded(workspace).is_none_or(|library| library.are_unchanged()) {
        true => Ok(()),
        false => Err(Failure::new("the library that was loaded is gone")),
    }
}

/// Keeps the files of the loaded library beside those that cargo writes.
fn keep_files(workspace: &Path) -> io::Result<()> {
    let kept = workspace.join(KEPT);
    match fs::remove_dir_all(&kept) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir(&kept)?;
    for output in outputs(workspace) {
        let folder = kept.join(output.file_name().unwrap_or_default());
        fs::create_dir(&folder)?;
        let is_library = |file: &PathBuf| file.file_stem() == Path::new(LIBRARY).file_stem();
        for file in entries(&output.join("debug/deps")).filter(is_library) {
            fs::hard_link(&file, folder.join(file.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// Makes cargo forget the library that it compiled after `begun`: with other features it has the same
/// file, and is not there any more.
fn forget_compiled_since(begun: SystemTime, output: &Path) -> io::Result<()> {
    let is_library = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        name.rsplit_once('-').is_some_and(|(package, _)| package == PACKAGE)
    };
    let is_new = |file: PathBuf| {
        fs::metadata(file).and_then(|file| file.modified()).is_ok_and(|modified| modified >= begun)
    };
    for folder in entries(&output.join("debug/.fingerprint")).filter(is_library) {
        if entries(&folder).any(is_new) {
            fs::remove_dir_all(folder)?;
        }
    }
    Ok(())
}

fn take(workspace: &Path, name: &str) -> Option<String> {
    let file = workspace.join(name);
    let text = fs::read_to_string(&file).ok()?;
    let _ = fs::remove_file(file);
    Some(text)
}

/// What one call of cargo will do to the library.
pub struct Forecast<'w> {
    workspace: &'w Path,
    features: Option<Features>,
}

impl<'w> Forecast<'w> {
    /// Of the call with these arguments; says what will change if the library is loaded.
    pub fn make(workspace: &'w Path, cargo: &Path, arguments: &[String]) -> Outcome<Self> {
        let features = metadata(cargo, arguments).map(|metadata| of_library(&metadata));
        let before = fs::read(workspace.join(FEATURES)).ok();
        let before = before.and_then(|text| serde_json::from_slice(&text).ok());
        if let (Some(_), Some(before), Some(now)) = (loaded(workspace), before, &features)
            && let Some(changes) = describe_changes(&before, now)
        {
            write(&workspace.join(CHANGES), changes)?;
        }
        if loaded(workspace).is_some() {
            keep_files(workspace).context("keep the library in", workspace)?;
        }
        Ok(Self { workspace, features })
    }

    /// After the call: ends the program if it has another library loaded than there is now.
    pub fn check(self) -> Outcome {
        let loaded = loaded(self.workspace);
        if loaded.as_ref().is_some_and(Watched::are_unchanged) {
            return Ok(());
        }
        // Before a notebook names the library there are none.
        if let Some(features) = self.features.filter(|features| !features.is_empty()) {
            let features = serde_json::to_vec(&features).unwrap_or_default();
            write(&self.workspace.join(FEATURES), features)?;
        }
        if loaded.is_some() {
            set_loaded(self.workspace, false)?;
            write(&self.workspace.join(REPLACED), "")?;
            end_program();
        }
        Ok(())
    }
}

/// The library that is loaded, as its file was then.
fn loaded(workspace: &Path) -> Option<Watched> {
    serde_json::from_slice(&fs::read(workspace.join(LOADED)).ok()?).ok()
}

/// The library as it is compiled now, for whatever kind of machine.
fn compiled(workspace: &Path) -> Watched {
    let mut library = Watched::default();
    for output in outputs(workspace) {
        library.add(output.join("debug/deps").join(LIBRARY));
    }
    library
}

/// What was compiled, in a folder for each kind of machine.
fn outputs(workspace: &Path) -> impl Iterator<Item = PathBuf> {
    entries(&workspace.join("tree/target")).filter(|output| output.join("debug/deps").is_dir())
}

/// The Rust kernel, which has called this process, runs the cells in a second process of its own
/// program.
fn end_program() {
    let Some(kernel) = getppid().map(|kernel| kernel.as_raw_nonzero().get()) else { return };
    let program = |process| fs::read_link(format!("/proc/{process}/exe")).ok();
    let is_same = |process: &i32| program(*process) == program(kernel);
    children(kernel).into_iter().filter(is_same).for_each(end);
}

fn metadata(cargo: &Path, arguments: &[String]) -> Option<Value> {
    let mut command = Command::new(cargo);
    command.args(arguments.iter().filter(|argument| *argument == "--offline"));
    command.args(["metadata", "--format-version=1"]);
    let target = arguments.iter().position(|argument| argument == "--target");
    if let Some(target) = target.and_then(|place| arguments.get(place + 1)) {
        command.args(["--filter-platform", target]);
    }
    let output = command.stderr(Stdio::null()).output().context("run", cargo).ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// The features of the library and of all that it is made of; empty without the library.
fn of_library(metadata: &Value) -> Features {
    let (packages, nodes) = (by_id(&metadata["packages"]), by_id(&metadata["resolve"]["nodes"]));
    let library = packages.iter().find(|(_, package)| package["name"] == PACKAGE);
    let mut waiting: Vec<String> = library.map(|(id, _)| id.clone()).into_iter().collect();
    let mut features = Features::new();
    while let Some(id) = waiting.pop() {
        let (Some(package), Some(node)) = (packages.get(&id), nodes.get(&id)) else { continue };
        let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
        if features.insert(name, node["features"].clone()).is_none() {
            let is_used = |it: &&Value| items(&it["dep_kinds"]).any(|kind| kind["kind"] != "dev");
            let dependencies = items(&node["deps"]).filter(is_used);
            waiting.extend(dependencies.map(|dependency| text(&dependency["pkg"])));
        }
    }
    features
}

fn by_id(list: &Value) -> HashMap<String, &Value> {
    items(list).map(|value| (text(&value["id"]), value)).collect()
}

fn describe_changes(before: &Features, now: &Features) -> Option<String> {
    let is_different = |name: &&String| before.get(*name) != now.get(*name);
    let names: Vec<&str> = now.keys().filter(is_different).map(String::as_str).collect();
    match names[..] {
        [] => None,
        [name] => Some(name.to_owned()),
        [name, ref others @ ..] => Some(format!("{name} and {} more", others.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    /// What `cargo metadata` lists when a package beside the library asks for a feature of one
    /// that the library is made of.
    fn listed(features: &[&str]) -> Value {
        let package = |name: &str| json!({"id": name, "name": name, "version": "1.0.0"});
        let node = |name: &str, features: &[&str], dependencies: &[(&str, Option<&str>)]| {
            let dependency = |(id, kind): &(&str, Option<&str>)| json!({"pkg": id, "dep_kinds": [{"kind": kind}]});
            let dependencies: Vec<Value> = dependencies.iter().map(dependency).collect();
            json!({"id": name, "features": features, "deps": dependencies})
        };
        let packages = ["ctx", "inorm", "num-traits", "cc", "test", "other"].map(package);
        json!({
            "packages": packages,
            "resolve": {"nodes": [
                node("ctx", &[], &[("inorm", None), ("other", None)]),
                node("inorm", &["cpu"], &[("num-traits", None), ("cc", Some("build")), ("test", Some("dev"))]),
                node("num-traits", features, &[]),
                node("cc", &[], &[]),
                node("test", &[], &[]),
                node("other", &[], &[("num-traits", None)]),
            ]},
        })
    }

    #[test]
    fn what_the_library_is_made_of_is_compared() {
        let before = of_library(&listed(&["std"]));
        assert_eq!(
            before.keys().collect::<Vec<_>>(),
            ["cc 1.0.0", "inorm 1.0.0", "num-traits 1.0.0"]
        );
        assert_eq!(describe_changes(&before, &of_library(&listed(&["std"]))), None);
        let now = of_library(&listed(&["std", "libm"]));
        assert_eq!(describe_changes(&before, &now).as_deref(), Some("num-traits 1.0.0"));
        assert_eq!(describe_changes(&before, &of_library(&json!({}))), None);
    }

    #[test]
    fn an_interrupt_puts_the_loaded_library_back() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = folder.path();
        let debug = workspace.join("tree/target/some-machine/debug");
        let (deps, library) = (debug.join("deps"), debug.join("deps").join(LIBRARY));
        let fingerprint = |name: &str, time: SystemTime| {
            let folder = debug.join(".fingerprint").join(name);
            fs::create_dir_all(&folder).unwrap();
            let file = fs::File::create(folder.join("invoked.timestamp")).unwrap();
            file.set_modified(time).unwrap();
        };
        fs::create_dir_all(&deps).unwrap();
        // None is loaded: there is nothing to keep.
        keep_loaded(workspace).unwrap();
        fs::write(&library, "old").unwrap();
        fs::write(library.with_extension("rlib"), "old").unwrap();
        fs::write(deps.join("libinorm_core-1.rlib"), "new").unwrap();
        set_loaded(workspace, true).unwrap();
        keep_files(workspace).unwrap();
        keep_files(workspace).unwrap();
        let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
        fingerprint("inorm-0", now - hour);
        fingerprint("inorm-1", now + hour);
        fingerprint("inorm-core-1", now + hour);
        for file in [library.clone(), library.with_extension("rlib")] {
            // As linkers do.
            fs::remove_file(&file).unwrap();
            fs::write(&file, "compiled again").unwrap();
        }
        assert!(!loaded(workspace).unwrap().are_unchanged());
        keep_loaded(workspace).unwrap();
        assert!(loaded(workspace).unwrap().are_unchanged());
        for file in [library.clone(), library.with_extension("rlib")] {
            assert_eq!(fs::read_to_string(file).unwrap(), "old");
        }
        let known = |name: &str| debug.join(".fingerprint").join(name).exists();
        assert!(known("inorm-0") && known("inorm-core-1") && !known("inorm-1"));
        // Without links there is nothing to put back.
        fs::remove_dir_all(workspace.join(KEPT)).unwrap();
        fs::remove_file(&library).unwrap();
        assert!(keep_loaded(workspace).is_err());
    }

    #[test]
    fn a_library_that_was_compiled_again_is_not_the_loaded_one() {
        let folder = tempfile::tempdir().unwrap();
        let deps = folder.path().join("tree/target/some-machine/debug/deps");
        fs::create_dir_all(&deps).unwrap();
        fs::write(deps.join(LIBRARY), "old").unwrap();
        set_loaded(folder.path(), true).unwrap();
        assert!(loaded(folder.path()).unwrap().are_unchanged());
        fs::write(deps.join(LIBRARY), "compiled again").unwrap();
        assert!(!loaded(folder.path()).unwrap().are_unchanged());
        set_loaded(folder.path(), false).unwrap();
        assert!(loaded(folder.path()).is_none());
    }
}
