//! What is wired wrongly does not compile, and the compiler says what is wrong in words that help.

use std::{fs, path::Path, process::Command};

/// What the compiler says about a function that begins so.
fn said_of(body: &str) -> String {
    let deps = std::env::current_exe().unwrap();
    let deps = deps.parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("wired.rs");
    let imports = "use inorm::{layers::*, networks::Network};";
    fs::write(&source, format!("{imports} pub fn wired() {{ {body} }}")).unwrap();
    // The compiler beside the cargo that runs this test.
    let rustc = Path::new(env!("CARGO")).with_file_name("rustc");
    let library = format!("inorm={}", deps.join("libinorm.rlib").display());
    // As object code: the count of inhibitory units is checked where a network is made.
    let output = Command::new(rustc)
        .args(["--edition=2024", "--crate-type=rlib", "--emit=obj", "--extern", &library])
        .arg(format!("-Ldependency={}", deps.display()))
        .arg("--out-dir")
        .arg(folder.path())
        .arg(&source)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.success(), !said.contains("error"), "{said}");
    said
}

#[track_caller]
fn refused(body: &str, words: &[&str]) {
    let said = said_of(body);
    for words in words {
        assert!(said.contains(words), "{body} should be refused with {words:?}, not:\n{said}");
    }
}

#[test]
fn wrong_wiring_is_refused_in_words_that_help() {
    let right = "Network::<(Ei<36, 20, 2, LayerNorm>, INorm<20, 12, 3, Center>)>::new(0).unwrap();";
    assert_eq!(said_of(right), "");
    refused(
        "Network::<(INorm<36, 20, 2, Center>, INorm<18, 12, 3, Center>)>::new(0).unwrap();",
        &["expected `20`, found `18`"],
    );
    refused(
        "Network::<(Ei<36, 20, 20>,)>::new(0).unwrap();",
        &["inhibitory units are fewer than excitatory ones", "Ei<36, 20, 20>"],
    );
    refused(
        "Network::<(INorm<36, 20, 2, LayerNorm>,)>::new(0).unwrap();",
        &["LayerNorm` is no rule for errors", "or a type of your own with `impl ErrorRule`"],
    );
    refused(
        "Network::<(Ei<36, 20, 2, Center>,)>::new(0).unwrap();",
        &["Center` is no normalization of activity", "a GradNorm belongs to `INorm`"],
    );
    refused(
        "Network::<(INorm<36, 20, 2, Center, f64>,)>::new(0).unwrap();",
        &["is no layer for this network", "not a layer of the network's precision and device"],
    );
    refused(
        "Network::<(INorm<36, 20, 2, Center>,), 10, f64>::new(0).unwrap();",
        &["INorm<36, 20, 2, inorm::layers::Center>` is no layer", "or another precision or device"],
    );
    refused(
        "let mut network = Network::<(Ei<784, 20, 2, NoNorm, f64>,), 10, f64>::new(0).unwrap();
         let _: &mut dyn inorm::networks::Trainable = &mut network;",
        &["`train` cannot train `", "one in `f64` learns by `network.step(…)`"],
    );
    refused(
        "Network::<(Ei<36, 20, 2>,), 1>::new(0).unwrap();",
        &["a network has at least two outputs"],
    );
    refused(
        "Network::<(Excitatory<36, 1>,)>::new(0).unwrap();",
        &["at least two excitatory units"],
    );
    refused(
        "Network::<Ei<36, 20, 2>>::new(0).unwrap();",
        &["Ei<36, 20, 2>` is no tuple of one to three hidden layers", "that of one has a comma"],
    );
    refused(
        "let network = Network::<(Ei<36, 20, 2>,)>::new(0).unwrap();
         network.forward(&Batch::<_, 40>::of_samples(vec![0.0; 80]));",
        &["expected `36`, found `40`"],
    );
    refused(
        "let network = Network::<(INorm<36, 20, 2, Center>,)>::new(0).unwrap();
         let x = Batch::<_, 36>::of_samples(vec![0.0; 72]);
         network.autodiff(&x, &network.forward(&x).logits);",
        &["autodiff does not find the errors of"],
    );
}
