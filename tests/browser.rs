//! The book as a reader sees it: JupyterLab in a browser, notebooks run from the menu.

use std::path::Path;
use std::process::Command;

/// The first chapter, and the one that trains most. Every chapter is executed without a browser
/// by the notebooks' own tests; here it is the display that is tested, and they show all of it.
const OPENED: [&str; 2] = ["00_start_here.ipynb", "05_grad_norm.ipynb"];

#[test]
#[ignore = "needs `inorm lab --prepare`, python/requirements-test.txt and Chromium"]
fn tables_and_figures_are_visible() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    let notebooks = OPENED.map(|name| clone.join("notebooks").join(name));
    let status = Command::new(clone.join(".venv/bin/python"))
        .arg(clone.join("tests/browser.py"))
        .args([Path::new(env!("CARGO_BIN_EXE_inorm")), clone])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser"))
        .args(&notebooks)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
#[ignore = "needs `inorm lab --prepare`, python/requirements-test.txt and Chromium"]
fn a_reader_sees_what_moves_and_can_stop_it() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = Command::new(clone.join(".venv/bin/python"))
        .arg(clone.join("tests/live.py"))
        .args([Path::new(env!("CARGO_BIN_EXE_inorm")), clone])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser"))
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
#[ignore = "needs `inorm lab --prepare`, python/requirements-test.txt and Chromium"]
fn the_rendered_book_fits_its_screens_and_its_links_lead_somewhere() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let book = Command::new(env!("CARGO_BIN_EXE_inorm"))
        .args(["book", "--into"])
        .arg(folder.path())
        .current_dir(clone)
        .status()
        .unwrap();
    assert!(book.success());
    let looked = Command::new(clone.join(".venv/bin/python"))
        .arg(clone.join("tests/book.py"))
        .arg(folder.path())
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("book"))
        .status()
        .unwrap();
    assert!(looked.success());
}
