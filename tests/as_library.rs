//! The library from another project, as the README says.

use std::{fs, path::Path, process::Command};

const CLONE: &str = env!("CARGO_MANIFEST_DIR");

/// The first Rust example of a text.
fn example(text: &str) -> String {
    let (_, rest) = text.split_once("```rust,no_run\n").expect("a Rust example");
    rest.split_once("```").expect("its end").0.to_owned()
}

#[test]
#[ignore = "compiles the library once more, a minute and a half"]
fn the_readme_s_example_runs_in_a_project_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("mine");
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        // What is compiled already need not be compiled again.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        cargo.args(arguments).current_dir(&project).env("CARGO_TARGET_DIR", target);
        let output = cargo.output().unwrap();
        let (out, err) = (&output.stdout, &output.stderr);
        let said = [String::from_utf8_lossy(out), String::from_utf8_lossy(err)].concat();
        assert!(output.status.success(), "cargo {}: {said}", arguments.join(" "));
        said
    };
    fs::create_dir(&project).unwrap();
    cargo(&["init", "--name", "mine"]);
    cargo(&["add", "--path", CLONE]);
    // Compiled as here, for nothing to be compiled twice.
    let manifest = fs::read_to_string(format!("{CLONE}/Cargo.toml")).unwrap();
    let profiles = manifest.split_inclusive('\n').skip_while(|line| !line.starts_with("[profile"));
    let profiles: String = profiles.take_while(|line| !line.starts_with("[lints")).collect();
    let own = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    fs::write(project.join("Cargo.toml"), own + "\n" + &profiles).unwrap();
    fs::copy(format!("{CLONE}/Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let readme = fs::read_to_string(format!("{CLONE}/README.md")).unwrap();
    // On the few images of the repository, once.
    let example = example(&readme).replace(".epochs(2)", ".epochs(1)");
    let data = "FashionMnist::load()?";
    assert!(example.contains(data), "{example}");
    let example = example.replace(data, "FashionMnist::subset()?");
    fs::write(project.join("src/main.rs"), example).unwrap();
    let said = cargo(&["run", "--release"]);
    let accuracy = said.lines().find_map(|line| line.strip_suffix(" %"));
    assert!(accuracy.and_then(|a| a.parse::<f64>().ok()).is_some_and(|a| a > 20.0), "{said}");
}
