//! From marks to a PNG or an SVG file, both through plotters.

use super::drawing::{Anchor, Color, Drawing, Label, Mark, Picture, Point, Stroke};
use super::{font, palette};
use crate::{Error, Result};
use base64::Engine;
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontTransform, RGBAColor, ShapeStyle, TextStyle};

/// PNG pixels for one pixel at the size shown, so that figures stay sharp on a dense screen.
pub const SHARPNESS: usize = 2;

/// Backend units for one pixel at the size shown. plotters works in whole pixels and does not
/// smooth edges, so we draw large and average for the PNG, and scale back in the SVG header.
const FINE: usize = 4;

/// Draws at `SHARPNESS` times the size shown.
///
/// # Errors
/// If plotters or the PNG encoder refuses.
pub fn png(drawing: &Drawing) -> Result<Vec<u8>> {
    let (width, height) = fine_size(drawing);
    let mut pixels = vec![255; width as usize * height as usize * 3];
    {
        let mut backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
        play(drawing, &mut backend, Target::Bitmap)?;
        backend.present().map_err(refused)?;
    }
    let (pixels, width) = average(&pixels, width as usize, FINE / SHARPNESS);
    palette::encode(&pixels, width)
}

/// Draws as vectors; text stays text.
///
/// # Errors
/// If plotters refuses.
pub fn svg(drawing: &Drawing, description: &str) -> Result<String> {
    let (width, height) = fine_size(drawing);
    let mut text = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut text, (width, height));
        play(drawing, &mut backend, Target::Vector)?;
        backend.present().map_err(refused)?;
    }
    let text = text
        .replacen(
            &format!("width=\"{width}\" height=\"{height}\""),
            &format!("width=\"{}\" height=\"{}\" role=\"img\"", drawing.width, drawing.height),
            1,
        )
        .replace("font-family=\"inorm-bold\"", &format!("{TYPEFACE} font-weight=\"bold\""))
        .replace("font-family=\"inorm\"", TYPEFACE);
    let head = text.find('>').map_or(0, |end| end + 1);
    let tail = text.rfind("</svg>").unwrap_or(text.len());
    let title = format!("\n<title>{}</title>", escape(description));
    Ok([&text[..head], &title, &text[head..tail], &pictures(drawing)?, &text[tail..]].concat())
}

const TYPEFACE: &str = "font-family=\"DejaVu Sans, Verdana, sans-serif\"";

/// Writes `&`, `<` and `>` so that they are text in SVG and HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[derive(Clone, Copy, PartialEq)]
enum Target {
    Bitmap,
    Vector,
}

fn fine_size(drawing: &Drawing) -> (u32, u32) {
    let fine = |length: f64| length.ceil() as u32 * FINE as u32;
    (fine(drawing.width), fine(drawing.height))
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Drawing(format!("plotters could not draw ({error})"))
}

fn play<B: DrawingBackend>(drawing: &Drawing, backend: &mut B, target: Target) -> Result<()> {
    font::register()?;
    let paper = plotters::style::WHITE.filled();
    let (width, height) = fine_size(drawing);
    let corner = (width as i32, height as i32);
    backend.draw_rect((0, 0), corner, &paper, true).map_err(refused)?;
    for mark in &drawing.marks {
        match mark {
            Mark::Line(points, stroke) => line(points, *stroke, backend)?,
            Mark::Area(points, color) => {
                let points = points.iter().copied().map(fine);
                backend.fill_polygon(points, &paint(*color).filled()).map_err(refused)?;
            }
            Mark::Disc(center, radius, color) => {
                let radius = (radius * FINE as f64).round() as u32;
                let style = paint(*color).filled();
                backend.draw_circle(fine(*center), radius, &style, true).map_err(refused)?;
            }
            Mark::Text(label) => text(label, backend, target)?,
            // The SVG backend writes pictures that browsers refuse: `pictures` adds them.
            Mark::Picture(picture) if target == Target::Bitmap => blit(picture, backend)?,
            Mark::Picture(_) => {}
        }
    }
    Ok(())
}

fn fine((x, y): Point) -> (i32, i32) {
    ((x * FINE as f64).round() as i32, (y * FINE as f64).round() as i32)
}

fn paint(color: Color) -> RGBAColor {
    let [r, g, b] = color.rgb;
    RGBAColor(r, g, b, color.opacity)
}

fn line<B: DrawingBackend>(points: &[Point], stroke: Stroke, backend: &mut B) -> Result<()> {
    let width = (stroke.width * FINE as f64).round().max(2.0) as u32;
    let style: ShapeStyle = paint(stroke.color).stroke_width(width);
    let pattern: Vec<f64> = stroke.dash.pattern().iter().map(|l| l * stroke.width).collect();
    for piece in strokes(points, &pattern) {
        let mut piece: Vec<_> = piece.into_iter().map(fine).collect();
        piece.dedup();
        if piece.len() > 1 {
            backend.draw_path(piece, &style).map_err(refused)?;
        }
    }
    Ok(())
}

/// Cuts a line into the strokes that `pattern` (stroke, gap, stroke, gap …) leaves of it.
fn strokes(points: &[Point], pattern: &[f64]) -> Vec<Vec<Point>> {
    if pattern.is_empty() || points.len() < 2 {
        return vec![points.to_vec()];
    }
    let mut pieces = vec![vec![points[0]]];
    let (mut phase, mut left) = (0, pattern[0]);
    for ends in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (ends[0], ends[1]);
        let length = (x1 - x0).hypot(y1 - y0);
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let at = (x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length);
            if phase % 2 == 0 {
                pieces.last_mut().expect("never empty").push(at);
            } else {
                pieces.push(vec![at]);
            }
            phase = (phase + 1) % pattern.len();
            left = pattern[phase];
        }
        left -= length - done;
        if phase % 2 == 0 {
            pieces.last_mut().expect("never empty").push((x1, y1));
        }
    }
    pieces
}

fn text<B: DrawingBackend>(label: &Label, backend: &mut B, target: Target) -> Result<()> {
    let along = |distance: f64, down: f64| {
        let (x, y) = label.at;
        if label.upwards { (x + down, y - distance) } else { (x + distance, y + down) }
    };
    let mut start = match label.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -label.width() / 2.0,
        Anchor::End => -label.width(),
    };
    let baseline = label.size * font::CAPITAL / 2.0;
    for run in font::runs(&label.text) {
        let size = label.size * run.scale;
        let level = baseline + run.drop * label.size;
        let style = font::plotters_style(label.weight, size * FINE as f64, label.color);
        let style = if label.upwards { style.transform(FontTransform::Rotate270) } else { style };
        let (glyphs, width) = font::layout(&run.text, label.weight, size * FINE as f64);
        let width = width / FINE as f64;
        let mut put = |text: &str, style: &TextStyle, distance: f64, ascent: f64| {
            let at = fine(along(distance, level - ascent));
            backend.draw_text(text, style, at).map_err(refused)
        };
        if target == Target::Bitmap {
            for glyph in glyphs.iter().filter(|glyph| glyph.letter != ' ') {
                let left = start + glyph.left / FINE as f64;
                let mut letter = [0; 4];
                put(
                    glyph.letter.encode_utf8(&mut letter),
                    &style,
                    left,
                    font::bitmap_ascent(size),
                )?;
            }
        } else {
            let (share, h_pos) = match label.anchor {
                Anchor::Start => (0.0, HPos::Left),
                Anchor::Middle => (0.5, HPos::Center),
                Anchor::End => (1.0, HPos::Right),
            };
            let style = style.pos(Pos::new(h_pos, VPos::Top));
            put(&run.text, &style, start + share * width, font::vector_ascent(size))?;
        }
        start += width;
    }
    Ok(())
}

fn blit<B: DrawingBackend>(picture: &Picture, backend: &mut B) -> Result<()> {
    let rows = picture.grey.len() / picture.columns.max(1);
    let (left, top) = fine((picture.frame.left, picture.frame.top));
    let (right, bottom) = fine((picture.frame.right, picture.frame.bottom));
    let (width, height) = ((right - left) as usize, (bottom - top) as usize);
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let at = (y * rows / height) * picture.columns + x * picture.columns / width;
            pixels.extend([picture.grey[at]; 3]);
        }
    }
    backend.blit_bitmap((left, top), (width as u32, height as u32), &pixels).map_err(refused)
}

fn pictures(drawing: &Drawing) -> Result<String> {
    let mut text = String::new();
    for mark in &drawing.marks {
        let Mark::Picture(picture) = mark else { continue };
        let pixels: Vec<_> = picture.grey.iter().flat_map(|&grey| [grey; 3]).collect();
        let png = palette::encode(&pixels, picture.columns)?;
        let data = base64::engine::general_purpose::STANDARD.encode(png);
        let at = [
            ("x", picture.frame.left),
            ("y", picture.frame.top),
            ("width", picture.frame.width()),
            ("height", picture.frame.height()),
        ];
        let at = at.map(|(name, value)| format!("{name}=\"{}\" ", value * FINE as f64)).concat();
        let style = "style=\"image-rendering:pixelated\"";
        text += &format!("<image {at}{style} href=\"data:image/png;base64,{data}\"/>\n");
    }
    Ok(text)
}

/// Averages squares of `side` × `side` RGB pixels; returns the pixels and their width.
fn average(pixels: &[u8], width: usize, side: usize) -> (Vec<u8>, usize) {
    let height = pixels.len() / 3 / width;
    let (small, rows) = (width / side, height / side);
    let area = (side * side) as u32;
    let mut averaged = Vec::with_capacity(small * rows * 3);
    for y in 0..rows {
        for x in 0..small {
            for channel in 0..3 {
                let sum: u32 = (0..side * side)
                    .map(|k| (y * side + k / side) * width + x * side + k % side)
                    .map(|at| u32::from(pixels[at * 3 + channel]))
                    .sum();
                averaged.push(((sum + area / 2) / area) as u8);
            }
        }
    }
    (averaged, small)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::drawing::{Dash, Frame};

    fn sample() -> Drawing {
        let mut drawing = Drawing::new(200.0, 100.0);
        let ink = Color::new(213, 94, 0);
        drawing.line([(10.0, 90.0), (190.0, 90.0)], Stroke::new(ink, 2.0).dash(Dash::Dashed));
        drawing.text(Label::new("ε ≤ 0.75 & <more>", (100.0, 20.0), 14.0).middle());
        let frame = Frame::new(20.0, 40.0, 60.0, 80.0);
        drawing.picture(Picture { frame, columns: 2, grey: vec![0, 255, 255, 0] });
        drawing
    }

    fn decode(png: &[u8]) -> (png::OutputInfo, Vec<u8>) {
        let mut decoder = png::Decoder::new(png);
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info, pixels)
    }

    #[test]
    fn a_png_has_twice_the_size_shown_and_holds_what_was_drawn() {
        let (info, pixels) = decode(&png(&sample()).unwrap());
        assert_eq!((info.width, info.height), (400, 200));
        let at = |x: usize, y: usize| &pixels[(y * 400 + x) * 3..][..3];
        assert_eq!(at(399, 199), [255; 3]);
        assert_eq!(at(22, 180), [213, 94, 0]);
        assert_eq!((at(60, 100), at(100, 100)), (&[0; 3][..], &[255; 3][..]));
        let dark = |rows: std::ops::Range<usize>| {
            rows.flat_map(|y| (0..400).map(move |x| (x, y)))
                .filter(|&(x, y)| at(x, y)[0] < 64)
                .count()
        };
        assert!(dark(24..56) > 300, "the text is there");
        assert_eq!(dark(0..24), 0, "and nothing above it");
    }

    #[test]
    fn an_svg_has_the_size_shown_and_text_that_is_text() {
        let svg = svg(&sample(), "a < b").unwrap();
        assert!(
            svg.starts_with(
                "<svg width=\"200\" height=\"100\" role=\"img\" viewBox=\"0 0 800 400\""
            )
        );
        assert!(svg.contains("<title>a &lt; b</title>"));
        assert!(svg.contains("ε ≤ 0.75 &amp; &lt;more&gt;"));
        assert!(svg.contains("DejaVu Sans, Verdana, sans-serif"));
        assert!(svg.contains("data:image/png;base64,iVBOR"));
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn a_dashed_line_is_cut_where_the_pattern_says() {
        let pieces = strokes(&[(0.0, 0.0), (4.0, 0.0), (10.0, 0.0)], &[5.0, 3.0]);
        assert_eq!(
            pieces,
            [vec![(0.0, 0.0), (4.0, 0.0), (5.0, 0.0)], vec![(8.0, 0.0), (10.0, 0.0)]]
        );
    }
}
