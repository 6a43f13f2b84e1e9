//! Trains a network on images of one's own: bars in one of ten directions, with noise.
//!
//!     cargo run --release --example own_images

use inorm::dataset::{FashionMnist, Images, PIXELS, SIDE, Source};
use inorm::{Result, configuration::configuration, learning::Training};
use inorm::{networks::paper::EiLn, notebook::train};

/// `count` images of 28 × 28 grey values; the label is the direction, in steps of 18 degrees.
fn bars(count: usize) -> Result<Images> {
    let mut noise = 1u32;
    let mut pixels = Vec::with_capacity(count * PIXELS);
    let labels: Vec<u8> = (0..count).map(|image| (image % 10) as u8).collect();
    for &label in &labels {
        let (sin, cos) = (f64::from(label) * std::f64::consts::PI / 10.0).sin_cos();
        for at in 0..PIXELS {
            let (x, y) = ((at % SIDE) as f64 - 13.5, (at / SIDE) as f64 - 13.5);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let bar = if (x * sin - y * cos).abs() < 2.0 { 150 } else { 0 };
            pixels.push(bar + (noise >> 24) as u8 / 3);
        }
    }
    Ok(Images::from_pixels("bars", pixels, labels)?)
}

fn main() -> Result<()> {
    let data =
        FashionMnist { train: bars(2000)?, test: bars(500)?, source: Source::Own("bars".into()) };
    let mut network = EiLn::<60, 6>::new(0)?;
    let training = Training::paper(configuration(13)?.rates).epsilon(0.25).epochs(2);
    let record = train(&mut network, &training, &data)?;
    println!(
        "{}: test accuracy {:.1} %",
        record.data,
        100.0 * record.test_accuracy().unwrap_or(0.0)
    );
    assert!(record.test_accuracy() > Some(0.8), "chance is 0.1");
    Ok(())
}
