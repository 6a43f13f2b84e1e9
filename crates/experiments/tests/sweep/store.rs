//! A store in a temporary folder, and the program on it.

use inorm::{
    polars::prelude::{AnyValue, DataFrame},
    results::Tables,
    sweep::{Planned, Store, merge},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// `inorm sweep SUBCOMMAND --store FOLDER …`
pub fn inorm(folder: &Path, arguments: &[&str]) -> Command {
    with_program(Path::new(env!("CARGO_BIN_EXE_inorm-experiments")), folder, arguments)
}

fn with_program(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["sweep", arguments[0], "--store"]).arg(folder).args(&arguments[1..]);
    command
}

/// A sweep of its own.
pub struct Sweep {
    place: tempfile::TempDir,
}

impl Sweep {
    /// With these arguments of `inorm sweep plan`.
    pub fn planned(arguments: &[&str]) -> Self {
        let sweep = Self { place: tempfile::tempdir().unwrap() };
        sweep.succeeds(&[&["plan"], arguments].concat());
        sweep
    }

    pub fn folder(&self) -> PathBuf {
        self.place.path().join("store")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        inorm(&self.folder(), arguments)
    }

    /// Runs it to its end; returns what it said.
    pub fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let said = said(&output);
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    /// Runs it to its failure, which is exit code 1 and one last line; returns what it said.
    pub fn fails(&self, arguments: &[&str]) -> String {
        failure(&self.command(arguments).output().unwrap())
    }

    /// Fails because no file may be larger than `blocks` of 512 bytes.
    pub fn limited(&self, blocks: u32, arguments: &[&str]) -> String {
        let command = self.command(arguments);
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""))
            .arg("sh")
            .arg(command.get_program())
            .args(command.get_args())
            .output();
        failure(&output.unwrap())
    }

    /// Fails because the store belongs to somebody else and is read-only.
    pub fn unprivileged(&self, arguments: &[&str]) -> String {
        let place = self.place.path();
        let readable = |path: &Path| {
            let mode = if path.is_dir() { 0o555 } else { 0o444 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let mut command = self.command(arguments);
        // Nothing is read-only for root: then the program runs as nobody, from where they can
        // reach it.
        if fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0) {
            let program = place.join("inorm");
            fs::copy(env!("CARGO_BIN_EXE_inorm-experiments"), &program).unwrap();
            let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
            let inner = with_program(&program, &self.folder(), arguments);
            command = Command::new("setpriv");
            command.args(nobody).arg(inner.get_program()).args(inner.get_args());
        }
        let entries = fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().path());
        entries.chain([self.folder(), place.to_owned()]).for_each(|path| readable(&path));
        let output = command.current_dir("/").output().unwrap();
        let writable = fs::Permissions::from_mode(0o755);
        let entries = fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().path());
        let folders = entries.filter(|path| path.is_dir());
        folders
            .chain([self.folder(), place.to_owned()])
            .for_each(|path| fs::set_permissions(path, writable.clone()).unwrap());
        failure(&output)
    }

    pub fn plan(&self) -> Vec<Planned> {
        Store::open(self.folder()).unwrap().plan().unwrap()
    }

    /// All that is filed, as filed.
    pub fn tables(&self) -> Tables {
        Store::open(self.folder()).unwrap().rows().unwrap().to_tables().unwrap()
    }

    /// All that is filed, merged.
    pub fn merged(&self) -> Tables {
        let into = tempfile::tempdir().unwrap();
        merge(&[self.folder()], into.path()).unwrap();
        Tables::read(into.path()).unwrap()
    }
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    text(&output.stdout) + &text(&output.stderr)
}

fn failure(output: &Output) -> String {
    let said = said(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("inorm: "), "one line says what is wrong: {said}");
    assert_eq!(said.matches("inorm: ").count(), 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// All bits of all rows are the same, but for the times.
pub fn assert_same(one: &Tables, other: &Tables) {
    assert_eq!(bits(&one.runs), bits(&other.runs));
    assert_eq!(bits(&one.epochs), bits(&other.epochs));
    assert_eq!(bits(&one.measurements), bits(&other.measurements));
}

fn bits(table: &DataFrame) -> Vec<String> {
    let columns = table.columns().iter().filter(|column| {
        !["wall_seconds", "milliseconds_per_step"].contains(&column.name().as_str())
    });
    let cell = |value: AnyValue| match value {
        AnyValue::Float64(number) => format!("{:016x}", number.to_bits()),
        other => other.to_string(),
    };
    columns
        .flat_map(|column| {
            let cells = (0..column.len()).map(move |row| {
                let value = column.get(row).unwrap();
                format!("{} {row}: {}", column.name(), cell(value))
            });
            cells.collect::<Vec<_>>()
        })
        .collect()
}
