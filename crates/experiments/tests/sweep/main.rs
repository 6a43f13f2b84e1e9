//! The sweep, from the command line: what it survives, and how it runs on a cluster.

mod cluster;
mod faults;
mod slurm;
mod store;
mod together;
