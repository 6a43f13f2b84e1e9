//! Figure 1: the excitatory-inhibitory network, and the task: images whose luminosity is shifted.

use super::axes::{self, Axis, Panel};
use super::drawing::{Drawing, Frame, Picture, Stroke};
use super::histogram::{self, Bins};
use super::{Figure, circuits, style};
use crate::dataset::{Augmentation, CLASSES, Images, PIXELS, SIDE, Task, shift};
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
    let originals: Vec<_> = examples.iter().map(|image| (None, image.to_vec())).collect();
    row(&mut drawing, HEADER, "as it is", &originals);
    let mut facts = Vec::new();
    for (k, &epsilon) in epsilons.iter().enumerate() {
        let mut luminosity =
            Augmentation::new(Task::Luminosity, epsilon, seed, Purpose::TestLuminosity, 1)?;
        let shifted = examples.iter().map(|image| {
            let delta = luminosity.draw();
            (Some(signed(delta)), grey(image, delta))
        });
        let shifted: Vec<_> = shifted.collect();
        let top = HEADER + row_height * (k + 1) as f64;
        row(&mut drawing, top, &style::epsilon_label(epsilon), &shifted);
        facts.push(fact(epsilon, &shifted));
    }
    let alt = "One FashionMNIST image of each class: as it is, and with its luminosity shifted by \
               one constant Δ, drawn between −ε and ε for each image.";
    Figure::new(drawing, alt, facts)
}

/// One image with each of these shifts of its luminosity. The Δ stands below each.
///
/// Paper: Fig. 1b. Differs: the shifts are those asked for; the paper shows three.
///
/// # Errors
/// If there are more than ten shifts, which is what fits.
pub fn one_image(image: &[u8], deltas: &[f32]) -> Result<Figure> {
    const ROOM: usize = 10;
    if deltas.len() > ROOM || image.len() != PIXELS {
        let found = format!("{} shifts of an image of {} pixels", deltas.len(), image.len());
        let expected = format!("at most {ROOM} shifts, and {PIXELS} pixels");
        return Err(Error::invalid("one image", found, expected));
    }
    let mut drawing = Drawing::new(style::WIDTH, CELL + CAPTION + 4.0);
    let shifted: Vec<_> = deltas.iter().map(|&d| (Some(signed(d)), grey(image, d))).collect();
    row(&mut drawing, 2.0, "Δ", &shifted);
    let ends = |grey: &[u8]| grey.iter().filter(|&&g| g == 0 || g == 255).count();
    let facts = shifted.iter().map(|(delta, grey)| {
        let share = ends(grey) as f64 / PIXELS as f64 * 100.0;
        format!("Δ = {}: {share:.0} % of the pixels at 0 or 1", delta.as_deref().unwrap_or(""))
    });
    let alt =
        "One FashionMNIST image under different light: a constant Δ is added to all its pixels.";
    Figure::new(drawing, alt, facts.collect())
}

/// How bright images are: histograms of the mean pixel of each image, as it is shown once at each
/// of `epsilons` under `seed`.
///
/// # Errors
/// If an ε is outside [0, 1].
pub fn brightness(images: &Images, epsilons: &[f64], seed: u64) -> Result<Figure> {
    const HEIGHT: f64 = 112.0;
    let bins = Bins::new(0.0, 1.0, 50);
    let means = |&epsilon: &f64| mean_pixels(images, epsilon, seed);
    let means = epsilons.iter().map(means).collect::<Result<Vec<_>>>()?;
    let counts: Vec<_> = means.iter().map(|means| bins.counts(means)).collect();
    let most = counts.iter().flatten().copied().max().unwrap_or(1) as f64;
    let height = HEIGHT * epsilons.len() as f64;
    let mut drawing = Drawing::new(style::WIDTH, height + 30.0);
    for (k, (&epsilon, counts)) in epsilons.iter().zip(&counts).enumerate() {
        let top = HEIGHT * k as f64;
        let (title, bottom) = match k + 1 == epsilons.len() {
            true => ("mean pixel of an image (0 black, 1 white)", height + 26.0),
            false => ("", top + HEIGHT),
        };
        let x = Axis::number(title, 0.0, 1.0).without_grid();
        let y = Axis::number("images", 0.0, most * 1.1).at_most(3);
        let panel = Panel::fit(Frame::new(4.0, top, 692.0, bottom), x, y)
            .draw(&mut drawing)
            .heading(&mut drawing, "", &style::epsilon_label(epsilon));
        histogram::draw(&mut drawing, &panel, bins, counts, style::epsilon(epsilon).color);
    }
    let alt = format!("Histograms of the mean pixel of {} images, one for each ε.", images.len());
    let facts = epsilons.iter().zip(&means).map(|(&epsilon, means)| spread(epsilon, means));
    Figure::new(drawing, alt, facts.collect())
}

/// The mean pixel of each image, as it is shown at `epsilon`.
fn mean_pixels(images: &Images, epsilon: f64, seed: u64) -> Result<Vec<f64>> {
    let mut luminosity =
        Augmentation::new(Task::Luminosity, epsilon, seed, Purpose::TestLuminosity, 1)?;
    let mut shown = vec![0.0; PIXELS];
    let mean = |k| {
        luminosity.fill(images, k..k + 1, &mut shown);
        shown.iter().map(|pixel| f64::from(*pixel)).sum::<f64>() / PIXELS as f64
    };
    Ok((0..images.len()).map(mean).collect())
}

fn spread(epsilon: f64, means: &[f64]) -> String {
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let deviation = (means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / n).sqrt();
    format!("ε = {epsilon}: mean {mean:.2}, standard deviation between images {deviation:.2}")
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

/// Draws images side by side, each with its Δ below it if it has one.
fn row(drawing: &mut Drawing, top: f64, name: &str, images: &[(Option<String>, Vec<u8>)]) {
    drawing.text(axes::title(name, (NAME - 8.0, top + SHOWN / 2.0)).end());
    for (column, (delta, grey)) in images.iter().enumerate() {
        let left = NAME + CELL * column as f64 + (CELL - SHOWN) / 2.0;
        let frame = Frame::new(left, top, left + SHOWN, top + SHOWN);
        drawing.picture(Picture { frame, columns: SIDE, grey: grey.clone() });
        drawing.rectangle(frame, None, Some(Stroke::new(style::GRID, 1.0)));
        if let Some(delta) = delta {
            let at = (left + SHOWN / 2.0, top + SHOWN + 11.0);
            drawing.text(axes::number(delta, at).middle().color(style::QUIET));
        }
    }
}

fn grey(image: &[u8], delta: f32) -> Vec<u8> {
    let mut shifted = [0.0; PIXELS];
    shift(image, delta, &mut shifted);
    shifted.iter().map(|pixel| (pixel * 255.0).round() as u8).collect()
}

fn signed(delta: f32) -> String {
    let sign = if delta < 0.0 { "−" } else { "+" };
    format!("{sign}{:.2}", delta.abs())
}

fn fact(epsilon: f64, shifted: &[(Option<String>, Vec<u8>)]) -> String {
    let deltas: Vec<_> = shifted.iter().filter_map(|(delta, _)| delta.as_deref()).collect();
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
    fn one_image_from_dark_to_light() {
        let data = FashionMnist::subset().unwrap();
        let figure = one_image(data.test.image(0), &[-0.75, -0.25, 0.0, 0.25, 0.75]).unwrap();
        check("fig1_one_image", &figure);
        assert_eq!(figure.facts().len(), 5);
        assert!(
            one_image(&[0; 3], &[0.0]).is_err() && one_image(&[0; PIXELS], &[0.0; 11]).is_err()
        );
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
