//! The circuit of any network: its populations, and what learns by what.

use super::drawing::{Dash, Drawing, Frame, Point, Stroke, Text};
use super::figure::Figure;
use super::style::{BLUE, INK, QUIET, SMALL, TITLE, VERMILLION, WIDTH};
use crate::Result;
use crate::architecture::{Architecture, LayerKind};
use crate::condition::{Circuit, GradNorm, Normalization};

/// Half the size of the box of a population.
const HALF: (f64, f64) = (40.0, 17.0);
/// Where the excitatory populations stand, and the inhibitory ones below them.
const EXCITATORY: f64 = 62.0;
const INHIBITORY: f64 = 142.0;
const HEIGHT: f64 = 236.0;

/// What is learned by what, as a line.
const TASK: Dash = Dash::Solid;
const LOCAL: Dash = Dash::Dashed;
const FROZEN: Dash = Dash::Dotted;

/// The circuit of a network: excitatory populations in blue, inhibitory ones in red, each with its
/// number of units, and below each hidden layer what happens to its error.
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
    let mut drawing = Drawing::new(WIDTH, HEIGHT);
    let step = ((WIDTH - 110.0) / layers.len() as f64).min(WIDTH / 3.0);
    let column = |layer: usize| 55.0 + step * layer as f64;
    population(&mut drawing, (column(0), EXCITATORY), inputs, "inputs", true);
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
        let y = HEIGHT - 12.0;
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
    if circuit.subtracts() {
        arrow(drawing, from, (here - HALF.0, INHIBITORY), local);
        let outgoing = if circuit == Circuit::InhibitoryNorm { FROZEN } else { local };
        let (top, bottom) = (EXCITATORY + HALF.1 + 5.0, INHIBITORY - HALF.1);
        let stroke = Stroke::new(VERMILLION, 1.6);
        drawing.line([(here, bottom), (here, top)], stroke.dash(outgoing));
        drawing.line([(here - 7.0, top), (here + 7.0, top)], stroke);
        let sign = if circuit.divides() { "−, ÷" } else { "−" };
        drawing.text(Text::new(sign, (here + 11.0, (top + bottom) / 2.0), TITLE).color(VERMILLION));
        let words = if circuit.divides() { "inhibitory, and s" } else { "inhibitory" };
        population(drawing, (here, INHIBITORY), kind.inhibitory, words, false);
    }
    let above = match (top, kind.normalization) {
        (Top::Classes, _) => "classes".to_owned(),
        (Top::Layer, Normalization::None) => "excitatory".to_owned(),
        (Top::Layer, normalization) => format!("{normalization:?}"),
        (Top::Rectified, Normalization::None) => "ReLU".to_owned(),
        (Top::Rectified, normalization) => format!("{normalization:?}, ReLU"),
    };
    population(drawing, (here, EXCITATORY), kind.units, &above, true);
    let own = kind.own.then(|| "layer of one's own".to_owned());
    let error = (kind.grad_norm != GradNorm::None).then(|| format!("error: {:?}", kind.grad_norm));
    let words = [own, error].into_iter().flatten().collect::<Vec<_>>().join(", ");
    if !words.is_empty() {
        drawing.text(Text::new(words, (here, INHIBITORY + 52.0), SMALL).middle().color(INK));
    }
}

/// A box with a number of units, and words above (excitatory) or below it (inhibitory).
fn population(drawing: &mut Drawing, (x, y): Point, units: usize, words: &str, excitatory: bool) {
    let color = if excitatory { BLUE } else { VERMILLION };
    let frame = Frame::new(x - HALF.0, y - HALF.1, x + HALF.0, y + HALF.1);
    drawing.rectangle(frame, Some(color.tint(0.18)), Some(Stroke::new(color, 1.4)));
    drawing.text(Text::new(units.to_string(), (x, y), TITLE).middle().bold());
    let at = if excitatory { y - HALF.1 - 13.0 } else { y + HALF.1 + 13.0 };
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
