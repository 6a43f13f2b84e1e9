//! Matrix products on slices, on the calling thread alone.
//!
//! One run is one thread: products of these sizes lose more by waking other threads than they
//! gain, and a sweep has runs enough for every core.

use super::lanes::Real;
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};

/// A matrix inside a slice: its values, and the distance from one row and one column to the next.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    values: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// `rows` × `columns` values, row by row, without gaps.
    pub fn new(values: &'a [T], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// `rows` × `columns` values; a row starts every `row_stride` values.
    pub fn strided(values: &'a [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(rows == 0 || (rows - 1) * row_stride + columns <= values.len());
        assert!(columns <= row_stride);
        Self { values, rows, columns, row_stride, column_stride: 1 }
    }

    fn reference(self) -> MatRef<'a, T> {
        let Self { values, rows, columns, row_stride, column_stride } = self;
        // SAFETY: the constructors check that the last row ends inside the slice.
        unsafe {
            MatRef::from_raw_parts(
                values.as_ptr(),
                rows,
                columns,
                row_stride as isize,
                column_stride as isize,
            )
        }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// What a product does with the values that are already there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Onto {
    /// Replaces them.
    Replace,
    /// Adds to them.
    Add,
}

/// `out = a b` or `out += a b`; a row of `out` starts every `out_stride` values.
pub(crate) fn product<T: Real>(
    a: View<'_, T>,
    b: View<'_, T>,
    out: &mut [T],
    out_stride: usize,
    onto: Onto,
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "inner sizes of a matrix product");
    if m == 0 || n == 0 {
        return;
    }
    assert!(n <= out_stride && (m - 1) * out_stride + n <= out.len());
    let accumulate = match onto {
        Onto::Replace => Accum::Replace,
        Onto::Add => Accum::Add,
    };
    // Computed as outᵀ = bᵀ aᵀ: faer is fastest when the columns of what it writes have no gaps.
    let out = MatMut::from_column_major_slice_with_stride_mut(out, n, m, out_stride);
    matmul(out, accumulate, b.t().reference(), a.t().reference(), T::one(), Par::Seq);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_with_strides_transposes_and_accumulation() {
        let a = [1.0, 2.0, 9.0, 3.0, 4.0, 9.0];
        let b = [5.0, 6.0, 7.0, 8.0];
        let mut out = [1.0; 6];
        let a_view = View::strided(&a, 2, 2, 3);
        product(a_view, View::new(&b, 2, 2), &mut out, 3, Onto::Replace);
        assert_eq!(out, [19.0, 22.0, 1.0, 43.0, 50.0, 1.0]);
        product(a_view.t(), View::new(&b, 2, 2).t(), &mut out, 3, Onto::Add);
        assert_eq!(out, [19.0 + 23.0, 22.0 + 31.0, 1.0, 43.0 + 34.0, 50.0 + 46.0, 1.0]);
    }
}
