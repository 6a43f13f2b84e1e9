//! The one typeface of all figures, shipped with the crate: DejaVu Sans, regular and bold.

use crate::{Error, Result};
use ab_glyph::{Font, FontRef, ScaleFont};
use plotters::style::{FontDesc, FontFamily, FontStyle};
use std::sync::OnceLock;

/// The font files, in the order of [`Weight`].
pub static FILES: [&[u8]; 2] =
    [include_bytes!("font/DejaVuSans.ttf"), include_bytes!("font/DejaVuSans-Bold.ttf")];

/// Height of a capital letter, in ems.
pub const CAPITAL: f64 = 0.729;

/// Ascent plus descent in ems: what plotters takes for the size of a font.
const LINE: f64 = 1.164;

/// How heavy letters are. plotters ignores "bold" for a registered typeface, so the two
/// weights are two families to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Bold,
}

impl Weight {
    fn family(self) -> &'static str {
        match self {
            Self::Regular => "inorm",
            Self::Bold => "inorm-bold",
        }
    }

    fn font(self) -> &'static FontRef<'static> {
        static FONTS: OnceLock<[FontRef<'static>; 2]> = OnceLock::new();
        let parse = |bytes| FontRef::try_from_slice(bytes).expect("the shipped font is a font");
        &FONTS.get_or_init(|| FILES.map(parse))[self as usize]
    }
}

/// Makes the typeface known to plotters. Called at each drawing: plotters keeps its fonts in a
/// `static`, of which a notebook may hold more than one copy.
pub fn register() -> Result<()> {
    for (weight, bytes) in [Weight::Regular, Weight::Bold].into_iter().zip(FILES) {
        plotters::style::register_font(weight.family(), FontStyle::Normal, bytes)
            .map_err(|_| Error::Drawing("the shipped font could not be read".into()))?;
    }
    Ok(())
}

/// plotters' description of letters `size` pixels an em, drawn with the shipped font.
pub fn bitmap(weight: Weight, size: f64) -> FontDesc<'static> {
    FontDesc::new(FontFamily::Name(weight.family()), size * LINE, FontStyle::Normal)
}

/// The same for an SVG file, in which text names its typeface.
pub fn vector(weight: Weight, size: f64) -> FontDesc<'static> {
    let bold = if weight == Weight::Bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::Name("DejaVu Sans, Verdana, sans-serif"), size * LINE, bold)
}

/// From the top of plotters' text box to the baseline, for letters `size` pixels an em.
pub fn bitmap_ascent(size: f64) -> f64 {
    size * LINE / 2.0
}

/// The same in an SVG file, where plotters asks for 0.76 of an em that it takes for size / 1.24.
pub fn vector_ascent(size: f64) -> f64 {
    0.76 * size * LINE / 1.24
}

/// One letter with the distance from the start of its text to its left edge.
pub struct Glyph {
    pub letter: char,
    /// Where its outline begins, in the unit of `size`.
    pub left: f64,
}

/// Places the letters of `text`, kerned, at `size` pixels an em; also returns the total width.
pub fn layout(text: &str, weight: Weight, size: f64) -> (Vec<Glyph>, f64) {
    let font = weight.font().as_scaled((size * LINE) as f32);
    let mut pen = 0.0;
    let mut previous = None;
    let mut glyphs = Vec::with_capacity(text.len());
    for letter in text.chars() {
        let id = font.glyph_id(letter);
        if let Some(previous) = previous {
            pen += f64::from(font.kern(previous, id));
        }
        // plotters starts a letter at its outline, not at its origin: without this, "il" touch.
        let bearing = font.outline_glyph(font.scaled_glyph(letter));
        let bearing = bearing.map_or(0.0, |outline| f64::from(outline.px_bounds().min.x));
        glyphs.push(Glyph { letter, left: pen + bearing });
        pen += f64::from(font.h_advance(id));
        previous = Some(id);
    }
    (glyphs, pen)
}

/// A stretch of text that is all on one level.
pub struct Run {
    pub text: String,
    /// Relative to the size of the whole.
    pub scale: f64,
    /// How far below the baseline, in ems of the whole.
    pub drop: f64,
}

/// Splits `W_{EE} h^{T}` into levels: braces after `_` go down, after `^` up.
pub fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut rest = text;
    let mut push = |text: &str, scale, drop| {
        if !text.is_empty() {
            runs.push(Run { text: text.to_owned(), scale, drop });
        }
    };
    while let Some(start) = rest.find("_{").into_iter().chain(rest.find("^{")).min() {
        let Some(length) = rest[start..].find('}') else { break };
        push(&rest[..start], 1.0, 0.0);
        let drop = if rest[start..].starts_with('_') { 0.22 } else { -0.38 };
        push(&rest[start + 2..start + length], 0.72, drop);
        rest = &rest[start + length + 1..];
    }
    push(rest, 1.0, 0.0);
    runs
}

/// The width of `text`, which may hold `_{…}` and `^{…}`, at `size` pixels an em.
pub fn width(text: &str, weight: Weight, size: f64) -> f64 {
    runs(text).iter().map(|run| layout(&run.text, weight, size * run.scale).1).sum()
}

/// Whether the shipped font can draw `letter`.
#[cfg(test)]
pub fn has(letter: char) -> bool {
    Weight::Regular.font().glyph_id(letter).0 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_greek_and_mathematics_in_both_weights() {
        for letter in "aZ09εΔδλμνσΣ²⁺⁻×·−≤≥≈∂√⟨⟩→÷".chars() {
            assert!(has(letter), "{letter}");
            assert!(Weight::Bold.font().glyph_id(letter).0 != 0, "bold {letter}");
        }
        assert!(!has('漢'));
    }

    #[test]
    fn widths_are_those_of_the_font_file() {
        // fontTools: hmtx advance of 'e' 1260 and 'm' 1995 of 2048 units; ascent 1901, descent 483.
        let expected = (1260.0 + 1995.0) / 2048.0 * 100.0;
        assert!((width("em", Weight::Regular, 100.0) - expected).abs() < 0.3);
        assert!(width("W_{EE}", Weight::Regular, 10.0) < width("WEE", Weight::Regular, 10.0));
    }

    #[test]
    fn sub_and_superscripts_are_told_apart() {
        let parts: Vec<_> = runs("W_{IE} h^{T}+1").into_iter().map(|r| (r.text, r.drop)).collect();
        let expected = [("W", 0.0), ("IE", 0.22), (" h", 0.0), ("T", -0.38), ("+1", 0.0)];
        assert_eq!(parts, expected.map(|(text, drop)| (text.to_owned(), drop)));
    }
}
