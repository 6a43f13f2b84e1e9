//! Vector instructions, and sums over slices that the compiler can turn into them.
//!
//! Floating-point addition is not associative, so a plain loop has to add one value after the
//! other. Here the values go round-robin to sixteen partial sums, always the same ones: the
//! result does not depend on the machine's vector width.

use num_traits::{Float, NumAssignOps};

/// The precision that the engine computes in: `f32` for speed, `f64` for proof.
pub trait Real:
    Float
    + faer::traits::ComplexField
    + NumAssignOps
    + std::fmt::Debug
    + Default
    + Send
    + Sync
    + 'static
{
    /// The nearest value to `x`.
    fn of(x: f64) -> Self;

    /// The value in double precision.
    fn double(self) -> f64;
}

impl Real for f32 {
    fn of(x: f64) -> Self {
        x as Self
    }

    fn double(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn of(x: f64) -> Self {
        x
    }

    fn double(self) -> f64 {
        self
    }
}

/// Runs code with the widest vector instructions that this machine has.
pub(super) fn vectorized<R>(code: impl pulp::NullaryFnOnce<Output = R>) -> R {
    pulp::Arch::new().dispatch(code)
}

const LANES: usize = 16;

/// Σ f(a, b).
#[inline(always)]
fn sum_of<T: Real>(a: &[T], b: &[T], f: impl Fn(T, T) -> T) -> T {
    let mut lanes = [T::zero(); LANES];
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for i in 0..LANES {
            lanes[i] += f(a[i], b[i]);
        }
    }
    for ((lane, &x), &y) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
        *lane += f(x, y);
    }
    fold(lanes)
}

/// Adds the partial sums pairwise.
#[inline(always)]
fn fold<T: Real>(mut lanes: [T; LANES]) -> T {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Σ a.
#[inline(always)]
pub(super) fn sum<T: Real>(a: &[T]) -> T {
    sum_of(a, a, |x, _| x)
}

/// Σ a·b.
#[inline(always)]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    sum_of(a, b, |x, y| x * y)
}

/// Mean and population variance of `a`.
#[inline(always)]
pub(super) fn moments<T: Real>(a: &[T]) -> (T, T) {
    let n = T::of(a.len() as f64);
    let mean = sum(a) / n;
    let variance = sum_of(a, a, |x, _| (x - mean) * (x - mean)) / n;
    (mean, variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_any_length_are_exact_on_small_integers() {
        for n in 0..70 {
            let a: Vec<f64> = (0..n).map(f64::from).collect();
            let expected = f64::from(n * (n - 1) / 2);
            assert_eq!(sum(&a), expected);
            assert_eq!(dot(&a, &vec![1.0; a.len()]), expected);
            assert_eq!(dot(&a, &a), a.iter().map(|x| x * x).sum::<f64>());
        }
        let (mean, variance) = moments(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((mean, variance), (2.5, 1.25));
    }
}
