//! Compiled libraries that each new kernel starts from.
//!
//! A seed is the directory of a Rust kernel that has once run the first line of a notebook: what
//! cargo needs to find nothing to do. It is grown by the real kernel, so that no flag can differ.
//! There is one for each clone of the repository, because each has its own library; a new one
//! grows from the nearest that exists, so that a second clone compiles only that library.

use super::backend::Backend;
use super::cache::Lock;
use super::recipe::{DEPENDENCY, Recipe};
use super::running::Running;
use super::tree;
use super::workspace::Workspace;
use crate::cli::{Checkout, Failure, Outcome};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The place of one clone's seed.
#[derive(Debug)]
pub struct Seed {
    directory: PathBuf,
}

/// What is known about a seed, kept beside it.
#[derive(Debug, Serialize, Deserialize)]
struct Label {
    /// The clone that it is for.
    checkout: PathBuf,
    /// When the compiler started.
    begun: SystemTime,
    /// The files that it read.
    sources: Vec<PathBuf>,
}

impl Seed {
    /// Where the seed of this clone is or will be.
    pub fn of(checkout: &Checkout, recipe: &Recipe) -> Self {
        Self { directory: recipe.seeds().join(checkout.name()) }
    }

    /// Whether there is one, fresh or not.
    pub fn exists(&self) -> bool {
        self.directory.is_dir()
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes `directory` start from this seed, if there is one.
    pub fn plant(&self, recipe: &Recipe, directory: &Path) -> Outcome {
        let _whole = Self::unchanging(recipe)?;
        if !self.exists() {
            return Ok(());
        }
        tree::clone(&self.directory, directory)
            .map_err(|error| Failure::io("copy the compiled libraries to", directory, &error))
    }

    /// As long as this lives, no seed is put in another's place.
    fn unchanging(recipe: &Recipe) -> Outcome<Lock> {
        Lock::take(&recipe.lock("planting"), || {})
    }

    /// Whether it is there, and nothing that was compiled into it has changed since.
    pub fn is_fresh(&self) -> bool {
        let Some(label) = self.label() else { return false };
        label.sources.iter().all(|source| {
            fs::metadata(source)
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|modified| modified <= label.begun)
        })
    }

    /// Whether there is anything to grow it from.
    pub fn has_base(&self, recipe: &Recipe) -> bool {
        self.nearest(recipe).is_some()
    }

    fn label(&self) -> Option<Label> {
        let text = fs::read(self.directory.join("label.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Grows it: from itself, else from the newest of another clone, else from nothing.
    pub async fn grow(
        &self,
        checkout: &Checkout,
        recipe: &Recipe,
        program: &Path,
        log: impl FnMut(String) + Send + 'static,
    ) -> Outcome {
        let _guard = Lock::take(&recipe.lock("seeds"), || {
            println!("another set-up is compiling; waiting for it");
        })?;
        if self.is_fresh() {
            return Ok(());
        }
        let running = Running::new(recipe)?;
        let growing = running.join("seed");
        if let Some(base) = self.nearest(recipe) {
            base.plant(recipe, &growing)?;
        }
        let workspace = Workspace::prepare(&growing, checkout)?;
        let tree = workspace.tree();
        let begun = SystemTime::now();
        let folder = checkout.notebooks();
        let mut backend =
            Backend::start(recipe, &running, program, &tree, &folder, &[], log).await?;
        let result = async {
            workspace.keep_versions(checkout)?;
            backend.execute(DEPENDENCY).await?;
            backend.execute("let inorm_is_ready = true;").await
        };
        let result = result.await;
        backend.shut_down().await;
        result?;
        let label = Label {
            checkout: checkout.root().to_path_buf(),
            begun,
            sources: sources(&tree, checkout)?,
        };
        let _alone = Self::unchanging(recipe)?;
        self.replace_by(&growing, &label)
            .map_err(|error| Failure::io("put in place", &self.directory, &error))
    }

    /// A seed of this recipe to start from.
    fn nearest(&self, recipe: &Recipe) -> Option<Seed> {
        if self.exists() {
            return Some(Self { directory: self.directory.clone() });
        }
        let seeds = fs::read_dir(recipe.seeds()).ok()?.flatten();
        seeds
            .map(|entry| Self { directory: entry.path() })
            .filter_map(|seed| seed.label().map(|label| (label.begun, seed)))
            .max_by_key(|(begun, _)| *begun)
            .map(|(_, seed)| seed)
    }

    /// Puts the grown directory in place of what was there.
    fn replace_by(&self, growing: &Path, label: &Label) -> std::io::Result<()> {
        fs::write(growing.join("label.json"), serde_json::to_vec_pretty(label)?)?;
        if let Some(seeds) = self.directory.parent() {
            fs::create_dir_all(seeds)?;
        }
        if self.directory.exists() {
            fs::rename(&self.directory, growing.with_extension("old"))?;
        }
        fs::rename(growing, &self.directory)
    }
}

/// The files that were compiled into this clone's library, as the compiler lists them.
fn sources(tree: &Path, checkout: &Checkout) -> Outcome<Vec<PathBuf>> {
    let mut sources = vec![checkout.root().join("Cargo.toml"), checkout.root().join("Cargo.lock")];
    for list in dependency_lists(&tree.join("target")) {
        let text = fs::read_to_string(&list).unwrap_or_default();
        let files = text.lines().filter_map(|line| line.strip_suffix(':')).map(PathBuf::from);
        sources.extend(files.filter(|file| file.starts_with(checkout.root())));
    }
    if sources.len() == 2 {
        return Err(Failure::new(format!(
            "the Rust kernel left no compiled library in {}; remove that directory and try again",
            tree.display()
        )));
    }
    sources.sort();
    sources.dedup();
    Ok(sources)
}

/// `target/<platform>/debug/deps/inorm.d`, with a digest in its name where there is no shared library
fn dependency_lists(target: &Path) -> Vec<PathBuf> {
    let platforms = fs::read_dir(target).into_iter().flatten().flatten();
    platforms
        .map(|platform| platform.path().join("debug/deps"))
        .filter_map(|deps| fs::read_dir(deps).ok())
        .flat_map(|files| files.flatten().map(|file| file.path()))
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name == "inorm.d" || (name.starts_with("inorm-") && name.ends_with(".d"))
        })
        .collect()
}
