//! PNG files with a palette: a third of the size of one with three bytes a pixel.

use crate::{Error, Result};
use std::collections::HashMap;

type Rgb = [u8; 3];

/// Encodes RGB `pixels`, `width` a row, with at most 256 colors.
///
/// The colors used most stay exactly as they are; the others (edges, smoothed) become the
/// nearest of these.
pub fn encode(pixels: &[u8], width: usize) -> Result<Vec<u8>> {
    let (colors, indices) = index(pixels);
    let mut bytes = Vec::new();
    let height = indices.len() / width.max(1);
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(colors.concat());
    encoder.set_compression(png::Compression::Best);
    encoder.set_filter(png::FilterType::NoFilter);
    let refused = |e| Error::Drawing(format!("the PNG could not be encoded ({e})"));
    encoder.write_header().and_then(|mut w| w.write_image_data(&indices)).map_err(refused)?;
    Ok(bytes)
}

/// The RGB pixels of a PNG that [`encode`] wrote, and their width.
pub fn decode(png: &[u8]) -> Result<(Vec<u8>, usize)> {
    let refused = |e| Error::Drawing(format!("the PNG could not be decoded ({e})"));
    let mut decoder = png::Decoder::new(png);
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(refused)?;
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).map_err(refused)?;
    Ok((pixels, info.width as usize))
}

/// One PNG above another, left-aligned, with `gap` white rows between them.
pub fn stack(upper: &[u8], lower: &[u8], gap: usize) -> Result<Vec<u8>> {
    let ((upper, first), (lower, second)) = (decode(upper)?, decode(lower)?);
    let width = first.max(second);
    let mut pixels = Vec::new();
    let mut add = |picture: &[u8], own: usize| {
        for row in picture.chunks_exact(own * 3) {
            pixels.extend_from_slice(row);
            pixels.resize(pixels.len() + (width - own) * 3, 255);
        }
    };
    add(&upper, first);
    add(&vec![255; gap * width * 3], width);
    add(&lower, second);
    encode(&pixels, width)
}

/// Chooses at most 256 colors and names one for each pixel.
fn index(pixels: &[u8]) -> (Vec<Rgb>, Vec<u8>) {
    let mut counts: HashMap<Rgb, usize> = HashMap::new();
    let colors = || pixels.chunks_exact(3).map(|c| [c[0], c[1], c[2]]);
    for color in colors() {
        *counts.entry(color).or_default() += 1;
    }
    let palette = choose(&counts);
    let nearest = |color: Rgb| {
        let distance = |other: &Rgb| -> i32 {
            (0..3).map(|k| (i32::from(color[k]) - i32::from(other[k])).pow(2)).sum()
        };
        (0..palette.len()).min_by_key(|&k| distance(&palette[k])).unwrap_or(0) as u8
    };
    let places: HashMap<Rgb, u8> = counts.keys().map(|&color| (color, nearest(color))).collect();
    let indices = colors().map(|color| places[&color]).collect();
    (palette, indices)
}

/// The most frequent colors, but of near neighbors only one until the palette has room.
fn choose(counts: &HashMap<Rgb, usize>) -> Vec<Rgb> {
    let mut by_count: Vec<Rgb> = counts.keys().copied().collect();
    by_count.sort_unstable_by_key(|color| (std::cmp::Reverse(counts[color]), *color));
    let mut palette = Vec::new();
    for apart in [20, 12, 6, 0] {
        for &color in &by_count {
            let far = |other: &Rgb| (0..3).any(|k| color[k].abs_diff(other[k]) > apart);
            if palette.len() < 256 && palette.iter().all(far) {
                palette.push(color);
            }
        }
    }
    palette
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colors_are_kept_exactly() {
        let pixels = [[255, 255, 255], [213, 94, 0], [255, 255, 255], [0, 114, 178]].concat();
        let (palette, indices) = index(&pixels);
        let back: Vec<u8> = indices.iter().flat_map(|&i| palette[usize::from(i)]).collect();
        assert_eq!(back, pixels);
    }

    #[test]
    fn many_colors_become_near_ones_and_the_frequent_stay() {
        let mut pixels: Vec<u8> = (0..4000u32)
            .flat_map(|k| [(k % 251) as u8, (k % 239) as u8, (k % 199) as u8])
            .collect();
        pixels.extend([0, 158, 115].repeat(50));
        let (palette, indices) = index(&pixels);
        assert!(palette.len() <= 256);
        for (pixel, &place) in pixels.chunks(3).zip(&indices) {
            let chosen = palette[usize::from(place)];
            assert!((0..3).all(|k| pixel[k].abs_diff(chosen[k]) <= 20 + 1), "{pixel:?} {chosen:?}");
        }
        assert_eq!(palette[usize::from(*indices.last().unwrap())], [0, 158, 115]);
    }
}
