//! What the program says, and leaves behind, when something is wrong: one line, the right exit
//! code, nothing half done.

mod command_line;
mod fetch;
mod program;
mod set_up;
