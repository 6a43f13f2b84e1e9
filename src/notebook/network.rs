//! Networks, records and images show themselves as the last value of a cell.

use super::Table;
use crate::Result;
use crate::dataset::CLASSES;
use crate::figures::live::{self, Trained};
use crate::figures::{self, style};
use crate::layers::{Backend, NetworkWeights};
use crate::learning::{Outcome, Protocol, Record};
use crate::networks::{Hidden, ImageBatch, Network};
use crate::show::{self, Formats, Show};

impl<H: Hidden<f32, D>, const OUT: usize, D: Backend<f32>> Network<H, OUT, f32, D> {
    /// Shows the network in a notebook: its circuit and its weights. The Rust kernel calls it for a
    /// cell's last value.
    pub fn evcxr_display(&self) {
        show::print_value(&View::of_network(&self.weights()));
    }
}

impl<R: Protocol> Record<R> {
    /// Shows the record in a notebook: its curves and how it ended. The Rust kernel calls it for a
    /// cell's last value.
    pub fn evcxr_display(&self) {
        let points = self.epochs.iter().map(|epoch| (f64::from(epoch.epoch), epoch.train_loss));
        let trained = Trained {
            name: "the network".to_owned(),
            look: style::own(0),
            losses: points.collect(),
            accuracies: self.epochs.iter().map(|epoch| epoch.test_accuracy).collect(),
        };
        let text = outcome(self.outcome, self.test_accuracy(), self.epochs.len());
        show::print_value(&View::new(live::picture(&[trained], self.run.training().epochs), text));
    }
}

fn outcome(outcome: Outcome, accuracy: Option<f64>, epochs: usize) -> String {
    let how = match outcome {
        Outcome::Finished => "finished",
        Outcome::Interrupted => "interrupted",
        Outcome::Running => "not over yet",
        Outcome::Diverged { step } => return format!("diverged at step {step}"),
    };
    let accuracy = accuracy.map_or("unknown".to_owned(), style::percent);
    format!("test accuracy {accuracy} after {epochs} epochs, {how}")
}

impl<D: Backend<f32>> ImageBatch<f32, D> {
    /// Shows the images in a notebook. The Rust kernel calls it for a cell's last value.
    pub fn evcxr_display(&self) {
        let names = self.labels.iter().map(|&label| CLASSES[usize::from(label)]);
        let text = names.collect::<Vec<_>>().join(", ");
        show::print_value(&View::new(figures::images(&self.x.as_vec()), text));
    }
}

/// A picture and words.
struct View {
    png: Option<Vec<u8>>,
    text: String,
    html: String,
}

impl View {
    /// Without a picture the words remain.
    fn new(png: Result<Vec<u8>>, text: String) -> Self {
        let html = format!("<pre>{}</pre>", show::escape(&text));
        Self { png: png.ok(), text, html }
    }

    fn of_network(weights: &NetworkWeights<f32>) -> Self {
        let png = figures::network(&weights.architecture).map(|figure| figure.png().to_vec());
        match table(weights) {
            Ok(table) => Self { png: png.ok(), text: table.text(), html: table.html() },
            Err(_) => Self::new(png, weights.architecture.to_string()),
        }
    }
}

impl Show for View {
    fn formats(&self) -> Formats {
        let picture = self.png.as_ref().map_or(String::new(), |png| {
            let (width, png) = (style::WIDTH, show::base64(png));
            format!("<img width=\"{width}\" alt=\"\" src=\"data:image/png;base64,{png}\">")
        });
        vec![("text/html", picture + &self.html), ("text/plain", self.text.clone())]
    }
}

/// One row for each matrix of a network.
fn table(weights: &NetworkWeights<f32>) -> Result<Table> {
    let (mut names, mut shapes, mut numbers) = (Vec::new(), Vec::new(), [const { Vec::new() }; 4]);
    let hidden = weights.hidden.len();
    for (index, layer) in weights.layers().into_iter().enumerate() {
        let name = if index == hidden { "readout".to_owned() } else { format!("hidden.{index}") };
        for (symbol, values) in layer.named() {
            if values.is_empty() {
                continue;
            }
            names.push(format!("{name} {symbol}"));
            let rows = if symbol == "W_IE" { layer.inhibitory } else { layer.excitatory };
            shapes.push(match symbol {
                "b" => format!("{rows}"),
                _ => format!("{rows} × {}", values.len() / rows),
            });
            let count = values.len() as f64;
            let all = || values.iter().map(|&w| f64::from(w));
            numbers[0].push(all().fold(f64::INFINITY, f64::min));
            numbers[1].push(all().sum::<f64>() / count);
            numbers[2].push(all().fold(f64::NEG_INFINITY, f64::max));
            numbers[3].push(all().filter(|&w| w == 0.0).count() as f64 / count);
        }
    }
    let mut table = Table::empty(&weights.architecture.to_string())
        .texts("weights", &names)?
        .texts("shape", &shapes)?;
    for (name, values) in ["smallest", "mean", "largest", "at zero"].into_iter().zip(&numbers) {
        table = table.numbers(name, values)?;
    }
    Ok(table.percent("at zero"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::FashionMnist;
    use crate::networks::paper::{ELn, INormCenter};

    #[test]
    fn a_network_is_a_circuit_and_a_table() {
        let mut weights = INormCenter::<20, 2>::new(0).unwrap().weights();
        weights.hidden[0].w_ee[..7840].fill(0.0);
        let view = View::of_network(&weights);
        assert!(view.png.is_some_and(|png| png.starts_with(b"\x89PNG")));
        let line = |start: &str| view.text.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(line("hidden.0 W_EE").contains("20 × 784"), "{}", view.text);
        assert!(line("hidden.0 W_EE").ends_with("50.0"), "{}", view.text);
        assert!(line("hidden.1 W_IE").contains("2 × 20"), "{}", view.text);
        assert!(line("readout W_EI").contains("10 × 1"), "{}", view.text);
        let weights = ELn::<20>::new(0).unwrap().weights();
        assert!(!View::of_network(&weights).text.contains("hidden.0 W_IE"));
    }

    #[test]
    fn a_batch_is_its_images() {
        let data = FashionMnist::subset().unwrap();
        let batch = ImageBatch::<f32>::new(&data.test, 0..40, 0.75, 0).unwrap();
        let png = figures::images(&batch.x.as_vec()).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        assert!(ImageBatch::<f32>::new(&data.test, 0..0, 0.75, 0).is_err());
        assert!(ImageBatch::<f32>::new(&data.test, 0..1_000_000, 0.75, 0).is_err());
        assert_eq!(outcome(Outcome::Diverged { step: 3 }, Some(0.1), 0), "diverged at step 3");
    }
}
