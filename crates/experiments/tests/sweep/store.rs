//! A sweep in a temporary folder, and the program on it.

use crate::program::{ends_with, inorm};
use inorm::{
    results::{Rows, Tables},
    sweep::{Planned, Store, merge},
};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::{Child, Command},
};
use tempfile::TempDir;

/// A sweep of its own.
pub struct Sweep {
    place: TempDir,
}

impl Sweep {
    /// With these arguments of `inorm sweep plan`.
    pub fn planned(arguments: &str) -> Self {
        let sweep = Self { place: tempfile::tempdir().unwrap() };
        sweep.succeeds(&format!("plan {arguments}"));
        sweep
    }

    /// Planned like that, and then run without any disturbance.
    pub fn done(plan: &str, run: &str) -> Self {
        let sweep = Self::planned(plan);
        sweep.succeeds(run);
        sweep
    }

    /// With a name that shells and Slurm must not take apart.
    pub fn folder(&self) -> PathBuf {
        self.place.path().join("a %j sweep")
    }

    /// `inorm sweep SUBCOMMAND --store FOLDER …`
    pub fn command(&self, arguments: &str) -> Command {
        let (subcommand, options) = arguments.split_once(' ').unwrap_or((arguments, ""));
        let mut command = inorm("sweep");
        command.arg(subcommand).arg("--store").arg(self.folder()).args(options.split_whitespace());
        command
    }

    /// Runs it to its end; returns what it said.
    #[track_caller]
    pub fn succeeds(&self, arguments: &str) -> String {
        ends_with(0, &mut self.command(arguments)).concat()
    }

    /// Runs it to its failure; returns what it said.
    #[track_caller]
    pub fn fails(&self, arguments: &str) -> String {
        ends_with(1, &mut self.command(arguments)).concat()
    }

    /// Fails because no file may be larger than a block of 512 bytes: enough for a claim, not for
    /// the results of a run.
    pub fn fails_with_small_files(&self, arguments: &str) -> String {
        let script = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
        self.fails_within(&["sh", "-c", script, "sh"], arguments)
    }

    /// Fails because the folder is read-only.
    pub fn fails_read_only(&self, arguments: &str) -> String {
        let set_mode = |mode| {
            let status = Command::new("chmod").args(["-R", mode]).arg(self.folder()).status();
            assert!(status.unwrap().success());
        };
        // Nothing is read-only for root, unless without these capabilities.
        let is_root = fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0);
        let without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
        let wrapper = if is_root { &without[..] } else { &["env"] };
        set_mode("a-w");
        let said = self.fails_within(wrapper, arguments);
        set_mode("u+w");
        said
    }

    fn fails_within(&self, wrapper: &[&str], arguments: &str) -> String {
        let inner = self.command(arguments);
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(inner.get_program()).args(inner.get_args());
        ends_with(1, &mut command).concat()
    }

    pub fn store(&self) -> Store {
        Store::open(self.folder()).unwrap()
    }

    pub fn plan(&self) -> Vec<Planned> {
        self.store().plan().unwrap()
    }

    /// All that is filed.
    pub fn rows(&self) -> Rows {
        self.store().rows().unwrap()
    }

    /// The same, merged.
    pub fn merged(&self) -> Rows {
        let into = tempfile::tempdir().unwrap();
        merge(&[self.folder()], into.path()).unwrap();
        Rows::from_tables(&Tables::read(into.path()).unwrap()).unwrap()
    }

    /// The names of the files in one of its folders.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// The file of one of the finished runs.
    pub fn some_run(&self) -> PathBuf {
        self.folder().join("runs").join(&self.names("runs")[0])
    }
}

/// Asks a process to end.
pub fn signal(process: &Child, name: &str) {
    let pid = process.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}

/// All rows are the same but for the times, in every bit: a float is printed so that it reads back.
#[track_caller]
pub fn assert_same(one: &Rows, other: &Rows) {
    let text = |rows: &Rows| {
        let mut rows = rows.clone();
        for run in &mut rows.runs {
            (run.wall_seconds, run.milliseconds_per_step) = (0.0, 0.0);
        }
        format!("{rows:#?}")
    };
    assert_eq!(text(one), text(other));
}
