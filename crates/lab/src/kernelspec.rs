//! How JupyterLab learns of the kernel.

use crate::checkout::Checkout;
use crate::reaper::THIS_PROGRAM;
use inorm_core::files::{write_if_different, write_program};
use inorm_core::{Context, Outcome};
use std::fs;
use std::path::PathBuf;

/// The name of the kernel, in notebooks and in JupyterLab's lists.
const DISPLAY_NAME: &str = "Rust (inorm)";

/// No news and no advertisement of updates: the versions are pinned. A key formats cells.
const SETTINGS: &str = r#"{
  "@jupyterlab/apputils-extension:notification": {
    "fetchNews": "false",
    "checkForUpdates": false,
    "doNotDisturbMode": true
  },
  "jupyterlab_code_formatter:settings": {
    "preferences": {"default_formatter": {"rust": "rustfmt"}}
  },
  "@jupyterlab/shortcuts-extension:shortcuts": {
    "shortcuts": [
      {
        "command": "jupyterlab_code_formatter:format",
        "keys": ["Alt Shift F"],
        "selector": ".jp-Notebook"
      }
    ]
  }
}
"#;

/// The program that JupyterLab starts for a notebook.
pub fn program(checkout: &Checkout) -> PathBuf {
    directory(checkout).join("inorm")
}

fn directory(checkout: &Checkout) -> PathBuf {
    checkout.environment().join("share/jupyter/kernels/inorm")
}

/// Writes the kernelspec into the environment, with a copy of this program that stays as it is
/// when the project is rebuilt under a running kernel.
pub fn write(checkout: &Checkout) -> Outcome {
    let share = checkout.environment().join("share/jupyter");
    let (directory, program) = (directory(checkout), program(checkout));
    write_program(&program, fs::read(THIS_PROGRAM).context("read", THIS_PROGRAM)?)?;
    let kernel = serde_json::json!({
        "argv": [
            program, "kernel", "--checkout", checkout.root(),
            "--connection-file", "{connection_file}",
        ],
        "display_name": DISPLAY_NAME,
        "language": "rust",
        "interrupt_mode": "message",
    });
    write_if_different(&directory.join("kernel.json"), format!("{kernel:#}\n"))?;
    for (name, image) in [
        ("logo-svg.svg", include_bytes!("logo.svg").as_slice()),
        ("logo-64x64.png", include_bytes!("logo-64x64.png")),
        ("logo-32x32.png", include_bytes!("logo-32x32.png")),
    ] {
        write_if_different(&directory.join(name), image)?;
    }
    let formatter = checkout.environment().join("etc/jupyter/jupyter_server_config.py");
    write_if_different(&formatter, include_str!("formatter.py"))?;
    Ok(write_if_different(&share.join("lab/settings/overrides.json"), SETTINGS)?)
}
