//! Images side by side.

use super::drawing::{Drawing, Frame, Picture};
use super::{render, style};
use crate::Result;
use crate::dataset::{PIXELS, SIDE};

/// Images in a row.
const ROW: usize = 16;

/// Images side by side, as a PNG file; `pixels` from 0 (black) to 1, image by image.
pub fn images(pixels: &[f32]) -> Result<Vec<u8>> {
    let side = style::WIDTH / ROW as f64;
    let rows = (pixels.len() / PIXELS).div_ceil(ROW);
    let mut drawing = Drawing::new(style::WIDTH, side * rows as f64);
    for (index, image) in pixels.chunks_exact(PIXELS).enumerate() {
        let (left, top) = (side * (index % ROW) as f64, side * (index / ROW) as f64);
        let frame = Frame::new(left + 1.0, top + 1.0, left + side - 1.0, top + side - 1.0);
        let grey = image.iter().map(|&pixel| (pixel.clamp(0.0, 1.0) * 255.0).round() as u8);
        drawing.picture(Picture { frame, columns: SIDE, grey: grey.collect() });
    }
    render::png(&drawing)
}

/// The largest side of an entry of a matrix, and the least height of the whole.
const ENTRY: f64 = 16.0;

/// Which grey a value of a matrix is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Greys {
    /// The value that is white.
    pub white: f32,
    /// From which value on it is black.
    pub black: f32,
}

impl Greys {
    /// Zero is white if no value is negative, and the middle between both otherwise. One value in
    /// a hundred is beyond black or white: a few large ones would leave all others pale. What is not
    /// finite counts as zero.
    fn of(values: &[f32]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let mut sizes: Vec<f32> = finite().map(f32::abs).filter(|&size| size > 0.0).collect();
        sizes.sort_by(f32::total_cmp);
        let black = sizes.get(sizes.len() * 99 / 100).copied().unwrap_or(1.0);
        Self { white: if finite().any(|value| value < 0.0) { -black } else { 0.0 }, black }
    }

    /// From 0, black, to 1, white.
    fn lightness(self, value: f32) -> f32 {
        let value = if value.is_finite() { value } else { 0.0 };
        (1.0 - (value - self.white) / (self.black - self.white)).clamp(0.0, 1.0)
    }

    fn grey(self, value: f32) -> u8 {
        (255.0 * self.lightness(value)).round() as u8
    }
}

/// A matrix of so many columns, row by row, as a PNG file: a row that has one value for each pixel
/// of an image is one, and only the first such are shown; any other matrix is a field of entries.
pub fn matrix(values: &[f32], columns: usize) -> Result<(Vec<u8>, Greys)> {
    let rows = values.len() / columns.max(1);
    let greys = Greys::of(values);
    if columns == PIXELS {
        let shown = &values[..PIXELS * rows.min(2 * ROW)];
        let pixels: Vec<f32> = shown.iter().map(|&value| greys.lightness(value)).collect();
        return Ok((images(&pixels)?, greys));
    }
    let side = (style::WIDTH / columns as f64).min(ENTRY);
    let (width, height) = (side * columns as f64, (side * rows as f64).max(ENTRY));
    let mut drawing = Drawing::new(width.max(ENTRY), height);
    let grey = values.iter().map(|&value| greys.grey(value)).collect();
    drawing.picture(Picture { frame: Frame::new(0.0, 0.0, width, height), columns, grey });
    Ok((render::png(&drawing)?, greys))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_white_where_nothing_is_negative_and_in_the_middle_otherwise() {
        let (png, greys) = matrix(&[0.0, 1.0, 0.5, f32::NAN, 0.0, 2.0], 3).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        assert_eq!([0.0, 2.0, 1.0, f32::NAN].map(|w| greys.grey(w)), [255, 0, 128, 255]);
        let greys = Greys::of(&[-4.0, 2.0]);
        assert_eq!([-4.0, 0.0, 4.0].map(|w| greys.grey(w)), [255, 128, 0]);
        assert_eq!(Greys::of(&[0.0]), Greys { white: 0.0, black: 1.0 });
        // A single large value does not make the others pale.
        let mut values = vec![1.0; 200];
        values[7] = 1000.0;
        assert_eq!(Greys::of(&values).black, 1.0);
        matrix(&[0.5; 40 * PIXELS], PIXELS).unwrap();
        matrix(&[0.5; 3000], 1500).unwrap();
        matrix(&[], 7).unwrap();
    }
}
