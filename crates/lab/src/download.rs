//! Fetching one checksummed file: resumable, and in place only when it is whole and right.

use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use inorm_core::files::sha256;
use inorm_core::{Context, Error, Failure, Outcome};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

/// No file unpacks to more than this: a limit for what a wrong one may take of the memory.
const LARGEST: u64 = 100_000_000;

/// A gzip file that is published somewhere, known by the digest of what it unpacks to: mirrors
/// compress the same content in different ways.
#[derive(Clone, Debug)]
pub struct Published {
    /// File name, the same in every mirror.
    pub name: String,
    /// SHA-256 of the unpacked content, in hexadecimal.
    pub content_sha256: &'static str,
}

impl Published {
    /// Puts the file into `directory`, continuing an earlier, interrupted attempt. False if it was
    /// there already.
    pub fn fetch_into(&self, directory: &Path, base_url: &str) -> Outcome<bool> {
        let destination = directory.join(&self.name);
        if destination.exists() && self.is_right(&destination)? {
            return Ok(false);
        }
        let partial = directory.join(format!(".{}.part", self.name));
        let url = format!("{}/{}", base_url.trim_end_matches('/'), self.name);
        loop {
            let resumed = self.receive(&url, &partial)?;
            if self.is_right(&partial)? {
                fs::rename(&partial, &destination).context("put in place", &destination)?;
                return Ok(true);
            }
            fs::remove_file(&partial).context("remove", &partial)?;
            // The earlier half may be of another version of the file: once more, from the start.
            if !resumed {
                return Err(Failure::new(format!(
                    "{url} is not the published file: the SHA-256 of its content should be {}; \
                     nothing of it was kept, fetch again or name another mirror with --url",
                    self.content_sha256
                )));
            }
        }
    }

    /// Whether the file unpacks to the published content.
    fn is_right(&self, path: &Path) -> Outcome<bool> {
        let file = File::open(path).context("open", path)?;
        let mut content = Vec::new();
        match MultiGzDecoder::new(file).take(LARGEST).read_to_end(&mut content) {
            Ok(_) => Ok(sha256(content) == self.content_sha256),
            // A damaged archive is a wrong file; anything else is a failing disk.
            Err(error) if error.raw_os_error().is_none() => Ok(false),
            Err(error) => Err(Error::io("read", path, error).into()),
        }
    }

    /// Receives into `partial`; true if that continued an earlier attempt.
    fn receive(&self, url: &str, partial: &Path) -> Outcome<bool> {
        let present = fs::metadata(partial).map_or(0, |metadata| metadata.len());
        let mut response = match request(url, present) {
            // There is no more of it, so that what is there is no half of this file.
            Err(ureq::Error::StatusCode(416)) if present > 0 => {
                fs::remove_file(partial).context("remove", partial)?;
                return self.receive(url, partial);
            }
            other => other.map_err(|error| unreachable_source(url, &error))?,
        };
        let resumed = response.status() == 206;
        let mut options = File::options();
        options.create(true).append(resumed).write(!resumed).truncate(!resumed);
        let mut file = options.open(partial).context("write", partial)?;
        let start = if resumed { present } else { 0 };
        let expected = response.body().content_length().map(|rest| start + rest);
        let progress = progress_bar(&self.name, start, expected);
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
            let written = file.write_all(&buffer[..count]);
            // Room for whatever else the disk is needed for.
            let written = written.inspect_err(|_| drop(fs::remove_file(partial)));
            written.context("write", partial)?;
            progress.inc(count as u64);
        }
        file.sync_all().context("write", partial)?;
        progress.finish_and_clear();
        Ok(resumed && present > 0)
    }
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

/// Hidden where standard error is not a terminal.
fn progress_bar(name: &str, start: u64, expected: Option<u64>) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix:28} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    );
    let bar = ProgressBar::new(expected.unwrap_or(0)).with_prefix(name.to_owned());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_position(start);
    bar
}
