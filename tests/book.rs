//! The structure of the committed notebooks: what a reader may rely on in each of them.

use base64::Engine;
use serde_json::Value;
use std::path::{Path, PathBuf};

const DEPENDENCY: &str =
    r#":dep inorm = { path = "..", default-features = false, features = ["cpu"] }"#;
const LINES: usize = 25;
const PICTURE_BYTES: usize = 100_000;
const FRAMES_BYTES: usize = 450_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("notebooks")
}

struct Notebook {
    name: String,
    cells: Vec<Value>,
}

fn notebooks() -> Vec<Notebook> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "ipynb"))
        .collect();
    files.sort();
    let read = |path: &PathBuf| {
        let notebook: Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        Notebook { name, cells: notebook["cells"].as_array().unwrap().clone() }
    };
    files.iter().map(read).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

fn is_code(cell: &Value) -> bool {
    cell["cell_type"] == "code"
}

/// Every code cell with its place among all cells.
fn code(notebook: &Notebook) -> impl Iterator<Item = (usize, &Value)> {
    notebook.cells.iter().enumerate().filter(|(_, cell)| is_code(cell))
}

fn outputs(cell: &Value) -> &[Value] {
    cell["outputs"].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn the_chapters_are_numbered_without_a_gap() {
    for (number, notebook) in notebooks().iter().enumerate() {
        assert!(notebook.name.starts_with(&format!("{number:02}_")), "{}", notebook.name);
    }
    assert!(!notebooks().is_empty());
}

#[test]
fn each_opens_with_its_title_what_one_learns_and_how_long_it_takes() {
    for notebook in notebooks() {
        let opening = text(&notebook.cells[0]["source"]);
        assert!(opening.starts_with("# "), "{}: no title", notebook.name);
        for part in ["**You will learn**", "**Run time:**"] {
            assert!(opening.contains(part), "{}: no {part}", notebook.name);
        }
        let (_, first) = code(&notebook).next().unwrap();
        assert_eq!(text(&first["source"]), DEPENDENCY, "{}", notebook.name);
    }
}

#[test]
fn every_cell_is_short_and_follows_a_sentence_about_it() {
    for notebook in notebooks() {
        let mut number = 0;
        for (place, cell) in code(&notebook) {
            number += 1;
            let lines = text(&cell["source"]).lines().count();
            assert!(lines <= LINES, "{}, cell {number}: {lines} lines", notebook.name);
            let before = place.checked_sub(1).map(|place| &notebook.cells[place]);
            // The second cell of the set-up belongs to the first.
            let explained = number == 2 || before.is_some_and(|cell| !is_code(cell));
            assert!(explained, "{}, cell {number}: no prose before it", notebook.name);
        }
    }
}

#[test]
fn all_are_committed_as_executed_from_top_to_bottom() {
    for notebook in notebooks() {
        for (number, (_, cell)) in (1..).zip(code(&notebook)) {
            let count = cell["execution_count"].as_u64();
            assert_eq!(count, Some(number), "{}, cell {number}", notebook.name);
            let tags = cell["metadata"]["tags"].as_array().cloned().unwrap_or_default();
            let planned = tags.iter().any(|tag| tag == "raises-exception");
            let failed = outputs(cell).iter().any(|output| output["output_type"] == "error");
            assert_eq!(failed, planned, "{}, cell {number}", notebook.name);
        }
    }
}

#[test]
fn a_cell_shows_one_thing_and_a_picture_says_what_it_shows() {
    for notebook in notebooks() {
        for (number, (_, cell)) in (1..).zip(code(&notebook)) {
            let place = format!("{}, cell {number}", notebook.name);
            let shown = |o: &&Value| o["output_type"] == "execute_result";
            assert!(outputs(cell).iter().filter(shown).count() <= 1, "{place}");
            for output in outputs(cell) {
                let plain = text(&output["data"]["text/plain"]);
                assert!(!plain.starts_with("Table {") && plain != "()", "{place}: {plain}");
                let decode = |png: &str| {
                    let bytes = base64::engine::general_purpose::STANDARD.decode(png).unwrap();
                    assert!(bytes.len() <= PICTURE_BYTES, "{place}: {} bytes", bytes.len());
                };
                let html = text(&output["data"]["text/html"]);
                let embedded = html.split("base64,").skip(1);
                embedded.for_each(|rest| decode(rest.split('"').next().unwrap_or_default()));
                let png = text(&output["data"]["image/png"]).replace('\n', "");
                if png.is_empty() {
                    continue;
                }
                decode(&png);
                let alt = text(&cell["metadata"]["alt"]);
                assert!(alt.len() > 40 && plain.len() > 40, "{place}: no words for its picture");
            }
        }
    }
}

/// What the rendered book steps through: `python/frames.py` keeps it when a chapter is executed.
#[test]
fn controls_keep_what_they_show_for_a_few_other_values() {
    let mut found = 0;
    for notebook in notebooks() {
        for (number, (_, cell)) in (1..).zip(code(&notebook)) {
            let place = format!("{}, cell {number}", notebook.name);
            let tags = cell["metadata"]["tags"].as_array().cloned().unwrap_or_default();
            let kept: Vec<_> = outputs(cell)
                .iter()
                .map(|output| &output["data"]["application/vnd.inorm.frames+json"])
                .filter(|frames| frames.is_object())
                .collect();
            let moves = text(&cell["source"]).contains("interact(");
            let expected = usize::from(moves && !tags.iter().any(|tag| tag == "unmoved"));
            assert_eq!(kept.len(), expected, "{place}");
            for frames in kept {
                let bytes = frames.to_string().len();
                assert!(bytes <= FRAMES_BYTES, "{place}: {bytes} bytes");
                let sliders = frames["controls"].as_array().unwrap();
                assert!(sliders.iter().all(|c| c["values"].as_array().unwrap().len() <= 12));
                assert!(frames["frames"].as_array().unwrap().len() > 1, "{place}");
                found += 1;
            }
        }
    }
    assert!(found > 5, "only {found} cells have controls");
}

#[test]
fn links_between_notebooks_lead_somewhere_and_every_check_has_a_cell() {
    for notebook in notebooks() {
        for cell in notebook.cells.iter().filter(|cell| !is_code(cell)) {
            let source = text(&cell["source"]);
            for target in source.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                if target.ends_with(".ipynb") {
                    assert!(folder().join(target).is_file(), "{}: {target}", notebook.name);
                }
            }
            let (open, closed) =
                (source.matches("<details>").count(), source.matches("</details>").count());
            assert_eq!(open, closed, "{}: a solution does not end", notebook.name);
        }
    }
}
