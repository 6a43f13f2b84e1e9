//! What can happen to a sweep: it is killed, its disk fills up, its files are damaged, others
//! work on it. No run may be lost or done twice, and what comes out is always the same.

use crate::store::{Sweep, assert_same, inorm};
use inorm::{
    results::Tables,
    sweep::{Holder, Store, merge},
};
use inorm_core::failure::TRY_AGAIN_LATER;
use rand::{Rng, SeedableRng};
use std::{
    collections::HashSet,
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Twelve runs of some tenths of a second.
const SMALL: &[&str] = &[
    "--conditions",
    "ei_ln,e_ln,inorm_full,inorm_lateral",
    "--configs",
    "3,13,20",
    "--epsilons",
    "0.75",
    "--epochs",
    "6",
];

/// The same, but longer than it takes to stop them.
fn long() -> Vec<&'static str> {
    SMALL.iter().map(|word| if *word == "6" { "40" } else { word }).collect()
}

/// One of them, which leaves a checkpoint only if it is told to stop.
const ONE: &[&str] =
    &["run", "--subset", "--jobs", "1", "--row", "2", "--checkpoint-epochs", "1000"];

const RUN: &[&str] = &["run", "--subset", "--jobs", "2", "--checkpoint-epochs", "1"];

/// One run of one epoch.
const TINY: &[&str] =
    &["--conditions", "e_ln", "--configs", "13", "--epsilons", "0.75", "--epochs", "1"];

/// The twelve runs, never disturbed.
fn undisturbed() -> Sweep {
    let sweep = Sweep::planned(SMALL);
    sweep.succeeds(RUN);
    sweep
}

fn kill(process: &mut std::process::Child, signal: &str) {
    let pid = process.id().to_string();
    let killed = Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
    assert!(killed.success());
}

#[test]
fn killed_at_twenty_moments_and_nothing_is_lost() {
    let sweep = Sweep::planned(SMALL);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(20);
    let (mut killed, mut moments) = (0, 0);
    while killed < 20 {
        moments += 1;
        assert!(moments < 200, "the sweep was over before it could be killed twenty times");
        let mut worker = sweep.command(RUN).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.gen_range(20..250)));
        if worker.try_wait().unwrap().is_none() {
            worker.kill().unwrap();
            worker.wait().unwrap();
            killed += 1;
        } else {
            // All is done: take the last run back, so that there is something left to kill.
            let runs = sweep.folder().join("runs");
            let run = fs::read_dir(runs).unwrap().next().unwrap().unwrap().path();
            fs::remove_file(run).unwrap();
        }
    }
    sweep.succeeds(RUN);
    assert_same(&sweep.tables(), &undisturbed().tables());
    for left in ["claims", "checkpoints"] {
        let names: Vec<_> = fs::read_dir(sweep.folder().join(left))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.contains(".draft-") && name != "takeover.lock")
            .collect();
        assert!(names.is_empty(), "{left}: {names:?}");
    }
}

#[test]
fn told_to_stop_it_saves_its_runs_and_resumes_later() {
    let sweep = Sweep::planned(&long());
    for signal in ["TERM", "USR1", "INT"] {
        let mut worker = sweep.command(ONE).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(400));
        kill(&mut worker, signal);
        let output = worker.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{signal}: {said}");
        assert!(said.contains("saved after epoch"), "{signal}: {said}");
        assert!(said.contains("the same command resumes"), "{signal}: {said}");
    }
    let said = sweep.succeeds(ONE);
    assert!(said.contains("resumes after epoch"), "{said}");
    let whole = Sweep::planned(&long());
    whole.succeeds(ONE);
    assert_same(&sweep.tables(), &whole.tables());
}

#[test]
fn interrupted_in_a_notebook_it_files_nothing_and_resumes_later() {
    // Two runs, one a thread.
    let two = &["run", "--subset", "--jobs", "2", "--shard", "1/6", "--checkpoint-epochs", "1000"];
    let sweep = Sweep::planned(&long());
    let place = tempfile::tempdir().unwrap();
    let button = place.path().join("interrupt");
    let mut worker = sweep.command(two);
    worker.env("INORM_KERNEL", "mark").env("INORM_INTERRUPT", &button);
    let worker = worker.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(600));
    fs::write(&button, []).unwrap();
    let output = worker.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("saved after epoch").count(), 2, "{said}");
    for (folder, files) in [("runs", 0), ("checkpoints", 2)] {
        assert_eq!(fs::read_dir(sweep.folder().join(folder)).unwrap().count(), files, "{folder}");
    }
    sweep.succeeds(two);
    let whole = Sweep::planned(&long());
    whole.succeeds(two);
    assert_same(&sweep.tables(), &whole.tables());
}

#[test]
fn a_closed_terminal_does_not_stop_it() {
    let sweep = Sweep::planned(&long());
    let spawn = || {
        let mut command = sweep.command(ONE);
        let mut worker = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((worker.stdout.take(), worker.stderr.take()));
        worker
    };
    let mut worker = spawn();
    std::thread::sleep(Duration::from_millis(400));
    kill(&mut worker, "INT");
    assert_eq!(worker.wait().unwrap().code(), Some(1));
    assert_eq!(fs::read_dir(sweep.folder().join("checkpoints")).unwrap().count(), 1);
    assert!(spawn().wait().unwrap().success());
    assert_eq!(sweep.tables().runs.height(), 1);
}

#[test]
fn two_sweeps_on_one_store_share_the_work() {
    let sweep = Sweep::planned(SMALL);
    let spawn = || sweep.command(RUN).stderr(Stdio::piped()).spawn().unwrap();
    let workers = [spawn(), spawn()];
    let mut filed = Vec::new();
    for worker in workers {
        let output = worker.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let lines = said.lines().filter(|line| line.contains(" % in "));
        filed.extend(lines.map(|line| line.split(':').next().unwrap().to_owned()));
    }
    let distinct: HashSet<_> = filed.iter().collect();
    assert_eq!((filed.len(), distinct.len()), (12, 12), "{filed:?}");
    assert_same(&sweep.tables(), &undisturbed().tables());
}

#[test]
fn a_row_claimed_elsewhere_is_not_taken_for_done() {
    let sweep = Sweep::planned(SMALL);
    let row = &["run", "--subset", "--row", "0"];
    let claim = sweep.folder().join("claims").join(&sweep.plan()[0].id);
    let elsewhere = Holder { pid: 1, started: 1, host: "elsewhere".to_owned() };
    fs::write(&claim, serde_json::to_vec(&elsewhere).unwrap()).unwrap();
    let output = sweep.command(row).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(i32::from(TRY_AGAIN_LATER)), "{said}");
    assert!(
        said.contains("inorm: row 0 is claimed elsewhere; run the same command again"),
        "{said}"
    );
    fs::remove_file(&claim).unwrap();
    for filed in ["1 runs filed", "0 runs filed"] {
        let said = sweep.succeeds(row);
        assert!(said.contains(filed), "{said}");
    }
}

#[test]
fn a_truncated_file_is_named_and_made_again() {
    let sweep = undisturbed();
    let whole = sweep.tables();
    let run = first_run(&sweep);
    let length = fs::metadata(&run).unwrap().len();
    let into = sweep.folder().join("merged");
    // The second time all but the end of the line with the checksum is there.
    for length in [length / 2, length - 1] {
        File::options().write(true).open(&run).unwrap().set_len(length).unwrap();
        let said = sweep.fails(&["merge", "--into", into.to_str().unwrap()]);
        let name = run.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(name) && said.contains("cut short"), "{said}");
        assert!(!into.exists(), "nothing is merged from damaged files");
        let status = sweep.succeeds(&["status"]);
        assert!(status.contains("12 planned: 11 done"), "{status}");
        sweep.succeeds(RUN);
        assert_same(&sweep.tables(), &whole);
    }
}

#[test]
fn a_file_of_another_run_is_named() {
    let sweep = Sweep::planned(TINY);
    sweep.succeeds(RUN);
    let run = first_run(&sweep);
    fs::rename(&run, run.with_file_name("0123456789abcdef.json")).unwrap();
    let said = sweep.fails(&["table"]);
    assert!(said.contains("0123456789abcdef.json: holds run "), "{said}");
}

#[test]
fn a_sweep_of_the_first_version_is_refused() {
    let sweep = Sweep::planned(TINY);
    fs::create_dir(sweep.folder().join("measurements")).unwrap();
    for command in [&["run", "--subset"][..], &["status"], &["merge"], &["plan"]] {
        let said = sweep.fails(command);
        assert!(said.contains("a sweep of version 0.1.0") && said.contains("checkout"), "{said}");
    }
}

/// The file of one of the finished runs.
fn first_run(sweep: &Sweep) -> std::path::PathBuf {
    fs::read_dir(sweep.folder().join("runs")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn a_shorter_run_than_the_papers_is_left_out_of_the_table() {
    let sweep = Sweep::planned(TINY);
    sweep.succeeds(RUN);
    let said = sweep.succeeds(&["table"]);
    assert!(said.contains("50 epochs, λ = 0.01): 1 of 1 runs"), "{said}");
    assert!(!said.contains("e_ln  "), "{said}");
}

#[test]
fn results_that_do_not_belong_together_are_not_mixed() {
    let subset = Sweep::planned(TINY);
    subset.succeeds(RUN);
    let folder = inorm_core::files::repository().join("data/fashion-mnist-subset");
    let other = &["run", "--jobs", "1", "--data", folder.to_str().unwrap()];
    let said = subset.fails(other);
    assert!(said.contains("data.json") && said.contains("another --store"), "{said}");

    let elsewhere = Sweep::planned(TINY);
    elsewhere.succeeds(other);
    let into = tempfile::tempdir().unwrap();
    let stores = [&subset, &elsewhere].map(|sweep| sweep.folder());
    let said = merge(&stores, into.path()).unwrap_err().to_string();
    assert!(said.contains("would mix") && said.contains("subset"), "{said}");
    assert_eq!(fs::read_dir(into.path()).unwrap().count(), 0);

    let run = first_run(&subset);
    let text = fs::read_to_string(&run).unwrap();
    let line = text.lines().next().unwrap().replace("\"schema\":1,", "\"schema\":99,") + "\n";
    let checksum = inorm_core::files::sha256(&line);
    fs::write(&run, format!("{line}{checksum}\n")).unwrap();
    let said = merge(&stores[..1], into.path()).unwrap_err().to_string();
    assert!(said.contains("schema 99"), "{said}");
}

#[test]
fn merging_adds_to_what_was_merged_before() {
    let sweep = Sweep::planned(SMALL);
    let into = tempfile::tempdir().unwrap();
    let store = sweep.folder();
    let said = merge(std::slice::from_ref(&store), into.path()).unwrap_err().to_string();
    assert!(said.contains("no finished run"), "{said}");
    for (shard, runs) in [("1/2", 6), ("2/2", 12)] {
        sweep.succeeds(&[RUN, &["--shard", shard]].concat());
        let merged = merge(std::slice::from_ref(&store), into.path()).unwrap();
        assert_eq!((merged.added, merged.runs), (6, runs));
    }
    let merged = merge(std::slice::from_ref(&store), into.path()).unwrap();
    assert_eq!((merged.added, merged.runs), (0, 12));
    let tables = Tables::read(into.path()).unwrap();
    assert_eq!(tables.runs.height(), 12);
    assert_eq!(tables.epochs.height(), 12 * 6);
    assert_eq!(tables.measurements.height(), 12 * 6 * 2);
    assert_same(&tables, &undisturbed().merged());
}

#[test]
fn merging_at_once_into_one_folder_loses_nothing() {
    let sweeps = ["1/2", "2/2"].map(|shard| {
        let sweep = Sweep::planned(SMALL);
        sweep.succeeds(&[RUN, &["--shard", shard]].concat());
        sweep
    });
    let stores = sweeps.each_ref().map(Sweep::folder);
    for _ in 0..10 {
        let place = tempfile::tempdir().unwrap();
        let into = place.path();
        std::thread::scope(|scope| {
            for store in stores.chunks(1) {
                scope.spawn(move || merge(store, into).unwrap());
            }
        });
        assert_eq!(Tables::read(into).unwrap().runs.height(), 12);
    }
}

/// A thousand runs of one epoch.
const THOUSAND: &[&str] = &[
    "--conditions",
    "e_ln,ei_ln",
    "--configs",
    "13",
    "--epsilons",
    "0.75",
    "--epochs",
    "1",
    "--seeds",
    SEEDS,
];
const SEEDS: &str = include_str!("seeds.txt");

#[test]
fn on_a_full_disk_no_row_is_lost() {
    let sweep = Sweep::planned(THOUSAND);
    assert_eq!(sweep.plan().len(), 1000);
    let shard = &["run", "--subset", "--jobs", "2", "--shard", "1/100"];
    // No file may become larger than this many blocks of 512 bytes: enough for a claim, not for
    // the results of a run.
    let said = sweep.limited(1, shard);
    assert!(said.contains("cannot write") && said.contains("runs/"), "{said}");
    let status = sweep.succeeds(&["status"]);
    assert!(status.contains("1000 planned: 0 done"), "{status}");
    // A plan that cannot be written whole leaves the one that is there.
    let before = sweep.plan();
    let more = ["plan", "--profile", "paper"];
    let said = sweep.limited(1, &more);
    assert!(said.contains("cannot write") && said.contains("plan.jsonl"), "{said}");
    assert_eq!(sweep.plan(), before);
    let drafts = walk(&sweep.folder()).into_iter().filter(|name| name.contains(".draft-"));
    assert_eq!(drafts.collect::<Vec<_>>(), Vec::<String>::new());

    sweep.succeeds(shard);
    let whole = Sweep::planned(THOUSAND);
    whole.succeeds(shard);
    assert_eq!(whole.tables().runs.height(), 10);
    assert_same(&sweep.tables(), &whole.tables());
}

#[test]
fn a_full_file_system_is_named_and_survived() {
    let sweep = Sweep::planned(THOUSAND);
    let disk = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(disk.path())
        .stderr(Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        eprintln!("not run: this account may not mount a small file system");
        return;
    }
    let small = disk.path().join("sweep");
    for name in ["runs", "claims", "checkpoints"] {
        fs::create_dir_all(small.join(name)).unwrap();
    }
    fs::copy(sweep.folder().join("plan.jsonl"), small.join("plan.jsonl")).unwrap();
    let run = |shard: &str| {
        inorm(&small, &["run", "--subset", "--jobs", "2", "--shard", shard]).output().unwrap()
    };
    let full = (0..100).map(|k| run(&format!("{}/100", k + 1))).find(|o| !o.status.success());
    let full = full.expect("a disk of a megabyte does not hold a thousand runs");
    let said = String::from_utf8(full.stderr).unwrap();
    let remount = Command::new("mount").args(["-o", "remount,size=64m"]).arg(disk.path()).status();
    let done = fs::read_dir(small.join("runs")).unwrap().count();
    let again = (1..=5).all(|k| run(&format!("{k}/100")).status.success());
    let filed = Store::open(&small).unwrap().rows().unwrap().runs.len();
    Command::new("umount").arg(disk.path()).status().unwrap();
    assert!(said.contains("No space left on device"), "{said}");
    assert!(remount.unwrap().success() && done > 0);
    assert!(again && filed >= 50.max(done), "{filed} runs of {done} before");
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    let sweep = Sweep::planned(&["--profile", "quick"]);
    let folder = sweep.folder();
    let said = sweep.unprivileged(&["run", "--subset", "--jobs", "1"]);
    assert!(said.contains("Permission denied"), "{said}");
    assert!(said.contains(folder.to_str().unwrap()), "{said}");
    let said = sweep.unprivileged(&["plan", "--profile", "figure 2"]);
    assert!(said.contains("Permission denied"), "{said}");
    assert_eq!(sweep.plan().len(), 8);
}

fn walk(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path.display().to_string()] })
        .collect()
}
