//! The published accuracies of single configurations, at ε = 0 and 0.75.
//!
//! Figs. 2a, 2b, 4a and 5c show a point for each configuration: its accuracy with two networks. They
//! do not say which configuration it is, but a network that is in two figures has the same accuracy
//! in both, to a hundredth of a percent, and so joins their points.

use super::published::rows_of;
use crate::Condition::{self, *};
use std::sync::OnceLock;

/// One row of `data/published_points.csv`.
#[derive(Debug, Clone, Copy)]
struct Point {
    epsilon: f64,
    /// The two networks, and their test accuracies in hundredths of a percent.
    sides: [(Condition, u32); 2],
}

/// What was published of one configuration at one ε: test accuracies as fractions. A run that
/// diverged is at chance.
///
/// An accuracy is missing where the points of two configurations share the one that would join
/// them, and differ in the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PublishedConfiguration {
    /// EI, from Fig. 2a through EI + LN.
    pub ei_none: Option<f64>,
    /// EI + LN, from Fig. 2b.
    pub ei_ln: f64,
    /// E-only + LN, from Fig. 2b.
    pub e_ln: f64,
    /// I-Norm, from Fig. 4a through E-only + LN.
    pub inorm_none: Option<f64>,
    /// I-Norm + GradNorm, from Fig. 5c through E-only + LN.
    pub inorm_full: Option<f64>,
}

impl PublishedConfiguration {
    /// The accuracy of a network, if it is known.
    fn accuracy(&self, condition: Condition) -> Option<f64> {
        match condition {
            EiNone => self.ei_none,
            EiLn => Some(self.ei_ln),
            ELn => Some(self.e_ln),
            INormNone => self.inorm_none,
            INormFull => self.inorm_full,
            _ => None,
        }
    }
}

const TABLE: &str = include_str!("../../data/published_points.csv");

fn points() -> &'static [Point] {
    static POINTS: OnceLock<Vec<Point>> = OnceLock::new();
    POINTS.get_or_init(|| rows_of("data/published_points.csv", TABLE, parse))
}

fn parse(line: &str) -> Option<Point> {
    let fields: Vec<_> = line.split(',').collect();
    let [_figure, epsilon, x, x_accuracy, y, y_accuracy] = fields[..] else { return None };
    let side = |condition: &str, percent: &str| {
        let hundredths = (percent.parse::<f64>().ok()? * 100.0).round() as u32;
        Some((condition.parse().ok()?, hundredths))
    };
    Some(Point {
        epsilon: epsilon.parse().ok()?,
        sides: [side(x, x_accuracy)?, side(y, y_accuracy)?],
    })
}

/// The two accuracies of each point of the figure that shows these two networks, in hundredths of a
/// percent; none if no figure does.
fn shown(network: Condition, than: Condition, epsilon: f64) -> Vec<[u32; 2]> {
    let here = points().iter().filter(|point| point.epsilon == epsilon);
    let in_order = here.filter_map(|&Point { sides: [a, b], .. }| match (a.0, b.0) {
        (x, y) if (x, y) == (network, than) => Some([a.1, b.1]),
        (x, y) if (y, x) == (network, than) => Some([b.1, a.1]),
        _ => None,
    });
    in_order.collect()
}

/// All configurations at `epsilon`, in the order of Fig. 2b; none where nothing was published.
pub fn configurations(epsilon: f64) -> Vec<PublishedConfiguration> {
    // All points in which the shared network has this accuracy have to agree on the other one.
    let joined = |other, shared, accuracy| {
        let mut partners = shown(other, shared, epsilon)
            .into_iter()
            .filter(|pair| pair[1] == accuracy)
            .map(|pair| fraction(pair[0]));
        let first = partners.next()?;
        partners.all(|partner| partner == first).then_some(first)
    };
    let row = |[ei_ln, e_ln]: [u32; 2]| PublishedConfiguration {
        ei_none: joined(EiNone, EiLn, ei_ln),
        ei_ln: fraction(ei_ln),
        e_ln: fraction(e_ln),
        inorm_none: joined(INormNone, ELn, e_ln),
        inorm_full: joined(INormFull, ELn, e_ln),
    };
    shown(EiLn, ELn, epsilon).into_iter().map(row).collect()
}

/// The published accuracies of the same configuration with `network` and with `than`, as fractions,
/// a run that diverged at chance: all points of the figure that shows both, or else the
/// [`configurations`] of which both are known.
pub fn pairs(network: Condition, than: Condition, epsilon: f64) -> Vec<[f64; 2]> {
    let shown = shown(network, than, epsilon);
    if !shown.is_empty() {
        return shown.into_iter().map(|pair| pair.map(fraction)).collect();
    }
    let both = |row: PublishedConfiguration| Some([row.accuracy(network)?, row.accuracy(than)?]);
    configurations(epsilon).into_iter().filter_map(both).collect()
}

fn fraction(hundredths: u32) -> f64 {
    f64::from(hundredths) / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::CHANCE;
    use crate::results::published_for;
    use crate::statistics::{BoxStatistics, mann_whitney, median, stars};

    fn known<'a>(
        rows: &'a [PublishedConfiguration],
        accuracy: fn(&PublishedConfiguration) -> Option<f64>,
    ) -> impl Iterator<Item = f64> + 'a {
        rows.iter().filter_map(accuracy)
    }

    #[test]
    fn the_points_are_those_of_the_published_distributions() {
        let sides = [(EiNone, EiLn), (ELn, EiLn), (INormNone, ELn), (INormFull, ELn)];
        for (epsilon, (network, than)) in sides.map(|side| [(0.0, side), (0.75, side)]).concat() {
            let points = pairs(network, than, epsilon);
            let finished: Vec<f64> =
                points.iter().map(|pair| pair[0]).filter(|a| *a > CHANCE).collect();
            let (b, p) = (BoxStatistics::of(&finished), published_for(network, epsilon).unwrap());
            let [least, greatest] = p.range.unwrap();
            let b = b.unwrap();
            let close = |a: f64, b: f64| (a - b).abs() < 6e-5;
            assert!(close(b.q1, p.q1) && close(b.median, p.median) && close(b.q3, p.q3), "{p:?}");
            assert_eq!(points.len() - b.count, p.at_chance.unwrap(), "{p:?}");
            let ends =
                finished.iter().fold([1.0, 0.0], |[l, g]: [f64; 2], &a| [l.min(a), g.max(a)]);
            assert!(close(ends[0], least) && close(ends[1], greatest), "{p:?}");
        }
    }

    #[test]
    fn points_of_four_figures_join_into_rows_and_what_is_ambiguous_is_left_out() {
        // At ε = 0 two configurations have 87.78 % with EI + LN, two 88.6 and two 88.43 % with
        // E-only + LN; both of those with 88.6 % diverged as I-Norm.
        for (epsilon, known_of_thirty) in [(0.0, [28, 28, 26]), (0.75, [26, 28, 26])] {
            let rows = configurations(epsilon);
            assert_eq!(rows.len(), 30);
            let counts = [
                known(&rows, |row| row.ei_none).count(),
                known(&rows, |row| row.inorm_none).count(),
                known(&rows, |row| row.inorm_full).count(),
            ];
            assert_eq!(counts, known_of_thirty, "{epsilon}");
        }
        let best = configurations(0.0).into_iter().find(|row| row.ei_ln == 0.8922);
        let expected = PublishedConfiguration {
            ei_none: Some(0.8814),
            ei_ln: 0.8922,
            e_ln: 0.8864,
            inorm_none: Some(0.1),
            inorm_full: Some(0.8881),
        };
        assert_eq!(best, Some(expected));
        assert_eq!(pairs(INormCenter, ELn, 0.75), Vec::<[f64; 2]>::new());
        assert_eq!(configurations(0.25), []);
    }

    #[test]
    fn the_runs_that_diverged_are_of_configurations_that_learn_well_without_normalization() {
        let rows = configurations(0.0);
        let of = |diverged: bool| -> Vec<f64> {
            let here = rows.iter().filter(|row| {
                row.inorm_none.is_some_and(|accuracy| (accuracy <= CHANCE) == diverged)
            });
            let mut values: Vec<f64> = here.filter_map(|row| row.ei_none).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let diverged = of(true);
        let expected = [0.8644, 0.8684, 0.8773, 0.8788, 0.8798, 0.8814, 0.8818, 0.8823, 0.8893];
        assert_eq!(diverged, expected);
        let all = shown(EiNone, EiLn, 0.0).into_iter().map(|pair| fraction(pair[0]));
        assert!((median(&all.collect::<Vec<_>>()).unwrap() - 0.86805).abs() < 1e-9);
        let test = mann_whitney(&diverged, &of(false)).unwrap();
        assert!(test.delta > 0.5 && test.p < 0.05, "{test:?}");
    }

    #[test]
    fn the_published_marks_of_inorm_full_follow_from_the_points() {
        for (epsilon, mark) in [(0.0, "n.s."), (0.75, "**")] {
            let (full, e_ln): (Vec<f64>, Vec<f64>) =
                pairs(INormFull, ELn, epsilon).into_iter().map(|[a, b]| (a, b)).unzip();
            assert_eq!(stars(mann_whitney(&full, &e_ln).unwrap().p), mark);
            assert_eq!(published_for(INormFull, epsilon).unwrap().mark.as_deref(), Some(mark));
        }
    }
}
