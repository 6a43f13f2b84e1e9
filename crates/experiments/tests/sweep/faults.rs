//! What can happen to a sweep: it is killed, its disk fills up, its files are damaged, others
//! work on it. No run may be lost or done twice, and what comes out is always the same.

use crate::{
    program::ends_with,
    store::{Sweep, assert_same, signal},
};
use inorm::{
    results::{Rows, SCHEMA, Tables},
    sweep::{Holder, merge},
};
use inorm_core::failure::TRY_AGAIN_LATER;
use rand::{Rng, SeedableRng};
use std::{
    collections::HashSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    slice::from_ref,
    time::Duration,
};

/// Twelve runs of some tenths of a second.
const SMALL: &str = "--conditions ei_ln,e_ln,inorm_full,inorm_lateral --configs 3,13,20 \
                     --epsilons 0.75 --epochs 6";

/// The same, but longer than it takes to stop them.
const LONG: &str = "--conditions ei_ln,e_ln,inorm_full,inorm_lateral --configs 3,13,20 \
                    --epsilons 0.75 --epochs 40";

/// One run of one epoch.
const TINY: &str = "--conditions e_ln --configs 13 --epsilons 0.75 --epochs 1";

const RUN: &str = "run --subset --jobs 2 --checkpoint-epochs 1";

/// One run, which leaves a checkpoint only if it is told to stop.
const ONE: &str = "run --subset --jobs 1 --row 2 --checkpoint-epochs 1000";

/// Starts a worker, stops it after some milliseconds, and returns what it said.
#[track_caller]
fn stopped(after: u64, mut worker: Command, stop: impl FnOnce(&Child)) -> String {
    let worker = worker.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(after));
    stop(&worker);
    let output = worker.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
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
            // All is done: take a run back, so that there is something left to kill.
            fs::remove_file(sweep.some_run()).unwrap();
        }
    }
    sweep.succeeds(RUN);
    assert_same(&sweep.rows(), &Sweep::done(SMALL, RUN).rows());
    for folder in ["claims", "checkpoints"] {
        let mut names = sweep.names(folder);
        names.retain(|name| !name.contains(".draft-") && name != "takeover.lock");
        assert!(names.is_empty(), "{folder}: {names:?}");
    }
}

#[test]
fn what_a_worker_killed_after_filing_leaves_behind_is_removed() {
    let run = "run --subset --jobs 1";
    let sweep = Sweep::done(TINY, run);
    let id = &sweep.plan()[0].id;
    let checkpoint = sweep.folder().join(format!("checkpoints/{id}.safetensors"));
    let claim = sweep.folder().join("claims").join(id);
    let living = Holder::this_process();
    let dead = Holder { started: living.started + 1, ..living.clone() };
    for (holder, stays) in [(living, true), (dead, false)] {
        fs::write(&checkpoint, []).unwrap();
        fs::write(&claim, serde_json::to_vec(&holder).unwrap()).unwrap();
        sweep.succeeds(run);
        assert_eq!([&claim, &checkpoint].map(|path| path.exists()), [stays; 2], "{holder:?}");
    }
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_not_overwritten() {
    let sweep = Sweep::planned(LONG);
    stopped(400, sweep.command(ONE), |worker| signal(worker, "TERM"));
    let checkpoint = sweep.folder().join("checkpoints").join(&sweep.names("checkpoints")[0]);
    let kept = sweep.folder().join("kept");
    fs::rename(&checkpoint, &kept).unwrap();
    // Nobody can follow a link to itself, not even root.
    std::os::unix::fs::symlink(&checkpoint, &checkpoint).unwrap();
    let said = sweep.fails(ONE);
    assert!(said.contains(&checkpoint.display().to_string()), "{said}");
    fs::remove_file(&checkpoint).unwrap();
    fs::rename(&kept, &checkpoint).unwrap();
    assert!(sweep.succeeds(ONE).contains("resumes after epoch"));
}

#[test]
fn told_to_stop_it_saves_its_runs_and_resumes_later() {
    let sweep = Sweep::planned(LONG);
    for name in ["TERM", "USR1", "INT"] {
        let said = stopped(400, sweep.command(ONE), |worker| signal(worker, name));
        assert!(said.contains("saved after epoch"), "{name}: {said}");
        assert!(said.contains("the same command resumes"), "{name}: {said}");
    }
    let said = sweep.succeeds(ONE);
    assert!(said.contains("resumes after epoch"), "{said}");
    assert_same(&sweep.rows(), &Sweep::done(LONG, ONE).rows());
}

#[test]
fn interrupted_in_a_notebook_it_files_nothing_and_resumes_later() {
    // Two runs, one a thread.
    let two = "run --subset --jobs 2 --shard 1/6 --checkpoint-epochs 1000";
    let sweep = Sweep::planned(LONG);
    let button = sweep.folder().join("interrupt");
    let mut worker = sweep.command(two);
    worker.env("INORM_KERNEL", "mark").env("INORM_INTERRUPT", &button);
    let said = stopped(600, worker, |_| fs::write(&button, []).unwrap());
    assert_eq!(said.matches("saved after epoch").count(), 2, "{said}");
    assert_eq!(["runs", "checkpoints"].map(|folder| sweep.names(folder).len()), [0, 2]);
    sweep.succeeds(two);
    assert_same(&sweep.rows(), &Sweep::done(LONG, two).rows());
}

#[test]
fn a_closed_terminal_does_not_stop_it() {
    let sweep = Sweep::planned(LONG);
    let spawn = || {
        let mut command = sweep.command(ONE);
        let mut worker = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((worker.stdout.take(), worker.stderr.take()));
        worker
    };
    let mut worker = spawn();
    std::thread::sleep(Duration::from_millis(400));
    signal(&worker, "INT");
    assert_eq!(worker.wait().unwrap().code(), Some(1));
    assert_eq!(sweep.names("checkpoints").len(), 1);
    assert!(spawn().wait().unwrap().success());
    assert_eq!(sweep.names("runs").len(), 1);
}

#[test]
fn two_sweeps_on_one_store_share_the_work() {
    let sweep = Sweep::planned(SMALL);
    let worker = || ends_with(0, &mut sweep.command(RUN)).concat();
    let said = std::thread::scope(|scope| {
        let workers = [scope.spawn(worker), scope.spawn(worker)];
        workers.map(|worker| worker.join().unwrap()).concat()
    });
    let lines = said.lines().filter(|line| line.contains(" % in "));
    let filed: Vec<_> = lines.map(|line| line.split(':').next()).collect();
    let distinct: HashSet<_> = filed.iter().collect();
    assert_eq!((filed.len(), distinct.len()), (12, 12), "{filed:?}");
    assert_same(&sweep.rows(), &Sweep::done(SMALL, RUN).rows());
}

#[test]
fn a_row_claimed_elsewhere_is_not_taken_for_done() {
    let sweep = Sweep::planned(SMALL);
    let row = "run --subset --row 0";
    let claim = sweep.folder().join("claims").join(&sweep.plan()[0].id);
    let elsewhere = Holder { pid: 1, started: 1, host: "elsewhere".to_owned() };
    fs::write(&claim, serde_json::to_vec(&elsewhere).unwrap()).unwrap();
    let [_, said] = ends_with(TRY_AGAIN_LATER.into(), &mut sweep.command(row));
    let expected = "inorm: row 0 is claimed elsewhere; run the same command again";
    assert!(said.contains(expected), "{said}");
    fs::remove_file(&claim).unwrap();
    for filed in ["1 runs filed", "0 runs filed"] {
        let said = sweep.succeeds(row);
        assert!(said.contains(filed), "{said}");
    }
}

#[test]
fn a_truncated_file_is_named_and_made_again() {
    let sweep = Sweep::done(SMALL, RUN);
    let (whole, run) = (sweep.rows(), sweep.some_run());
    let into = sweep.folder().join("merged");
    // The second time all but the end of the line with the checksum is there. A run that is made
    // again took another time, which may have more digits or fewer.
    let shorter: [fn(u64) -> u64; 2] = [|length| length / 2, |length| length - 1];
    for shorter in shorter {
        let length = shorter(fs::metadata(&run).unwrap().len());
        File::options().write(true).open(&run).unwrap().set_len(length).unwrap();
        let [_, said] = ends_with(1, sweep.command("merge").arg("--into").arg(&into));
        let name = run.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(name) && said.contains("cut short"), "{said}");
        assert!(!into.exists(), "nothing is merged from damaged files");
        let status = sweep.succeeds("status");
        assert!(status.contains("12 planned: 11 done"), "{status}");
        sweep.succeeds(RUN);
        assert_same(&sweep.rows(), &whole);
    }
}

#[test]
fn a_file_of_another_run_is_named() {
    let sweep = Sweep::done(TINY, RUN);
    let run = sweep.some_run();
    fs::rename(&run, run.with_file_name("0123456789abcdef.json")).unwrap();
    let said = sweep.fails("table");
    assert!(said.contains("0123456789abcdef.json: holds run "), "{said}");
}

#[test]
fn a_sweep_of_the_first_version_is_refused() {
    let sweep = Sweep::planned(TINY);
    fs::create_dir(sweep.folder().join("measurements")).unwrap();
    for command in ["run --subset", "status", "merge", "plan"] {
        let said = sweep.fails(command);
        assert!(said.contains("a sweep of version 0.1.0") && said.contains("checkout"), "{said}");
    }
}

#[test]
fn a_shorter_run_than_the_papers_is_left_out_of_the_table() {
    let said = Sweep::done(TINY, RUN).succeeds("table");
    assert!(said.contains("50 epochs, λ = 0.01): 1 of 1 runs"), "{said}");
    assert!(!said.contains("e_ln  "), "{said}");
}

#[test]
fn results_that_do_not_belong_together_are_not_mixed() {
    let subset = Sweep::done(TINY, RUN);
    let folder = inorm_core::files::repository().join("data/fashion-mnist-subset");
    let other = format!("run --jobs 1 --data {}", folder.display());
    let said = subset.fails(&other);
    assert!(said.contains("data.json") && said.contains("another --store"), "{said}");

    let elsewhere = Sweep::done(TINY, &other);
    let into = tempfile::tempdir().unwrap();
    let stores = [&subset, &elsewhere].map(|sweep| sweep.folder());
    let said = merge(&stores, into.path()).unwrap_err().to_string();
    assert!(said.contains("would mix") && said.contains("subset"), "{said}");
    assert_eq!(fs::read_dir(into.path()).unwrap().count(), 0);

    let run = subset.some_run();
    let text = fs::read_to_string(&run).unwrap();
    let known = format!("\"schema\":{SCHEMA},");
    let line = text.lines().next().unwrap().replace(&known, "\"schema\":99,") + "\n";
    let checksum = inorm_core::files::sha256(&line);
    fs::write(&run, format!("{line}{checksum}\n")).unwrap();
    let said = merge(&stores[..1], into.path()).unwrap_err().to_string();
    assert!(said.contains("schema 99"), "{said}");
}

#[test]
fn merging_adds_to_what_was_merged_before() {
    let sweep = Sweep::planned(SMALL);
    let place = tempfile::tempdir().unwrap();
    let (store, into) = (sweep.folder(), place.path());
    let said = merge(from_ref(&store), into).unwrap_err().to_string();
    assert!(said.contains("no finished run"), "{said}");
    for (shard, added, runs) in [("1/2", 6, 6), ("2/2", 6, 12), ("2/2", 0, 12)] {
        sweep.succeeds(&format!("{RUN} --shard {shard}"));
        let merged = merge(from_ref(&store), into).unwrap();
        assert_eq!((merged.added, merged.runs), (added, runs));
    }
    let tables = Tables::read(into).unwrap();
    assert_eq!(tables.runs.height(), 12);
    assert_eq!(tables.epochs.height(), 12 * 6);
    assert_eq!(tables.measurements.height(), 12 * 6 * 2);
    let merged = Rows::from_tables(&tables).unwrap();
    assert_same(&merged, &Sweep::done(SMALL, RUN).merged());
    // Rows of other runs would go with a table of runs that is missing.
    fs::remove_file(into.join("runs.parquet")).unwrap();
    assert_eq!(merge(from_ref(&store), into).unwrap().runs, 12);
    fs::remove_file(into.join("runs.parquet")).unwrap();
    let part = Sweep::done("--profile quick --epochs 1 --conditions e_ln", RUN);
    let said = merge(from_ref(&part.folder()), into).unwrap_err().to_string();
    assert!(said.contains("runs.parquet: is missing, while epochs.parquet beside it"), "{said}");
}

#[test]
fn merging_at_once_into_one_folder_loses_nothing() {
    let half = |shard: &str| Sweep::done(SMALL, &format!("{RUN} --shard {shard}"));
    let sweeps = ["1/2", "2/2"].map(half);
    let stores = sweeps.each_ref().map(Sweep::folder);
    for _ in 0..10 {
        let place = tempfile::tempdir().unwrap();
        let into = place.path();
        std::thread::scope(|scope| {
            for store in &stores {
                scope.spawn(move || merge(from_ref(store), into).unwrap());
            }
        });
        assert_eq!(Tables::read(into).unwrap().runs.height(), 12);
    }
}

/// A thousand runs of one epoch.
fn thousand() -> String {
    let seeds: Vec<_> = (0..500).map(|seed: u32| seed.to_string()).collect();
    let few = TINY.replace("e_ln", "e_ln,ei_ln");
    format!("{few} --seeds {}", seeds.join(","))
}

#[test]
fn on_a_full_disk_no_row_is_lost() {
    let sweep = Sweep::planned(&thousand());
    assert_eq!(sweep.plan().len(), 1000);
    let shard = "run --subset --jobs 2 --shard 1/100";
    let said = sweep.fails_with_small_files(shard);
    assert!(said.contains("cannot write") && said.contains("runs/"), "{said}");
    let status = sweep.succeeds("status");
    assert!(status.contains("1000 planned: 0 done"), "{status}");
    // A plan that cannot be written whole leaves the one that is there.
    let before = sweep.plan();
    let said = sweep.fails_with_small_files("plan --profile paper");
    assert!(said.contains("cannot write") && said.contains("plan.jsonl"), "{said}");
    assert_eq!(sweep.plan(), before);
    let names = [".", "runs", "claims", "checkpoints"].map(|folder| sweep.names(folder)).concat();
    assert!(names.iter().all(|name| !name.contains(".draft-")), "{names:?}");

    sweep.succeeds(shard);
    let whole = Sweep::done(&thousand(), shard);
    assert_eq!(whole.names("runs").len(), 10);
    assert_same(&sweep.rows(), &whole.rows());
}

#[test]
fn a_full_file_system_is_named_and_survived() {
    let sweep = Sweep::planned(TINY);
    let Some(disk) = SmallDisk::mounted_on(sweep.folder()) else {
        eprintln!("not run: this account may not mount a small file system");
        return;
    };
    sweep.succeeds(&format!("plan {}", thousand()));
    let run = |shard| sweep.command(&format!("run --subset --jobs 2 --shard {shard}/100")).output();
    let full = (1..=100).map(|shard| run(shard).unwrap()).find(|end| !end.status.success());
    let full = full.expect("a disk of a megabyte does not hold a thousand runs");
    let said = String::from_utf8(full.stderr).unwrap();
    assert!(said.contains("No space left on device"), "{said}");
    let done = sweep.names("runs").len();
    assert!(mount("remount,size=64m", &disk.0));
    assert!((1..=5).all(|shard| run(shard).unwrap().status.success()));
    let filed = sweep.rows().runs.len();
    assert!(done > 0 && filed >= 50.max(done), "{filed} runs of {done} before");
}

/// A file system of a megabyte, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mounted_on(folder: PathBuf) -> Option<Self> {
        mount("size=1m", &folder).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn mount(options: &str, folder: &Path) -> bool {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).stderr(Stdio::null());
    mount.status().is_ok_and(|status| status.success())
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    let sweep = Sweep::planned("--profile quick");
    let said = sweep.fails_read_only("run --subset --jobs 1");
    assert!(said.contains("Permission denied"), "{said}");
    assert!(said.contains(sweep.folder().to_str().unwrap()), "{said}");
    let said = sweep.fails_read_only("plan --profile figure-2");
    assert!(said.contains("Permission denied"), "{said}");
    assert_eq!(sweep.plan().len(), 8);
}
