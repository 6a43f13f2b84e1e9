//! The circuit of any network: its populations, and what learns by what.

use super::drawing::{Color, Dash, Drawing, Frame, Point, Stroke, Text};
use super::figure::Figure;
use super::style::{EXCITATION, INHIBITION, INK, QUIET, SMALL, TITLE, WIDTH};
use crate::Result;
use crate::architecture::{Architecture, LayerKind};
use crate::condition::{GradNorm, Normalization};

/// Half the size of the box of a population.
const HALF: (f64, f64) = (40.0, 17.0);
/// Where the excitatory populations stand, and below them those that subtract and that divide.
const EXCITATORY: f64 = 62.0;
const SUBTRACTING: f64 = 142.0;
const DIVIDING: f64 = 240.0;
/// How far the two inhibitory populations of a layer stand to either side of its middle, and where
/// the line of the lower one passes the upper one.
const ASIDE: f64 = 18.0;
const PAST: f64 = 31.0;
/// From the lowest population to the lower end of the picture.
const BELOW: f64 = 94.0;

/// What is learned by what, as a line.
const TASK: Dash = Dash::Solid;
const LOCAL: Dash = Dash::Dashed;
const FROZEN: Dash = Dash::Dotted;

/// The circuit of a network: its populations, excitatory ones grey and inhibitory ones purple, each
/// with its number of units, and below each hidden layer what happens to its error.
///
/// # Errors
/// If the picture cannot be rendered.
pub fn network(architecture: &Architecture) -> Result<Figure> {
    let layers: Vec<LayerKind> = architecture.layers().map(|(_, kind)| kind).collect();
    circuit(architecture.inputs, &layers, true, &architecture.to_string())
}

/// The circuit of one layer, with so many inputs.
///
/// # Errors
/// If the picture cannot be rendered.
pub fn layer(inputs: usize, kind: LayerKind) -> Result<Figure> {
    circuit(inputs, &[kind], false, &format!("{inputs} → {kind}"))
}

fn circuit(inputs: usize, layers: &[LayerKind], readout: bool, name: &str) -> Result<Figure> {
    let divides = layers.iter().any(|kind| kind.circuit.divides());
    let height = BELOW + if divides { DIVIDING } else { SUBTRACTING };
    let mut drawing = Drawing::new(WIDTH, height);
    let step = ((WIDTH - 110.0) / layers.len() as f64).min(WIDTH / 3.0);
    let column = |layer: usize| 55.0 + step * layer as f64;
    population(&mut drawing, (column(0), EXCITATORY), inputs, "inputs", EXCITATION);
    for (layer, kind) in layers.iter().enumerate() {
        let (before, here) = (column(layer), column(layer + 1));
        let top = match (readout, layer + 1 == layers.len()) {
            (true, true) => Top::Classes,
            (true, false) => Top::Rectified,
            (false, _) => Top::Layer,
        };
        draw_layer(&mut drawing, kind, before, here, top);
    }
    let mut x = 10.0;
    for (dash, words) in
        [(TASK, "learns the task"), (LOCAL, "learns locally, to normalize"), (FROZEN, "is frozen")]
    {
        let y = height - 12.0;
        drawing.line([(x, y), (x + 34.0, y)], Stroke::new(INK, 1.6).dash(dash));
        let label = Text::new(words, (x + 41.0, y), SMALL).color(QUIET);
        let width = label.width();
        drawing.text(label);
        x += 41.0 + width + 26.0;
    }
    let facts =
        layers.iter().enumerate().map(|(layer, kind)| match (readout, layer + 1 == layers.len()) {
            (true, true) => format!("read-out: {kind}"),
            (true, false) => format!("hidden.{layer}: {kind}"),
            (false, _) => kind.to_string(),
        });
    Figure::new(drawing, format!("The circuit of {name}."), facts.collect())
}

/// What follows a layer.
#[derive(Clone, Copy)]
enum Top {
    /// ReLU, and the next layer of the network.
    Rectified,
    /// Nothing: it is the read-out of a network.
    Classes,
    /// It is drawn without a network, which is what rectifies.
    Layer,
}

fn draw_layer(drawing: &mut Drawing, kind: &LayerKind, before: f64, here: f64, top: Top) {
    let circuit = kind.circuit;
    let from = (before + HALF.0, EXCITATORY);
    arrow(drawing, from, (here - HALF.0, EXCITATORY), TASK);
    let local = if circuit.learns_locally() { LOCAL } else { TASK };
    let aside = if circuit.divides() { ASIDE } else { 0.0 };
    if circuit.subtracts() {
        let at = (here - aside, SUBTRACTING);
        arrow(drawing, from, (at.0 - HALF.0, at.1), local);
        let outgoing = if circuit.learns_variance() { FROZEN } else { local };
        inhibit(drawing, at, here - aside, outgoing, "−");
        let words = if circuit.divides() { "subtract" } else { "inhibitory" };
        population(drawing, at, kind.inhibitory, words, INHIBITION);
    }
    if circuit.divides() {
        // One for each excitatory unit; that they divide has no weight that could be learned.
        let at = (here + aside, DIVIDING);
        arrow(drawing, from, (at.0 - HALF.0, at.1), local);
        inhibit(drawing, at, here + PAST, FROZEN, "÷");
        population(drawing, at, kind.units, "divide", INHIBITION);
    }
    let above = match (top, kind.normalization) {
        (Top::Classes, _) => "classes".to_owned(),
        (Top::Layer, Normalization::None) => "excitatory".to_owned(),
        (Top::Layer, normalization) => format!("{normalization:?}"),
        (Top::Rectified, Normalization::None) => "ReLU".to_owned(),
        (Top::Rectified, normalization) => format!("{normalization:?}, ReLU"),
    };
    population(drawing, (here, EXCITATORY), kind.units, &above, EXCITATION);
    let own = kind.own.then(|| "layer of one's own".to_owned());
    let error = (kind.grad_norm != GradNorm::None).then(|| format!("error: {:?}", kind.grad_norm));
    let words = [own, error].into_iter().flatten().collect::<Vec<_>>().join(", ");
    if !words.is_empty() {
        let lowest = if circuit.divides() { DIVIDING } else { SUBTRACTING };
        drawing.text(Text::new(words, (here, lowest + 52.0), SMALL).middle().color(INK));
    }
}

/// A line from an inhibitory population up to the excitatory one, with what it does there.
fn inhibit(drawing: &mut Drawing, from: Point, x: f64, dash: Dash, sign: &str) {
    let (top, bottom) = (EXCITATORY + HALF.1 + 5.0, from.1 - HALF.1);
    let stroke = Stroke::new(INHIBITION, 1.6);
    drawing.line([(x, bottom), (x, top)], stroke.dash(dash));
    drawing.line([(x - 7.0, top), (x + 7.0, top)], stroke);
    drawing.text(Text::new(sign, (x + 8.0, top + 16.0), TITLE).color(INHIBITION));
}

/// A box with a number of units, and words above (excitatory) or below it (inhibitory).
fn population(drawing: &mut Drawing, (x, y): Point, units: usize, words: &str, color: Color) {
    let frame = Frame::new(x - HALF.0, y - HALF.1, x + HALF.0, y + HALF.1);
    drawing.rectangle(frame, Some(color.tint(0.18)), Some(Stroke::new(color, 1.4)));
    drawing.text(Text::new(units.to_string(), (x, y), TITLE).middle().bold());
    let at = if color == EXCITATION { y - HALF.1 - 13.0 } else { y + HALF.1 + 13.0 };
    drawing.text(Text::new(words, (x, at), SMALL).middle().color(QUIET));
}

fn arrow(drawing: &mut Drawing, from: Point, to: Point, dash: Dash) {
    drawing.line([from, to], Stroke::new(INK, 1.6).dash(dash));
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    let (dx, dy) = (dx / length, dy / length);
    let back = (to.0 - 9.0 * dx, to.1 - 9.0 * dy);
    let side = (-4.0 * dy, 4.0 * dx);
    drawing.area([to, (back.0 + side.0, back.1 + side.1), (back.0 - side.0, back.1 - side.1)], INK);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Condition;

    #[test]
    fn every_condition_and_any_depth_is_drawn() {
        let mut pictures = Vec::new();
        for condition in Condition::ALL {
            let mut architecture = condition.architecture([784, 234, 10]);
            pictures.push(network(&architecture).unwrap().png().to_vec());
            pictures.push(layer(784, architecture.hidden[0]).unwrap().png().to_vec());
            architecture.hidden.push(LayerKind { units: 100, ..architecture.hidden[0] });
            let figure = network(&architecture).unwrap();
            assert!(figure.text().contains("hidden.2: "), "{}", figure.text());
            if let Some(folder) = std::env::var_os("INORM_SAVE_FIGURES") {
                let path = std::path::Path::new(&folder).join(format!("network_{condition}.png"));
                figure.save(path).unwrap();
            }
        }
        pictures.sort();
        pictures.dedup();
        assert_eq!(pictures.len(), 2 * Condition::ALL.len(), "each looks different");
    }
}
