//! The `inorm` command.
fn main() {}
