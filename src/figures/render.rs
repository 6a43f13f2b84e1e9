//! From marks to a PNG or an SVG file, both through plotters.

use super::drawing::{Color, Drawing, Frame, Mark, Picture, Point, Stroke, Text};
use super::{font, palette};
use crate::{Error, Result, show};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontTransform, RGBAColor, ShapeStyle, TextStyle};
use std::slice::from_ref;

/// PNG pixels for one pixel at the size shown, so that figures stay sharp on a dense screen.
pub const SHARPNESS: usize = 2;

/// Backend units for one pixel at the size shown. plotters works in whole pixels and does not
/// smooth edges, so we draw large and average for the PNG, and scale back in the SVG.
const FINE: usize = 4;

/// The most pixels of a sheet at the size shown: 48 bytes are in memory for each.
const LARGEST: f64 = 8e6;

/// Draws at `SHARPNESS` times the size shown.
pub fn png(drawing: &Drawing) -> Result<Vec<u8>> {
    let (width, height) = fine_size(drawing)?;
    let mut pixels = vec![255; width as usize * height as usize * 3];
    {
        let mut backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
        play(drawing, &mut backend, Target::Bitmap)?;
        backend.present().map_err(refused)?;
    }
    let (pixels, width) = average(&pixels, width as usize, FINE / SHARPNESS);
    palette::encode(&pixels, width)
}

/// Draws as vectors: SVG elements, in pixels at the size shown. Text stays text.
pub fn svg(drawing: &Drawing) -> Result<String> {
    let mut marks = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut marks, fine_size(drawing)?);
        play(drawing, &mut backend, Target::Vector)?;
        backend.present().map_err(refused)?;
    }
    let scale = 1.0 / FINE as f64;
    Ok(format!("<g transform=\"scale({scale})\">\n{marks}</g>\n{}", pictures(drawing)?))
}

#[derive(Clone, Copy, PartialEq)]
enum Target {
    Bitmap,
    Vector,
}

fn fine_size(drawing: &Drawing) -> Result<(u32, u32)> {
    if let Some(problem) = &drawing.problem {
        return Err(Error::Drawing(problem.clone()));
    }
    let [width, height] = [drawing.width, drawing.height].map(f64::ceil);
    if width >= 1.0 && height >= 1.0 && width * height <= LARGEST {
        return Ok((width as u32 * FINE as u32, height as u32 * FINE as u32));
    }
    Err(Error::Drawing(format!(
        "{width} × {height} pixels cannot be drawn; expected at least one each way and at most \
         {} million in all: show less in one figure",
        LARGEST / 1e6
    )))
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Drawing(format!("plotters could not draw ({error})"))
}

fn play<B: DrawingBackend>(drawing: &Drawing, backend: &mut B, target: Target) -> Result<()> {
    font::register()?;
    for mark in &drawing.marks {
        match mark {
            Mark::Line(points, stroke) => line(points, *stroke, backend)?,
            Mark::Area(points, color) => {
                let points = finite(points).map(fine);
                backend.fill_polygon(points, &paint(*color).filled()).map_err(refused)?;
            }
            Mark::Disc(center, radius, color) => {
                let Some(center) = finite(from_ref(center)).next() else { continue };
                let radius = (radius * FINE as f64).round() as u32;
                let style = paint(*color).filled();
                backend.draw_circle(fine(center), radius, &style, true).map_err(refused)?;
            }
            Mark::Text(label) => text(label, backend, target)?,
            // The SVG backend writes pictures that browsers refuse: `pictures` adds them.
            Mark::Picture(picture) if target == Target::Bitmap => blit(picture, backend)?,
            Mark::Picture(_) => {}
        }
    }
    Ok(())
}

/// What is not a number, or infinite, has no place.
fn finite(points: &[Point]) -> impl Iterator<Item = Point> {
    points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite())
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
    for piece in strokes(&finite(points).collect::<Vec<_>>(), &pattern) {
        let mut piece: Vec<_> = piece.into_iter().map(fine).collect();
        piece.dedup();
        for piece in without_sharp_bends(&piece) {
            backend.draw_path(piece.iter().copied(), &style).map_err(refused)?;
        }
    }
    Ok(())
}

/// The parts of a path between its sharp bends. The backend would make a spike of each, several
/// times as long as the line is wide.
fn without_sharp_bends(path: &[(i32, i32)]) -> Vec<&[(i32, i32)]> {
    let step = |from: (i32, i32), to: (i32, i32)| {
        (f64::from(to.0) - f64::from(from.0), f64::from(to.1) - f64::from(from.1))
    };
    let sharp = |bend: &[(i32, i32)]| {
        let (a, b) = (step(bend[0], bend[1]), step(bend[1], bend[2]));
        // The lines turn by more than 120°.
        a.0 * b.0 + a.1 * b.1 < -0.5 * a.0.hypot(a.1) * b.0.hypot(b.1)
    };
    let (mut parts, mut from) = (Vec::new(), 0);
    for (before, bend) in path.windows(3).enumerate() {
        if sharp(bend) {
            parts.push(&path[from..before + 2]);
            from = before + 1;
        }
    }
    parts.push(&path[from..]);
    parts.retain(|part| part.len() > 1);
    parts
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

fn text<B: DrawingBackend>(label: &Text, backend: &mut B, target: Target) -> Result<()> {
    let mut start = -label.anchor * label.width();
    let (baseline, color) = (label.size * font::CAPITAL / 2.0, paint(label.color));
    for run in font::runs(&label.text) {
        let size = label.size * run.scale * FINE as f64;
        let level = baseline + run.drop * label.size;
        let (glyphs, width) = font::layout(&run.text, label.weight, size);
        let mut put = |text: &str, style: TextStyle, distance: f64, ascent: f64| {
            let (x, y) = label.at;
            let down = level - ascent / FINE as f64;
            let (at, style) = match label.upwards {
                true => ((x + down, y - distance), style.transform(FontTransform::Rotate270)),
                false => ((x + distance, y + down), style),
            };
            backend.draw_text(text, &style, fine(at)).map_err(refused)
        };
        if target == Target::Bitmap {
            for glyph in glyphs.iter().filter(|glyph| glyph.letter != ' ') {
                let style = font::bitmap(label.weight, size).color(&color);
                let left = start + glyph.left / FINE as f64;
                let letter = &mut [0; 4];
                put(glyph.letter.encode_utf8(letter), style, left, font::bitmap_ascent(size))?;
            }
        } else {
            let anchor = [HPos::Left, HPos::Center, HPos::Right][(2.0 * label.anchor) as usize];
            let style = font::vector(label.weight, size).color(&color);
            let style = style.pos(Pos::new(anchor, VPos::Top));
            let middle = start + label.anchor * width / FINE as f64;
            put(&run.text, style, middle, font::vector_ascent(size))?;
        }
        start += width / FINE as f64;
    }
    Ok(())
}

fn blit<B: DrawingBackend>(picture: &Picture, backend: &mut B) -> Result<()> {
    let rows = picture.grey.len() / picture.columns.max(1);
    if rows == 0 {
        return Ok(());
    }
    let (left, top) = fine((picture.frame.left, picture.frame.top));
    let (right, bottom) = fine((picture.frame.right, picture.frame.bottom));
    let [width, height] = [right - left, bottom - top].map(|side| side.max(0) as usize);
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
        let Frame { left, top, .. } = picture.frame;
        let (width, height) = (picture.frame.width(), picture.frame.height());
        text += &format!(
            "<image x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" \
             style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>\n",
            show::base64(&png)
        );
    }
    Ok(text)
}

/// Averages squares of `side` × `side` RGB pixels; returns the pixels and their width.
fn average(pixels: &[u8], width: usize, side: usize) -> (Vec<u8>, usize) {
    let (columns, rows) = (width / side, pixels.len() / 3 / width / side);
    let area = (side * side) as u32;
    let mean = |x: usize, y: usize, channel: usize| {
        let square = (0..side * side).map(|k| (y * side + k / side) * width + x * side + k % side);
        let sum: u32 = square.map(|at| u32::from(pixels[at * 3 + channel])).sum();
        ((sum + area / 2) / area) as u8
    };
    let places = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
    let averaged = places.flat_map(|(x, y)| [0, 1, 2].map(|channel| mean(x, y, channel)));
    (averaged.collect(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::drawing::Dash;

    fn sample() -> Drawing {
        let mut drawing = Drawing::new(200.0, 100.0);
        let ink = Color::new(213, 94, 0);
        drawing.line([(10.0, 90.0), (190.0, 90.0)], Stroke::new(ink, 2.0).dash(Dash::Dashed));
        drawing.text(Text::new("ε ≤ 0.75 & <more>", (100.0, 20.0), 14.0).middle());
        let frame = Frame::new(20.0, 40.0, 60.0, 80.0);
        drawing.picture(Picture { frame, columns: 2, grey: vec![0, 255, 255, 0] });
        drawing
    }

    #[test]
    fn a_png_has_twice_the_size_shown_and_holds_what_was_drawn() {
        let (pixels, width) = palette::decode(&png(&sample()).unwrap()).unwrap();
        assert_eq!((width, pixels.len()), (400, 400 * 200 * 3));
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
        let svg = svg(&sample()).unwrap();
        let start = "<g transform=\"scale(0.25)\">\n<svg width=\"800\" height=\"400\"";
        assert!(svg.starts_with(start), "{svg}");
        assert!(svg.contains("ε ≤ 0.75 &amp; &lt;more&gt;"));
        assert!(svg.contains("font-family=\"DejaVu Sans, Verdana, sans-serif\""));
        assert!(svg.contains("<image x=\"20\" y=\"40\" width=\"40\" height=\"40\""));
        assert!(svg.contains("data:image/png;base64,iVBOR"));
    }

    #[test]
    fn a_sheet_that_is_empty_or_too_large_is_refused() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let ends = [0.0, -5.0, nan, inf].into_iter().flat_map(|end| [(end, 10.0), (10.0, end)]);
        for (width, height) in ends.chain([(0.0, 0.0), (700.0, 50_000.0), (1e9, 1e9), (1.0, 1e8)]) {
            let drawing = Drawing::new(width, height);
            for refused in [png(&drawing).map(drop), svg(&drawing).map(drop)] {
                let message = refused.unwrap_err().to_string();
                assert!(message.contains("pixels cannot be drawn"), "{message}");
            }
        }
        assert!(png(&Drawing::new(0.1, 0.1)).is_ok());
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        let mut drawing = Drawing::new(20.0, 20.0);
        let ink = Color::new(0, 0, 0);
        for nowhere in [(f64::NAN, 5.0), (5.0, f64::INFINITY), (f64::NEG_INFINITY, f64::NAN)] {
            let stroke = Stroke::new(ink, 2.0);
            drawing.line([nowhere, (10.0, 10.0), nowhere], stroke);
            drawing.line([nowhere, (10.0, 10.0)], stroke.dash(Dash::Dashed));
            drawing.area([nowhere, nowhere], ink);
            drawing.disc(nowhere, 3.0, ink);
        }
        assert_eq!(png(&drawing).unwrap(), png(&Drawing::new(20.0, 20.0)).unwrap());
    }

    #[test]
    fn a_line_that_turns_back_has_no_spike() {
        let parts = without_sharp_bends(&[(0, 0), (10, 0), (10, 10), (10, 0), (20, 0)]);
        assert_eq!(parts, [&[(0, 0), (10, 0), (10, 10)][..], &[(10, 10), (10, 0), (20, 0)]]);
        assert!(without_sharp_bends(&[(3, 3)]).is_empty());
        let mut drawing = Drawing::new(100.0, 100.0);
        let zigzag = [(40.0, 90.0), (42.0, 50.0), (44.0, 90.0)];
        drawing.line(zigzag, Stroke::new(Color::new(0, 0, 0), 4.0));
        let (pixels, width) = palette::decode(&png(&drawing).unwrap()).unwrap();
        let above = &pixels[..width * 3 * 2 * 46];
        assert!(above.iter().all(|channel| *channel == 255), "nothing is drawn above the bend");
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
