//! A sweep as job arrays of a cluster: the scripts, as text.

use super::run::RunSweep;
use clap::Args;
use inorm_core::{Failure, Outcome, failure::TRY_AGAIN_LATER};
use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

/// What a task may use, and what it runs.
#[derive(Args, Debug, Clone)]
pub struct TaskOptions {
    /// The most runs at a time.
    #[arg(long, value_name = "N", default_value_t = 64)]
    at_once: usize,
    /// Time limit of a run, as Slurm writes it; a run that needs longer resumes in the next one.
    #[arg(long, value_name = "TIME", default_value = "04:00:00", value_parser = parse_time)]
    time: String,
    /// Seconds before the limit at which a run is saved and stopped.
    #[arg(long, value_name = "S", default_value_t = 120)]
    warning: u16,
    /// Further arguments of `inorm sweep run`, for example --subset.
    #[arg(last = true)]
    run_arguments: Vec<String>,
}

impl TaskOptions {
    /// Refuses arguments that `sweep run` does not take, and a warning that comes before a task can
    /// begin: it would be queued again without end.
    pub fn check(&self) -> Outcome {
        let Self { time, warning, run_arguments, .. } = self;
        // Beside those that `array` gives: nothing may be given twice.
        let own = ["--store", "STORE", "--jobs", "1", "--row", "0"];
        let all = own.into_iter().chain(run_arguments.iter().map(String::as_str));
        let command = clap::Command::new("inorm sweep run").no_binary_name(true);
        let command = command.disable_help_flag(true);
        if let Err(error) = RunSweep::augment_args(command).try_get_matches_from(all) {
            let text = error.render().to_string();
            let reason = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            return Err(Failure::Usage(format!(
                "after `--`: {reason}; `inorm sweep run --help` lists what tasks may be given"
            )));
        }
        match seconds(time) {
            Some(limit) if limit > 0 && limit <= u64::from(*warning) => {
                Err(Failure::Usage(format!(
                    "--time {time} leaves nothing before the --warning of {warning} seconds; give \
                     more time, or a shorter warning"
                )))
            }
            _ => Ok(()),
        }
    }
}

fn parse_time(text: &str) -> Result<String, String> {
    let expected = "expected minutes, hours:minutes:seconds or days-hours";
    seconds(text).map(|_| text.to_owned()).ok_or_else(|| expected.to_owned())
}

/// The seconds of minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes or
/// days-hours:minutes:seconds. Without any there is no limit, as for Slurm.
fn seconds(time: &str) -> Option<u64> {
    if ["unlimited", "infinite"].iter().any(|word| time.eq_ignore_ascii_case(word)) {
        return Some(0);
    }
    let number = |digits: &str| {
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        if are_digits { digits.parse::<u32>().ok().map(u64::from) } else { None }
    };
    let (days, clock) = match time.split_once('-') {
        Some((days, clock)) => (Some(number(days)?), clock),
        None => (None, time),
    };
    let clock: Vec<u64> = clock.split(':').map(number).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = match (days, clock.as_slice()) {
        (None, &[minutes]) => [0, minutes, 0],
        (None, &[minutes, seconds]) => [0, minutes, seconds],
        (Some(_), &[hours]) => [hours, 0, 0],
        (Some(_), &[hours, minutes]) => [hours, minutes, 0],
        (_, &[hours, minutes, seconds]) => [hours, minutes, seconds],
        _ => return None,
    };
    Some(((days.unwrap_or(0) * 24 + hours) * 60 + minutes) * 60 + seconds)
}

/// How many tasks an array of this cluster may have, by what `scontrol show config` says; Slurm's
/// default where that says nothing.
pub fn most_tasks(configuration: &str) -> usize {
    let number = |name: &str| {
        let (_, value) = configuration.split_once(name)?;
        let value = value.trim_start_matches([' ', '=']);
        value.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok()
    };
    // Indices are below the size.
    let by_index = number("MaxArraySize").unwrap_or(1001).saturating_sub(1);
    by_index.min(number("max_array_tasks").unwrap_or(usize::MAX)).max(1)
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
    /// The most tasks of an array.
    pub most_tasks: usize,
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
    /// The job arrays: one for each block of the plan that fits into one and has any to do. Each
    /// keeps to the limit of tasks at a time, so that they have to come one after the other.
    ///
    /// A task that is warned saves its run and asks to be queued again, as does one whose run is
    /// claimed elsewhere: by a node that has died, perhaps, which shows only after a while. One
    /// that is preempted is queued again by Slurm.
    pub fn arrays(&self) -> Vec<Script> {
        let block = |row: usize| row / self.most_tasks;
        let blocks = self.rows.chunk_by(|a, b| block(*a) == block(*b));
        blocks.map(|rows| self.array(block(rows[0]) * self.most_tasks, rows)).collect()
    }

    fn array(&self, first: usize, rows: &[usize]) -> Script {
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
            most_tasks: 1000,
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
    fn rows_become_arrays_that_the_cluster_takes() {
        let arrays = submission(vec![0, 1, 2, 5, 999, 1000, 1001, 1200]).arrays();
        assert_eq!(arrays.len(), 2);
        assert!(arrays[0].text.contains("#SBATCH --array=0-2,5,999%64\n"), "{}", arrays[0].text);
        assert!(arrays[0].text.contains("--row \"$SLURM_ARRAY_TASK_ID\" --subset &"));
        assert!(arrays[1].text.contains("#SBATCH --array=0-1,200%64\n"), "{}", arrays[1].text);
        assert!(arrays[1].text.contains("--row $((SLURM_ARRAY_TASK_ID + 1000)) --subset &"));
        assert!(submission(vec![]).arrays().is_empty());
        let small = Submission { most_tasks: 3, ..submission((0..10).collect()) }.arrays();
        let names: Vec<_> = small.iter().map(|script| script.name.as_str()).collect();
        assert_eq!(names, ["array-0.sh", "array-3.sh", "array-6.sh", "array-9.sh"]);
        assert!(small[1].text.contains("--array=0-2%64") && small[3].text.contains("--array=0%64"));
    }

    #[test]
    fn the_size_of_arrays_is_what_the_cluster_says() {
        let says = |size: &str, parameters: &str| {
            let before = "MaxArraySize            = ";
            most_tasks(&format!(
                "MailProg = x\n{before}{size}\nSchedulerParameters = {parameters}\n"
            ))
        };
        assert_eq!(says("1001", "(null)"), 1000);
        assert_eq!(says("101", "bf_interval=2"), 100);
        assert_eq!(says("4000001", "bf_interval=2,max_array_tasks=500,x"), 500);
        // Without arrays sbatch itself says so.
        assert_eq!((says("0", "x"), says("1", "x")), (1, 1));
        for nothing in ["", "slurm_load_ctl_conf error: Unable to contact slurm controller"] {
            assert_eq!(most_tasks(nothing), 1000);
        }
    }

    #[test]
    fn a_time_limit_is_one_that_slurm_reads() {
        for (text, expected) in [
            ("90", 5400),
            ("1:30", 90),
            ("04:00:00", 14_400),
            ("1-0", 86_400),
            ("2-12:30", 217_800),
            ("0-00:00:01", 1),
            ("0", 0),
            ("UNLIMITED", 0),
            ("infinite", 0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in [
            "tomorrow",
            "",
            " ",
            "4h",
            "-1",
            "1-",
            "-",
            ":",
            "1:",
            "1:2:3:4",
            "1-2:3:4:5",
            "+5",
            "1.5",
            "1-2-3",
            "٣",
            "99999999999",
            "60\n#SBATCH --qos=x",
            "now+1hour",
        ] {
            assert!(parse_time(text).is_err(), "{text}");
        }
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
