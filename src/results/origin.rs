//! Where results come from: which images, which program.

use crate::dataset::{FashionMnist, Source};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which program computed a run: what it takes to compute it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of this crate.
    pub version: String,
    /// Features that it was built with.
    pub features: String,
    /// Revision of its sources.
    pub revision: String,
}

impl Provenance {
    /// This build, of the sources' `revision`.
    pub fn new(revision: impl Into<String>) -> Self {
        let features = [("cpu", cfg!(feature = "cpu")), ("cuda", cfg!(feature = "cuda"))];
        let features: Vec<_> = features.into_iter().filter(|f| f.1).map(|f| f.0).collect();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            features: features.join(","),
            revision: revision.into(),
        }
    }

    /// This build, training ensembles on `device`.
    #[must_use]
    pub fn ensembles_on(mut self, device: &str) -> Self {
        self.features += &format!(",ensemble on {device}");
        self
    }
}

/// Which images results are of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataIdentity {
    /// In words.
    pub source: String,
    /// SHA-256 of the images, if it was computed.
    pub checksum: Option<String>,
}

impl DataIdentity {
    /// Of these images.
    pub fn of(data: &FashionMnist) -> Self {
        Self { source: data_source(data), checksum: Some(data.checksum()) }
    }
}

impl fmt::Display for DataIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checksum = self.checksum.as_deref().unwrap_or("unknown");
        write!(f, "{} (SHA-256 {checksum:.12}…)", self.source)
    }
}

/// Which images, in words that mean the same on every machine.
pub fn data_source(data: &FashionMnist) -> String {
    let (train, test) = (data.train.len(), data.test.len());
    match (&data.source, train, test) {
        (Source::Subset, ..) => "subset".to_owned(),
        (Source::Own(name), ..) => name.clone(),
        (Source::Folder(_), 60_000, 10_000) => "FashionMNIST full".to_owned(),
        _ => format!("FashionMNIST, {train} training and {test} test images"),
    }
}
