//! Fixtures that are not what they should be: each gets one line that names the key.

mod program;

use inorm_experiments::parity::Fixture;
use program::{ends_with, inorm};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

type Members = BTreeMap<String, Vec<u8>>;

fn good() -> PathBuf {
    inorm_core::files::repository().join("tests/fixtures/sweep/inorm_lateral.npz")
}

/// What is said of a good fixture after `change`.
fn said_after(change: impl FnOnce(&mut Members)) -> String {
    let mut archive = zip::ZipArchive::new(File::open(good()).unwrap()).unwrap();
    let mut members = Members::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let (name, mut bytes) = (member.name().unwrap().into_owned(), vec![]);
        member.read_to_end(&mut bytes).unwrap();
        members.insert(name, bytes);
    }
    change(&mut members);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("inorm_lateral.npz");
    let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
    for (name, bytes) in members {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    archive.finish().unwrap();
    said_of(&path)
}

fn said_of(path: &Path) -> String {
    let message = Fixture::read(path, None).expect_err("a bad fixture").to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

/// Replaces `from` by `to`, of the same length, in the header of an array.
fn edit_header(members: &mut Members, key: &str, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let bytes = members.get_mut(&format!("{key}.npy")).unwrap();
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).expect("in the header");
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
}

#[test]
fn missing_keys_are_named() {
    for key in ["hyper", "x", "y", "init.fc0.Wex", "init.fc1.Bix", "lateral_weights.fc0"] {
        let message = said_after(|members| {
            members.remove(&format!("{key}.npy")).expect("there before");
        });
        assert!(message.contains(&format!("key '{key}' is missing")), "{message}");
    }
}

#[test]
fn other_sizes_types_and_values_are_named() {
    let message = said_after(|m| edit_header(m, "init.fc0.Wex", "(24, 36)", "(36, 24)"));
    assert!(message.contains("'init.fc0.Wex' has sizes [36, 24]; expected [24, 36]"), "{message}");
    let message = said_after(|m| edit_header(m, "init.fc0.Wex", "<f8", "<f4"));
    assert!(message.contains("'init.fc0.Wex'") && message.contains("float64"), "{message}");
    let message = said_after(|m| {
        let bytes = m.get_mut("init.fc1.bias.npy").unwrap();
        let last = bytes.len() - 8;
        bytes[last..].copy_from_slice(&f64::NAN.to_le_bytes());
    });
    assert!(message.contains("'init.fc1.bias' holds NaN"), "{message}");
    let message = said_after(|m| {
        let bytes = m.get_mut("hyper.npy").unwrap();
        let first = bytes.len() - 8 * 8;
        bytes[first..first + 8].copy_from_slice(&(-1.0_f64).to_le_bytes());
    });
    assert!(message.contains("'hyper' has -1 for the learning rate; expected a"), "{message}");
    let message = said_after(|m| {
        let bytes = m.get_mut("x.npy").unwrap();
        bytes.truncate(bytes.len() / 2);
    });
    assert!(message.contains("'x'"), "{message}");
}

#[test]
fn what_is_no_fixture_is_said_to_be_none() {
    let folder = TempDir::new().unwrap();
    let text = folder.path().join("e_ln.npz");
    std::fs::write(&text, "not an archive").unwrap();
    assert!(said_of(&text).contains("cannot be opened"));
    assert!(said_of(&folder.path().join("e_none.npz")).contains("cannot read"));
    let named = folder.path().join("numbers.npz");
    std::fs::copy(good(), &named).unwrap();
    assert!(said_of(&named).contains("a name that is not a condition"));
    assert!(Fixture::read(&named, Some(inorm::Condition::INormLateral)).is_ok());
}

#[test]
fn the_command_fails_above_the_tolerance_and_only_then() {
    let parity = |code, options: &str| {
        let [_, said] = ends_with(code, inorm(&format!("parity {options}")).arg(good()));
        said
    };
    parity(0, "--f32");
    let said = parity(1, "--tolerance 1e-30");
    assert!(said.contains("differ by more than the tolerance"), "{said}");
    let said = parity(2, "--tolerance nan");
    assert!(said.contains("expected a number of 0 or more"), "{said}");
    parity(2, "--condition nothing");
}
