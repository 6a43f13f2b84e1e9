//! A sweep on a real Slurm: controller, node and authentication on this machine's loopback.
//!
//! Needs Debian's packages slurmctld, slurmd, slurm-client and munge; without them the tests that
//! submit say so and end.

use crate::{
    cluster::Cluster,
    program::ends_with,
    store::{Sweep, assert_same},
};
use inorm::results::{Rows, Tables};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Ten runs of some tenths of a second: rows 0 to 9.
const TEN: &str = "--conditions e_ln,inorm_full --configs 3,13,20,24,26 --epsilons 0.75 --epochs 3";

#[test]
fn what_a_dry_run_prints_can_be_pasted() {
    let sweep = Sweep::planned(TEN);
    let said = sweep.succeeds("submit --engine slurm --dry-run");
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("sbatch ")).collect();
    assert_eq!(lines.len(), 2, "{said}");
    for (line, name) in lines.iter().zip(["array-0.sh", "merge.sh"]) {
        let script = sweep.folder().join("slurm").join(name);
        assert!(line.ends_with(&format!(" '{}'", script.display())), "{line}");
    }
    assert!(lines[1].contains(" '--dependency=afterany:<array-0.sh>' "), "{said}");
}

/// `sweep submit` with stand-ins for Slurm's programs: arrays of at most four tasks, and an `sbatch`
/// that accepts so many jobs, the first as number 17, and notes how it was called.
fn submit_to_stand_in(sweep: &Sweep, accepted: u32) -> Command {
    let programs = tempfile::tempdir_in(sweep.folder()).unwrap().keep();
    let calls = sweep.folder().join("calls");
    let _ = fs::remove_file(&calls);
    let sbatch = format!(
        "echo \"$*\" >> '{0}'\ncount=$(wc -l < '{0}')\n\
         [ \"$count\" -le {accepted} ] || {{ echo 'no more\njobs' >&2; exit 1; }}\n\
         echo \"$((count + 16));cluster\"",
        calls.display()
    );
    for (name, script) in [("sbatch", &*sbatch), ("scontrol", "echo 'MaxArraySize   = 5'")] {
        let path = programs.join(name);
        fs::write(&path, format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut submit = sweep.command("submit --engine slurm --at-once 3");
    submit.env("PATH", programs).arg("--into").arg(sweep.folder());
    submit
}

#[test]
fn arrays_come_one_after_the_other_and_are_as_large_as_the_cluster_takes() {
    let sweep = Sweep::planned(TEN);
    let [said, _] = ends_with(0, &mut submit_to_stand_in(&sweep, 4));
    assert!(said.contains("10 runs submitted as jobs 17, 18, 19, 20; "), "{said}");
    let calls = fs::read_to_string(sweep.folder().join("calls")).unwrap();
    let calls: Vec<_> = calls.lines().collect();
    let waits = ["", "afterany:17 ", "afterany:18 ", "afterany:17:18:19 "];
    for (call, after) in calls.iter().zip(waits) {
        assert_eq!(call.split("--dependency=").nth(1).is_some(), !after.is_empty(), "{call}");
        assert!(call.contains(after) && call.contains("/a %%j sweep/slurm/"), "{call}");
    }
    assert_eq!(calls.len(), waits.len(), "{calls:?}");
    for (first, indices) in [(0, "0-3"), (4, "0-3"), (8, "0-1")] {
        let script = sweep.folder().join(format!("slurm/array-{first}.sh"));
        let script = fs::read_to_string(script).unwrap();
        assert!(script.contains(&format!("--array={indices}%3\n")), "{script}");
    }
}

#[test]
fn what_is_queued_when_a_job_is_refused_is_named() {
    let sweep = Sweep::planned(TEN);
    for (accepted, queued) in [(0, None), (1, Some("scancel 17`")), (3, Some("scancel 17 18 19`"))]
    {
        let [_, said] = ends_with(1, &mut submit_to_stand_in(&sweep, accepted));
        assert!(said.contains("sbatch refused") && said.contains("no more; jobs"), "{said}");
        assert_eq!(said.contains("queued"), queued.is_some(), "{said}");
        assert!(said.contains(queued.unwrap_or_default()), "{said}");
    }
}

#[test]
fn what_slurm_cannot_take_is_refused() {
    let sweep = Sweep::planned(TEN);
    for (options, named) in [
        ("--time tomorrow", "days-hours"),
        ("--time 2", "--warning of 120 seconds"),
        ("--time 1:00:00 --warning 3600", "--warning of 3600 seconds"),
        ("--warning 70000", "70000"),
        ("--into back\\slash", "without a backslash"),
        ("-- --precision fp16_autocast", "after `--`: unexpected argument '--precision'"),
        ("-- --row 3", "after `--`: the argument '--row <I>' cannot be used multiple times"),
    ] {
        let mut submit = sweep.command(&format!("submit --engine slurm --dry-run {options}"));
        let [_, said] = ends_with(2, &mut submit);
        assert!(said.contains(named), "{options}: {said}");
    }
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

#[test]
fn an_array_with_a_crash_a_resubmission_and_the_merge() {
    let Some(cluster) = Cluster::start() else { return };
    let sweep = Sweep::planned(TEN);
    let program = crashing_program(&sweep);
    let into = sweep.folder().join("merged");
    let submit = || {
        let mut command = sweep.command("submit --engine slurm --at-once 2");
        command.arg("--program").arg(&program).arg("--into").arg(&into).args(["--", "--subset"]);
        cluster.environment(&mut command);
        let [said, _] = ends_with(0, &mut command);
        cluster.wait_until_idle(Duration::from_secs(180));
        said
    };
    let said = submit();
    assert!(said.contains("10 runs submitted as jobs "), "{said}");
    assert_eq!(sweep.names("runs").len(), 9, "{}", logs(&sweep));
    assert!(!sweep.store().is_done(&sweep.plan()[3].id).unwrap(), "row 3 crashed");
    let merged = Tables::read(&into).expect("the merge ran although a task had failed");
    assert_eq!(merged.runs.height(), 9);

    let said = submit();
    assert!(said.contains("1 runs submitted as jobs "), "{said}");
    let script = fs::read_to_string(sweep.folder().join("slurm/array-0.sh")).unwrap();
    assert!(script.contains("--array=3%"), "{script}");
    assert_merged(&into, &Sweep::done(TEN, "run --subset"));
    assert!(sweep.succeeds("submit --engine slurm").contains("all planned runs are done"));
}

/// A task that this command stops while it runs resumes from its checkpoint.
fn stopped_and_resumed(cluster: &Cluster, command: &[&str]) {
    let long = "--conditions inorm_full --configs 3 --epsilons 0.75 --epochs 60";
    let sweep = Sweep::planned(long);
    let into = sweep.folder().join("merged");
    let mut submit = sweep.command("submit --engine slurm");
    submit.arg("--into").arg(&into).args(["--", "--subset", "--checkpoint-epochs", "1"]);
    cluster.environment(&mut submit);
    ends_with(0, &mut submit);
    cluster.wait_for(Duration::from_secs(60), "a checkpoint", || {
        !sweep.names("checkpoints").is_empty()
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
    let said = logs(&sweep);
    assert!(said.contains("resumes after epoch"), "{said}\n{}", cluster.logs());
    assert_merged(&into, &Sweep::done(long, "run --subset"));
}

/// The tables in `into` are what an undisturbed sweep comes to.
fn assert_merged(into: &Path, undisturbed: &Sweep) {
    let merged = Rows::from_tables(&Tables::read(into).unwrap()).unwrap();
    assert_same(&merged, &undisturbed.merged());
}

/// What the jobs have printed.
fn logs(sweep: &Sweep) -> String {
    let logs = sweep.names("slurm").into_iter().filter(|name| name.ends_with(".log"));
    let text = |name| fs::read_to_string(sweep.folder().join("slurm").join(name)).unwrap();
    logs.map(text).collect::<Vec<_>>().join("\n")
}
