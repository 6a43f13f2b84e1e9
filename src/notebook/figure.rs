//! A figure as a value: a picture, what it shows in words, and a file when asked.

use super::{Display, Show};
use crate::figures::drawing::Drawing;
use crate::figures::render;
use crate::{Error, Result};
use base64::Engine;
use std::path::Path;

/// A finished figure. As the last expression of a notebook cell it shows itself.
#[derive(Debug, Clone)]
pub struct Figure {
    drawing: Drawing,
    png: Vec<u8>,
    alt: String,
    facts: Vec<String>,
}

impl Figure {
    /// Renders `drawing`. `alt` says in a sentence what is plotted; `facts` are the key numbers,
    /// one a line, for readers and programs that cannot see the picture.
    ///
    /// # Errors
    /// If the picture cannot be rendered.
    pub fn new(drawing: Drawing, alt: impl Into<String>, facts: Vec<String>) -> Result<Self> {
        let png = render::png(&drawing)?;
        Ok(Self { drawing, png, alt: alt.into(), facts })
    }

    /// The picture, at twice the size shown.
    pub fn png(&self) -> &[u8] {
        &self.png
    }

    /// The picture as vectors.
    ///
    /// # Errors
    /// If the picture cannot be rendered.
    pub fn svg(&self) -> Result<String> {
        render::svg(&self.drawing, &self.alt)
    }

    /// What is plotted, in a sentence.
    pub fn alt(&self) -> &str {
        &self.alt
    }

    /// What is plotted and its key numbers.
    pub fn text(&self) -> String {
        let facts = self.facts.iter().map(|fact| format!("\n  {fact}"));
        format!("{}{}", self.alt, facts.collect::<String>())
    }

    /// The marks that make it up.
    pub fn drawing(&self) -> &Drawing {
        &self.drawing
    }

    /// Writes it to a file whose name ends in `.png` or `.svg`.
    ///
    /// # Errors
    /// If the name ends otherwise, or the file cannot be written; then nothing is left behind.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let svg;
        let bytes = match path.extension().and_then(|ending| ending.to_str()) {
            Some("png") => self.png(),
            Some("svg") => {
                svg = self.svg()?;
                svg.as_bytes()
            }
            _ => {
                let expected = "a name that ends in .png or .svg";
                return Err(Error::invalid("figure file", path.display(), expected));
            }
        };
        let beside = path.with_extension(format!("{}.part", std::process::id()));
        std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path)).map_err(|e| {
            // Best effort: the error that matters is the one above.
            let _ = std::fs::remove_file(&beside);
            Error::io("write", path, e)
        })
    }

    /// Shows the figure in a notebook; the Rust kernel calls it for a cell's last value.
    pub fn evcxr_display(&self) {
        super::show_all(self);
    }

    /// Shows the figure here, before the cell ends; see [`Show`].
    pub fn show(&self) -> Display {
        Show::show(self)
    }
}

impl Show for Figure {
    fn formats(&self) -> Vec<(&'static str, String)> {
        let png = base64::engine::general_purpose::STANDARD.encode(&self.png);
        vec![("image/png", png), ("text/plain", self.text())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::drawing::{Color, Stroke};

    fn figure() -> Figure {
        let mut drawing = Drawing::new(50.0, 20.0);
        drawing.line([(0.0, 0.0), (50.0, 20.0)], Stroke::new(Color::new(0, 0, 0), 1.0));
        Figure::new(drawing, "A line.", vec!["length 53.9".into()]).unwrap()
    }

    #[test]
    fn the_text_says_what_is_plotted_and_the_numbers() {
        assert_eq!(figure().text(), "A line.\n  length 53.9");
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
