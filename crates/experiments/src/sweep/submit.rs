//! `inorm sweep submit`.

use super::{
    place::Place,
    slurm::{Script, Submission, TaskOptions, most_tasks, quoted},
};
use crate::results;
use clap::{Args, ValueEnum};
use inorm::sweep::Store;
use inorm_core::{Context, Failure, Outcome, print};
use std::{
    fs,
    path::{Path, PathBuf, absolute},
    process::Command,
};

/// What runs the jobs.
#[derive(Clone, Copy, ValueEnum)]
pub enum Engine {
    /// Slurm's job arrays.
    Slurm,
}

/// What to submit, and how.
#[derive(Args)]
pub struct Submit {
    #[command(flatten)]
    place: Place,
    /// What runs the jobs.
    #[arg(long, value_enum)]
    engine: Engine,
    /// Print the scripts and commands; submit and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    options: TaskOptions,
    /// The inorm program on the nodes; this one if not given.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The folder that the tables are merged into; data/results in the repository if not given.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Further arguments of `sbatch`, for example --partition=long.
    #[arg(long = "sbatch", value_name = "ARGUMENT", allow_hyphen_values = true)]
    sbatch: Vec<String>,
}

/// Submits one task for each unfinished run of the plan, and the merge after them.
pub fn run(options: &Submit) -> Outcome {
    let Engine::Slurm = options.engine;
    let store = Store::open(&options.place.store)?;
    let submission = options.submission(&store)?;
    if submission.rows.is_empty() {
        return print("all planned runs are done; `inorm sweep merge` makes the tables");
    }
    let logs = submission.store.join("slurm");
    if !options.dry_run {
        fs::create_dir_all(&logs).context("create folder", &logs)?;
    }
    let mut jobs = Vec::new();
    let submitted = options.submit(&submission, &logs, &mut jobs);
    submitted.map_err(|failure| match options.dry_run || jobs.is_empty() {
        true => failure,
        false => Failure::new(format!(
            "{failure}; queued already: jobs {}; `scancel {}` before you submit again, or their runs \
             are queued twice",
            jobs.join(", "),
            jobs.join(" ")
        )),
    })
}

impl Submit {
    /// Submits everything; `jobs` are those that are in the queue, whatever becomes of the others.
    fn submit(&self, submission: &Submission, logs: &Path, jobs: &mut Vec<String>) -> Outcome {
        for script in submission.arrays() {
            let before = jobs.last().map(|job| format!("afterany:{job}"));
            jobs.push(self.sbatch(&script, logs, "%A_%a.log", before)?);
        }
        let before = format!("afterany:{}", jobs.join(":"));
        jobs.push(self.sbatch(&submission.merge(), logs, "merge-%j.log", Some(before))?);
        if self.dry_run {
            return Ok(());
        }
        let (runs, jobs) = (submission.rows.len(), jobs.join(", "));
        let logs = logs.display();
        print(format_args!("{runs} runs submitted as jobs {jobs}; what they print is in {logs}"))
    }

    fn submission(&self, store: &Store) -> Outcome<Submission> {
        self.options.check()?;
        let program = match &self.program {
            Some(program) => whole(program)?,
            None => whole(&std::env::current_exe().context("find", "this program")?)?,
        };
        // Nothing where there is no cluster, as there need not be for a dry run.
        let answer = Command::new("scontrol").args(["show", "config"]).output();
        let configuration = answer.map(|output| output.stdout).unwrap_or_default();
        let configuration = String::from_utf8_lossy(&configuration);
        let mut rows = Vec::new();
        for (row, planned) in store.plan()?.iter().enumerate() {
            if !store.is_done(&planned.id)? {
                rows.push(row);
            }
        }
        Ok(Submission {
            program,
            store: whole(store.folder())?,
            rows,
            most_tasks: most_tasks(&configuration),
            into: whole(&results::to_add_to(self.into.as_deref())?)?,
            options: self.options.clone(),
        })
    }

    /// Hands a script to `sbatch`; returns the job's number, or the script's name in a dry run.
    fn sbatch(
        &self,
        script: &Script,
        logs: &Path,
        log: &str,
        dependency: Option<String>,
    ) -> Outcome<String> {
        let path = logs.join(&script.name);
        let mut arguments = vec!["--parsable".to_owned()];
        // In the folder's name a percent sign is not part of a pattern.
        let folder = logs.display().to_string().replace('%', "%%");
        arguments.push(format!("--output={folder}/{log}"));
        arguments.extend(dependency.map(|dependency| format!("--dependency={dependency}")));
        arguments.extend(self.sbatch.iter().cloned());
        arguments.push(path.display().to_string());
        if self.dry_run {
            let words: Vec<_> = arguments.iter().map(|argument| quoted(argument)).collect();
            let (path, text) = (path.display(), &script.text);
            print(format_args!("# {path}\n{text}\nsbatch {}\n", words.join(" ")))?;
            return Ok(format!("<{}>", script.name));
        }
        fs::write(&path, &script.text).context("write", &path)?;
        let output = Command::new("sbatch").args(&arguments).output().map_err(|e| {
            Failure::new(format!("cannot start sbatch: {e}; run this where Slurm's commands are"))
        })?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            let reason = reason.trim().replace('\n', "; ");
            return Err(Failure::new(format!("sbatch refused {}: {reason}", path.display())));
        }
        // NUMBER, or NUMBER;CLUSTER.
        let answer = String::from_utf8_lossy(&output.stdout);
        let job = answer.trim().split(';').next().unwrap_or_default();
        match job.parse::<u64>() {
            Ok(_) => Ok(job.to_owned()),
            Err(_) => Err(Failure::new(format!(
                "sbatch took {}, but said {answer:?} instead of a job's number; `squeue --me` \
                 lists what is queued",
                path.display()
            ))),
        }
    }
}

/// A path as scripts name it.
fn whole(path: &Path) -> Outcome<PathBuf> {
    let whole = absolute(path).context("find", path)?;
    match whole.to_str() {
        // Slurm removes backslashes, and then no longer replaces the numbers of jobs and tasks.
        Some(text) if !text.contains('\\') => Ok(whole),
        _ => Err(Failure::Usage(format!(
            "{}: Slurm needs a path of Unicode text without a backslash; move it",
            whole.display()
        ))),
    }
}
