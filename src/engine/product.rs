//! Matrix products on slices, on the calling thread alone.
//!
//! One run is one thread: products of these sizes lose more by waking other threads than they
//! gain, and a sweep has runs enough for every core.

use super::lanes::Real;
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};

/// `rows` × `columns` values, row by row, without gaps.
pub(super) fn rows<T>(values: &[T], rows: usize, columns: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(values, rows, columns)
}

/// `rows` × `columns` values; a row starts every `stride` values.
pub(super) fn strided<T>(
    values: &[T],
    rows: usize,
    columns: usize,
    stride: usize,
) -> MatRef<'_, T> {
    MatRef::from_row_major_slice_with_stride(values, rows, columns, stride)
}

/// `out = a b` or `out += a b`; a row of `out` starts every `stride` values.
pub(super) fn product<T: Real>(
    accumulate: Accum,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    out: &mut [T],
    stride: usize,
) {
    let (m, n) = (a.nrows(), b.ncols());
    // Computed as outᵀ = bᵀ aᵀ: faer is fastest when the columns of what it writes have no gaps.
    let out = MatMut::from_column_major_slice_with_stride_mut(out, n, m, stride);
    matmul(out, accumulate, b.transpose(), a.transpose(), T::one(), Par::Seq);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_with_strides_transposes_and_accumulation() {
        let a = [1.0, 2.0, 9.0, 3.0, 4.0, 9.0];
        let b = [5.0, 6.0, 7.0, 8.0];
        let mut out = [1.0; 6];
        let (a, b) = (strided(&a, 2, 2, 3), rows(&b, 2, 2));
        product(Accum::Replace, a, b, &mut out, 3);
        assert_eq!(out, [19.0, 22.0, 1.0, 43.0, 50.0, 1.0]);
        product(Accum::Add, a.transpose(), b.transpose(), &mut out, 3);
        assert_eq!(out, [19.0 + 23.0, 22.0 + 31.0, 1.0, 43.0 + 34.0, 50.0 + 46.0, 1.0]);
    }
}
