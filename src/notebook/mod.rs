//! What a notebook cell shows: tables, figures, and lines of progress.
//!
//! A type with a method `evcxr_display` shows itself when it is the last value of a cell. It does
//! so on standard output, between two marker lines that the Rust kernel understands, with the
//! same content in several formats: the notebook picks the best that it may show.
//!
//! A cell that shows more than its last value calls [`Show::show`]; one that takes long shows a
//! [`Progress`]. Both change in place under this project's kernel, and become lines elsewhere.

use std::io::Write;

mod digits;
mod display;
mod figure;
mod kernel;
mod progress;
mod table;
mod training;

pub use crate::interrupt::interrupted;
pub use display::{Display, Show};
pub use figure::Figure;
pub use kernel::{attach, clear};
pub use progress::Progress;
pub use table::Table;
pub use training::{train_all, train_own};

/// One or more whole lines in one write.
fn print(line: &str) {
    // A reader who closed the notebook must not stop what the cell does.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Hands one value in several formats to the kernel, in one write so that nothing comes between.
fn show(formats: &[(&str, &str)]) {
    println!("{}", message(formats));
}

/// The same for a value that knows its formats.
fn show_all(value: &impl Show) {
    let formats = value.formats();
    show(&formats.iter().map(|(format, text)| (*format, text.as_str())).collect::<Vec<_>>());
}

fn message(formats: &[(&str, &str)]) -> String {
    let blocks: Vec<_> = formats
        .iter()
        .map(|(format, content)| {
            format!("EVCXR_BEGIN_CONTENT {format}\n{content}\nEVCXR_END_CONTENT")
        })
        .collect();
    blocks.join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_value_in_two_formats_is_two_blocks() {
        let expected = "EVCXR_BEGIN_CONTENT a/b\nx\nEVCXR_END_CONTENT\n\
                        EVCXR_BEGIN_CONTENT c/d\ny\nz\nEVCXR_END_CONTENT";
        assert_eq!(super::message(&[("a/b", "x"), ("c/d", "y\nz")]), expected);
    }
}
