//! `inorm data`: where FashionMNIST is, and how it gets there.

use crate::download::Published;
use crate::step::Output;
use inorm_core::dataset::{FashionMnist, Source};
use inorm_core::files::Lock;
use inorm_core::{Outcome, print};
use std::path::PathBuf;

/// Where the authors of FashionMNIST publish it. Plain HTTP: the digests are the trust.
const PUBLISHED_AT: &str = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com";

/// The four files and the SHA-256 of what each unpacks to, smallest first so that a wrong address
/// fails early. The digests are those of Debian's dataset-fashion-mnist 0.0~git20200523, which is
/// built from the authors' repository.
const FILES: [(&str, &str); 4] = [
    ("t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    ("train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    ("t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    ("train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
];

/// The two things one can ask about the data.
#[derive(clap::Subcommand)]
pub enum Data {
    /// Download FashionMNIST (30 MB), checksummed; continues where an earlier attempt stopped.
    Fetch {
        /// The folder to put it into; data/fashion-mnist in the repository if not given.
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
        /// The web address of the folder that has the four files.
        #[arg(long, value_name = "URL", default_value = PUBLISHED_AT)]
        url: String,
    },
    /// Say which images are used.
    Where,
}

/// Carries out one of them.
pub fn run(command: Data) -> Outcome {
    match command {
        Data::Fetch { into, url } => fetch(into, &url),
        Data::Where => locate(),
    }
}

fn fetch(into: Option<PathBuf>, url: &str) -> Outcome {
    // Where this program looks for it, from wherever it is called.
    let directory = into.unwrap_or_else(FashionMnist::project_folder);
    // Never removed: one who waited for it would not keep out one who comes later.
    let _alone = Lock::take(&directory.join(".lock"), || {
        Output::Stdout.line(format_args!(
            "another `inorm data fetch` is writing to {}; waiting for it to end",
            directory.display()
        ));
    })?;
    for (name, content_sha256) in FILES {
        let file = Published { name: format!("{name}.gz"), content_sha256 };
        let what = match file.fetch_into(&directory, url)? {
            true => "fetched, checksum right",
            false => "already there",
        };
        print(format_args!("{}: {what}", file.name))?;
    }
    print(format_args!("FashionMNIST is complete in {}", directory.display()))
}

fn locate() -> Outcome {
    let data = FashionMnist::load()?;
    print(data.describe())?;
    if data.source == Source::Subset {
        print("`inorm data fetch` gets the full set, or set INORM_DATA to a folder that has it")?;
    }
    Ok(())
}
