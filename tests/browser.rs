//! The book as a reader sees it: JupyterLab in a browser, every notebook run from the menu.

use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
#[ignore = "needs `inorm lab --prepare`, python/requirements-test.txt and Chromium"]
fn tables_and_figures_of_all_notebooks_are_visible() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(clone.join("notebooks")).unwrap();
    let mut notebooks: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ipynb"))
        .collect();
    notebooks.sort();
    assert!(!notebooks.is_empty());
    let status = Command::new(clone.join(".venv/bin/python"))
        .arg(clone.join("tests/browser.py"))
        .args([Path::new(env!("CARGO_BIN_EXE_inorm")), clone])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser"))
        .args(&notebooks)
        .status()
        .unwrap();
    assert!(status.success());
}
