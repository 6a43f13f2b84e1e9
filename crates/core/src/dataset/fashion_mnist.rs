//! FashionMNIST: 60,000 training and 10,000 test images of clothes, 28 × 28 grey values.

use super::idx::{parse_idx, read_idx};
use super::images::{Images, PIXELS};
use crate::{Context, Error, Result, files::repository};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// The four files: training images and labels, test images and labels. Each may end in `.gz`, and
/// be written with a dot as in `train-images.idx3-ubyte`.
pub const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];
/// Where Debian's package `dataset-fashion-mnist` puts the files.
const DEBIAN: &str = "/usr/share/datasets/fashion-mnist";
/// No split of FashionMNIST has more images than this.
const MOST_IMAGES: usize = 60_000;

/// Where the images came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// The four files in this folder.
    Folder(PathBuf),
    /// The balanced subset that is part of this crate.
    Subset,
    /// Images of one's own, in one's own words: see [`Images::from_pixels`].
    Own(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Subset => f.write_str("the built-in subset"),
            Self::Own(name) => f.write_str(name),
        }
    }
}

/// The data set.
#[derive(Debug, Clone)]
pub struct FashionMnist {
    /// Images to learn from.
    pub train: Images,
    /// Images to be tested on.
    pub test: Images,
    /// Where they came from.
    pub source: Source,
}

impl FashionMnist {
    /// The data set from the first place that has it: the folder named by the environment
    /// variable `INORM_DATA`, `data/fashion-mnist` of this project, Debian's package
    /// `dataset-fashion-mnist`, and at last the built-in subset.
    ///
    /// # Errors
    /// If a place has bad files or only some of the four, or `INORM_DATA` names a folder without
    /// them: a broken full set is never silently replaced by the subset.
    pub fn load() -> Result<Self> {
        match Self::locate()? {
            Source::Folder(folder) => Self::from_folder(&folder),
            _ => Self::subset(),
        }
    }

    /// Where [`load`](Self::load) would read from.
    ///
    /// # Errors
    /// If `INORM_DATA` names a folder without the files, or another place has only some of them or
    /// cannot be looked into.
    pub fn locate() -> Result<Source> {
        let named = std::env::var_os("INORM_DATA").filter(|folder| !folder.is_empty());
        if let Some(folder) = named.map(PathBuf::from) {
            find_files(&folder)?;
            return Ok(Source::Folder(folder));
        }
        first_of([Self::project_folder(), PathBuf::from(DEBIAN)])
    }

    /// The folder of this project that downloads go to.
    pub fn project_folder() -> PathBuf {
        repository().join("data/fashion-mnist")
    }

    /// The data set from the four files, gzipped or plain, in `folder`.
    ///
    /// # Errors
    /// If one is missing, damaged or does not fit the others.
    pub fn from_folder(folder: &Path) -> Result<Self> {
        let [train_images, train_labels, test_images, test_labels] = find_files(folder)?;
        let read = |images: &Path, labels: &Path| {
            Images::new(
                read_idx(images, MOST_IMAGES * PIXELS)?,
                read_idx(labels, MOST_IMAGES)?,
                images,
            )
        };
        Ok(Self {
            train: read(&train_images, &train_labels)?,
            test: read(&test_images, &test_labels)?,
            source: Source::Folder(folder.to_owned()),
        })
    }

    /// The built-in subset: the first 256 training and 100 test images of each class, in file
    /// order. Real data, enough to see every effect begin, not enough for the paper's numbers.
    ///
    /// # Errors
    /// Only if the crate was built from damaged files.
    pub fn subset() -> Result<Self> {
        let folder = Path::new("data/fashion-mnist-subset");
        let read = |images: &[u8], labels: &[u8]| {
            Images::new(
                parse_idx(images, folder, MOST_IMAGES * PIXELS)?,
                parse_idx(labels, folder, MOST_IMAGES)?,
                folder,
            )
        };
        macro_rules! file {
            ($name:literal) => {
                include_bytes!(concat!("../../../../data/fashion-mnist-subset/", $name, ".gz"))
            };
        }
        Ok(Self {
            train: read(file!("train-images-idx3-ubyte"), file!("train-labels-idx1-ubyte"))?,
            test: read(file!("t10k-images-idx3-ubyte"), file!("t10k-labels-idx1-ubyte"))?,
            source: Source::Subset,
        })
    }

    /// Only the first images of each set, or all if there are fewer.
    #[must_use]
    pub fn first(&self, train: usize, test: usize) -> Self {
        let (train, test) = (self.train.first(train), self.test.first(test));
        Self { train, test, source: self.source.clone() }
    }

    /// SHA-256 of all pixels and labels, in hexadecimal: what a result was computed from.
    pub fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        for images in [&self.train, &self.test] {
            hash.update(images.pixels());
            hash.update(images.labels());
        }
        hex::encode(hash.finalize())
    }

    /// One line for people: how many images from where.
    pub fn describe(&self) -> String {
        let Self { train, test, source } = self;
        format!("{} training and {} test images from {source}", train.len(), test.len())
    }
}

/// The first of `places` that has any of the four files; it has to have them all.
fn first_of<const N: usize>(places: [PathBuf; N]) -> Result<Source> {
    for folder in places {
        if has_any(&folder)? {
            find_files(&folder)?;
            return Ok(Source::Folder(folder));
        }
    }
    Ok(Source::Subset)
}

/// The names that one of [`FILES`] goes by; some who unpack it write a dot for the second hyphen.
fn names(file: &str) -> [String; 4] {
    let dotted = file.replace("-idx", ".idx");
    [format!("{file}.gz"), file.to_owned(), format!("{dotted}.gz"), dotted]
}

fn has_any(folder: &Path) -> Result<bool> {
    for path in FILES.into_iter().flat_map(names).map(|name| folder.join(name)) {
        if path.try_exists().context("look for", &path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The four files in `folder`, each gzipped or plain.
fn find_files(folder: &Path) -> Result<[PathBuf; 4]> {
    let mut found = FILES.map(|name| folder.join(name));
    for (path, file) in found.iter_mut().zip(FILES) {
        let present = names(file).into_iter().map(|name| folder.join(name)).find(|p| p.is_file());
        let Some(present) = present else {
            std::fs::read_dir(folder).context("read folder", folder)?;
            return Err(Error::malformed(
                path.clone(),
                "is missing",
                "the four FashionMNIST files, gzipped or plain; `inorm data fetch` gets those that \
                 are missing",
            ));
        };
        *path = present;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::CLASSES;

    #[test]
    fn the_subset_is_balanced_and_small() {
        let data = FashionMnist::subset().unwrap();
        for (images, each) in [(&data.train, 256), (&data.test, 100)] {
            assert_eq!(images.len(), each * CLASSES.len());
            for class in 0..CLASSES.len() as u8 {
                assert_eq!(images.labels().iter().filter(|label| **label == class).count(), each);
            }
        }
        let folder = repository().join("data/fashion-mnist-subset");
        let bytes: u64 =
            find_files(&folder).unwrap().iter().map(|f| f.metadata().unwrap().len()).sum();
        assert!(bytes <= 2_000_000, "{bytes} bytes");
        assert_eq!(FashionMnist::from_folder(&folder).unwrap().checksum(), data.checksum());
    }

    #[test]
    fn the_subset_is_the_first_images_of_each_class_of_the_full_set() {
        let Ok(full) = FashionMnist::from_folder(Path::new(DEBIAN)) else {
            eprintln!("full data not installed: nothing to compare with");
            return;
        };
        assert_eq!((full.train.len(), full.test.len()), (60_000, 10_000));
        let subset = FashionMnist::subset().unwrap();
        for (all, some, each) in
            [(&full.train, &subset.train, 256), (&full.test, &subset.test, 100)]
        {
            let mut seen = [0; CLASSES.len()];
            let mut is_first = |&index: &usize| {
                let seen = &mut seen[usize::from(all.labels()[index])];
                *seen += 1;
                *seen <= each
            };
            let first: Vec<usize> = (0..all.len()).filter(&mut is_first).collect();
            assert_eq!(first.len(), some.len());
            for (row, index) in first.into_iter().enumerate() {
                assert_eq!(some.labels()[row], all.labels()[index]);
                assert_eq!(some.image(row), all.image(index));
            }
        }
    }

    #[test]
    fn a_folder_without_the_files_names_the_first_missing_one() {
        let folder = tempfile::tempdir().unwrap();
        let message = FashionMnist::from_folder(folder.path()).unwrap_err().to_string();
        assert!(message.contains(FILES[0]) && message.contains("inorm data fetch"), "{message}");
        let nowhere = folder.path().join("nowhere");
        let message = FashionMnist::from_folder(&nowhere).unwrap_err().to_string();
        assert!(message.contains("cannot read folder"), "{message}");
    }

    #[test]
    fn each_of_their_names_is_found() {
        let subset = repository().join("data/fashion-mnist-subset");
        for form in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            for file in FILES {
                let gzipped = subset.join(format!("{file}.gz"));
                std::fs::copy(gzipped, folder.path().join(&names(file)[form])).unwrap();
            }
            let found = first_of([folder.path().to_owned()]).unwrap();
            assert_eq!(found, Source::Folder(folder.path().to_owned()));
            let data = FashionMnist::from_folder(folder.path()).unwrap();
            assert_eq!(data.train.len(), 2560, "{:?}", names(FILES[0])[form]);
        }
    }

    #[test]
    fn a_place_with_some_of_the_files_is_not_passed_over() {
        let places = tempfile::tempdir().unwrap();
        let [absent, partly, whole] = ["absent", "partly", "whole"].map(|n| places.path().join(n));
        for (folder, count) in [(&partly, 3), (&whole, 4)] {
            std::fs::create_dir(folder).unwrap();
            for name in &FILES[..count] {
                std::fs::write(folder.join(name).with_extension("gz"), "").unwrap();
            }
        }
        let found = first_of([absent.clone(), whole.clone(), partly.clone()]).unwrap();
        assert_eq!(found, Source::Folder(whole.clone()));
        assert_eq!(first_of([absent.clone()]).unwrap(), Source::Subset);
        let message = first_of([absent.clone(), partly, whole]).unwrap_err().to_string();
        assert!(message.contains(FILES[3]) && message.contains("inorm data fetch"), "{message}");
        // A place that cannot be looked into.
        std::fs::write(&absent, "").unwrap();
        let message = first_of([absent]).unwrap_err().to_string();
        assert!(message.contains("cannot look for"), "{message}");
    }
}
