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
