//! How JupyterLab learns of the kernel.

use crate::cli::{Checkout, Failure, Outcome};
use crate::kernel::{this_program, write_if_different};
use std::fs;
use std::path::Path;

/// The name of the kernel, in notebooks and in JupyterLab's lists.
const DISPLAY_NAME: &str = "Rust (inorm)";

/// No news and no advertisement of updates: the versions are pinned.
const SETTINGS: &str = r#"{
  "@jupyterlab/apputils-extension:notification": {
    "fetchNews": "false",
    "checkForUpdates": false,
    "doNotDisturbMode": true
  }
}
"#;

/// Writes the kernelspec into the environment, with a copy of this program that stays as it is
/// when the project is rebuilt under a running kernel.
pub fn write(checkout: &Checkout) -> Outcome {
    let share = checkout.environment().join("share/jupyter");
    let directory = share.join("kernels/inorm");
    let program = directory.join("inorm");
    fs::create_dir_all(&directory).map_err(|error| Failure::io("make", &directory, &error))?;
    copy_program(&program)?;
    let kernel = serde_json::json!({
        "argv": [
            program, "kernel", "--checkout", checkout.root(),
            "--connection-file", "{connection_file}",
        ],
        "display_name": DISPLAY_NAME,
        "language": "rust",
        "interrupt_mode": "message",
    });
    write_if_different(&directory.join("kernel.json"), &format!("{kernel:#}\n"))?;
    for (name, image) in [
        ("logo-svg.svg", include_bytes!("logo.svg").as_slice()),
        ("logo-64x64.png", include_bytes!("logo-64x64.png")),
        ("logo-32x32.png", include_bytes!("logo-32x32.png")),
    ] {
        let path = directory.join(name);
        fs::write(&path, image).map_err(|error| Failure::io("write", &path, &error))?;
    }
    write_if_different(&share.join("lab/settings/overrides.json"), SETTINGS)
}

/// Only if it differs, and in one step: kernels may be running it.
fn copy_program(to: &Path) -> Outcome {
    let failure = |error| Failure::io("write", to, &error);
    let this = this_program()
        .map_err(|error| Failure::new(format!("cannot find this program: {error}")))?;
    let stamp =
        |path: &Path| fs::metadata(path).and_then(|file| Ok((file.len(), file.modified()?)));
    let present = stamp(to).ok();
    let wanted = stamp(&this).map_err(failure)?;
    if present == Some(wanted) {
        return Ok(());
    }
    let temporary = to.with_extension(format!("new-{}", std::process::id()));
    fs::copy(&this, &temporary).map_err(failure)?;
    let file = fs::File::options().write(true).open(&temporary).map_err(failure)?;
    file.set_modified(wanted.1).map_err(failure)?;
    fs::rename(&temporary, to).map_err(failure)
}
