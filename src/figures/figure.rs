//! A figure as a value: a picture, what it shows in words, and a file when asked.

use super::circuits::Circuit;
use super::drawing::Drawing;
use super::{palette, render};
use crate::show::{self, Display, Formats, Show};
use crate::{Error, Result};
use inorm_core::files;
use std::path::Path;

/// A finished figure. As the last expression of a notebook cell it shows itself.
#[derive(Debug, Clone)]
pub struct Figure {
    /// From top to bottom.
    parts: Vec<Part>,
    png: Vec<u8>,
    alt: String,
    facts: Vec<String>,
}

#[derive(Debug, Clone)]
enum Part {
    Chart(Drawing),
    Circuit(Circuit),
}

/// Between two parts, in pixels at the size shown.
const GAP: usize = 16;

impl Part {
    fn size(&self) -> (f64, f64) {
        match self {
            Self::Chart(drawing) => (drawing.width.ceil(), drawing.height.ceil()),
            Self::Circuit(circuit) => circuit.size,
        }
    }
}

impl Figure {
    /// Renders `drawing`. `alt` says in a sentence what is plotted; `facts` are the key numbers,
    /// one a line, for readers and programs that cannot see the picture.
    pub(super) fn new(
        drawing: Drawing,
        alt: impl Into<String>,
        facts: Vec<String>,
    ) -> Result<Self> {
        let png = render::png(&drawing)?;
        Ok(Self { parts: vec![Part::Chart(drawing)], png, alt: alt.into(), facts })
    }

    /// Shows `circuit`; `alt` and `facts` as for a chart.
    pub(super) fn of_circuit(circuit: Circuit, alt: &str, facts: &[&str]) -> Self {
        Self {
            png: circuit.png.to_vec(),
            parts: vec![Part::Circuit(circuit)],
            alt: alt.to_owned(),
            facts: facts.iter().map(|fact| (*fact).to_owned()).collect(),
        }
    }

    /// This figure with another below it.
    pub(super) fn above(mut self, lower: Self) -> Result<Self> {
        self.png = palette::stack(&self.png, &lower.png, GAP * render::SHARPNESS)?;
        self.alt = format!("{} {}", self.alt, lower.alt);
        self.parts.extend(lower.parts);
        self.facts.extend(lower.facts);
        Ok(self)
    }

    /// The picture, at twice the size shown.
    pub fn png(&self) -> &[u8] {
        &self.png
    }

    /// The picture as vectors; of a circuit alone, the file as it was drawn.
    ///
    /// # Errors
    /// If the picture cannot be rendered.
    pub fn svg(&self) -> Result<String> {
        if let [Part::Circuit(circuit)] = &self.parts[..] {
            return Ok(circuit.svg.to_owned());
        }
        let (width, height) = self.size();
        let title = show::escape(&self.alt);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{title}</title>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        );
        let mut top = 0.0;
        for part in &self.parts {
            let content = match part {
                Part::Chart(drawing) => render::svg(drawing)?,
                Part::Circuit(circuit) => circuit.svg.to_owned(),
            };
            svg += &format!("<g transform=\"translate(0 {top})\">\n{content}</g>\n");
            top += part.size().1 + GAP as f64;
        }
        Ok(svg + "</svg>\n")
    }

    /// Width and height, in pixels at the size shown.
    pub fn size(&self) -> (f64, f64) {
        let sizes = || self.parts.iter().map(Part::size);
        let gaps = GAP * (self.parts.len() - 1);
        (sizes().map(|s| s.0).fold(0.0, f64::max), sizes().map(|s| s.1).sum::<f64>() + gaps as f64)
    }

    /// What is plotted, in a sentence.
    pub fn alt(&self) -> &str {
        &self.alt
    }

    /// Its key numbers.
    pub fn facts(&self) -> &[String] {
        &self.facts
    }

    /// What is plotted and its key numbers.
    pub fn text(&self) -> String {
        let facts = self.facts.iter().map(|fact| format!("\n  {fact}"));
        format!("{}{}", self.alt, facts.collect::<String>())
    }

    /// The charts in it.
    #[cfg(test)]
    pub(super) fn charts(&self) -> impl Iterator<Item = &Drawing> {
        self.parts.iter().filter_map(|part| match part {
            Part::Chart(drawing) => Some(drawing),
            Part::Circuit(_) => None,
        })
    }

    /// Writes it to a file whose name ends in `.png` or `.svg`.
    ///
    /// # Errors
    /// If the name ends otherwise, or the file cannot be written; then nothing is left behind.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = match path.extension().and_then(|ending| ending.to_str()) {
            Some("png") => self.png.clone(),
            Some("svg") => self.svg()?.into_bytes(),
            _ => {
                let expected = "a name that ends in .png or .svg";
                return Err(Error::invalid("figure file", path.display(), expected));
            }
        };
        Ok(files::write(path, bytes)?)
    }

    /// Shows the figure in a notebook; the Rust kernel calls it for a cell's last value.
    pub fn evcxr_display(&self) {
        show::print_value(self);
    }

    /// Shows the figure here, before the cell ends; see [`Show`].
    pub fn show(&self) -> Display {
        Show::show(self)
    }
}

impl Show for Figure {
    fn formats(&self) -> Formats {
        vec![("image/png", show::base64(&self.png)), ("text/plain", self.text())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::circuits::GRAD_NORM;
    use crate::figures::drawing::{Color, Stroke};

    fn figure() -> Figure {
        let mut drawing = Drawing::new(50.0, 20.0);
        drawing.line([(0.0, 0.0), (50.0, 20.0)], Stroke::new(Color::new(0, 0, 0), 1.0));
        Figure::new(drawing, "A line.", vec!["length 53.9".into()]).unwrap()
    }

    #[test]
    fn it_saves_what_its_name_asks_for() {
        let folder = tempfile::tempdir().unwrap();
        let (png, svg) = (folder.path().join("f.png"), folder.path().join("f.svg"));
        figure().save(&png).unwrap();
        figure().save(&svg).unwrap();
        assert_eq!(std::fs::read(png).unwrap(), figure().png());
        assert!(std::fs::read_to_string(svg).unwrap().starts_with("<svg"));
    }

    #[test]
    fn a_circuit_is_as_it_was_drawn_and_above_a_chart_shows_and_says_both() {
        let circuit = Figure::of_circuit(GRAD_NORM, "A circuit.", &["of three populations"]);
        assert_eq!((circuit.png(), circuit.svg().unwrap()), (GRAD_NORM.png, GRAD_NORM.svg.into()));
        let both = circuit.above(figure()).unwrap();
        assert_eq!(both.text(), "A circuit. A line.\n  of three populations\n  length 53.9");
        assert_eq!(both.size(), (440.0, 360.0 + 16.0 + 20.0));
        let (pixels, width) = palette::decode(both.png()).unwrap();
        assert_eq!((width, pixels.len()), (880, 880 * 2 * 396 * 3));
        let svg = both.svg().unwrap();
        assert!(svg.contains(GRAD_NORM.svg) && svg.contains("translate(0 376)"), "{svg}");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = figure().save(folder.path().join("f.jpg")).unwrap_err().to_string();
        assert!(wrong.contains("f.jpg") && wrong.contains(".png or .svg"), "{wrong}");
        let nowhere = figure().save(folder.path().join("no/f.png")).unwrap_err().to_string();
        assert!(nowhere.starts_with("cannot write") && nowhere.contains("no/f.png"), "{nowhere}");
        let taken = folder.path().join("taken.png");
        std::fs::create_dir(&taken).unwrap();
        assert!(figure().save(&taken).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
