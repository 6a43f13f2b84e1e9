//! What the README states is what the repository holds.

use inorm::sweep::{Tables, claims_markdown};
use std::{fs, path::Path};

#[test]
fn the_results_are_those_in_data_results() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(clone.join("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- inorm sweep claims -->\n").expect("the table");
    let (table, _) = rest.split_once("<!-- end -->").expect("its end");
    let runs = Tables::read(&clone.join("data/results")).unwrap().runs;
    let expected = claims_markdown(&runs).unwrap();
    assert_eq!(table.trim(), expected.trim(), "put what `inorm sweep claims` prints there");
}

#[test]
fn every_file_that_it_names_exists() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["README.md", "data/README.md", "data/results/README.md"] {
        let path = clone.join(name);
        let text = fs::read_to_string(&path).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (target, _) in targets.filter(|(target, _)| !target.starts_with("http")) {
            let file = path.parent().unwrap().join(target.split('#').next().unwrap());
            assert!(file.exists(), "{name} names {target}, which does not exist");
        }
    }
}
