//! Faults of the command line: one line, and exit code 2.

mod program;

use program::{ends_with, inorm};

#[test]
fn a_wrong_command_line_is_one_line_and_code_2() {
    for (arguments, named) in [
        ("dance", "dance"),
        ("train inorm_full --config 30", "30"),
        ("train none", "inorm_full"),
        ("sweep run --jobs 0", "--jobs"),
        ("sweep table --results nowhere", "nowhere is no folder with results"),
        ("sweep claims --results nowhere", "inorm sweep merge"),
    ] {
        let [_, said] = ends_with(2, &mut inorm(arguments));
        assert!(said.lines().count() == 1 && said.contains(named), "{arguments}: {said}");
    }
}

#[test]
fn help_speaks_of_the_program_that_readers_know() {
    for arguments in ["train --help", "sweep run --help"] {
        let [said, _] = ends_with(0, &mut inorm(arguments));
        let name = arguments.split(' ').next().unwrap();
        assert!(said.contains(&format!("Usage: inorm {name}")), "{said}");
    }
}
