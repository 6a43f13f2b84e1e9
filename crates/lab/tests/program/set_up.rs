//! Faults of the machine while the notebooks are set up, and of a kernel's end.

use crate::machine::{Machine, assert_failed, content, inorm, text};
use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

fn prepare(machine: &Machine) -> Output {
    machine.inorm(&["lab", "--prepare"]).output().unwrap()
}

/// A Python that is new enough, and does as the script says when it is to make an environment.
fn machine_with_python(script: &str) -> Machine {
    Machine::new(&[("python3", &format!("[ $1 = -c ] && echo 3.12 && exit\n{script}"))])
}

#[test]
fn an_address_in_use_is_named_before_anything_is_set_up() {
    let machine = Machine::new(&[]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = machine.inorm(&["lab", "--no-browser", "--port", &port]).output().unwrap();
    assert_failed(&output, &[&port, "in use", "--port"]);
    // One of those that are kept for documentation.
    let output = machine.inorm(&["lab", "--no-browser", "--ip", "192.0.2.1"]).output().unwrap();
    assert_failed(&output, &["192.0.2.1", "listen", "--ip"]);
    assert!(!machine.path("clone/.venv").exists());
}

#[test]
fn a_python_that_is_too_old_is_said() {
    let machine = Machine::new(&[("python3", "echo 3.8")]);
    assert_failed(&prepare(&machine), &["3.8", "3.10 or later", "install"]);
    fs::remove_file(machine.path("programs/python3")).unwrap();
    assert_failed(&prepare(&machine), &["no Python", "3.10 or later"]);
    assert!(!machine.path("clone/.venv").exists());
}

#[test]
fn a_python_that_is_too_old_for_the_book_is_said() {
    let machine = machine_with_python(
        "mkdir -p \"$3/bin\"\n\
         printf '#!/bin/sh\\necho 3.10\\n' >\"$3/bin/python\"\n\
         chmod +x \"$3/bin/python\"",
    );
    machine.write("clone/notebooks/00.ipynb", "{}");
    machine.write("clone/python/requirements-book.txt", "nothing-that-exists==0\n");
    let output = machine.inorm(&["book"]).output().unwrap();
    assert_failed(&output, &["3.10", "3.11 or later", "delete"]);
}

#[test]
fn a_python_without_venv_is_said() {
    let output = prepare(&machine_with_python("echo No module named venv >&2; exit 1"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("No module named venv"), "{said}");
    assert!(said.lines().last().unwrap().contains("python3-venv"), "{said}");
}

#[test]
fn a_missing_cargo_is_said_before_anything_is_compiled() {
    let machine = machine_with_python("mkdir -p \"$3/bin\"");
    assert_failed(&prepare(&machine), &["cargo was not found", "https://rustup.rs", "PATH"]);
}

#[test]
fn an_interrupted_set_up_is_not_taken_for_a_finished_one() {
    let machine = machine_with_python("echo begun again >&2; exit 1");
    // As if stopped while packages were installed: the interpreter is there, the mark is empty.
    machine.write("clone/.venv/inorm-installed", "");
    machine.write("clone/.venv/bin/python", "#!/bin/sh\nexit 0\n");
    let output = prepare(&machine);
    assert!(text(&output.stderr).contains("begun again"), "{output:?}");
    let environment = machine.path("clone/.venv");
    assert_eq!(content(&environment), ["inorm-installed"], "it begins with nothing but the mark");
}

#[test]
fn an_environment_of_somebody_else_is_left_alone() {
    let machine = machine_with_python("echo begun >&2; exit 1");
    machine.write("clone/.venv/pyvenv.cfg", "home = /usr/bin\n");
    let expected = ["/.venv was not made by this program", "move or delete it"];
    assert_failed(&prepare(&machine), &expected);
    assert!(machine.path("clone/.venv/pyvenv.cfg").exists());
}

#[test]
fn two_set_ups_at_once_take_turns() {
    // No two may be inside at once.
    let machine = machine_with_python(
        "mkdir ../inside || { echo TWO AT ONCE >&2; exit 1; }\n\
         sleep 1\nrmdir ../inside\necho turn taken >&2\nexit 1",
    );
    let start = || {
        let mut command = machine.inorm(&["lab", "--prepare"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let (first, second) = (start(), start());
    let outputs = [first, second].map(|child| child.wait_with_output().unwrap());
    for output in &outputs {
        let said = text(&output.stderr);
        assert!(said.contains("turn taken") && !said.contains("TWO AT ONCE"), "{said}");
    }
    let waited = outputs.iter().filter(|output| text(&output.stdout).contains("another set-up"));
    assert_eq!(waited.count(), 1, "{outputs:?}");
}

#[test]
fn what_a_killed_set_up_had_started_is_ended() {
    let machine = machine_with_python("echo $$ >../python\nsleep 600; exit 1");
    let python = machine.path("python");
    let mut set_up = machine.inorm(&["lab", "--prepare"]).stdout(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    let wait_for = |what: &str, is_so: &dyn Fn() -> bool| {
        while !is_so() {
            assert!(Instant::now() < until, "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_for("nothing was started", &|| {
        fs::read_to_string(&python).is_ok_and(|id| id.ends_with('\n'))
    });
    set_up.kill().unwrap();
    set_up.wait().unwrap();
    let process = fs::read_to_string(&python).unwrap();
    wait_for("it goes on", &|| !fs::exists(format!("/proc/{}/fd", process.trim())).unwrap());
}

#[test]
fn doctor_names_what_another_version_has_left_in_the_cache() {
    let machine = machine_with_python("exit 1");
    let rustc = "case $1 in -vV) echo 'release: 1.95.0';; *) printf 'host\\n/\\n/\\n';; esac";
    machine.install("rustc", rustc);
    machine.install("cargo", "exit");
    machine.install("du", "exec du \"$@\"");
    let told = || text(&machine.inorm(&["doctor"]).output().unwrap().stdout);
    assert!(told().contains("Unused libraries: none"), "{}", told());
    machine.write("cache/kernels/0123456789abcdef/seeds/one", "compiled");
    let place = machine.path("cache/kernels/0123456789abcdef").display().to_string();
    assert!(told().contains(&format!(" in {place}; `rm -r` those")), "{}", told());
}

#[test]
fn a_kernel_without_a_clone_or_a_connection_is_refused() {
    let nowhere = TempDir::new().unwrap();
    let nowhere = nowhere.path().to_str().unwrap();
    let arguments = ["kernel", "--connection-file", "none.json", "--checkout", nowhere];
    assert_failed(&inorm(&arguments).output().unwrap(), &[nowhere, "inorm lab"]);
}

#[test]
fn what_a_dead_kernel_had_started_is_ended_and_removed() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("4711");
    fs::create_dir_all(directory.join("tree")).unwrap();
    let sleeper = || Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
    // The number of what the kernel has ended itself may be a stranger's by now.
    let (mut orphan, mut stranger) = (sleeper(), sleeper());
    let mut reaper = inorm(&["reaper"]).arg(&directory).stdin(Stdio::piped()).spawn().unwrap();
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
