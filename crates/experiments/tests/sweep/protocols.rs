//! Runs by the authors' revised protocol, from the plan to comparisons.

use crate::{
    program::{ends_with, inorm},
    store::Sweep,
};
use std::process::Command;

/// Two networks in one configuration, by both protocols and on both tasks.
const PUBLISHED: &str = "--conditions e_ln,inorm_full --configs 2 --epsilons 0.75";
const REVISED: &str = "--conditions e_ln,inorm_full --configs 2 --epsilons 0.75 \
                       --protocol revised --task contrast";

fn compare(sweep: &Sweep, network: &str, than: &str) -> Command {
    let mut command = inorm("sweep compare");
    command.args([network, than]).arg("--store").arg(sweep.folder());
    command
}

#[test]
fn protocols_are_planned_trained_and_compared_and_never_mixed() {
    let sweep = Sweep::planned(PUBLISHED);
    let said = sweep.succeeds(&format!("plan {REVISED}"));
    assert!(said.contains("4 runs planned, 2 of them new"), "{said}");
    let mut ids: Vec<_> = sweep.plan().into_iter().map(|planned| planned.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    sweep.succeeds("run --subset --jobs 2");

    let table = sweep.succeeds("table");
    let (papers, others) = table.split_once("Networks and rules that").unwrap();
    assert!(papers.contains("inorm_full") && !papers.contains("protocol"), "{table}");
    for network in ["e_ln", "inorm_full"] {
        assert!(others.contains(&format!("{network} protocol=revised task=contrast")), "{table}");
    }
    assert!(table.contains(": 2 of 4 runs"), "{table}");

    let [network, than] =
        ["inorm_full", "e_ln"].map(|name| format!("{name} protocol=revised task=contrast"));
    let [said, _] = ends_with(0, &mut compare(&sweep, &network, &than));
    assert!(said.contains(&network) && said.contains(&than), "{said}");
    // The same number of another list is another configuration.
    let [_, said] = ends_with(2, &mut compare(&sweep, &network, "inorm_full"));
    assert!(
        said.contains("of the revised list and inorm_full in those of the published"),
        "{said}"
    );

    let merged = sweep.folder().join("merged");
    let mut merge = sweep.command("merge");
    ends_with(0, merge.arg("--into").arg(&merged));
    let mut figure = inorm("figure 5 --out");
    figure.arg(merged.join("5.png")).arg("--results").arg(&merged);
    let [said, _] = ends_with(0, &mut figure);
    assert!(said.contains("1 pairs"), "the paper's runs alone: {said}");
    let mut figure = inorm("figure 2 --out");
    figure.arg(merged.join("2.png")).arg("--results").arg(&merged);
    let [_, said] = ends_with(1, &mut figure);
    assert!(said.contains("figures show the paper's runs, and "), "{said}");
}

#[test]
fn a_plan_that_no_run_fits_is_refused_in_a_line() {
    let sweep = Sweep::planned(PUBLISHED);
    for (options, named) in [
        ("--configs 30", "there is no row 30; expected 0 to 29"),
        ("--configs 0-99999999999", "there is no row 99999999999"),
        ("--hidden-layers 99999999999999", "expected 1 to 16"),
        ("--grad-norm-layers 1,2", "plan others with a second command"),
        ("--epsilons 2", "epsilon: 2 is not valid"),
    ] {
        let [_, said] = ends_with(2, &mut sweep.command(&format!("plan {options}")));
        assert!(said.lines().count() == 1 && said.contains(named), "{options}: {said}");
    }
    assert_eq!(sweep.plan().len(), 2);
}
