//! The kernel as Jupyter's clients see it; the tests themselves are in Python.

mod script;

use std::process::Command;

/// Runs the tests `suite` of a script of this folder.
fn run(name: &str, suite: &str) {
    let clone = script::checkout();
    let program = env!("CARGO_BIN_EXE_inorm");
    let prepared = Command::new(program).args(["lab", "--prepare"]).current_dir(clone).status();
    assert!(prepared.unwrap().success());
    script::run(name, [clone.as_os_str(), suite.as_ref()]);
}

#[test]
#[ignore = "needs `inorm lab --prepare` and python/requirements-test.txt"]
fn it_passes_the_suite_of_the_protocol() {
    run("kernel.py", "Protocol");
}

#[test]
#[ignore = "needs `inorm lab --prepare` and python/requirements-test.txt"]
fn it_does_what_a_reader_expects() {
    run("kernel.py", "Session");
}

#[test]
#[ignore = "needs `inorm lab --prepare` and python/requirements-test.txt"]
fn what_goes_wrong_in_a_cell_is_said_there() {
    run("kernel.py", "Faults");
}

#[test]
#[ignore = "needs `inorm lab --prepare` and python/requirements-test.txt"]
fn a_cell_costs_one_call_of_rustc() {
    run("kernel.py", "Compiling");
}

#[test]
#[ignore = "needs `inorm lab --prepare` and python/requirements-test.txt"]
fn what_a_reader_moves_changes_what_a_cell_shows() {
    run("kernel.py", "Widgets");
}

#[test]
#[ignore = "needs `inorm lab --prepare` and python/requirements-test.txt"]
fn a_spare_kernel_serves_the_next_notebook() {
    run("kernel.py", "Spare");
}

#[test]
#[ignore = "needs `inorm lab --prepare` and python/requirements-test.txt"]
fn it_leaves_nothing_however_it_ends() {
    run("kernel.py", "Ends");
}

#[test]
#[ignore = "needs `inorm lab --prepare` and python/requirements-test.txt"]
fn other_clients_than_jupyterlab_execute_cells() {
    run("clients.py", "Clients");
}

#[test]
#[ignore = "needs `inorm lab --prepare` and python/requirements-test.txt"]
fn a_notebook_runs_under_a_plain_rust_kernel_too() {
    run("clients.py", "StockKernel");
}
