//! `inorm lab`: everything that a reader needs, then JupyterLab.

use crate::checkout::Checkout;
use crate::{jupyter, set_up};
use inorm_core::{Failure, Outcome};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// What to do once everything is ready.
#[derive(clap::Args)]
pub struct Lab {
    /// Do not open a browser.
    #[arg(long)]
    no_browser: bool,
    /// The address to listen on; 0.0.0.0 in a container. Whoever reaches it needs the token.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    ip: IpAddr,
    /// The port to listen on; from 8888 the first free one if not given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Execute notebooks in place instead of opening JupyterLab.
    #[arg(long, conflicts_with_all = ["no_browser", "ip", "port"])]
    run: bool,
    /// With --run: which.
    #[arg(value_name = "NOTEBOOK", requires = "run")]
    notebooks: Vec<PathBuf>,
    /// With --run: all notebooks of the book.
    #[arg(long, requires = "run")]
    all: bool,
    /// With --run: write the results to this folder and leave the notebooks as they are.
    #[arg(long, value_name = "DIR", requires = "run")]
    into: Option<PathBuf>,
    /// Only prepare everything.
    #[arg(long, conflicts_with_all = ["no_browser", "ip", "port", "run"])]
    prepare: bool,
}

/// Sets up what is missing, then opens JupyterLab or executes notebooks.
pub fn run(lab: Lab) -> Outcome {
    let checkout = Checkout::find()?;
    let notebooks = lab.notebooks(&checkout)?;
    let address = jupyter::free_address(lab.ip, lab.port)?;
    set_up::prepare(&checkout)?;
    match notebooks {
        Some(notebooks) => jupyter::execute(&checkout, &notebooks, lab.into.as_ref()),
        None if lab.prepare => Ok(()),
        None => jupyter::open(&checkout, address, !lab.no_browser),
    }
}

impl Lab {
    /// The notebooks to execute, if that is what was asked for.
    fn notebooks(&self, checkout: &Checkout) -> Outcome<Option<Vec<PathBuf>>> {
        let named = &self.notebooks;
        if !self.run {
            return Ok(None);
        }
        if self.all != named.is_empty() {
            let message = "--run needs either the notebooks to execute or --all";
            return Err(Failure::Usage(message.to_owned()));
        }
        if self.all {
            return checkout.book().map(Some);
        }
        match named.iter().find(|path| !path.is_file()) {
            None => Ok(Some(named.clone())),
            Some(path) => Err(Failure::Usage(format!(
                "there is no notebook {}; the book's are in notebooks/",
                path.display()
            ))),
        }
    }
}
