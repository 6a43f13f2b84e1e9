//! Fetching one checksummed file: resumable, and in place only when it is whole and right.

use flate2::read::GzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use inorm_core::{Failure, Outcome};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::time::Duration;

/// A gzip file that is published somewhere, known by the digest of what it unpacks to: mirrors
/// compress the same content in different ways.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// File name, the same in every mirror.
    pub name: &'static str,
    /// SHA-256 of the unpacked content, in hexadecimal.
    pub content_sha256: &'static str,
}

/// What [`Published::fetch_into`] had to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The right file was there already.
    AlreadyThere,
    /// It came from the network.
    Downloaded,
}

impl Published {
    /// Puts the file into `directory`, continuing an earlier, interrupted attempt.
    pub fn fetch_into(&self, directory: &Path, base_url: &str) -> Outcome<Fetched> {
        let destination = directory.join(self.name);
        if destination.exists() && self.is_right(&destination)? {
            return Ok(Fetched::AlreadyThere);
        }
        let partial = directory.join(format!(".{}.part", self.name));
        let url = format!("{}/{}", base_url.trim_end_matches('/'), self.name);
        let resumed = self.receive(&url, &partial)?;
        let mut right = self.is_right(&partial)?;
        if !right && resumed {
            // The earlier half may be of another version of the file: once more, from the start.
            remove(&partial)?;
            self.receive(&url, &partial)?;
            right = self.is_right(&partial)?;
        }
        if !right {
            remove(&partial)?;
            return Err(Failure::new(format!(
                "{url} is not the published file: the SHA-256 of its content should be {}; \
                 nothing of it was kept, fetch again or name another mirror with --url",
                self.content_sha256
            )));
        }
        fs::rename(&partial, &destination)
            .map_err(|error| Failure::io("put in place", &destination, &error))?;
        Ok(Fetched::Downloaded)
    }

    /// Whether the file unpacks to the published content.
    pub fn is_right(&self, path: &Path) -> Outcome<bool> {
        let file = File::open(path).map_err(|error| Failure::io("open", path, &error))?;
        let mut digest = Sha256::new();
        let unpacked =
            io::copy(&mut GzDecoder::new(io::BufReader::new(file)), &mut HashWriter(&mut digest));
        match unpacked {
            Ok(_) => Ok(hex::encode(digest.finalize()) == self.content_sha256),
            // A damaged archive is a wrong file; anything else is a failing disk.
            Err(error) if error.raw_os_error().is_none() => Ok(false),
            Err(error) => Err(Failure::io("read", path, &error)),
        }
    }

    /// Receives into `partial`; true if that continued an earlier attempt.
    fn receive(&self, url: &str, partial: &Path) -> Outcome<bool> {
        let present = fs::metadata(partial).map_or(0, |metadata| metadata.len());
        let mut response = match request(url, present) {
            Err(ureq::Error::StatusCode(416)) => {
                remove(partial)?;
                request(url, 0)
            }
            other => other,
        }
        .map_err(|error| unreachable_source(url, &error))?;
        let resumed = response.status() == 206;
        let mut file = open_partial(partial, resumed)?;
        let start = if resumed { present } else { 0 };
        let expected = response.body().content_length().map(|rest| start + rest);
        let progress = progress_bar(self.name, start, expected);
        let mut body = response.body_mut().as_reader();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = body.read(&mut buffer).map_err(|error| {
                Failure::new(format!(
                    "the connection broke while fetching {url}: {error}; what arrived is kept, \
                     run `inorm data fetch` again to continue"
                ))
            })?;
            if count == 0 {
                break;
            }
            if let Err(error) = file.write_all(&buffer[..count]) {
                drop(file);
                let _ = fs::remove_file(partial);
                return Err(Failure::io("write", partial, &error));
            }
            progress.inc(count as u64);
        }
        file.sync_all()
            .or_else(ignore_unsyncable)
            .map_err(|error| Failure::io("write", partial, &error))?;
        progress.finish_and_clear();
        Ok(resumed && present > 0)
    }
}

/// Devices and pipes cannot be synchronised, and need not be.
fn ignore_unsyncable(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::InvalidInput => Ok(()),
        _ => Err(error),
    }
}

fn open_partial(partial: &Path, resumed: bool) -> Outcome<File> {
    OpenOptions::new()
        .create(true)
        .append(resumed)
        .write(!resumed)
        .truncate(!resumed)
        .open(partial)
        .map_err(|error| Failure::io("write", partial, &error))
}

fn request(url: &str, from_byte: u64) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_recv_body(Some(Duration::from_secs(1800)))
        .build()
        .into();
    let request = agent.get(url);
    match from_byte {
        0 => request.call(),
        _ => request.header("Range", format!("bytes={from_byte}-")).call(),
    }
}

fn unreachable_source(url: &str, error: &ureq::Error) -> Failure {
    let (problem, next) = match error {
        ureq::Error::StatusCode(404) => {
            ("the server has no such file".to_owned(), "name another mirror with --url")
        }
        ureq::Error::StatusCode(status) => (
            format!("the server answered with status {status}"),
            "try again later or name another mirror with --url",
        ),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => (
            "that is not an address of the web".to_owned(),
            "give --url the http(s) address of the folder that has the four files",
        ),
        other => (
            other.to_string(),
            "check the network, or put the four files into a folder and set INORM_DATA to it",
        ),
    };
    Failure::new(format!("cannot fetch {url}: {problem}; {next}"))
}

fn progress_bar(name: &'static str, start: u64, expected: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{prefix:28} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(expected.unwrap_or(0)).with_style(style).with_prefix(name);
    bar.set_position(start);
    bar
}

fn remove(path: &Path) -> Outcome {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::io("remove", path, &error))
        }
        _ => Ok(()),
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
