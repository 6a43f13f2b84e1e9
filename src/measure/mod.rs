//! What to make of many results.

pub mod statistics;
