//! Measurements at the end: of a run, of an epoch.

use crate::results::MeasurementRow;
use std::collections::BTreeMap;

/// Groups `rows` by `key`, and keeps of each group those of its last step.
pub fn at_last_step<'a, K: Ord>(
    rows: impl IntoIterator<Item = &'a MeasurementRow>,
    key: impl Fn(&'a MeasurementRow) -> K,
) -> BTreeMap<K, Vec<&'a MeasurementRow>> {
    let mut last: BTreeMap<K, Vec<&MeasurementRow>> = BTreeMap::new();
    for row in rows {
        let kept = last.entry(key(row)).or_default();
        if kept.first().is_some_and(|earlier| row.step > earlier.step) {
            kept.clear();
        }
        if kept.first().is_none_or(|same| row.step == same.step) {
            kept.push(row);
        }
    }
    last
}
