//! The program from outside: what it says, its exit code, and what it leaves behind, above all when
//! something is wrong. A fault is one line that says what to do, and nothing half done.

mod command_line;
mod experiments;
mod fetch;
mod machine;
mod set_up;
