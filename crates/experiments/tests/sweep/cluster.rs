//! A Slurm cluster of one node, reachable from this machine only.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The programs it is made of, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 4] = [
    ("munged", "munge"),
    ("slurmctld", "slurmctld"),
    ("slurmd", "slurmd"),
    ("sbatch", "slurm-client"),
];

/// Ended, with everything that it runs, when dropped.
pub struct Cluster {
    place: tempfile::TempDir,
    daemons: Vec<Child>,
}

impl Cluster {
    /// Starts it; `None`, having said why, where it cannot be.
    pub fn start() -> Option<Self> {
        let is_missing = |program: &str| Command::new(program).arg("-V").output().is_err();
        let missing = PROGRAMS.into_iter().filter(|(program, _)| is_missing(program));
        let missing: Vec<_> = missing.map(|(_, package)| package).collect();
        if !missing.is_empty() {
            eprintln!("not run: Debian's packages {} are not installed", missing.join(", "));
            return None;
        }
        if says(Command::new("id").arg("-u")).trim() != "0" {
            eprintln!("not run: a Slurm node takes jobs only as root");
            return None;
        }
        let mut cluster =
            Self { place: tempfile::tempdir().expect("a folder"), daemons: Vec::new() };
        cluster.start_munge();
        cluster.start_slurm();
        Some(cluster)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn start_munge(&mut self) {
        // munged insists on folders that nobody else can write to.
        fs::set_permissions(self.place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let key = self.path("munge.key");
        fs::write(&key, rand::random::<[[u8; 32]; 32]>().concat()).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
        let mut munged = Command::new("munged");
        munged.args(["--force", "--foreground"]);
        for (option, name) in [
            ("key-file", "munge.key"),
            ("socket", "munge.socket"),
            ("pid-file", "munge.pid"),
            ("log-file", "munge.log"),
            ("seed-file", "munge.seed"),
        ] {
            munged.arg(format!("--{option}={}", self.path(name).display()));
        }
        self.daemon(&mut munged, "munged");
        let socket = self.path("munge.socket");
        self.wait_for(Duration::from_secs(30), "munge's socket", || socket.exists());
    }

    fn start_slurm(&mut self) {
        let host = says(Command::new("hostname").arg("-s")).trim().to_owned();
        let [controller, node] = free_ports();
        for folder in ["state", "spool"] {
            fs::create_dir(self.path(folder)).unwrap();
        }
        let configuration = include_str!("slurm.conf")
            .replace("{HOST}", &host)
            .replace("{PLACE}", &self.place.path().display().to_string())
            .replace("{CONTROLLER_PORT}", &controller.to_string())
            .replace("{NODE_PORT}", &node.to_string());
        fs::write(self.path("slurm.conf"), configuration).unwrap();
        for (program, arguments) in [("slurmctld", ["-D", "-c"].as_slice()), ("slurmd", &["-D"])] {
            let mut command = Command::new(program);
            command.args(arguments).arg("-f").arg(self.path("slurm.conf"));
            self.environment(&mut command);
            self.daemon(&mut command, program);
        }
        self.wait_for(Duration::from_secs(60), "an idle node", || {
            self.says("sinfo", &["--noheader", "--format=%T"]).trim() == "idle"
        });
    }

    fn daemon(&mut self, command: &mut Command, name: &str) {
        let log = |suffix| File::create(self.path(&format!("{name}.{suffix}"))).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log("out"))
            .stderr(log("err"))
            .spawn()
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        self.daemons.push(child);
    }

    /// Makes a command talk to this cluster.
    pub fn environment(&self, command: &mut Command) {
        command.env("SLURM_CONF", self.path("slurm.conf"));
    }

    /// What one of Slurm's commands prints.
    pub fn says(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command.args(arguments);
        self.environment(&mut command);
        says(&mut command)
    }

    /// Until no job is queued or runs.
    pub fn wait_until_idle(&self, limit: Duration) {
        self.wait_for(limit, "an empty queue", || {
            self.says("squeue", &["--noheader"]).trim().is_empty()
        });
    }

    pub fn wait_for(&self, limit: Duration, what: &str, there: impl Fn() -> bool) {
        let begun = Instant::now();
        while !there() {
            if begun.elapsed() > limit {
                let queue = self.says("squeue", &[]);
                panic!("no {what} in {limit:?}\n{queue}{}", self.logs());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The end of what its daemons have logged.
    pub fn logs(&self) -> String {
        let end = |path: &Path| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let lines: Vec<_> = text.lines().rev().take(60).collect();
            lines.into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        let names = ["munged.err", "slurmctld.log", "slurmd.log"];
        names.map(|name| format!("--- {name}\n{}\n", end(&self.path(name)))).concat()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.daemons.len() == PROGRAMS.len() - 1 {
            self.says("scancel", &["--quiet", "--user=root"]);
        }
        for daemon in self.daemons.iter_mut().rev() {
            let _ = Command::new("kill").arg(daemon.id().to_string()).status();
            let begun = Instant::now();
            while matches!(daemon.try_wait(), Ok(None)) && begun.elapsed().as_secs() < 10 {
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn says(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn free_ports() -> [u16; 2] {
    let listeners = [0; 2].map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
