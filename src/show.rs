//! Values that a notebook shows: each in several formats, of which the notebook picks the best.
//!
//! The last value of a cell shows itself with a method `evcxr_display`, which prints between two
//! marker lines that every evcxr kernel understands. [`Show::show`] shows a value before the cell
//! ends; what it shows can be replaced under this project's kernel, and is printed elsewhere.

use base64::{Engine, engine::general_purpose::STANDARD};
use inorm_core::protocol::{self, Message};
use serde_json::{Map, Value};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// A value in several formats: MIME type and content.
pub type Formats = Vec<(&'static str, String)>;

/// Something that a notebook can show, in one or more formats.
pub trait Show {
    /// The same content in several formats, among them `text/plain`.
    fn formats(&self) -> Formats;

    /// Shows it here and now, so that a cell can show several values. What comes back can be
    /// [replaced](Display::replace).
    ///
    /// With another Rust kernel than this project's, which shows one value a cell, the last one
    /// is seen; in a terminal the plain text is.
    fn show(&self) -> Display {
        let display = Display::next();
        display.send(self.formats(), |data, id| Message::Display { data, id });
        display
    }
}

impl Show for str {
    fn formats(&self) -> Formats {
        vec![("text/plain", self.to_owned())]
    }
}

impl Show for String {
    fn formats(&self) -> Formats {
        self.as_str().formats()
    }
}

impl<T: Show + ?Sized> Show for &T {
    fn formats(&self) -> Formats {
        T::formats(self)
    }
}

impl Show for Formats {
    fn formats(&self) -> Formats {
        self.clone()
    }
}

/// A place in the output of a cell.
#[derive(Debug)]
pub struct Display {
    id: String,
}

impl Display {
    fn next() -> Self {
        Self { id: next_id() }
    }

    /// Shows this instead of what is there.
    pub fn replace(&self, value: &(impl Show + ?Sized)) {
        self.send(value.formats(), |data, id| Message::Update { data, id });
    }

    fn send(&self, formats: Formats, message: fn(Map<String, Value>, String) -> Message) {
        if supports_updates() {
            protocol::send(&message(bundle(formats), self.id.clone()));
        } else if is_notebook() {
            print(&blocks(&formats));
        } else if let Some((_, text)) = formats.iter().find(|(name, _)| *name == "text/plain") {
            print(text);
        }
    }
}

/// The name of the next thing that is shown.
pub fn next_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // After a crash a new process counts from 1 again.
    format!("{}-{number}", std::process::id())
}

/// A value as the kernel is told of it.
pub fn bundle(formats: Formats) -> Map<String, Value> {
    formats.into_iter().map(|(format, text)| (format.to_owned(), text.into())).collect()
}

/// Whether this program runs the cells of this project's kernel, which can replace what it shows.
pub fn supports_updates() -> bool {
    protocol::mark().is_some()
}

/// Whether this program runs the cells of any Rust kernel.
fn is_notebook() -> bool {
    supports_updates() || std::env::var_os("EVCXR_IS_RUNTIME").is_some()
}

/// Prints a value as the last one of a cell: what `evcxr_display` methods do.
pub fn print_value(value: &impl Show) {
    print(&blocks(&value.formats()));
}

/// One or more whole lines, in one write so that nothing comes between.
pub fn print(line: &str) {
    // A notebook that was closed must not stop what the cell does.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn blocks(formats: &[(&str, String)]) -> String {
    let block = |(format, content): &(&str, String)| {
        format!("EVCXR_BEGIN_CONTENT {format}\n{content}\nEVCXR_END_CONTENT")
    };
    formats.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// Bytes as text, for HTML, SVG and notebooks.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Writes `&`, `<` and `>` so that they are text in SVG and HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_value_in_two_formats_is_two_blocks() {
        let expected = "EVCXR_BEGIN_CONTENT a/b\nx\nEVCXR_END_CONTENT\n\
                        EVCXR_BEGIN_CONTENT c/d\ny\nz\nEVCXR_END_CONTENT";
        assert_eq!(super::blocks(&[("a/b", "x".into()), ("c/d", "y\nz".into())]), expected);
    }
}
