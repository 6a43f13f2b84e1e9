//! Faults of the machine while the notebooks are set up, and of a kernel's end.

use crate::program::{assert_failed, inorm};
use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

#[test]
fn a_port_in_use_is_named_before_anything_is_set_up() {
    let (clone, cache) = (bare_clone(), TempDir::new().unwrap());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = inorm()
        .args(["lab", "--no-browser", "--port", &port])
        .current_dir(clone.path())
        .env("INORM_CACHE", cache.path())
        .output()
        .unwrap();
    assert_failed(&output, &[&port, "in use", "--port"]);
    assert!(!clone.path().join(".venv").exists());
}

/// A machine in which only what `programs` names can be found.
fn machine(programs: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, script) in programs {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// A clone without an environment, as far as `lab` looks at it.
fn bare_clone() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("python")).unwrap();
    fs::create_dir_all(folder.path().join("notebooks")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"inorm\"\n").unwrap();
    fs::write(folder.path().join("python/requirements.txt"), "nothing-that-exists==0\n").unwrap();
    folder
}

fn lab_on(machine: &Path, clone: &Path, cache: &Path) -> Command {
    let mut command = inorm();
    command
        .args(["lab", "--prepare"])
        .current_dir(clone)
        .env("PATH", machine)
        .env("INORM_CACHE", cache);
    command
}

#[test]
fn a_python_that_is_too_old_is_said() {
    let (clone, cache) = (bare_clone(), TempDir::new().unwrap());
    let old = machine(&[("python3", "echo 3 8")]);
    let output = lab_on(old.path(), clone.path(), cache.path()).output().unwrap();
    assert_failed(&output, &["3.8", "3.10 or later", "install"]);
    let none = machine(&[]);
    let output = lab_on(none.path(), clone.path(), cache.path()).output().unwrap();
    assert_failed(&output, &["no Python", "3.10 or later"]);
    assert!(!clone.path().join(".venv").exists());
}

#[test]
fn a_python_without_venv_is_said() {
    let (clone, cache) = (bare_clone(), TempDir::new().unwrap());
    let script = "case $1 in -c) echo 3 12;; *) echo No module named venv >&2; exit 1;; esac";
    let machine = machine(&[("python3", script)]);
    let output = lab_on(machine.path(), clone.path(), cache.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("No module named venv"), "{text}");
    assert!(text.lines().last().unwrap().contains("python3-venv"), "{text}");
}

#[test]
fn an_interrupted_set_up_is_not_taken_for_a_finished_one() {
    let (clone, cache) = (bare_clone(), TempDir::new().unwrap());
    // As if stopped while packages were installed: the interpreter is there, the mark is empty.
    let bin = clone.path().join(".venv/bin");
    let mark = clone.path().join(".venv/inorm-installed");
    fs::create_dir_all(&bin).unwrap();
    fs::write(&mark, "").unwrap();
    fs::write(bin.join("python"), "#!/bin/sh\nexit 0\n").unwrap();
    let script = "case $1 in -c) echo 3 12;; *) echo begun again >&2; exit 1;; esac";
    let machine = machine(&[("python3", script)]);
    let output = lab_on(machine.path(), clone.path(), cache.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("begun again"), "{output:?}");
    assert!(!bin.exists() && mark.exists(), "it begins with nothing but the mark");
}

#[test]
fn an_environment_of_somebody_else_is_left_alone() {
    let (clone, cache) = (bare_clone(), TempDir::new().unwrap());
    let theirs = clone.path().join(".venv/pyvenv.cfg");
    fs::create_dir(clone.path().join(".venv")).unwrap();
    fs::write(&theirs, "home = /usr/bin\n").unwrap();
    let script = "case $1 in -c) echo 3 12;; *) echo begun >&2; exit 1;; esac";
    let machine = machine(&[("python3", script)]);
    let output = lab_on(machine.path(), clone.path(), cache.path()).output().unwrap();
    assert_failed(&output, &["/.venv was not made by this program", "move or delete it"]);
    assert!(theirs.exists());
}

#[test]
fn two_set_ups_at_once_take_turns() {
    let (clone, cache) = (bare_clone(), TempDir::new().unwrap());
    // Leaves a mark when it enters and when it leaves; no two may be inside at once.
    let inside = cache.path().join("inside");
    let script = format!(
        "case $1 in -c) echo 3 12; exit;; esac\n\
         mkdir {0} || {{ echo TWO AT ONCE >&2; exit 1; }}\n/bin/sleep 1\n/bin/rmdir {0}\n\
         echo turn taken >&2\nexit 1",
        inside.display()
    )
    .replace("mkdir ", "/bin/mkdir ");
    let machine = machine(&[("python3", &script)]);
    let start = || {
        lab_on(machine.path(), clone.path(), cache.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let (first, second) = (start(), start());
    let outputs = [first.wait_with_output().unwrap(), second.wait_with_output().unwrap()];
    for output in &outputs {
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("turn taken") && !text.contains("TWO AT ONCE"), "{text}");
    }
    let waited = outputs
        .iter()
        .filter(|output| String::from_utf8_lossy(&output.stdout).contains("another set-up"))
        .count();
    assert_eq!(waited, 1, "{outputs:?}");
}

#[test]
fn a_kernel_without_a_clone_or_a_connection_is_refused() {
    let nowhere = TempDir::new().unwrap();
    let output = inorm()
        .args(["kernel", "--connection-file", "none.json", "--checkout"])
        .arg(nowhere.path())
        .output()
        .unwrap();
    assert_failed(&output, &[nowhere.path().to_str().unwrap(), "inorm lab"]);
}

#[test]
fn what_a_dead_kernel_had_started_is_ended_and_removed() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("4711");
    fs::create_dir_all(directory.join("tree")).unwrap();
    let sleeper = || {
        std::os::unix::process::CommandExt::process_group(&mut Command::new("sleep"), 0)
            .arg("600")
            .spawn()
            .unwrap()
    };
    // The number of what the kernel has ended itself may be a stranger's by now.
    let (mut orphan, mut stranger) = (sleeper(), sleeper());
    let mut reaper = inorm().arg("reaper").arg(&directory).stdin(Stdio::piped()).spawn().unwrap();
    let lines = format!("{}\n{}\n-{}\n", orphan.id(), stranger.id(), stranger.id());
    reaper.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(directory.exists() && orphan.try_wait().unwrap().is_none(), "it came too early");
    // The kernel ends, in whatever way: the pipe closes.
    drop(reaper.stdin.take());
    assert!(reaper.wait().unwrap().success());
    assert!(!directory.exists());
    let until = Instant::now() + Duration::from_secs(10);
    while orphan.try_wait().unwrap().is_none() {
        assert!(Instant::now() < until, "the orphan lives");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(stranger.try_wait().unwrap().is_none(), "a stranger was killed");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}
