//! The weight update in place, and Dale's principle.

use super::{
    form::Form,
    lanes::{Real, vectorized},
    passes::rectified,
    product::product,
};
use crate::learning_rule::{LearningRule, Signs};
use faer::{Accum, MatRef};

/// Values that stay in the processor's cache from one pass over them to the next.
const CACHED_VALUES: usize = 64 * 1024;

/// `M ← M + hᵀ δ`, and `max(0, ·)` in the first `non_negative` columns of `M`,
/// \[inputs, columns\].
///
/// `h` is \[size, inputs\] and `delta` \[size, columns\], already scaled by −lr: no gradient is
/// ever stored.
pub(super) fn descend<T: Real>(
    matrix: &mut [T],
    h: MatRef<'_, T>,
    delta: MatRef<'_, T>,
    non_negative: usize,
) {
    let columns = delta.ncols();
    // Block by block, so that the weights are still in the cache when they are rectified.
    let inputs_per_block = (CACHED_VALUES / columns).max(1);
    for (block, matrix) in matrix.chunks_mut(inputs_per_block * columns).enumerate() {
        let h = h.subcols(block * inputs_per_block, matrix.len() / columns);
        product(Accum::Add, h.transpose(), delta, matrix, columns);
        rectify(matrix, columns, non_negative);
    }
}

/// Dale's principle: the first `non_negative` columns of every row become `max(0, ·)`. A weight
/// that is not a number stays so.
pub(super) fn rectify<T: Real>(values: &mut [T], columns: usize, non_negative: usize) {
    vectorized(|| {
        for row in values.chunks_exact_mut(columns) {
            row[..non_negative].iter_mut().for_each(|w| *w = rectified(*w));
        }
    });
}

/// How many columns of the matrix, of `W_EI`, and of b as one row, an update keeps at 0 or above.
pub(crate) fn non_negative<T>(form: &Form<T>, rule: &LearningRule) -> [usize; 3] {
    match rule.signs {
        Signs::Dale => [form.non_negative(), form.inhibitory, 0],
        Signs::NonNegative => [form.non_negative(), form.inhibitory, form.units],
        Signs::Free => [0, 0, 0],
    }
}

/// Scales the first `units` values of each row of \[_, columns\] by `factors[0]` and the others
/// by `factors[1]`.
#[inline(always)]
pub(super) fn scale_blocks<T: Real>(
    values: &mut [T],
    columns: usize,
    units: usize,
    factors: [T; 2],
) {
    for row in values.chunks_exact_mut(columns) {
        let (excitatory, inhibitory) = row.split_at_mut(units);
        excitatory.iter_mut().for_each(|v| *v *= factors[0]);
        inhibitory.iter_mut().for_each(|v| *v *= factors[1]);
    }
}

/// Adds the sums of the first columns of `values`, \[_, columns\], to `sums`.
pub(super) fn add_column_sums<T: Real>(values: &[T], columns: usize, sums: &mut [T]) {
    for row in values.chunks_exact(columns) {
        sums.iter_mut().zip(row).for_each(|(sum, &v)| *sum += v);
    }
}
