//! The machine's vector instructions.

/// Runs code with the widest vector instructions that this machine has.
pub(super) fn vectorized<R>(code: impl pulp::NullaryFnOnce<Output = R>) -> R {
    pulp::Arch::new().dispatch(code)
}
