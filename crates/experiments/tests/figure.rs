//! `inorm figure` as a reader uses it.

use inorm::results::stored_results;
use std::path::Path;
use std::process::{Command, Output};

fn figure(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inorm-experiments"))
        .arg("figure")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn a_figure_is_written_as_png_and_as_svg_and_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    for (name, start) in [("network.png", &b"\x89PNG"[..]), ("network.svg", &b"<svg"[..])] {
        let output = figure(&["1a", "--out", name], folder.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("The network: "));
        assert!(std::fs::read(folder.path().join(name)).unwrap().starts_with(start), "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_cannot_be_drawn_is_one_line_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], i32, &str); 4] = [
        (&["8", "--out", "f.png"], 2, "expected one of 1, 1a"),
        (&["1a", "--out", "f.jpg"], 2, ".png or .svg"),
        (&["2", "--out", "f.png", "--results", "nowhere"], 2, "nowhere is no folder"),
        (&["1a", "--out", "no/f.png"], 1, "cannot write no/f.png"),
    ];
    for (arguments, code, part) in cases {
        let output = figure(arguments, folder.path());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(message.contains(part) && message.lines().count() == 1, "{message}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn tables_without_the_runs_to_draw_are_no_fault_of_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut stored = stored_results().unwrap();
    for table in [&mut stored.runs, &mut stored.epochs, &mut stored.measurements] {
        *table = table.head(Some(1));
    }
    stored.write(folder.path()).unwrap();
    let output = figure(&["2", "--out", "f.png", "--results", "."], folder.path());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("runs table: no ") && message.lines().count() == 1, "{message}");
    assert!(!folder.path().join("f.png").exists());
}
