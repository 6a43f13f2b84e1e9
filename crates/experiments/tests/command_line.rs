//! Faults of the command line, and of where it prints to: one line, and an exit code.

mod program;

use inorm_core::files::repository;
use program::{ends_with, inorm};
use std::fs::File;

#[test]
fn a_wrong_command_line_is_one_line_and_code_2() {
    for (arguments, named) in [
        ("dance", "dance"),
        ("train inorm_full --config 30", "30"),
        ("train inorm_full --config -1", "-1"),
        ("train inorm_full --config 13 --epochs -3", "-3"),
        ("sweep plan --conditions e_ln --epsilons -0.5,1", "-0.5"),
        ("train none", "inorm_full"),
        ("train e_ln --config 3 --protocol revision", "did you mean revised?"),
        ("train e_ln --config 3 --protocol revised --config-list new", "published, revised"),
        ("train e_ln --config-list revised --width 20", "give --config K"),
        (
            "train e_ln --config-list revised --width 20 --lr 1e-3 --lr-w-ie 1 --lr-w-ei 1",
            "--config-list: give --config K",
        ),
        ("sweep compare e_ln e_ln", "both names are of one network, e_ln"),
        ("train e_ln --config 3 --task light", "expected one of luminosity, contrast"),
        ("train e_ln --config 3 --task contrast --epsilon 1.5", "epsilon: 1.5 is not valid"),
        ("train e_ln --config 3 --grad-norm-z centred", "e_ln has no GradNorm that looks at z"),
        ("train inorm_none --config 3 --subtractive-loss mean_and_variance", "only subtracts"),
        ("train e_ln --config 3 --label-smoothing 1", "label smoothing: 1 is not valid"),
        ("sweep plan --conditions e_ln --protocol old", "expected one of published, revised"),
        ("sweep plan --conditions e_ln --task contrast --epsilons 2", "epsilon: 2 is not valid"),
        ("train inorm_ful", "did you mean inorm_full?"),
        ("sweep plan --conditions e_ln,inorm_centre", "did you mean inorm_center?"),
        ("parity --condition inorm_lateal x.npz", "did you mean inorm_lateral?"),
        ("figure eigenvalue --out x.png", "did you mean eigenvalues?"),
        ("trian inorm_full", "'train'"),
        ("sweep run --jobs 0", "--jobs"),
        ("sweep table --results nowhere", "nowhere is not a folder with results"),
        ("sweep claims --results nowhere", "inorm sweep merge"),
    ] {
        let [_, said] = ends_with(2, &mut inorm(arguments));
        assert!(said.lines().count() == 1 && said.contains(named), "{arguments}: {said}");
    }
}

#[test]
fn claims_are_printed_as_tables_and_as_json() {
    let [text, _] = ends_with(0, &mut inorm("sweep claims"));
    assert!(text.contains("inorm_lateral") && text.contains("\n2b "), "{text}");
    let [json, _] = ends_with(0, &mut inorm("sweep claims --json"));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    // Of other lists there are no pairs.
    let mut other = inorm("sweep compare e_ln");
    let [_, said] = ends_with(2, other.arg("e_ln protocol=revised"));
    assert!(said.contains("of the published list and e_ln protocol=revised in those of"), "{said}");
    let [beyond, _] = ends_with(0, &mut inorm("sweep claims --beyond"));
    assert!(beyond.contains("inorm_center grad_norm_layers=2"), "{beyond}");
    let [beyond, _] = ends_with(0, &mut inorm("sweep claims --beyond --json"));
    let beyond: serde_json::Value = serde_json::from_str(&beyond).unwrap();
    assert!(beyond["beyond"].as_array().unwrap().len() > 10, "{beyond}");
    assert_eq!(beyond["revision_marks"].as_array().unwrap().len(), 8, "{beyond}");
    let rows = |name: &str| json[name].as_array().unwrap().clone();
    assert_eq!(rows("marks").len(), 11);
    let is = |row: &serde_json::Value| {
        [&row["network"], &row["than"], &row["source"]] == ["ei_ln", "ei_none", "published"]
    };
    let published: Vec<_> = rows("claims").into_iter().filter(is).collect();
    let medians: Vec<_> = published.iter().map(|row| row["median"].as_f64().unwrap()).collect();
    assert!((medians[0] - 0.00945).abs() < 1e-9 && (medians[1] - 0.02005).abs() < 1e-9, "{json}");
    assert!(published.iter().all(|row| row["pairs"] == 30 && row["than_at_chance"] == 0), "{json}");
}

#[test]
fn help_speaks_of_the_program_that_readers_know() {
    for arguments in ["train --help", "sweep run --help"] {
        let [said, _] = ends_with(0, &mut inorm(arguments));
        let name = arguments.split(' ').next().unwrap();
        assert!(said.contains(&format!("Usage: inorm {name}")), "{said}");
    }
}

#[test]
fn a_full_disk_under_standard_output_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (store, network) = (path("sweep"), path("network.safetensors"));
    ends_with(0, &mut inorm(&format!("sweep plan --profile quick --store {store}")));
    for arguments in [
        "--help".to_owned(),
        "train --help".to_owned(),
        "--version".to_owned(),
        format!("sweep plan --profile quick --store {store}"),
        format!("sweep status --store {store}"),
        format!("sweep submit --engine slurm --dry-run --store {store}"),
        "sweep table".to_owned(),
        "sweep claims".to_owned(),
        "sweep claims --json".to_owned(),
        format!("figure 5a --out {}", path("figure.svg")),
        format!("parity {}", repository().join("tests/fixtures/sweep/e_ln.npz").display()),
        format!("train e_ln --config 13 --epochs 1 --subset --json --save {network}"),
        format!("evaluate {network} --subset"),
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let [_, said] = ends_with(1, inorm(&arguments).stdout(full));
        let expected = "inorm: cannot write standard output: No space left on device (os error 28); \
                        free some space and run the command again";
        assert_eq!(said.lines().last(), Some(expected), "{arguments}");
    }
    assert!(folder.path().join("network.safetensors").exists(), "a network is saved all the same");
}
