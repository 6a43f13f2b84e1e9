//! A sweep on a real Slurm: controller, node and authentication on this machine's loopback.
//!
//! Needs Debian's packages slurmctld, slurmd, slurm-client and munge; without them the tests that
//! submit say so and end.

use crate::{
    cluster::Cluster,
    store::{Sweep, assert_same, inorm},
};
use inorm::{results::Tables, sweep::Store};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Ten runs of some tenths of a second: rows 0 to 9.
const TEN: &[&str] = &[
    "--conditions",
    "e_ln,inorm_full",
    "--configs",
    "3,13,20,24,26",
    "--epsilons",
    "0.75",
    "--epochs",
    "3",
];

#[test]
fn what_a_dry_run_prints_can_be_pasted() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("a sweep");
    let says = |arguments: &[&str]| {
        let output = inorm(&folder, arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    says(&[&["plan"], TEN].concat());
    let said = says(&["submit", "--engine", "slurm", "--dry-run"]);
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("sbatch ")).collect();
    assert_eq!(lines.len(), 2, "{said}");
    for (line, name) in lines.iter().zip(["array-0.sh", "merge.sh"]) {
        let script = folder.join("slurm").join(name);
        assert!(line.ends_with(&format!(" '{}'", script.display())), "{line}");
    }
    assert!(lines[1].contains(" '--dependency=afterany:<array-0.sh>' "), "{said}");
}

#[test]
fn an_array_with_a_crash_a_resubmission_and_the_merge() {
    let Some(cluster) = Cluster::start() else { return };
    crash_and_resubmission(&cluster);
}

#[test]
fn a_task_that_is_stopped_resumes() {
    let Some(cluster) = Cluster::start() else { return };
    stopped_and_resumed(&cluster, &["scontrol", "requeue"]);
    // The warning before the time limit: it goes to the script, which passes it on.
    stopped_and_resumed(&cluster, &["scancel", "--batch", "--signal=USR1"]);
}

/// The program, but its first task for row 3 is killed, as by a node that runs out of memory.
fn crashing_program(sweep: &Sweep) -> PathBuf {
    let place = sweep.folder();
    let (program, crashed) = (place.join("crashing-inorm"), place.join("crashed"));
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'--row 3 '*) \
         [ -e '{crashed}' ] || {{ : > '{crashed}'; kill -KILL $$; }};; esac\n\
         exec '{}' \"$@\"\n",
        env!("CARGO_BIN_EXE_inorm-experiments"),
        crashed = crashed.display(),
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn crash_and_resubmission(cluster: &Cluster) {
    let sweep = Sweep::planned(TEN);
    let program = crashing_program(&sweep);
    let into = sweep.folder().join("merged");
    let submit = || {
        let mut command = sweep.command(&["submit", "--engine", "slurm", "--at-once", "2"]);
        command.arg("--program").arg(&program).arg("--into").arg(&into).args(["--", "--subset"]);
        cluster.environment(&mut command);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        cluster.wait_until_idle(Duration::from_secs(180));
        said
    };
    let said = submit();
    assert!(said.contains("10 runs submitted as jobs "), "{said}");
    let store = Store::open(sweep.folder()).unwrap();
    assert_eq!(store.ids().unwrap().len(), 9, "{}", logs(&sweep.folder()));
    assert!(!store.is_done(&sweep.plan()[3].id).unwrap(), "row 3 crashed");
    let merged = Tables::read(&into).expect("the merge ran although a task had failed");
    assert_eq!(merged.runs.height(), 9);

    let said = submit();
    assert!(said.contains("1 runs submitted as jobs "), "{said}");
    assert!(
        fs::read_to_string(sweep.folder().join("slurm/array-0.sh")).unwrap().contains("--array=3%")
    );
    let undisturbed = Sweep::planned(TEN);
    undisturbed.succeeds(&["run", "--subset"]);
    assert_same(&Tables::read(&into).unwrap(), &undisturbed.merged());
    assert!(submit_nothing(&sweep).contains("all planned runs are done"));
}

fn submit_nothing(sweep: &Sweep) -> String {
    sweep.succeeds(&["submit", "--engine", "slurm"])
}

/// A task that this command stops while it runs resumes from its checkpoint.
fn stopped_and_resumed(cluster: &Cluster, command: &[&str]) {
    let long = &["--conditions", "inorm_full", "--configs", "3", "--epsilons", "0.75"];
    let long = &[long, &["--epochs", "60"][..]].concat();
    let sweep = Sweep::planned(long);
    let into = sweep.folder().join("merged");
    let mut submit = sweep.command(&["submit", "--engine", "slurm", "--into"]);
    submit.arg(&into).args(["--", "--subset", "--checkpoint-epochs", "1"]);
    cluster.environment(&mut submit);
    assert!(submit.status().unwrap().success());
    let checkpoint = sweep.folder().join("checkpoints");
    cluster.wait_for(Duration::from_secs(60), "a checkpoint", || {
        fs::read_dir(&checkpoint).unwrap().count() > 0
    });
    let job = cluster.says("squeue", &["--noheader", "--array", "--states=R", "--format=%A"]);
    let job = job.trim();
    cluster.says(command[0], &[&command[1..], &[job]].concat());
    let state = || cluster.says("squeue", &["--noheader", "--format=%T", "--jobs", job]);
    cluster.wait_for(Duration::from_secs(60), "the task in the queue again", || {
        state().contains("PENDING")
    });
    // Slurm holds a task back for two minutes that it queued again, so that the node does not take
    // the new start for the one that it was told to end: it goes by the second. Some are enough.
    cluster.says("scontrol", &["update", &format!("JobId={job}"), "StartTime=now+5"]);
    cluster.wait_until_idle(Duration::from_secs(300));
    let said = logs(&sweep.folder());
    assert!(said.contains("resumes after epoch"), "{said}\n{}", cluster.logs());
    let undisturbed = Sweep::planned(long);
    undisturbed.succeeds(&["run", "--subset"]);
    assert_same(&Tables::read(&into).unwrap(), &undisturbed.merged());
}

fn logs(store: &Path) -> String {
    let entries = fs::read_dir(store.join("slurm")).unwrap().map(|entry| entry.unwrap().path());
    let logs = entries.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>().join("\n")
}
