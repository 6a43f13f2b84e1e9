//! The sweep, from the command line: what it survives, and how it runs on a cluster.

mod cluster;
mod ensembles;
mod faults;
#[path = "../program/mod.rs"]
mod program;
mod protocols;
mod slurm;
mod store;
#[path = "../../../../tests/threads/mod.rs"]
mod threads;
