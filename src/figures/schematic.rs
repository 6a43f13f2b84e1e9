//! Drawings of networks and circuits, in the paper's colours: grey excites, purple inhibits.

use super::axes;
use super::drawing::{Color, Dash, Drawing, Frame, Label, Point, Stroke};
use super::style::{self, EXCITATORY, INHIBITORY};

/// What an arrow ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tip {
    /// A point: it excites, or it is a signal.
    Arrow,
    /// A bar: it inhibits.
    Bar,
}

/// A straight connection.
pub fn connect(drawing: &mut Drawing, from: Point, to: Point, stroke: Stroke, tip: Tip) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1e-9);
    let (ux, uy) = (dx / length, dy / length);
    let size = 5.0 + stroke.width;
    match tip {
        Tip::Bar => {
            drawing.line([from, to], stroke);
            let ends = [(to.0 - uy * size, to.1 + ux * size), (to.0 + uy * size, to.1 - ux * size)];
            drawing.line(ends, Stroke::new(stroke.color, stroke.width + 0.8));
        }
        Tip::Arrow => {
            let base = (to.0 - ux * size * 1.5, to.1 - uy * size * 1.5);
            drawing.line([from, base], stroke);
            let side = size * 0.7;
            let left = (base.0 - uy * side, base.1 + ux * side);
            let right = (base.0 + uy * side, base.1 - ux * side);
            drawing.area([to, left, right], stroke.color);
        }
    }
}

/// A unit or a population.
pub fn unit(drawing: &mut Drawing, at: Point, radius: f64, color: Color, text: &str) {
    drawing.disc(at, radius + 0.7, style::edge(color));
    drawing.disc(at, radius - 0.7, color.tint(0.55));
    if !text.is_empty() {
        drawing.text(axes::title(text, at).bold().middle());
    }
}

/// The feedforward network of Fig. 1a, drawn into `frame`: each layer receives excitation from
/// the layer below, and inhibition from a population that the same layer below excites.
pub fn network(drawing: &mut Drawing, frame: Frame) {
    const LAYERS: [(&str, &str); 4] =
        [("image", "784"), ("hidden layer", "N"), ("hidden layer", "N"), ("read-out", "10")];
    let step = frame.width() / 3.4;
    let x = |layer: usize| frame.left + step * (layer as f64 + 0.2);
    let rows = 5;
    let spread = (frame.height() - 122.0) / (rows - 1) as f64;
    let y = |row: usize| frame.top + 44.0 + spread * row as f64;
    let inhibitory = |layer: usize| (x(layer) - step * 0.42, frame.bottom - 46.0);
    let radius = 9.0;
    let thin = Stroke::new(EXCITATORY.opacity(0.55), 0.9);
    for layer in 1..LAYERS.len() {
        for pre in 0..rows {
            for post in 0..rows {
                drawing.line([(x(layer - 1), y(pre)), (x(layer), y(post))], thin);
            }
            drawing.line([(x(layer - 1), y(pre)), inhibitory(layer)], thin);
        }
    }
    for (layer, (name, size)) in LAYERS.into_iter().enumerate() {
        if layer > 0 {
            for row in 0..rows {
                let (cx, cy) = inhibitory(layer);
                let (dx, dy) = (x(layer) - cx, y(row) - cy);
                let share = 1.0 - (radius + 3.0) / dx.hypot(dy);
                let to = (cx + dx * share, cy + dy * share);
                connect(drawing, (cx, cy), to, Stroke::new(INHIBITORY, 1.1), Tip::Bar);
            }
            unit(drawing, inhibitory(layer), radius + 3.0, INHIBITORY, "I");
        }
        for row in 0..rows {
            unit(drawing, (x(layer), y(row)), radius, EXCITATORY, "");
        }
        drawing.text(axes::title(name, (x(layer), frame.top + 8.0)).middle());
        let count = axes::number(size, (x(layer), frame.top + 24.0)).middle();
        drawing.text(count.color(style::QUIET));
    }
    let key = |drawing: &mut Drawing, x: f64, color, text: &str| {
        unit(drawing, (x, frame.bottom - 10.0), 6.0, color, "");
        drawing.text(axes::number(text, (x + 13.0, frame.bottom - 10.0)));
    };
    key(drawing, frame.left + 60.0, EXCITATORY, "excitatory: all outgoing weights ≥ 0 (+)");
    key(drawing, frame.center().0 + 30.0, INHIBITORY, "inhibitory: outgoing weights subtract (−)");
}

/// What the circuit drawing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// How activity goes up.
    Forward,
    /// How the weights learn; the task error comes down as it is.
    Backward,
    /// How the weights learn; GradNorm acts on the task error.
    BackwardWithGradNorm,
}

/// One I-Norm layer: an excitatory population between a subtracting and a dividing inhibitory
/// one (Figs. 3a, 5a).
pub fn circuit(drawing: &mut Drawing, frame: Frame, pass: Pass) {
    let (center, bottom) = (frame.center().0, frame.bottom - 34.0);
    let middle = frame.top + frame.height() * 0.52;
    let reach = frame.width() * 0.34;
    let (minus, excitation, divide) =
        ((center - reach, middle), (center, middle), (center + reach, middle));
    let inputs: Vec<Point> =
        (0..4).map(|k| (center + (k as f64 - 1.5) * frame.width() * 0.2, bottom)).collect();
    let forward = pass == Pass::Forward;
    let excite = Stroke::new(if forward { style::INK } else { style::GRID }, 1.8);
    let inhibit = Stroke::new(if forward { INHIBITORY } else { INHIBITORY.tint(0.3) }, 2.2);

    let start = |x: f64| (x, bottom - 14.0);
    connect(drawing, start(center), (center, middle + 25.0), excite, Tip::Arrow);
    connect(
        drawing,
        start(center - reach * 0.62),
        (minus.0 + 8.0, middle + 22.0),
        excite,
        Tip::Arrow,
    );
    connect(
        drawing,
        start(center + reach * 0.62),
        (divide.0 - 8.0, middle + 22.0),
        excite,
        Tip::Arrow,
    );
    connect(drawing, (minus.0 + 20.0, middle), (center - 28.0, middle), inhibit, Tip::Bar);
    connect(drawing, (divide.0 - 20.0, middle), (center + 28.0, middle), inhibit, Tip::Bar);
    for &input in &inputs {
        unit(drawing, input, 9.0, EXCITATORY, "");
    }
    unit(drawing, minus, 20.0, INHIBITORY, "−");
    unit(drawing, excitation, 24.0, EXCITATORY, "E");
    unit(drawing, divide, 20.0, INHIBITORY, "÷");
    drawing.text(axes::title("h", (center, bottom + 22.0)).middle());
    let places = Places { center, middle, bottom, reach, top: frame.top };
    if forward { forward_labels(drawing, places) } else { backward_signals(drawing, places, pass) }
}

#[derive(Clone, Copy)]
struct Places {
    center: f64,
    middle: f64,
    bottom: f64,
    reach: f64,
    top: f64,
}

fn forward_labels(drawing: &mut Drawing, at: Places) {
    let Places { center, middle, bottom, reach, top } = at;
    let up = Stroke::new(style::INK, 1.8);
    connect(drawing, (center, middle - 26.0), (center, top + 44.0), up, Tip::Arrow);
    drawing.text(axes::title("z = (e − i) / s", (center, top + 30.0)).middle());
    let weight =
        |text: &str, x: f64, y: f64| Label::new(text, (x, y), style::TITLE).color(style::INK);
    let low = (middle + bottom) / 2.0 + 6.0;
    drawing.text(weight("W_{EE}", center + 6.0, low));
    drawing.text(weight("W_{IE}", center - reach * 0.86, low).end());
    drawing.text(weight("U_{IE}", center + reach * 0.86, low));
    drawing.text(weight("− i", center - reach * 0.5, middle - 15.0).middle().color(INHIBITORY));
    drawing.text(weight("÷ s", center + reach * 0.5, middle - 15.0).middle().color(INHIBITORY));
}

fn backward_signals(drawing: &mut Drawing, at: Places, pass: Pass) {
    let Places { center, middle, bottom, reach, top } = at;
    let task = Stroke::new(style::INK, 2.0).dash(Dash::Dotted);
    let local = Stroke::new(INHIBITORY, 2.0);
    drawing.text(axes::title("L_{Task}", (center, top + 8.0)).middle());
    let low = (middle + bottom) / 2.0 + 6.0;
    if pass == Pass::BackwardWithGradNorm {
        let y = top + 62.0;
        connect(drawing, (center, top + 19.0), (center, y - 13.0), task, Tip::Arrow);
        let frame = Frame::new(center - 46.0, y - 12.0, center + 46.0, y + 12.0);
        let green = style::condition(crate::Condition::INormFull).color;
        drawing.rectangle(frame, Some(green.tint(0.25)), Some(Stroke::new(green, 1.6)));
        drawing.text(axes::title("GradNorm", (center, y)).middle());
        connect(drawing, (center, y + 13.0), (center, middle - 26.0), task, Tip::Arrow);
        drawing.text(axes::title("δ", (center + 8.0, top + 33.0)));
        drawing.text(axes::title("δ′", (center + 8.0, y + 26.0)));
    } else {
        connect(drawing, (center, top + 19.0), (center, middle - 26.0), task, Tip::Arrow);
        drawing.text(axes::title("δ", (center + 8.0, top + 40.0)));
    }
    connect(
        drawing,
        (center - 9.0, middle + 26.0),
        (center - 9.0, bottom - 20.0),
        task,
        Tip::Arrow,
    );
    drawing.text(axes::title("W_{EE}", (center + 6.0, low)));
    for side in [-1.0, 1.0] {
        let x = center + side * reach;
        let name = axes::title("L_{I-Norm}", (x, top + 34.0)).middle();
        drawing.text(name.color(INHIBITORY));
        connect(drawing, (x, top + 44.0), (x, middle - 23.0), local, Tip::Arrow);
        let (from, to) =
            ((x - side * 2.0, middle + 23.0), (center + side * reach * 0.72, bottom - 22.0));
        connect(drawing, from, to, local, Tip::Arrow);
    }
    drawing.text(axes::title("W_{IE}", (center - reach * 0.98, low)).end());
    drawing.text(axes::title("U_{IE}", (center + reach * 0.98, low)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tip_of_an_arrow_is_where_it_points() {
        let mut drawing = Drawing::new(100.0, 100.0);
        connect(&mut drawing, (0.0, 0.0), (50.0, 0.0), style::AXIS, Tip::Arrow);
        let crate::figures::drawing::Mark::Area(points, _) = &drawing.marks[1] else {
            panic!("an arrow has a head");
        };
        assert_eq!(points[0], (50.0, 0.0));
        assert!(points[1..].iter().all(|p| p.0 < 50.0));
    }
}
