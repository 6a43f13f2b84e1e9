//! Draws a figure of the paper from this project's stored runs, and says what it shows.
//!
//!     cargo run --release --example draw_a_figure

use inorm::{Result, figures::catalogue, results::everything_stored};

fn main() -> Result<()> {
    let figure = catalogue::figure("5", &everything_stored()?)?;
    let path = std::env::temp_dir().join("inorm-figure-5.svg");
    figure.save(&path)?;
    println!("{}\nwritten to {}", figure.text(), path.display());
    Ok(())
}
