//! `inorm book`: the committed notebooks as a web site, and as PDFs.

use crate::checkout::Checkout;
use crate::{jupyter, python};
use inorm_core::Outcome;
use std::path::PathBuf;

/// What to make of the book, and where.
#[derive(clap::Args)]
pub struct Book {
    /// The folder to write to; target/book in the repository if not given.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Print each chapter as a PDF too, and all of them as one; needs Chromium.
    #[arg(long)]
    pdf: bool,
}

/// Renders all notebooks as they are; nothing is executed.
pub fn run(options: Book) -> Outcome {
    let checkout = Checkout::find()?;
    let notebooks = checkout.book()?;
    python::add_book(&checkout)?;
    let mut script = jupyter::script(&checkout, "book.py");
    if options.pdf {
        script.arg("--pdf");
    }
    script.arg(options.into.unwrap_or_else(|| checkout.root().join("target/book"))).args(notebooks);
    jupyter::become_program(script)
}
