//! Every example runs to its end; what it asserts holds.

use std::{fs, path::Path, process::Command};

#[test]
fn every_example_succeeds() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    // Cargo compiles examples beside the tests: `target/release/examples`.
    let this = std::env::current_exe().unwrap();
    let programs = this.ancestors().nth(2).unwrap().join("examples");
    let mut count = 0;
    for source in fs::read_dir(sources).unwrap() {
        let path = source.unwrap().path();
        let name = path.file_stem().unwrap();
        let output = Command::new(programs.join(name)).output().unwrap_or_else(|error| {
            panic!("{name:?} is not there ({error}); `cargo test` without --test compiles it")
        });
        assert!(output.status.success(), "{name:?}: {output:?}");
        assert!(!output.stdout.is_empty(), "{name:?} prints nothing");
        count += 1;
    }
    assert!(count >= 7, "{count} examples");
}
