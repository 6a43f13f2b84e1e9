//! What the command line says, and leaves behind, when something is wrong.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The first file that is fetched: ten bytes less of it is enough for most faults.
const FIRST_FILE: &str = "t10k-labels-idx1-ubyte.gz";

fn inorm() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inorm"));
    command.env_remove("INORM_DATA").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    inorm().args(arguments).output().unwrap()
}

/// The one line on standard error.
#[track_caller]
fn line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "not one line: {text}");
    assert!(text.starts_with("inorm: "), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[track_caller]
fn assert_usage(arguments: &[&str], named: &str) {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(line(&output).contains(named), "{output:?}");
}

#[track_caller]
fn assert_failed(output: &Output, named: &[&str]) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = line(output);
    for word in named {
        assert!(line.contains(word), "{word} is not in: {line}");
    }
}

/// The names in a folder.
fn content(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Answers each request with what `answer` makes of its first line and its `Range`, once per
/// connection. Ends with the test's process.
fn serve(answer: impl Fn(&str, Option<u64>) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            let mut head = Vec::new();
            for line in BufReader::new(&stream).lines().map_while(Result::ok) {
                if line.is_empty() {
                    break;
                }
                head.push(line);
            }
            let from = head.iter().find_map(|line| {
                let range = line.to_lowercase();
                range.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok()
            });
            let _ = stream.write_all(&answer(&head[0], from));
        }
    });
    address
}

fn response(status: &str, promised: usize, body: &[u8]) -> Vec<u8> {
    let mut response =
        format!("HTTP/1.1 {status}\r\nContent-Length: {promised}\r\nConnection: close\r\n\r\n")
            .into_bytes();
    response.extend_from_slice(body);
    response
}

fn fetch(url: &str, into: &Path) -> Output {
    inorm().args(["data", "fetch", "--url", url, "--into"]).arg(into).output().unwrap()
}

#[test]
fn a_wrong_command_line_is_one_line_and_code_2() {
    assert_usage(&["dance"], "dance");
    assert_usage(&["lab", "--port", "0"], "--port");
    assert_usage(&["lab", "--port", "70000"], "70000");
    assert_usage(&["lab", "--run"], "--all");
    assert_usage(&["lab", "--run", "no-such.ipynb"], "no-such.ipynb");
    assert_usage(&["lab", "--all"], "--run");
    assert_usage(&["lab", "--run", "--all", "--port", "9000"], "--port");
    assert_usage(&["data", "burn"], "burn");
    assert_usage(&["kernel"], "--connection-file");
}

#[test]
fn help_is_not_a_fault() {
    for arguments in [&["--help"][..], &["lab", "--help"], &["--version"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn a_folder_without_the_data_is_named() {
    let folder = TempDir::new().unwrap();
    let output = inorm().args(["data", "where"]).env("INORM_DATA", folder.path()).output().unwrap();
    assert_failed(&output, &[folder.path().to_str().unwrap()]);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let folder = TempDir::new().unwrap();
    // Nothing listens on a port that was just given back.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    assert_failed(&fetch(&url, folder.path()), &[&url, "INORM_DATA"]);
    assert_eq!(content(folder.path()), [""; 0]);
}

#[test]
fn a_server_without_the_file_is_named() {
    let folder = TempDir::new().unwrap();
    let url = serve(|_, _| response("404 Not Found", 0, b""));
    assert_failed(&fetch(&url, folder.path()), &[FIRST_FILE, "no such file", "--url"]);
    let url = serve(|_, _| response("503 Service Unavailable", 0, b""));
    assert_failed(&fetch(&url, folder.path()), &[FIRST_FILE, "503"]);
    assert_eq!(content(folder.path()), [""; 0]);
}

#[test]
fn an_address_that_is_none_is_named() {
    let folder = TempDir::new().unwrap();
    assert_failed(&fetch("ftp:nowhere", folder.path()), &["ftp:nowhere", "--url"]);
}

#[test]
fn a_wrong_file_is_not_kept() {
    let folder = TempDir::new().unwrap();
    let url = serve(|_, _| response("200 OK", 9, b"not a gzi"));
    assert_failed(&fetch(&url, folder.path()), &[FIRST_FILE, "SHA-256", "nothing of it was kept"]);
    assert_eq!(content(folder.path()), [""; 0]);
}

#[test]
fn a_broken_download_continues_where_it_stopped() {
    let Some(full) = full_data() else { return };
    let folder = TempDir::new().unwrap();
    let whole = fs::read(full.join(FIRST_FILE)).unwrap();
    let size = whole.len();
    let url = serve({
        let whole = whole.clone();
        move |_, _| response("200 OK", size, &whole[..1000])
    });
    assert_failed(&fetch(&url, folder.path()), &[FIRST_FILE, "again to continue"]);
    assert_eq!(content(folder.path()), [format!(".{FIRST_FILE}.part")]);

    // Has only the rest of the first file: a download from the start would not be right.
    let url = serve(move |request, from| match (request.contains(FIRST_FILE), from) {
        (true, Some(1000)) => response("206 Partial Content", size - 1000, &whole[1000..]),
        _ => response("404 Not Found", 0, b""),
    });
    let output = fetch(&url, folder.path());
    assert_failed(&output, &["train-labels-idx1-ubyte.gz"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains(&format!("{FIRST_FILE}: fetched")));
    assert_eq!(content(folder.path()), [FIRST_FILE]);
}

#[test]
fn a_half_of_another_file_does_not_spoil_the_download() {
    let Some(full) = full_data() else { return };
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(format!(".{FIRST_FILE}.part")), vec![0; 1000]).unwrap();
    let whole = fs::read(full.join(FIRST_FILE)).unwrap();
    let url = serve(move |request, from| match (request.contains(FIRST_FILE), from) {
        (true, Some(from)) => {
            let rest = &whole[from as usize..];
            response("206 Partial Content", rest.len(), rest)
        }
        (true, None) => response("200 OK", whole.len(), &whole),
        _ => response("404 Not Found", 0, b""),
    });
    fetch(&url, folder.path());
    assert_eq!(content(folder.path()), [FIRST_FILE]);
}

#[test]
fn all_four_files_are_fetched_once() {
    let Some(full) = full_data() else { return };
    let folder = TempDir::new().unwrap();
    let url = serve(move |request, _| {
        let name = request.split(['/', ' ']).nth(2).unwrap();
        let whole = fs::read(full.join(name)).unwrap();
        response("200 OK", whole.len(), &whole)
    });
    let output = fetch(&url, folder.path());
    assert!(output.status.success(), "{output:?}");
    let output = fetch("http://127.0.0.1:1", folder.path());
    assert!(output.status.success(), "nothing is left to fetch: {output:?}");
    let place = inorm().args(["data", "where"]).env("INORM_DATA", folder.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&place.stdout).starts_with("60000 training and 10000 test"));
}

#[test]
fn a_full_disk_is_said_and_nothing_is_kept() {
    let folder = TempDir::new().unwrap();
    symlink("/dev/full", folder.path().join(format!(".{FIRST_FILE}.part"))).unwrap();
    let url = serve(|_, _| response("200 OK", 100_000, &[7; 100_000]));
    assert_failed(&fetch(&url, folder.path()), &["No space left", "free some space"]);
    assert_eq!(content(folder.path()), [""; 0]);
}

#[test]
fn two_fetches_at_once_do_not_mix() {
    let folder = TempDir::new().unwrap();
    let (asked, wait) = std::sync::mpsc::channel();
    let url = serve(move |_, _| {
        asked.send(()).unwrap();
        std::thread::sleep(Duration::from_secs(2));
        response("404 Not Found", 0, b"")
    });
    let mut first = inorm()
        .args(["data", "fetch", "--url", &url, "--into"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait.recv().unwrap();
    assert_failed(&fetch(&url, folder.path()), &["another", "wait"]);
    first.wait().unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let output = fetch("http://127.0.0.1:1", Path::new("/proc/inorm"));
    assert_failed(&output, &["/proc/inorm"]);
}

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
    // As if stopped while packages were installed: the interpreter is there, the mark is not.
    let bin = clone.path().join(".venv/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("python"), "#!/bin/sh\nexit 0\n").unwrap();
    let script = "case $1 in -c) echo 3 12;; *) echo begun again >&2; exit 1;; esac";
    let machine = machine(&[("python3", script)]);
    let output = lab_on(machine.path(), clone.path(), cache.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("begun again"), "{output:?}");
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
    let mut orphan =
        std::os::unix::process::CommandExt::process_group(&mut Command::new("sleep"), 0)
            .arg("600")
            .spawn()
            .unwrap();
    let mut undertaker =
        inorm().arg("undertaker").arg(&directory).stdin(Stdio::piped()).spawn().unwrap();
    writeln!(undertaker.stdin.as_mut().unwrap(), "{}", orphan.id()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(directory.exists() && orphan.try_wait().unwrap().is_none(), "it came too early");
    // The kernel ends, in whatever way: the pipe closes.
    drop(undertaker.stdin.take());
    assert!(undertaker.wait().unwrap().success());
    assert!(!directory.exists());
    let until = Instant::now() + Duration::from_secs(10);
    while orphan.try_wait().unwrap().is_none() {
        assert!(Instant::now() < until, "the orphan lives");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The full data set, which some faults need a real file of. They cannot be tried without it.
fn full_data() -> Option<PathBuf> {
    let named = std::env::var_os("INORM_DATA").map(PathBuf::from);
    let places = [
        Path::new(env!("CARGO_MANIFEST_DIR")).join("data/fashion-mnist"),
        PathBuf::from("/usr/share/datasets/fashion-mnist"),
    ];
    let found = named.into_iter().chain(places).find(|place| place.join(FIRST_FILE).is_file());
    if found.is_none() {
        println!("not tried: needs the full data set, `inorm data fetch` gets it");
    }
    found
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let mut child = inorm().arg("doctor").stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    let _ = child.stdout.take().unwrap().read(&mut first);
    let output = child.wait_with_output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}
