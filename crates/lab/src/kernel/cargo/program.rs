//! The program and the manifest that evcxr writes for a cell, and what is changed in them before they
//! are compiled.
//!
//! Lines stay where they are: errors of the compiler name them.

use inorm_core::files::short_sha256;
use inorm_core::protocol::ERROR;
use inorm_core::{Context, Outcome};
use std::fs;
use std::path::Path;

/// How the module begins and ends that keeps variables.
const MODULE: [&str; 2] = ["mod evcxr_internal_runtime {\n", "\n}\n}\n"];

/// Its digest: [`with_store`] is for this one and for no other.
const KNOWN: &str = "9395fac6ee86f1f4";

/// How a program says that `?` has ended it.
const SAID: &str = "println!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);";

/// Changes a program; false if there is nothing to change.
pub fn edit(file: &Path, change: impl FnOnce(&str) -> Option<String>) -> Outcome<bool> {
    let text = fs::read_to_string(file).context("read", file)?;
    let changed = change(&text);
    if let Some(text) = &changed {
        fs::write(file, text).context("write", file)?;
    }
    Ok(changed.is_some())
}

/// Makes a manifest ask for the features of tokio that the library is compiled with, where evcxr has
/// added it for a cell with `.await`: with its default features, of which there are none, the library
/// would be compiled again.
pub fn with_tokio_of_library(manifest: &str) -> Option<String> {
    const ADDED: &str = r#"tokio = {version="1.34.0", features=["rt", "rt-multi-thread"]}"#;
    let own = ADDED.replace("features=", "default-features=false, features=");
    manifest.contains(ADDED).then(|| manifest.replace(ADDED, &own))
}

/// Makes it print the error by which `?` ends a cell between two marks: what the cell has printed
/// itself must not be taken for a part of it.
pub fn with_marked_errors(program: &str) -> Option<String> {
    let (before, conversion) = split_at(program, "for EvcxrUserCodeError {")?;
    let (head, rest) = conversion.split_once("eprintln!(\"")?;
    let (format, rest) = rest.split_once("\", error);")?;
    let mark = ERROR.escape_unicode();
    Some(format!("{before}{head}eprint!(\"{mark}{format}{mark}\", error);{rest}"))
}

/// Makes it say of a lost variable what the [store](super::variables) says.
pub fn with_reasons_of_losses(program: &str) -> Option<String> {
    const SAID: &str = "\"The type of the variable {name} was redefined, so was lost.\"";
    program.contains(SAID).then(|| program.replace(SAID, &format!("{LOST:?}")))
}

/// Why a variable is lost. Types are new with each set of packages, for the compiler.
const LOST: &str = "The variable {name} was lost: its type was defined anew, or a package was added, \
    which makes all types of the notebook new.";

/// Makes it keep its variables with the library `store` in place of a module of its own, if that
/// module is the one that the library stands for.
pub fn with_store(program: &str, store: &str) -> Option<String> {
    let (before, rest) = program.split_once(MODULE[0])?;
    let (module, after) = rest.split_once(MODULE[1])?;
    if short_sha256(module) != KNOWN {
        return None;
    }
    let before = with_error_of_store(before).unwrap_or_else(|| before.to_owned());
    let lines = "\n".repeat((MODULE.concat() + module).matches('\n').count());
    Some(format!("{before}use ::{store} as evcxr_internal_runtime;{lines}{after}"))
}

fn with_error_of_store(program: &str) -> Option<String> {
    let (before, conversion) = split_at(program, "for EvcxrUserCodeError {")?;
    let (head, rest) = conversion.split_once("eprint!(")?;
    let (message, rest) = rest.split_once(");")?;
    let (between, rest) = rest.split_once(SAID)?;
    let said = format!("evcxr_internal_runtime::fail(format_args!({message}));");
    Some(format!("{before}{head}{said}{between}{rest}"))
}

fn split_at<'p>(program: &'p str, mark: &str) -> Option<(&'p str, &'p str)> {
    Some(program.split_at(program.find(mark)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_question_mark_is_printed_between_marks() {
        let program = "fn f() { eprintln!(\"{}\", 1); }\nstruct EvcxrUserCodeError {}\n\
            impl<T: std::fmt::Display> From<T> for EvcxrUserCodeError {\n\
            fn from(error: T) -> Self {\n eprintln!(\"{}\", error);\nprintln!();";
        let expected =
            program.replace("eprintln!(\"{}\", error)", "eprint!(\"\\u{1}{}\\u{1}\", error)");
        assert_eq!(with_marked_errors(program).as_deref(), Some(&expected[..]));
        assert_eq!(with_marked_errors(&expected), None);
        assert_eq!(with_marked_errors("fn f() {}"), None);
    }

    /// What evcxr writes around `let n: u8 = text.parse()?;`, in its order.
    fn program(module: &str, mark: &str) -> String {
        format!(
            "use std::fmt;\nfn own() {{ eprint!(\"mine\"); }}\n\
             impl<T: fmt::Display> From<T> for EvcxrUserCodeError {{\n\
             fn from(error: T) -> Self {{\n    {mark}\n    {SAID}\n    EvcxrUserCodeError {{}}\n}}\n}}\n\
             {}{module}{}#[unsafe(no_mangle)]\nfn cell() {{}}\n",
            MODULE[0], MODULE[1]
        )
    }

    #[test]
    fn only_the_tokio_that_evcxr_adds_is_changed() {
        let manifest = |features: &str| {
            format!("[dependencies]\ninorm = {{}}\ntokio = {{version=\"1.34.0\", {features}}}\n")
        };
        let added = "features=[\"rt\", \"rt-multi-thread\"]";
        let expected = manifest(&format!("default-features=false, {added}"));
        assert_eq!(with_tokio_of_library(&manifest(added)), Some(expected.clone()));
        for other in [&expected, &manifest("features=[\"full\"]"), "[dependencies]\n"] {
            assert_eq!(with_tokio_of_library(other), None);
        }
    }

    #[test]
    fn only_the_module_that_is_known_is_replaced() {
        let mark = r#"eprint!("\u{1}{}\u{1}", error);"#;
        // The module itself comes with evcxr: tests of a running kernel see that it is known.
        let another = program("pub struct VariableStore {\n    variables: (),\n}", mark);
        assert_eq!(with_store(&another, "store"), None);
        assert_eq!(with_store("fn f() {}", "store"), None);
    }

    #[test]
    fn a_cell_says_of_a_lost_variable_what_the_store_says() {
        let program =
            "eprintln!(\"The type of the variable {name} was redefined, so was lost.\",);\n";
        let changed = with_reasons_of_losses(program).unwrap();
        assert_eq!(changed, format!("eprintln!(\"{LOST}\",);\n"));
        let store = include_str!("variables/store.rs").replace("\\\n", "");
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&store).contains(LOST));
        assert_eq!(with_reasons_of_losses("fn f() {}"), None);
    }

    #[test]
    fn the_store_says_the_error_of_a_question_mark() {
        let mark = r#"eprint!("\u{1}{}\u{1}", error);"#;
        let (before, after) = (program("", mark), with_error_of_store(&program("", mark)).unwrap());
        let expected = r#"evcxr_internal_runtime::fail(format_args!("\u{1}{}\u{1}", error));"#;
        assert_eq!(after, before.replace(mark, expected).replace(SAID, ""));
        assert_eq!(after.lines().count(), before.lines().count());
        assert_eq!(with_error_of_store("fn f() { eprint!(\"mine\"); }"), None);
    }
}
