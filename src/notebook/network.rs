//! Networks, layers, their matrices, records and images show themselves as the last value of a cell.

use super::{Table, digits::Digits};
use crate::Result;
use crate::architecture::{Architecture, LayerKind};
use crate::dataset::{CLASSES, PIXELS};
use crate::figures::live::{self, Trained};
use crate::figures::{self, Figure, Greys, style};
use crate::layers::{
    Backend, Ei, Excitatory, GradNormRule, INorm, INormDiv, INormSub, INormSubVariance, Layer,
    LayerWeights, NetworkWeights, NormalizationRule, OwnRule, Shaped,
};
use crate::learning::{Change, Evaluation, Record, Recorded, Training};
use crate::networks::{Hidden, ImageBatch, Network};
use crate::show::{self, Formats, Show};
use dfdx::shapes::Dtype;
use std::fmt::{self, Debug, Formatter};

impl<H: Hidden<E, D>, const OUT: usize, E: Dtype, D: Backend<E>> Network<H, OUT, E, D> {
    /// Shows the network in a notebook: its circuit and its weights. The Rust kernel calls it for a
    /// cell's last value.
    pub fn evcxr_display(&self) {
        show::print_value(&View::of_network(&self.weights().convert(single), &H::own_rules()));
    }
}

/// In a line: what it is, without its weights.
impl<H: Hidden<E, D>, const OUT: usize, E: Dtype, D: Backend<E>> Debug for Network<H, OUT, E, D> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Network({})", Self::architecture())
    }
}

/// Shows a layer: the last value of a cell shows itself.
macro_rules! layers {
    ($($Layer:ident<$($N:ident),+; $Rule:ident: $Trait:ident>),+) => { $(
        /// In a line: what it is, without its weights.
        impl<$(const $N: usize,)+ $Rule: $Trait, E: Dtype, D: Backend<E>> Debug
            for $Layer<$($N,)+ $Rule, E, D>
        {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                write!(f, "Layer({IN} → {})", Self::KIND)
            }
        }

        impl<$(const $N: usize,)+ $Rule: $Trait, E: Dtype, D: Backend<E>>
            $Layer<$($N,)+ $Rule, E, D>
        {
            /// Shows the layer in a notebook: its circuit and its weights. The Rust kernel calls it
            /// for a cell's last value.
            pub fn evcxr_display(&self) {
                show::print_value(&View::of_layer(Self::KIND, &self.weights().convert(single)));
            }
        }
    )+ };
}
layers!(
    Excitatory<IN, EXC; N: NormalizationRule>,
    Ei<IN, EXC, INH; N: NormalizationRule>,
    INorm<IN, EXC, INH; G: GradNormRule>,
    INormSub<IN, EXC, INH; G: GradNormRule>,
    INormSubVariance<IN, EXC, INH; G: GradNormRule>,
    INormDiv<IN, EXC; G: GradNormRule>
);

impl<S, E: Dtype, D: Backend<E>> Shaped<S, E, D> {
    /// Shows the values in a notebook: as a picture, and what they range over. The Rust kernel calls
    /// it for a cell's last value.
    pub fn evcxr_display(&self) {
        let values: Vec<f32> = self.as_vec().into_iter().map(single).collect();
        show::print_value(&View::of_matrix(&values, self.sizes()));
    }
}

fn single<E: Dtype>(value: E) -> f32 {
    value.to_f32().unwrap_or(f32::NAN)
}

impl<R: Recorded> Record<R> {
    /// Shows the record in a notebook: its curves and how it ended. The Rust kernel calls it for a
    /// cell's last value.
    pub fn evcxr_display(&self) {
        show::print_value(&View::of_record(self));
    }
}

impl<E: Dtype, D: Backend<E>> ImageBatch<E, D> {
    /// Shows the images in a notebook. The Rust kernel calls it for a cell's last value.
    pub fn evcxr_display(&self) {
        let names = self.labels.iter().map(|&label| CLASSES[usize::from(label)]);
        let text = names.collect::<Vec<_>>().join(", ");
        show::print_value(&View::of_images(
            self.x.as_vec().into_iter().map(single).collect(),
            text,
        ));
    }
}

impl NetworkWeights<f32> {
    /// Shows the network in a notebook, as [`Network`] does.
    pub fn evcxr_display(&self) {
        show::print_value(&View::of_network(self, &[]));
    }
}

/// Shows what it says of itself.
macro_rules! texts {
    ($($Text:ty),+) => { $(
        impl $Text {
            /// Shows it in a notebook. The Rust kernel calls it for a cell's last value.
            pub fn evcxr_display(&self) {
                show::print_value(&self.to_string());
            }
        }
    )+ };
}
texts!(Architecture, Evaluation, Training);

/// A picture and words.
struct View {
    png: Option<Vec<u8>>,
    /// What the picture shows, for a reader who does not see it.
    alt: &'static str,
    text: String,
    html: String,
}

impl View {
    fn of_record<R: Recorded>(record: &Record<R>) -> Self {
        let (run, epochs) = (&record.run, || record.epochs.iter());
        let trained = Trained {
            name: run.name(),
            look: run.architecture().condition().map_or(style::own(0), style::condition),
            losses: epochs().map(|epoch| (f64::from(epoch.epoch), epoch.train_loss)).collect(),
            accuracies: epochs().map(|epoch| epoch.test_accuracy).collect(),
            changes: run.changes().iter().map(|change| change.epoch).collect(),
        };
        let mut text = record.to_string();
        for Change { epoch, settings, .. } in run.changes() {
            text += &format!("\nafter {epoch:.2} epochs: {settings}");
        }
        let picture = live::picture(&[trained], run.training().epochs);
        Self::new(picture, "Training loss and test accuracy", text)
    }

    /// Without a picture the words remain.
    fn new(png: Result<Vec<u8>>, alt: &'static str, text: String) -> Self {
        let html = format!("<pre>{}</pre>", show::escape(&text));
        Self { png: png.ok(), alt, text, html }
    }

    fn of_images(pixels: Vec<f32>, text: String) -> Self {
        Self::new(figures::images(&pixels), "The images", text)
    }

    fn of_network(weights: &NetworkWeights<f32>, own: &[Option<OwnRule>]) -> Self {
        let hidden = weights.hidden.len();
        let named = weights.layers().into_iter().enumerate().map(|(index, layer)| match index {
            index if index == hidden => ("readout ".to_owned(), layer),
            index => (format!("hidden.{index} "), layer),
        });
        let own = OwnRule::names(own);
        let title = match weights.architecture.to_string() {
            title if own.is_empty() => title,
            title => format!("{}: {title}", own.join(", ")),
        };
        Self::of_circuit(figures::network(&weights.architecture), named.collect(), title)
    }

    fn of_layer(kind: LayerKind, weights: &LayerWeights<f32>) -> Self {
        let title = format!("{} → {kind}", weights.inputs);
        let named = vec![(String::new(), weights)];
        Self::of_circuit(figures::layer(weights.inputs, kind), named, title)
    }

    fn of_circuit(
        circuit: Result<Figure>,
        layers: Vec<(String, &LayerWeights<f32>)>,
        title: String,
    ) -> Self {
        let png = circuit.map(|figure| figure.png().to_vec());
        let alt = "The circuit";
        match table(&layers, &title) {
            Ok(table) => Self { png: png.ok(), alt, text: table.text(), html: table.html() },
            Err(_) => Self::new(png, alt, title),
        }
    }

    fn of_matrix(values: &[f32], [rows, columns]: [usize; 2]) -> Self {
        let [smallest, mean, largest, zero] = range(values);
        let digits = Digits::at_least_three(smallest.abs().max(largest.abs()));
        let number = |number: f64| digits.write(number);
        let range = format!(
            "{rows} × {columns}, from {} to {}, mean {}, {} at zero",
            number(smallest),
            number(largest),
            number(mean),
            style::percent(zero)
        );
        let alt = "The values in shades of grey";
        match figures::matrix(values, columns) {
            Ok((png, Greys { white, black })) => {
                let shown = match columns {
                    PIXELS => "; the first rows as images",
                    _ => "",
                };
                let (white, black) = (number(white.into()), number(black.into()));
                let text = format!("{range}{shown}; {white} is white, {black} black");
                Self::new(Ok(png), alt, text)
            }
            Err(error) => Self::new(Err(error), alt, range),
        }
    }
}

impl Show for View {
    fn formats(&self) -> Formats {
        let picture = self.png.as_ref().map_or(String::new(), |png| {
            let (width, alt, png) = (style::WIDTH, self.alt, show::base64(png));
            format!("<img width=\"{width}\" alt=\"{alt}\" src=\"data:image/png;base64,{png}\">")
        });
        vec![("text/html", picture + &self.html), ("text/plain", self.text.clone())]
    }
}

/// Smallest, mean, largest, and the share that is zero; of values that are not all numbers, none.
fn range(values: &[f32]) -> [f64; 4] {
    if values.iter().any(|w| w.is_nan()) {
        return [f64::NAN; 4];
    }
    let count = values.len() as f64;
    let all = || values.iter().map(|&w| f64::from(w));
    [
        all().fold(f64::INFINITY, f64::min),
        all().sum::<f64>() / count,
        all().fold(f64::NEG_INFINITY, f64::max),
        all().filter(|&w| w == 0.0).count() as f64 / count,
    ]
}

/// One row for each matrix of some layers.
fn table(layers: &[(String, &LayerWeights<f32>)], title: &str) -> Result<Table> {
    let (mut names, mut shapes, mut numbers) = (Vec::new(), Vec::new(), [const { Vec::new() }; 4]);
    for (name, layer) in layers {
        for (symbol, values) in layer.named().into_iter().chain([("ν", &layer.nu[..])]) {
            if values.is_empty() {
                continue;
            }
            names.push(format!("{name}{symbol}"));
            let rows = match symbol {
                "b" | "ν" => 1,
                "W_IE" => layer.inhibitory,
                _ => layer.excitatory,
            };
            shapes.push(format!("{rows} × {}", values.len() / rows));
            numbers.iter_mut().zip(range(values)).for_each(|(column, value)| column.push(value));
        }
    }
    let mut table = Table::empty(title).texts("weights", &names)?.texts("shape", &shapes)?;
    for (name, values) in ["smallest", "mean", "largest", "at zero"].into_iter().zip(&numbers) {
        table = table.numbers(name, values)?.significant(name);
    }
    Ok(table.percent("at zero"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::configuration;
    use crate::dataset::FashionMnist;
    use crate::learning::{Steering, Training};
    use crate::networks::Trainable;
    use crate::networks::paper::{ELn, INormCenter};

    #[test]
    fn a_network_is_a_circuit_and_a_table() {
        let mut weights = INormCenter::<20, 2>::new(0).unwrap().weights();
        weights.hidden[0].w_ee[..7840].fill(0.0);
        let view = View::of_network(&weights, &[]);
        assert!(view.formats()[0].1.contains("alt=\"The circuit\""));
        assert!(view.png.is_some_and(|png| png.starts_with(b"\x89PNG")));
        let line = |start: &str| view.text.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(line("hidden.0 W_EE").contains("20 × 784"), "{}", view.text);
        assert!(line("hidden.0 W_EE").ends_with("50.0"), "{}", view.text);
        assert!(line("hidden.1 W_IE").contains("2 × 20"), "{}", view.text);
        assert!(line("readout W_EI").contains("10 × 1"), "{}", view.text);
        let layer = View::of_layer(weights.architecture.hidden[0], &weights.hidden[0]);
        assert!(layer.png.is_some_and(|png| png.starts_with(b"\x89PNG")));
        assert!(layer.text.contains("784 → INorm 20/2 Center"), "{}", layer.text);
        assert!(layer.text.contains("U_IE") && !layer.text.contains("hidden"), "{}", layer.text);
        let weights = ELn::<20>::new(0).unwrap().weights();
        assert!(!View::of_network(&weights, &[]).text.contains("hidden.0 W_IE"));
    }

    #[test]
    fn in_a_line_it_is_what_it_is_and_not_its_weights() {
        let network = INormCenter::<20, 2>::new(0).unwrap();
        let said = format!("{network:?} {:?}", network.hidden.0);
        assert_eq!(
            said,
            "Network(inorm_center: 784 → INorm 20/2 Center → INorm 20/2 Center → 10) Layer(784 → INorm 20/2 Center)"
        );
    }

    #[test]
    fn weights_that_are_not_numbers_have_no_range() {
        assert!(range(&[1.0, f32::NAN]).iter().all(|x| x.is_nan()));
    }

    #[test]
    fn a_matrix_is_a_picture_and_its_range() {
        let view = View::of_matrix(&[0.0, 1.0, 0.5, 0.0, 0.25, 0.25], [2, 3]);
        assert!(view.png.is_some_and(|png| png.starts_with(b"\x89PNG")));
        let expected = "2 × 3, from 0.000 to 1.000, mean 0.333, 33.3 % at zero; \
                        0.000 is white, 1.000 black";
        assert_eq!(view.text, expected);
        let errors = View::of_matrix(&[0.0, -1.5e-4, 2.5e-4, 0.0], [2, 2]).text;
        assert!(errors.starts_with("2 × 2, from −0.000150 to 0.000250, mean 0.000025"), "{errors}");
        assert!(View::of_matrix(&[0.0, 2.5e-9], [1, 2]).text.contains("to 2.50e-9"));
        let images = View::of_matrix(&[-0.5; 3 * 784], [3, 784]);
        assert!(images.text.contains("as images; −0.500 is white, 0.500 black"), "{}", images.text);
    }

    #[test]
    fn a_batch_is_its_images() {
        let data = FashionMnist::subset().unwrap();
        let batch = ImageBatch::<f32>::new(&data.test, 0..40, 0.75, 0).unwrap();
        let png = figures::images(&batch.x.as_vec()).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        assert!(ImageBatch::<f32>::new(&data.test, 0..0, 0.75, 0).is_err());
        assert!(ImageBatch::<f32>::new(&data.test, 0..1_000_000, 0.75, 0).is_err());
    }

    #[test]
    fn a_steered_record_says_what_was_changed_when() {
        let data = FashionMnist::subset().unwrap().first(64, 100);
        let training = Training::paper(configuration(13).unwrap().rates).epochs(1);
        let mut record =
            Record::begin(&ELn::<20>::new(0).unwrap().to_train().run(&training), &data);
        let before = View::of_record(&record);
        let settings = Steering::new(&training).unwrap().settings();
        record.run.note(Change { step: 1, epoch: 0.5, settings });
        let view = View::of_record(&record);
        let said = format!("\nafter 0.50 epochs: {settings}");
        assert!(view.text.ends_with(&said), "{}", view.text);
        assert_ne!(view.png, before.png);
    }
}
