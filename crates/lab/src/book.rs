//! `inorm book`: the committed notebooks as web pages.

use crate::checkout::Checkout;
use crate::step::{Output, Step};
use crate::{jupyter, notebooks, python};
use inorm_core::{Failure, Outcome};
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
    let notebooks = notebooks::all(&checkout.notebooks())?;
    if !python::is_ready(&checkout)? {
        python::require_suitable(&checkout)?;
        let step = Step::begin("Python environment", python::EXPECTED, Output::Stdout);
        python::create(&checkout, &step)?;
        python::install(&checkout, &step)?;
        step.end();
    }
    let into = options.into.unwrap_or_else(|| checkout.root().join("target/book"));
    let status = jupyter::python(&checkout)
        .arg(checkout.root().join("python/book.py"))
        .arg(into)
        .args(notebooks)
        .status()
        .map_err(|error| Failure::io("run", &checkout.python(), &error))?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::new("the book was not rendered; the line above says why")),
    }
}
