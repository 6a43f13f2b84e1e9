//! Where a label goes that belongs to a point: near it, on nothing else that is drawn.

use super::drawing::{Drawing, Frame, Mark, Point, Text};
use super::style;

/// Free on all sides of a label.
const ROOM: f64 = 3.0;
/// How far from its point a label may be, and in which steps it is tried.
const FURTHEST: usize = 30;
const STEP: f64 = 4.0;
/// Directions from the point, in eighths of a turn, to be tried in this order: right, left, obliquely
/// (above before below), above, below.
const DIRECTIONS: [f64; 8] = [0.0, 4.0, 7.0, 5.0, 1.0, 3.0, 6.0, 2.0];

/// Adds the first of `labels`, the same in ever fewer words, that has a place inside `frame` where it
/// covers neither a mark nor another label, as near to `at` as there is one. Lines of the grid may
/// be covered. If there is no such place for any, the last stands where it covers least.
pub fn beside(drawing: &mut Drawing, frame: Frame, at: Point, labels: &[Text]) {
    let places = |label: &Text| -> Vec<(usize, Text)> {
        let (width, height) = (label.extent().width(), label.extent().height());
        let tried =
            (1..=FURTHEST).flat_map(|step| DIRECTIONS.map(|turn| (step as f64 * STEP, turn)));
        let place = tried.map(|(far, eighths)| {
            let (sine, cosine) = (eighths * std::f64::consts::FRAC_PI_4).sin_cos();
            let x = at.0 + cosine * (far + width / 2.0);
            (x, at.1 + sine * (far + height / 2.0))
        });
        let placed = place.map(|place| Text { at: place, ..label.clone().middle() });
        let inside = placed.filter(|label| frame.holds(&label.extent()));
        inside.map(|label| (covered(drawing, &label.extent().grown(ROOM)), label)).collect()
    };
    let mut least: Option<(usize, Text)> = None;
    for label in labels {
        let free = places(label).into_iter().min_by_key(|(covered, _)| *covered);
        let found = matches!(free, Some((0, _)));
        least = free.or(least);
        if found {
            break;
        }
    }
    drawing.marks.extend(least.map(|(_, label)| Mark::Text(label)));
}

/// How many marks a label in this frame would cover.
fn covered(drawing: &Drawing, label: &Frame) -> usize {
    let covers = |mark: &&Mark| match mark {
        Mark::Disc((x, y), radius, _) => {
            label.overlaps(&Frame::new(x - radius, y - radius, x + radius, y + radius))
        }
        Mark::Area(corners, _) => label.overlaps(&around(corners)),
        Mark::Line(points, stroke) => {
            stroke.color != style::GRID && points.windows(2).any(|ends| crosses(label, ends))
        }
        Mark::Text(text) => label.overlaps(&text.extent()),
        Mark::Picture(picture) => label.overlaps(&picture.frame),
    };
    drawing.marks.iter().filter(covers).count()
}

fn around(points: &[Point]) -> Frame {
    let empty = Frame::new(f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY);
    points.iter().fold(empty, |frame, &(x, y)| {
        let (left, right) = (frame.left.min(x), frame.right.max(x));
        Frame::new(left, frame.top.min(y), right, frame.bottom.max(y))
    })
}

/// Whether a line from one of two points to the other passes through a frame: whether some share of
/// it lies between the edges in both directions (Liang and Barsky).
fn crosses(frame: &Frame, ends: &[Point]) -> bool {
    let (from, to) = (ends[0], ends[1]);
    let within = |from: f64, to: f64, low: f64, high: f64| match to - from {
        0.0 if (low..=high).contains(&from) => [0.0, 1.0],
        0.0 => [1.0, 0.0],
        length => {
            let [a, b] = [(low - from) / length, (high - from) / length];
            [a.min(b), a.max(b)]
        }
    };
    let x = within(from.0, to.0, frame.left, frame.right);
    let y = within(from.1, to.1, frame.top, frame.bottom);
    x[0].max(y[0]).max(0.0) <= x[1].min(y[1]).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::axes;
    use super::super::checks::{collisions, texts};
    use super::super::drawing::{Marker, Stroke};
    use super::*;

    const FRAME: Frame = Frame::new(0.0, 0.0, 200.0, 200.0);

    fn point(drawing: &mut Drawing, at: Point, marker: Marker) {
        drawing.marker(at, marker, 3.6, style::INK, style::WHITE);
    }

    fn label(text: &str) -> Text {
        axes::number(text, (0.0, 0.0))
    }

    /// The marks that the last label covers.
    fn hidden(drawing: &Drawing) -> usize {
        let last = texts(drawing).last().unwrap();
        covered(drawing, &last.extent()) - 1
    }

    #[test]
    fn a_label_stands_to_the_right_of_its_point_and_where_that_is_taken_elsewhere() {
        let mut drawing = Drawing::new(200.0, 200.0);
        point(&mut drawing, (60.0, 100.0), Marker::Circle);
        beside(&mut drawing, FRAME, (60.0, 100.0), &[label("(73.9, 59.7)")]);
        let first = texts(&drawing).next().unwrap().extent();
        assert!(
            first.left > 63.0 && first.left < 75.0 && first.contains((80.0, 100.0)),
            "{first:?}"
        );
        for (k, marker) in
            [Marker::Triangle, Marker::Diamond, Marker::Circle].into_iter().enumerate()
        {
            let mut drawing = Drawing::new(200.0, 200.0);
            point(&mut drawing, (60.0, 100.0), Marker::Square);
            point(&mut drawing, (85.0 + 8.0 * k as f64, 102.0), marker);
            beside(&mut drawing, FRAME, (60.0, 100.0), &[label("(73.9, 59.7)")]);
            assert_eq!(hidden(&drawing), 0, "{marker:?}");
        }
    }

    #[test]
    fn labels_of_near_points_cover_neither_points_nor_lines_nor_each_other() {
        let mut drawing = Drawing::new(200.0, 200.0);
        let points: Vec<Point> =
            (0..6).map(|k| (70.0 + 9.0 * f64::from(k % 3), 90.0 + 7.0 * f64::from(k))).collect();
        drawing.line([(0.0, 200.0), (200.0, 0.0)], style::DASHES);
        for &at in &points {
            point(&mut drawing, at, Marker::Down);
        }
        for at in points {
            beside(&mut drawing, FRAME, at, &[label("(80.1, 79.9)")]);
            assert_eq!(hidden(&drawing), 0);
        }
        assert_eq!(collisions(&drawing), Vec::<String>::new());
    }

    #[test]
    fn where_there_is_no_room_fewer_words_do_and_lines_of_the_grid_may_be_covered() {
        let strip = Frame::new(0.0, 0.0, 100.0, 24.0);
        let mut drawing = Drawing::new(100.0, 24.0);
        drawing.line([(20.0, 0.0), (20.0, 24.0)], Stroke::new(style::GRID, 1.0));
        point(&mut drawing, (50.0, 12.0), Marker::Circle);
        beside(&mut drawing, strip, (50.0, 12.0), &[label("1 of 23 at 15.3 %"), label("1 of")]);
        let words: Vec<_> = texts(&drawing).map(|text| text.text.as_str()).collect();
        assert_eq!((words, hidden(&drawing)), (vec!["1 of"], 0));
        // Without a free place there is a label still, and only inside.
        drawing.area([(0.0, 0.0), (100.0, 0.0), (100.0, 24.0), (0.0, 24.0)], style::GRID);
        beside(&mut drawing, strip, (50.0, 12.0), &[label("2 of")]);
        assert_eq!(texts(&drawing).count(), 2);
        assert!(texts(&drawing).all(|text| strip.holds(&text.extent())));
    }

    #[test]
    fn a_line_crosses_a_frame_only_if_some_of_it_is_inside() {
        let frame = Frame::new(10.0, 10.0, 20.0, 20.0);
        for (ends, expected) in [
            ([(0.0, 15.0), (30.0, 15.0)], true),
            ([(12.0, 12.0), (13.0, 14.0)], true),
            ([(0.0, 0.0), (9.0, 9.0)], false),
            ([(0.0, 25.0), (30.0, 25.0)], false),
            ([(0.0, 19.0), (12.0, 31.0)], false),
            ([(15.0, 0.0), (15.0, 9.0)], false),
            ([(15.0, 0.0), (15.0, 11.0)], true),
        ] {
            assert_eq!(crosses(&frame, &ends), expected, "{ends:?}");
        }
    }
}
