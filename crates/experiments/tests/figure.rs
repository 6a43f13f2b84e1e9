//! `inorm figure` as a reader uses it.

mod program;

use inorm::results::stored_results;
use program::{ends_with, inorm};
use std::fs;

#[test]
fn a_figure_is_written_as_png_and_as_svg_and_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    for (name, start) in [("network.png", &b"\x89PNG"[..]), ("network.svg", &b"<svg"[..])] {
        let mut command = inorm(&format!("figure 1a --out {name}"));
        let [told, _] = ends_with(0, command.current_dir(&folder));
        assert!(told.starts_with("The network: "), "{told}");
        assert!(fs::read(folder.path().join(name)).unwrap().starts_with(start), "{name}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn what_cannot_be_drawn_is_one_line_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, code, part) in [
        ("figure 8 --out f.png", 2, "expected one of 1, 1a"),
        ("figure 1a --out f.jpg", 2, ".png or .svg"),
        ("figure 2 --out f.png --results nowhere", 2, "nowhere is not a folder"),
        ("figure 1a --out no/f.png", 1, "cannot write no/f.png"),
    ] {
        let [_, said] = ends_with(code, inorm(arguments).current_dir(&folder));
        assert!(said.contains(part) && said.lines().count() == 1, "{said}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn tables_without_the_runs_to_draw_are_no_fault_of_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut stored = stored_results().unwrap();
    for table in [&mut stored.runs, &mut stored.epochs, &mut stored.measurements] {
        *table = table.head(Some(1));
    }
    stored.write(folder.path()).unwrap();
    let mut command = inorm("figure 2 --out f.png --results .");
    let [_, said] = ends_with(1, command.current_dir(&folder));
    assert!(said.contains("runs table: no ") && said.lines().count() == 1, "{said}");
    assert!(!folder.path().join("f.png").exists());
}
