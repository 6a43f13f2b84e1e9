//! `inorm sweep submit`.

use super::{
    place::Place,
    slurm::{Script, Submission, TaskOptions, quoted},
};
use crate::results;
use clap::{Args, ValueEnum};
use inorm::sweep::Store;
use inorm_core::{Context, Failure, Outcome};
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
        println!("all planned runs are done; `inorm sweep merge` makes the tables");
        return Ok(());
    }
    let logs = submission.store.join("slurm");
    if !options.dry_run {
        fs::create_dir_all(&logs).context("create folder", &logs)?;
    }
    let mut jobs = Vec::new();
    for script in submission.arrays() {
        jobs.push(options.sbatch(&script, &logs, "%A_%a.log", None)?);
    }
    let after = format!("afterany:{}", jobs.join(":"));
    jobs.push(options.sbatch(&submission.merge(), &logs, "merge-%j.log", Some(&after))?);
    if !options.dry_run {
        let (runs, jobs) = (submission.rows.len(), jobs.join(", "));
        println!("{runs} runs submitted as jobs {jobs}; what they print is in {}", logs.display());
    }
    Ok(())
}

impl Submit {
    fn submission(&self, store: &Store) -> Outcome<Submission> {
        let whole = |path: &Path| absolute(path).context("find", path);
        let program = match &self.program {
            Some(program) => whole(program)?,
            None => std::env::current_exe().context("find", "this program")?,
        };
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
        dependency: Option<&str>,
    ) -> Outcome<String> {
        let path = logs.join(&script.name);
        let mut arguments = vec!["--parsable".to_owned()];
        arguments.push(format!("--output={}", logs.join(log).display()));
        arguments.extend(dependency.map(|dependency| format!("--dependency={dependency}")));
        arguments.extend(self.sbatch.iter().cloned());
        arguments.push(path.display().to_string());
        if self.dry_run {
            let words: Vec<_> = arguments.iter().map(|argument| quoted(argument)).collect();
            println!("# {}\n{}\nsbatch {}\n", path.display(), script.text, words.join(" "));
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
        Ok(answer.trim().split(';').next().unwrap_or_default().to_owned())
    }
}
