//! A sweep as job arrays of a cluster: the scripts, as text.

use clap::Args;
use inorm_core::failure::TRY_AGAIN_LATER;
use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

/// Slurm's job arrays have indices below its `MaxArraySize`, which is 1001 unless configured.
const BLOCK: usize = 1000;

/// What a task may use, and what it runs.
#[derive(Args, Debug, Clone)]
pub struct TaskOptions {
    /// The most runs at a time.
    #[arg(long, value_name = "N", default_value_t = 64)]
    at_once: usize,
    /// Time limit of a run, as Slurm writes it; a run that needs longer resumes in the next one.
    #[arg(long, value_name = "TIME", default_value = "04:00:00")]
    time: String,
    /// Seconds before the limit at which a run is saved and stopped.
    #[arg(long, value_name = "S", default_value_t = 120)]
    warning: u32,
    /// Further arguments of `inorm sweep run`, for example --subset.
    #[arg(last = true)]
    run_arguments: Vec<String>,
}

/// What to submit: some rows of a store's plan, one task each, and a merge after them.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The `inorm` program, where the nodes find it.
    pub program: PathBuf,
    /// The store, where the nodes find it.
    pub store: PathBuf,
    /// The rows of the plan, ascending.
    pub rows: Vec<usize>,
    /// The folder that the tables are merged into.
    pub into: PathBuf,
    /// What the tasks have in common.
    pub options: TaskOptions,
}

/// One job: its name, and the script for `sbatch`.
#[derive(Debug)]
pub struct Script {
    /// A file name.
    pub name: String,
    /// What `sbatch` reads.
    pub text: String,
}

impl Submission {
    /// The job arrays: one for each thousand rows of the plan that has any to do.
    ///
    /// A task that is warned saves its run and asks to be queued again, as does one whose run is
    /// claimed elsewhere: by a node that has died, perhaps, which shows only after a while. One
    /// that is preempted is queued again by Slurm.
    pub fn arrays(&self) -> Vec<Script> {
        let blocks = self.rows.chunk_by(|a, b| a / BLOCK == b / BLOCK);
        blocks.map(|rows| self.array(rows[0] / BLOCK, rows)).collect()
    }

    fn array(&self, block: usize, rows: &[usize]) -> Script {
        let first = block * BLOCK;
        let indices: Vec<usize> = rows.iter().map(|row| row - first).collect();
        let TaskOptions { at_once, time, warning, run_arguments } = &self.options;
        let row = match first {
            0 => "\"$SLURM_ARRAY_TASK_ID\"".to_owned(),
            _ => format!("$((SLURM_ARRAY_TASK_ID + {first}))"),
        };
        let (program, store) = (path(&self.program), path(&self.store));
        let mut command = format!("{program} sweep run --store {store} --jobs 1 --row {row}");
        for argument in run_arguments {
            command += &format!(" {}", quoted(argument));
        }
        let text = include_str!("array.sh")
            .replace("{INDICES}", &format!("{}%{}", ranges(&indices), (*at_once).max(1)))
            .replace("{TIME}", time)
            .replace("{WARNING}", &warning.to_string())
            .replace("{TRY_AGAIN_LATER}", &TRY_AGAIN_LATER.to_string())
            .replace("{COMMAND}", &command);
        Script { name: format!("array-{first}.sh"), text }
    }

    /// The job that merges what is done. It depends on the end of the arrays, not on their
    /// success: a task that fails must not keep the results of the others out of the tables.
    pub fn merge(&self) -> Script {
        let text = format!(
            "#!/bin/sh\n\
             #SBATCH --job-name=inorm-merge\n\
             #SBATCH --cpus-per-task=1\n\
             exec {} sweep merge --store {} --into {}\n",
            path(&self.program),
            path(&self.store),
            path(&self.into),
        );
        Script { name: "merge.sh".to_owned(), text }
    }
}

/// A word that a POSIX shell reads back as `text`.
pub fn quoted(text: &str) -> Cow<'_, str> {
    // Only a NUL cannot be quoted, and neither a path nor an argument has one.
    shlex::try_quote(text).unwrap_or(Cow::Borrowed(text))
}

fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy()).into_owned()
}

/// `0-2,5,7-8` for ascending numbers.
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let texts = runs.map(|run| match run {
        [single] => single.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    texts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn submission(rows: Vec<usize>) -> Submission {
        Submission {
            program: "/opt/inorm".into(),
            store: "/shared/a sweep".into(),
            rows,
            into: "/shared/results".into(),
            options: TaskOptions {
                at_once: 64,
                time: "04:00:00".into(),
                warning: 120,
                run_arguments: vec!["--subset".into()],
            },
        }
    }

    #[test]
    fn rows_become_arrays_of_at_most_a_thousand() {
        let arrays = submission(vec![0, 1, 2, 5, 999, 1000, 1001, 1200]).arrays();
        assert_eq!(arrays.len(), 2);
        assert!(arrays[0].text.contains("#SBATCH --array=0-2,5,999%64\n"), "{}", arrays[0].text);
        assert!(arrays[0].text.contains("--row \"$SLURM_ARRAY_TASK_ID\" --subset &"));
        assert!(arrays[1].text.contains("#SBATCH --array=0-1,200%64\n"), "{}", arrays[1].text);
        assert!(arrays[1].text.contains("--row $((SLURM_ARRAY_TASK_ID + 1000)) --subset &"));
        assert!(submission(vec![]).arrays().is_empty());
    }

    #[test]
    fn a_task_is_queued_again_if_its_run_is_claimed_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let program = |name: &str, script: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        program("scontrol", "echo \"$@\"");
        let inorm = program("inorm", "exit \"$CODE\"");
        let script = &Submission { program: inorm, ..submission(vec![4]) }.arrays()[0].text;
        for (code, said) in [(0, ""), (1, ""), (i32::from(TRY_AGAIN_LATER), "requeue 7_4\n")] {
            let output = std::process::Command::new("/bin/sh")
                .args(["-c", script])
                .env("PATH", folder.path())
                .env("CODE", code.to_string())
                .env("SLURM_ARRAY_JOB_ID", "7")
                .env("SLURM_ARRAY_TASK_ID", "4")
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(code), "{output:?}");
            assert_eq!(String::from_utf8(output.stdout).unwrap(), said);
        }
    }

    #[test]
    fn paths_are_quoted_for_the_shell() {
        let text = &submission(vec![0]).arrays()[0].text;
        assert!(text.contains("/opt/inorm sweep run --store '/shared/a sweep' "), "{text}");
        let odd = Submission { program: "/it's/inorm".into(), ..submission(vec![0]) };
        let text = odd.merge().text;
        assert!(text.contains("exec \"/it's/inorm\" sweep merge"), "{text}");
    }
}
