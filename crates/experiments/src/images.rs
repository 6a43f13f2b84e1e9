//! Which images a command uses.

use clap::Args;
use inorm::dataset::FashionMnist;
use inorm_core::Outcome;
use std::path::PathBuf;

/// The options for images.
#[derive(Args)]
pub struct Images {
    /// Folder with the four FashionMNIST files; `inorm data where` says which is used otherwise.
    #[arg(long, value_name = "DIR", conflicts_with = "subset")]
    data: Option<PathBuf>,
    /// Use the built-in subset: quick, but not the paper's numbers.
    #[arg(long)]
    subset: bool,
}

impl Images {
    /// Reads them.
    pub fn read(&self) -> Outcome<FashionMnist> {
        Ok(match (&self.data, self.subset) {
            (Some(folder), _) => FashionMnist::from_folder(folder)?,
            (None, true) => FashionMnist::subset()?,
            (None, false) => FashionMnist::load()?,
        })
    }
}
