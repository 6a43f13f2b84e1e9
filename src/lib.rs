//! Inhibitory normalization of error signals.
