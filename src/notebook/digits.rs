//! How many digits of a number to show.

/// Digits that matter.
const SIGNIFICANT: i32 = 3;

/// The most decimals of a column whose numbers line up.
const DECIMALS: i32 = 8;

/// Numbers of this size have a power of ten: a float does not hold all of their digits.
const LARGE: f64 = 1e15;

/// How the numbers of one column are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Digits {
    /// All with the same number of decimals, so that they line up.
    Decimals(usize),
    /// Each with three significant digits: they span too many powers of ten to line up.
    Significant,
}

impl Digits {
    /// Enough for these numbers.
    pub fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let sizes: Vec<f64> = numbers.map(f64::abs).filter(|x| x.is_finite() && *x > 0.0).collect();
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        let smallest = sizes.iter().copied().fold(f64::INFINITY, f64::min);
        if largest == 0.0 {
            return Self::Decimals(0);
        }
        if largest / smallest >= 1e4 {
            return Self::Significant;
        }
        let order = largest.log10().floor() as i32;
        if SIGNIFICANT - 1 - order > DECIMALS {
            return Self::Significant;
        }
        let enough = (SIGNIFICANT - 1 - order).max(0) as usize;
        let exact = |decimals: &usize| {
            let scale = 10f64.powi(*decimals as i32);
            sizes.iter().all(|x| ((x * scale).round() / scale - x).abs() < 1e-9 * x)
        };
        Self::Decimals((0..enough).find(exact).unwrap_or(enough))
    }

    /// Three decimals, or as many as show three digits of the largest of some numbers.
    pub fn at_least_three(largest: f64) -> Self {
        let order = if largest > 0.0 { largest.log10().floor() as i32 } else { 0 };
        match SIGNIFICANT - 1 - order {
            decimals if decimals > DECIMALS => Self::Significant,
            decimals => Self::Decimals(decimals.max(3) as usize),
        }
    }

    /// One number as text.
    pub fn write(self, number: f64) -> String {
        let text = match self {
            _ if number.is_nan() => return "not a number".into(),
            _ if number.is_infinite() => if number < 0.0 { "−∞" } else { "∞" }.into(),
            _ if number.abs() >= LARGE => format!("{number:.2e}"),
            Self::Decimals(decimals) => format!("{number:.decimals$}"),
            Self::Significant if number == 0.0 => "0".into(),
            Self::Significant => {
                let order = number.abs().log10().floor() as i32;
                let decimals = (SIGNIFICANT - 1 - order).max(0) as usize;
                if order < -4 { format!("{number:.2e}") } else { format!("{number:.decimals$}") }
            }
        };
        // Rounding may leave a zero with a sign.
        let nothing = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
        match text.strip_prefix('-') {
            Some(rest) if nothing => rest.to_owned(),
            Some(rest) => format!("−{rest}"),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_follow_the_numbers() {
        let digits = |numbers: &[f64]| Digits::of(numbers.iter().copied());
        assert_eq!(digits(&[0.0, 0.25, 0.5, 0.75]), Digits::Decimals(2));
        assert_eq!(digits(&[1.0, 2.0]), Digits::Decimals(0));
        assert_eq!(digits(&[87.123, 9.1]), Digits::Decimals(1));
        assert_eq!(digits(&[1234.5]), Digits::Decimals(0));
        assert_eq!(digits(&[1e-5, 1.0]), Digits::Significant);
        assert_eq!(digits(&[1e-6, 2.5e-6]), Digits::Decimals(7));
        assert_eq!(digits(&[1e-7, 2e-7]), Digits::Significant);
        for large in [f64::MAX, 1e38, 1e15] {
            for digits in [digits(&[large]), digits(&[large, 1.0]), Digits::Decimals(3)] {
                assert!(digits.write(-large).chars().count() <= 9, "{}", digits.write(-large));
            }
        }
        assert_eq!(digits(&[-1e38]).write(-1e38), "−1.00e38");
        assert_eq!(
            digits(&[999_999_999_999_999.0]).write(999_999_999_999_999.0),
            "999999999999999"
        );
        assert_eq!(digits(&[5e-324]).write(5e-324), "4.94e-324");
        assert_eq!(Digits::Significant.write(1.234e-6), "1.23e-6");
        assert_eq!(Digits::Significant.write(0.01234), "0.0123");
        assert_eq!(Digits::Decimals(1).write(-2.34), "−2.3");
        assert_eq!(Digits::Decimals(1).write(f64::NEG_INFINITY), "−∞");
        assert_eq!(Digits::Decimals(1).write(-0.04), "0.0");
        assert_eq!(Digits::Decimals(1).write(f64::NAN), "not a number");
    }
}
