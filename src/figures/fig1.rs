//! Figure 1: the excitatory-inhibitory network, and the task: images whose luminosity is shifted.

use super::drawing::{Drawing, Frame, Picture, Stroke};
use super::histogram::{self, Bins};
use super::{Figure, axes, circuits, style};
use crate::dataset::{CLASSES, Images, Luminosity, PIXELS, SIDE, shift};
use crate::randomness::Purpose;
use crate::{Error, Result};

const NAME: f64 = 66.0;
const CELL: f64 = 63.0;
const SHOWN: f64 = 58.0;
const HEADER: f64 = 40.0;
const CAPTION: f64 = 20.0;

/// The feedforward network: every layer excited and inhibited by the layer below.
///
/// Paper: Fig. 1a. Differs: drawn by us.
pub fn network() -> Figure {
    let alt = "The network: an image of 784 pixels, two hidden layers of N excitatory units, and a \
               read-out of 10. Each layer is excited by the layer below, and inhibited by a small \
               population that the layer below excites too.";
    let facts = [
        "excitatory weights W_EE, W_IE and inhibitory weights W_EI are all ≥ 0",
        "N_I = max(1, N / 10) inhibitory units in a hidden layer, 1 in the read-out",
    ];
    Figure::of_circuit(circuits::NETWORK, alt, &facts)
}

/// An image of each class as it is, and once for each of `epsilons` with its luminosity shifted
/// by a Δ drawn from U(−ε, ε) under `seed`. The Δ stands below each image.
///
/// Paper: Fig. 1b. Differs: one image a class instead of one image, and every ε of the sweep.
///
/// # Errors
/// If an ε is outside [0, 1], or a class has no image.
pub fn luminosity_shift(images: &Images, epsilons: &[f64], seed: u64) -> Result<Figure> {
    let examples = one_of_each_class(images)?;
    let row_height = CELL + CAPTION;
    let height = HEADER + row_height * (epsilons.len() + 1) as f64;
    let mut drawing = Drawing::new(style::WIDTH, height);
    for (class, name) in CLASSES.iter().enumerate() {
        header(&mut drawing, class, name);
    }
    let mut facts = Vec::new();
    let originals: Vec<_> = examples.iter().map(|&image| (0.0, image.to_vec())).collect();
    row(&mut drawing, HEADER, "as it is", &originals, false);
    for (k, &epsilon) in epsilons.iter().enumerate() {
        let mut luminosity = Luminosity::new(epsilon, seed, Purpose::TestLuminosity, 1)?;
        let shifted: Vec<_> = examples
            .iter()
            .map(|image| {
                let delta = luminosity.draw();
                (f64::from(delta), grey(image, delta))
            })
            .collect();
        let top = HEADER + row_height * (k + 1) as f64;
        row(&mut drawing, top, &style::epsilon_label(epsilon), &shifted, true);
        facts.push(fact(epsilon, &shifted));
    }
    let alt = "One FashionMNIST image of each class: as it is, and with its luminosity shifted by \
               one constant Δ, drawn between −ε and ε for each image.";
    Figure::new(drawing, alt, facts)
}

/// How bright images are: histograms of the mean pixel of each image, as it is shown once at each
/// of `epsilons` under `seed`.
///
/// # Errors
/// If an ε is outside [0, 1].
pub fn brightness(images: &Images, epsilons: &[f64], seed: u64) -> Result<Figure> {
    let bins = Bins::new(0.0, 1.0, 50);
    let mut rows = Vec::new();
    for &epsilon in epsilons {
        let mut luminosity = Luminosity::new(epsilon, seed, Purpose::TestLuminosity, 1)?;
        let mut shown = vec![0.0; PIXELS];
        let mean = |k| {
            luminosity.fill(images, k..k + 1, &mut shown);
            shown.iter().map(|pixel| f64::from(*pixel)).sum::<f64>() / PIXELS as f64
        };
        rows.push((epsilon, (0..images.len()).map(mean).collect::<Vec<f64>>()));
    }
    let height = 112.0 * rows.len() as f64;
    let mut drawing = Drawing::new(style::WIDTH, height + 30.0);
    let counts: Vec<_> = rows.iter().map(|(_, means)| bins.counts(means)).collect();
    let most = counts.iter().flatten().copied().max().unwrap_or(1) as f64;
    let mut facts = Vec::new();
    for (k, ((epsilon, means), counts)) in rows.iter().zip(&counts).enumerate() {
        let last = k + 1 == rows.len();
        let top = 112.0 * k as f64;
        let bottom = if last { height + 26.0 } else { top + 112.0 };
        let outer = Frame::new(4.0, top, 692.0, bottom);
        let title = if last { "mean pixel of an image (0 black, 1 white)" } else { "" };
        let x = axes::Axis::number(title, 0.0, 1.0).without_grid();
        let y = axes::Axis::number("images", 0.0, most * 1.1).at_most(3);
        let panel = axes::Panel::fit(outer, x, y);
        panel.draw(&mut drawing);
        panel.heading(&mut drawing, 4.0, "", &style::epsilon_label(*epsilon));
        histogram::draw(&mut drawing, &panel, bins, counts, style::epsilon(*epsilon).color);
        facts.push(spread(*epsilon, means));
    }
    let alt = format!("Histograms of the mean pixel of {} images, one for each ε.", images.len());
    Figure::new(drawing, alt, facts)
}

fn spread(epsilon: f64, means: &[f64]) -> String {
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / n;
    format!(
        "ε = {epsilon}: mean {mean:.2}, standard deviation between images {:.2}",
        variance.sqrt()
    )
}

fn one_of_each_class(images: &Images) -> Result<Vec<&[u8]>> {
    (0..CLASSES.len())
        .map(|class| {
            let place = images.labels().iter().position(|&label| usize::from(label) == class);
            place.map(|place| images.image(place)).ok_or_else(|| {
                let expected = "images of all ten classes";
                Error::unfit("images", format!("none of class {}", CLASSES[class]), expected)
            })
        })
        .collect()
}

fn header(drawing: &mut Drawing, class: usize, name: &str) {
    let x = NAME + CELL * (class as f64 + 0.5);
    // "T-shirt/top" and "Ankle boot" are wider than an image.
    let (first, second) = match name.split_once(['/', ' ']) {
        Some((first, second)) => (first, second),
        None => ("", name),
    };
    drawing.text(axes::number(first, (x, 12.0)).middle());
    drawing.text(axes::number(second, (x, 28.0)).middle());
}

fn row(drawing: &mut Drawing, top: f64, name: &str, images: &[(f64, Vec<u8>)], deltas: bool) {
    drawing.text(axes::title(name, (NAME - 8.0, top + SHOWN / 2.0)).end());
    for (column, (delta, grey)) in images.iter().enumerate() {
        let left = NAME + CELL * column as f64 + (CELL - SHOWN) / 2.0;
        let frame = Frame::new(left, top, left + SHOWN, top + SHOWN);
        drawing.picture(Picture { frame, columns: SIDE, grey: grey.clone() });
        drawing.rectangle(frame, None, Some(Stroke::new(style::GRID, 1.0)));
        if deltas {
            let at = (left + SHOWN / 2.0, top + SHOWN + 11.0);
            drawing.text(axes::number(&signed(*delta), at).middle().color(style::QUIET));
        }
    }
}

fn grey(image: &[u8], delta: f32) -> Vec<u8> {
    let mut shifted = [0.0; PIXELS];
    shift(image, delta, &mut shifted);
    shifted.iter().map(|pixel| (pixel * 255.0).round() as u8).collect()
}

fn signed(delta: f64) -> String {
    let sign = if delta < 0.0 { "−" } else { "+" };
    format!("{sign}{:.2}", delta.abs())
}

fn fact(epsilon: f64, shifted: &[(f64, Vec<u8>)]) -> String {
    let deltas: Vec<_> = shifted.iter().map(|(delta, _)| signed(*delta)).collect();
    let pixels = shifted.iter().flat_map(|(_, grey)| grey);
    let ends = pixels.clone().filter(|&&g| g == 0 || g == 255).count();
    let share = ends as f64 / pixels.count() as f64 * 100.0;
    format!("ε = {epsilon}: Δ = {}; {share:.0} % of the pixels at 0 or 1", deltas.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::checks::check;
    use super::*;
    use crate::dataset::FashionMnist;

    #[test]
    fn one_image_of_each_class_with_every_shift() {
        let data = FashionMnist::subset().unwrap();
        let figure = luminosity_shift(&data.test, &[0.25, 0.5, 0.75], 0).unwrap();
        check("fig1_luminosity", &figure);
        assert_eq!(figure.text().lines().count(), 1 + 3);
        assert!(figure.text().contains("ε = 0.75: Δ = "), "{}", figure.text());
    }

    #[test]
    fn the_network_is_drawn() {
        check("fig1_network", &network());
    }

    #[test]
    fn brightness_spreads_with_epsilon() {
        let data = FashionMnist::subset().unwrap();
        let figure = brightness(&data.test, &[0.0, 0.25, 0.5, 0.75], 0).unwrap();
        check("fig1_brightness", &figure);
        // numpy, from the same file: 0.2850, 0.1253.
        assert!(figure.text().contains("ε = 0: mean 0.28, standard deviation between images 0.13"));
    }

    #[test]
    fn the_spread_is_the_standard_deviation() {
        assert!(
            spread(0.5, &[0.2, 0.4]).ends_with("mean 0.30, standard deviation between images 0.10")
        );
    }

    #[test]
    fn without_a_shift_the_pixels_are_those_of_the_image() {
        let image: Vec<u8> = (0..PIXELS).map(|k| (k % 256) as u8).collect();
        assert_eq!(grey(&image, 0.0), image);
        assert!(grey(&image, 1.0).iter().all(|&pixel| pixel == 255));
    }

    #[test]
    fn a_missing_class_is_named() {
        let data = FashionMnist::subset().unwrap();
        let message = luminosity_shift(&data.test.first(1), &[0.5], 0).unwrap_err().to_string();
        assert!(message.starts_with("images: none of class "), "{message}");
    }
}
