//! The book as a reader sees it: JupyterLab in a browser, notebooks run from the menu.

mod script;

use script::checkout;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The first chapter, and one with all that a cell can show. Every chapter is executed without a
/// browser by the notebooks' own tests; here it is the display that is tested.
const OPENED: [&str; 2] = ["00_start_here.ipynb", "02_layer_norm.ipynb"];

#[test]
#[ignore = "needs `inorm lab --prepare`, python/requirements-test.txt and Chromium"]
fn tables_and_figures_are_visible() {
    let notebooks = OPENED.map(|name| checkout().join("notebooks").join(name));
    script::run(
        "browser.py",
        [program(), checkout().into(), pictures("browser")].into_iter().chain(notebooks),
    );
}

#[test]
#[ignore = "needs `inorm lab --prepare`, python/requirements-test.txt and Chromium"]
fn a_reader_sees_what_moves_and_can_stop_it() {
    script::run("live.py", [program(), checkout().into(), pictures("browser")]);
}

#[test]
#[ignore = "needs `inorm lab --prepare`, python/requirements-test.txt and Chromium"]
fn the_rendered_book_can_be_read_from_disk_without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let mut book = Command::new(program());
    book.args(["book", "--pdf", "--into"]).arg(folder.path()).current_dir(checkout());
    let output = book.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    // Sphinx warns of links that lead nowhere, formulas that cannot be read, and the like.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    script::run("book.py", [folder.path().to_path_buf(), pictures("book")]);
}

fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_inorm").into()
}

fn pictures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder)
}
