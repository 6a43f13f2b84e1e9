//! The task loss: cross-entropy with label smoothing.

use super::lanes::Real;

/// Mean cross-entropy of `softmax(logits)` with smoothed labels; its gradient goes to `error`.
///
/// A label's target is `1 − smoothing` on its class plus `smoothing/classes` on every class.
///
/// # Shapes
/// `logits` and `error`: \[labels.len(), classes\].
///
/// # Panics
/// If the sizes do not fit, or a label is no class.
pub fn smoothed_cross_entropy<T: Real>(
    logits: &[T],
    labels: &[u8],
    smoothing: f64,
    error: &mut [T],
) -> f64 {
    assert_eq!(logits.len(), error.len());
    assert!(!labels.is_empty() && logits.len().is_multiple_of(labels.len()));
    let classes = logits.len() / labels.len();
    let everywhere = smoothing / classes as f64;
    let per_sample = 1.0 / labels.len() as f64;
    let mut total = 0.0;
    let rows = logits.chunks_exact(classes).zip(error.chunks_exact_mut(classes));
    for ((logits, error), &label) in rows.zip(labels) {
        let label = usize::from(label);
        assert!(label < classes, "label {label} of {classes} classes");
        // The inhibitory unit of the read-out receives the sum of a row's errors, which is zero:
        // in single precision, with logits in the hundreds, rounding would drown it.
        let logits = logits.iter().map(|l| l.double());
        let largest = logits.clone().fold(f64::NEG_INFINITY, f64::max);
        let log_sum = largest + logits.clone().map(|l| (l - largest).exp()).sum::<f64>().ln();
        for (class, (error, logit)) in error.iter_mut().zip(logits).enumerate() {
            let target = everywhere + if class == label { 1.0 - smoothing } else { 0.0 };
            let log_probability = logit - log_sum;
            total -= target * log_probability;
            *error = T::of((log_probability.exp() - target) * per_sample);
        }
    }
    total * per_sample
}

/// How many rows of `logits` are largest at their label. A row with a NaN counts as wrong.
pub fn count_correct<T: Real>(logits: &[T], labels: &[u8]) -> usize {
    let classes = logits.len() / labels.len().max(1);
    let rows = logits.chunks_exact(classes.max(1)).zip(labels);
    rows.filter(|(row, label)| {
        let at_label = row[usize::from(**label)];
        let mut others = row.iter().enumerate();
        others.all(|(class, &l)| l < at_label || (l == at_label && class >= usize::from(**label)))
    })
    .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradient_equals_finite_differences() {
        let logits = [0.3, -1.2, 2.0, 0.1, 0.0, -0.7];
        let labels = [2, 0];
        let loss = |logits: &[f64]| smoothed_cross_entropy(logits, &labels, 0.1, &mut [0.0; 6]);
        let mut error = [0.0; 6];
        smoothed_cross_entropy(&logits, &labels, 0.1, &mut error);
        for i in 0..6 {
            let mut moved = [logits, logits];
            moved[0][i] += 1e-5;
            moved[1][i] -= 1e-5;
            let difference = (loss(&moved[0]) - loss(&moved[1])) / 2e-5;
            assert!((difference - error[i]).abs() < 1e-9, "{i}: {difference} {}", error[i]);
        }
    }

    #[test]
    fn ties_go_to_the_first_class_and_not_a_number_is_wrong() {
        assert_eq!(count_correct(&[1.0, 1.0, 0.0, 2.0], &[0, 1]), 2);
        assert_eq!(count_correct(&[1.0, 1.0], &[1]), 0);
        assert_eq!(count_correct(&[f32::NAN, 1.0], &[1]), 0);
    }
}
