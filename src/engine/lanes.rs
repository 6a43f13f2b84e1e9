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

    /// The nearest value of IEEE half precision, beyond 65,504 infinity; of an `f64`, that of the
    /// nearest `f32`.
    fn half(self) -> Self;
}

impl Real for f32 {
    fn of(x: f64) -> Self {
        x as Self
    }

    fn double(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn half(self) -> Self {
        const FROM_MINUS_14: u32 = (127 - 14) << 23;
        const TO_15: u32 = (127 + 15) << 23;
        const BIG: f32 = f32::from_bits((127 + 112) << 23);
        // Half precision has eleven digits, and no digit below 2⁻²⁴: from 2ᵉ on, multiples of 2ᵉ⁻¹⁰,
        // where e is at least −14. The sum with 1.5·2ᵉ⁺¹³ is such a multiple, ties to even.
        let exponent = (self.to_bits() & 0x7f80_0000).clamp(FROM_MINUS_14, TO_15);
        let larger = Self::from_bits(exponent + (13 << 23) + (1 << 22));
        let rounded = (self + larger) - larger;
        // From 65,536 on, times 2¹¹², it is infinite.
        (rounded * BIG * BIG.recip()).copysign(self)
    }
}

impl Real for f64 {
    fn of(x: f64) -> Self {
        x
    }

    fn double(self) -> f64 {
        self
    }

    fn half(self) -> Self {
        f64::from((self as f32).half())
    }
}

/// Runs code with the widest vector instructions that this machine has.
pub(super) fn vectorized<R>(code: impl pulp::NullaryFnOnce<Output = R>) -> R {
    pulp::Arch::new().dispatch(code)
}

const LANES: usize = 16;

/// Σ f(a, b).
#[inline(always)]
pub(super) fn sum_of<T: Real>(a: &[T], b: &[T], f: impl Fn(T, T) -> T) -> T {
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

    /// What these bits are as a number of half precision.
    fn value(bits: u16) -> f32 {
        let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
        let magnitude = match exponent {
            0 => mantissa * 2_f32.powi(-24),
            31 if mantissa == 0.0 => f32::INFINITY,
            31 => f32::NAN,
            _ => (1024.0 + mantissa) * 2_f32.powi(exponent - 25),
        };
        if bits >> 15 == 0 { magnitude } else { -magnitude }
    }

    #[test]
    fn half_precision_is_that_of_ieee() {
        const INFINITY: u16 = 31 << 10;
        for bits in 0..INFINITY {
            // The number, the next one, and what lies between: the middle goes to the even one.
            let (here, next) = (value(bits), value(bits + 1));
            let above = if next.is_infinite() { 65_536.0 } else { next };
            let middle = here + (above - here) / 2.0;
            let even = if bits % 2 == 0 { here } else { next };
            for sign in [1.0, -1.0] {
                let half = |x: f32| (x * sign).half() * sign;
                assert_eq!(half(here).to_bits(), here.to_bits(), "{here}");
                assert_eq!(half(middle), even, "{middle}");
                assert_eq!(half(middle.next_down()), here, "{middle}");
                assert_eq!(half(middle.next_up()), next, "{middle}");
            }
        }
        assert_eq!(f32::INFINITY.half(), f32::INFINITY);
        assert_eq!((1e30_f32.half(), (-1e30_f32).half()), (f32::INFINITY, -f32::INFINITY));
        assert!(f32::NAN.half().is_nan() && value(INFINITY + 1).is_nan());
        assert_eq!((-0.0_f32).half().to_bits(), (-0.0_f32).to_bits());
        assert_eq!((65_519.9_f64.half(), 65_520.0_f64.half()), (65_504.0, f64::INFINITY));
    }

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
