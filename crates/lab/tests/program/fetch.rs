//! Faults of the data, of the server that it comes from, and of the disk that it goes to.

use crate::machine::{assert_failed, content, inorm, text};
use inorm_core::dataset::{FashionMnist, Source};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// The first file that is fetched: ten bytes less of it is enough for most faults.
const FIRST_FILE: &str = "t10k-labels-idx1-ubyte.gz";

/// Answers each request with what `answer` makes of its first line and its `Range`, once per
/// connection. Ends with the test's process.
fn serve(answer: impl Fn(&str, Option<u64>) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
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
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {promised}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn fetch(url: &str, into: &Path) -> Output {
    inorm(&["data", "fetch", "--url", url, "--into"]).arg(into).output().unwrap()
}

/// What is said of the data in a folder.
fn ask(command: &[&str], folder: &Path) -> Output {
    inorm(command).env("INORM_DATA", folder).output().unwrap()
}

const WHERE: [&str; 2] = ["data", "where"];

#[test]
fn a_folder_with_none_or_some_of_the_files_is_named() {
    let folder = TempDir::new().unwrap();
    let named = folder.path().to_str().unwrap();
    assert_failed(&ask(&WHERE, folder.path()), &[named, "is missing"]);
    fs::write(folder.path().join(FIRST_FILE), "").unwrap();
    let missing = "train-images-idx3-ubyte: is missing";
    assert_failed(&ask(&WHERE, folder.path()), &[missing, "inorm data fetch"]);
    let told = text(&ask(&["doctor"], folder.path()).stdout);
    assert!(told.contains(missing) && told.contains("NVIDIA GPU"), "{told}");
}

#[test]
fn an_empty_variable_names_no_folder() {
    let output = ask(&WHERE, Path::new(""));
    assert!(output.status.success(), "{output:?}");
}

/// Nothing is kept of what cannot be used.
#[track_caller]
fn assert_refused(url: &str, named: &[&str]) {
    let folder = TempDir::new().unwrap();
    assert_failed(&fetch(url, folder.path()), named);
    assert_eq!(content(folder.path()), [""; 0]);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    // Nothing listens on a port that was just given back.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    assert_refused(&url, &[&url, "INORM_DATA"]);
}

#[test]
fn a_server_without_the_file_is_named() {
    let url = serve(|_, _| response("404 Not Found", 0, b""));
    assert_refused(&url, &[FIRST_FILE, "no such file", "--url"]);
    let url = serve(|_, _| response("503 Service Unavailable", 0, b""));
    assert_refused(&url, &[FIRST_FILE, "503"]);
}

#[test]
fn an_address_that_is_none_is_named() {
    assert_refused("ftp:nowhere", &["ftp:nowhere", "--url"]);
}

#[test]
fn a_wrong_file_is_not_kept() {
    let url = serve(|_, _| response("200 OK", 9, b"not a gzi"));
    assert_refused(&url, &[FIRST_FILE, "SHA-256", "nothing of it was kept"]);
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
    assert!(text(&output.stdout).contains(&format!("{FIRST_FILE}: fetched")));
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
    let place = text(&ask(&WHERE, folder.path()).stdout);
    assert!(place.starts_with("60000 training and 10000 test"), "{place}");
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
fn two_fetches_at_once_take_turns() {
    let folder = TempDir::new().unwrap();
    let (asked, wait) = std::sync::mpsc::channel();
    let url = serve(move |_, _| {
        asked.send(()).unwrap();
        std::thread::sleep(Duration::from_secs(2));
        response("404 Not Found", 0, b"")
    });
    let mut first = inorm(&["data", "fetch", "--url", &url, "--into"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait.recv().unwrap();
    let second = fetch(&url, folder.path());
    let told = text(&second.stdout);
    assert!(told.contains("another `inorm data fetch`"), "{told}");
    assert_failed(&second, &[FIRST_FILE, "no such file"]);
    assert!(first.try_wait().unwrap().is_some(), "the second did not wait for the first");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let output = fetch("http://127.0.0.1:1", Path::new("/proc/inorm"));
    assert_failed(&output, &["/proc/inorm"]);
}

/// The full data set, which some faults need a real file of. They cannot be tried without it.
fn full_data() -> Option<PathBuf> {
    match FashionMnist::locate() {
        Ok(Source::Folder(folder)) if folder.join(FIRST_FILE).is_file() => Some(folder),
        _ => {
            println!("not tried: needs the full data set, `inorm data fetch` gets it");
            None
        }
    }
}
