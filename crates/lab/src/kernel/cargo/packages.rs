//! Which packages the Rust kernel reads, so that it is ready in a third of the time.
//!
//! To infer the types of variables and to complete names, the Rust kernel analyzes the sources of
//! every package that `cargo metadata` lists: 360 of them here, a third of which are not even
//! compiled. A notebook can name few. A package may list them, under `package.metadata.notebook`
//! in its `Cargo.toml`, as this library does; of others the nearest are read.

use super::interrupt::interruptible;
use inorm_core::{Context, Error, Outcome, failure};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The variable with the directory in which the Rust kernel compiles.
const TREE: &str = "EVCXR_TMPDIR";

/// How far from the notebook, where no list says more: its dependencies, and theirs.
const LEVELS: u32 = 2;

/// Runs `cargo metadata` with these arguments, and prints the shorter list.
pub fn print(cargo: &Path, arguments: &[String]) -> Outcome {
    let mut command = Command::new(cargo);
    command.args(arguments);
    if arguments.iter().any(|argument| argument == "--no-deps") {
        return Err(Error::io("run", cargo, command.exec()).into());
    }
    command.stderr(Stdio::inherit());
    let mut run = || Ok(command.output().context("run", cargo)?);
    // It may wait for the network.
    let output = match env::var_os(TREE).as_deref().and_then(|tree| Path::new(tree).parent()) {
        Some(workspace) => interruptible(workspace, run)?,
        None => run()?,
    };
    if !output.status.success() {
        std::process::exit(output.status.code().unwrap_or(1));
    }
    match serde_json::from_slice(&output.stdout) {
        Ok(mut metadata) => {
            shorten(&mut metadata);
            failure::print(metadata)
        }
        // Whoever asked knows this form.
        Err(_) => failure::print(String::from_utf8_lossy(&output.stdout)),
    }
}

/// Leaves those of the packages that are near enough, and what connects them.
fn shorten(metadata: &mut Value) {
    if !metadata["resolve"].is_object() {
        return;
    }
    let near = near(metadata);
    let is_near = |id: &Value| id.as_str().is_some_and(|id| near.contains_key(id));
    retain(&mut metadata["packages"], |package| is_near(&package["id"]));
    retain(&mut metadata["resolve"]["nodes"], |node| is_near(&node["id"]));
    for node in metadata["resolve"]["nodes"].as_array_mut().into_iter().flatten() {
        retain(&mut node["deps"], |dependency| is_near(&dependency["pkg"]));
        retain(&mut node["dependencies"], is_near);
    }
}

/// The packages within reach, and how far they are; the members of the workspace are at 0.
fn near(metadata: &Value) -> HashMap<String, u32> {
    let nodes = items(&metadata["resolve"]["nodes"]);
    let nodes: HashMap<_, _> = nodes.map(|node| (text(&node["id"]), node)).collect();
    let packages = items(&metadata["packages"]);
    let packages: HashMap<_, _> = packages.map(|package| (text(&package["id"]), package)).collect();
    let mut near: HashMap<String, u32> = HashMap::new();
    let members = items(&metadata["workspace_members"]);
    let mut waiting: VecDeque<(String, u32, Option<&Value>)> =
        members.map(|member| (text(member), 0, None)).collect();
    while let Some((id, level, mut named)) = waiting.pop_front() {
        if near.contains_key(&id) {
            continue;
        }
        if let Some(package) = packages.get(&id) {
            let own = &package["metadata"]["notebook"]["packages"];
            named = named.or_else(|| own.is_array().then_some(own));
        }
        let dependencies = nodes.get(&id).map(|node| &node["deps"]);
        let dependencies = dependencies.into_iter().flat_map(items);
        for dependency in dependencies.filter(is_normal) {
            let Some(package) = packages.get(&text(&dependency["pkg"])) else { continue };
            let is_named = named
                .map_or(level < LEVELS, |named| items(named).any(|name| *name == package["name"]));
            if is_named && !is_macro(package) {
                waiting.push_back((text(&package["id"]), level + 1, named));
            }
        }
        near.insert(id, level);
    }
    near
}

/// The kernel does not run the macros of other packages.
fn is_macro(package: &Value) -> bool {
    items(&package["targets"])
        .flat_map(|target| items(&target["kind"]))
        .any(|it| it == "proc-macro")
}

/// Not only for tests or for a build script.
fn is_normal(dependency: &&Value) -> bool {
    items(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null())
}

pub fn items(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().into_iter().flatten()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn retain(array: &mut Value, keep: impl Fn(&Value) -> bool) {
    if let Some(array) = array.as_array_mut() {
        array.retain(|item| keep(item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(id: &str, kind: &str) -> Value {
        json!({"id": id, "name": id, "targets": [{"kind": [kind]}]})
    }

    fn node(id: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
        let deps: Vec<Value> = dependencies
            .iter()
            .map(|(package, kind)| json!({"pkg": package, "dep_kinds": [{"kind": kind}]}))
            .collect();
        let ids: Vec<&str> = dependencies.iter().map(|(package, _)| *package).collect();
        json!({"id": id, "deps": deps, "dependencies": ids})
    }

    /// What is listed of these packages, of which `inorm` may have a list of its own.
    fn listed(names: Option<&[&str]>) -> Value {
        let packages =
            ["notebook", "inorm", "polars", "polars-core", "arrow", "derive", "cc", "criterion"];
        let kind = |id: &str| if id == "derive" { "proc-macro" } else { "lib" };
        let mut metadata = json!({
            "packages": packages.iter().map(|id| package(id, kind(id))).collect::<Vec<_>>(),
            "workspace_members": ["notebook"],
            "resolve": {"root": "notebook", "nodes": [
                node("notebook", &[("inorm", None)]),
                node("inorm", &[("polars", None), ("criterion", Some("dev")), ("derive", None)]),
                node("polars", &[("polars-core", None), ("cc", Some("build"))]),
                node("polars-core", &[("arrow", None), ("inorm", None)]),
                node("arrow", &[]),
                node("derive", &[]),
                node("cc", &[]),
                node("criterion", &[]),
            ]},
        });
        if let Some(names) = names {
            metadata["packages"][1]["metadata"] = json!({"notebook": {"packages": names}});
        }
        shorten(&mut metadata);
        metadata
    }

    fn names(metadata: &Value) -> Vec<String> {
        items(&metadata["packages"]).map(|package| text(&package["id"])).collect()
    }

    #[test]
    fn what_is_far_is_left_out_with_all_that_leads_to_it() {
        let metadata = listed(None);
        let expected = ["notebook", "inorm", "polars"];
        assert_eq!(names(&metadata), expected);
        let nodes = &metadata["resolve"]["nodes"];
        assert_eq!(items(nodes).map(|it| text(&it["id"])).collect::<Vec<_>>(), expected);
        assert_eq!(nodes[1]["dependencies"], json!(["polars"]));
        assert_eq!(nodes[2]["deps"], json!([]));
    }

    #[test]
    fn a_package_may_say_what_can_be_named_through_it() {
        let metadata = listed(Some(&["polars", "polars-core", "arrow", "derive"]));
        assert_eq!(names(&metadata), ["notebook", "inorm", "polars", "polars-core", "arrow"]);
        let core = &metadata["resolve"]["nodes"][3];
        assert_eq!(core["dependencies"], json!(["arrow", "inorm"]));
        assert_eq!(names(&listed(Some(&[]))), ["notebook", "inorm"]);
    }

    #[test]
    fn a_list_without_dependencies_stays_as_it_is() {
        let packages = [package("notebook", "lib")];
        let mut metadata =
            json!({"packages": packages, "workspace_members": ["notebook"], "resolve": null});
        let before = metadata.clone();
        shorten(&mut metadata);
        assert_eq!(metadata, before);
    }
}
