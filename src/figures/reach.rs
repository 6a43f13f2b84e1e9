//! How far an axis of accuracies reaches. A run far below all others would flatten everything else:
//! it is drawn in a strip at the low end of the axis, which has its number of runs in words.

use super::axes::{self, Axis};
use super::style::percent;
use crate::statistics::{BoxStatistics, WORTH_A_BOX};

/// In a strip are values further below every box than this many of its interquartile ranges:
/// beyond what Tukey calls the outer fence.
const FENCE: f64 = 3.0;
/// And only those that would make the axis longer than this many times itself.
const LONGER: f64 = 2.0;

/// The ends of an axis, as fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reach {
    pub low: f64,
    pub high: f64,
    /// Whether values lie in a strip below.
    pub strip: bool,
}

impl Reach {
    /// To the samples that a chart shows, and to all of `others` beside them, with a little room; at
    /// least `least` wide.
    ///
    /// A value of a sample is left to the strip if it is far below every sample that is large enough for
    /// quartiles, by more than three of its interquartile ranges, and if the axis would be more than
    /// twice as long with it as without all such values.
    pub fn of<'a>(
        samples: impl IntoIterator<Item = &'a [f64]>,
        others: impl IntoIterator<Item = f64>,
        least: f64,
    ) -> Self {
        let (mut values, mut fence): (Vec<f64>, Option<f64>) = (Vec::new(), None);
        for sample in samples {
            values.extend(sample);
            if let Some(b) = BoxStatistics::of(sample).filter(|b| b.count >= WORTH_A_BOX) {
                let own = b.q1 - FENCE * (b.q3 - b.q1);
                fence = Some(fence.map_or(own, |lowest| lowest.min(own)));
            }
        }
        let others: Vec<f64> = others.into_iter().collect();
        let from = |end: f64| {
            let on = values.iter().copied().filter(|value| *value >= end);
            axes::range(on.chain(others.iter().copied()), least)
        };
        let fence = fence.unwrap_or(f64::NEG_INFINITY);
        let (low, high) = from(fence);
        let end = fence.min(high - LONGER * (high - low));
        let (low, high) = from(end);
        Self { low, high, strip: false }.with_strip(values.iter().any(|v| *v < end))
    }

    /// The same with `values` that set no low end: those below are left to the strip.
    pub fn and(self, values: &[f64]) -> Self {
        let high = values.iter().copied().fold(self.high, f64::max);
        let below = |low: f64| values.iter().any(|v| *v < low);
        let reach = Self { high, ..self }.with_strip(self.strip || below(self.low));
        Self { strip: self.strip || below(reach.low), ..reach }
    }

    /// A strip begins at a whole percentage.
    fn with_strip(self, strip: bool) -> Self {
        let low = if strip { (self.low * 100.0).floor() / 100.0 } else { self.low };
        Self { low, strip, ..self }
    }

    /// The axis, in percent.
    pub fn axis(&self, title: &str) -> Axis {
        let axis = Axis::percent(title, self.low, self.high);
        match self.strip {
            true => axis.with_strip(format!("< {:.0}", self.low * 100.0)),
            false => axis,
        }
    }

    /// How many of `values` are in the strip, and where they are; nothing if none is.
    pub fn words(&self, values: &[f64]) -> Option<String> {
        let off: Vec<f64> =
            values.iter().copied().filter(|v| self.strip && *v < self.low).collect();
        let [least, greatest] =
            [off.iter().copied().reduce(f64::min)?, off.iter().copied().reduce(f64::max)?];
        let place = match (percent(least), percent(greatest)) {
            (least, greatest) if least == greatest => least,
            (_, greatest) => format!("{:.1} to {greatest}", least * 100.0),
        };
        Some(format!("{} of {} at {place}", off.len(), values.len()))
    }

    /// The same as the end of a sentence.
    pub fn fact(&self, values: &[f64]) -> String {
        self.words(values).map_or(String::new(), |words| format!(", off the axis {words}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thirty values around `center`, with quartiles a hundredth apart.
    fn sample(center: f64, more: &[f64]) -> Vec<f64> {
        let values = (0..30).map(|k| center + (f64::from(k) - 14.5) * 0.02 / 30.0);
        values.chain(more.iter().copied()).collect()
    }

    fn reach(samples: &[Vec<f64>], others: &[f64]) -> Reach {
        Reach::of(samples.iter().map(Vec::as_slice), others.iter().copied(), 0.02)
    }

    #[test]
    fn what_would_flatten_the_boxes_is_left_to_the_strip() {
        let far = sample(0.80, &[0.10, 0.15]);
        let both = reach(&[sample(0.88, &[]), far.clone()], &[]);
        assert!(both.strip && both.low > 0.77 && both.low < 0.79 && both.high > 0.89, "{both:?}");
        assert_eq!(both.low, 0.78, "a whole percentage");
        assert_eq!(both.words(&far).unwrap(), "2 of 32 at 10.0 to 15.0 %");
        assert_eq!(both.words(&sample(0.80, &[0.1; 2])).unwrap(), "2 of 32 at 10.0 %");
        assert_eq!(both.fact(&sample(0.80, &[0.1])), ", off the axis 1 of 31 at 10.0 %");
        assert_eq!((both.words(&[0.8]), both.fact(&[0.8])), (None, String::new()));
        assert!(reach(&[sample(0.88, &[]), vec![0.10]], &[]).strip, "also of a small sample");
        assert!(!reach(&[sample(0.88, &[])], &[0.10]).strip, "what is beside them stays");
    }

    #[test]
    fn what_fits_on_twice_the_axis_stays_on_it() {
        let near = reach(&[sample(0.88, &[]), sample(0.80, &[0.72])], &[]);
        assert!(!near.strip && near.low < 0.72, "{near:?}");
        assert_eq!(near.words(&[0.1]), None);
        // Also beside one that is left to the strip.
        let both = reach(&[sample(0.88, &[]), sample(0.80, &[0.72, 0.10])], &[]);
        assert!(both.strip && both.low < 0.72 && both.low > 0.6, "{both:?}");
    }

    #[test]
    fn without_a_box_above_it_nothing_is_far() {
        let low = (10..20).map(|percent| f64::from(percent) / 100.0).collect();
        assert!(!reach(&[sample(0.88, &[]), low], &[0.09]).strip, "it has a box itself");
        assert!(!reach(&[vec![0.88, 0.87, 0.10]], &[]).strip, "too few for quartiles");
        assert!(!reach(&[], &[0.88, 0.87, 0.10]).strip);
    }

    #[test]
    fn values_that_set_no_range_need_a_strip_only_below_it() {
        let stored = reach(&[sample(0.88, &[])], &[]);
        let above = stored.and(&[0.88, 0.95]);
        assert_eq!((above.low, above.high, above.strip), (stored.low, 0.95, false));
        let below = stored.and(&[0.80]);
        assert!(below.strip && below.low <= stored.low && below.low > 0.80, "{below:?}");
        assert_eq!(below.axis("").strip.as_deref(), Some("< 86"));
        assert_eq!(stored.axis("").strip, None);
    }
}
