//! `inorm book`: the committed notebooks as web pages.

use crate::checkout::Checkout;
use crate::{jupyter, python};
use inorm_core::Outcome;
use std::path::PathBuf;

/// Where the pages go.
#[derive(clap::Args)]
pub struct Book {
    /// The folder to write to; target/book in the repository if not given.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

/// Renders all notebooks as they are; nothing is executed.
pub fn run(options: Book) -> Outcome {
    let checkout = Checkout::find()?;
    let notebooks = checkout.book()?;
    if !python::is_ready(&checkout)? {
        python::begin(&checkout)?.finish()?;
    }
    let mut script = jupyter::script(&checkout, "book.py");
    script.arg(options.into.unwrap_or_else(|| checkout.root().join("target/book"))).args(notebooks);
    jupyter::run(script, "the book was not rendered; the line above says why")
}
