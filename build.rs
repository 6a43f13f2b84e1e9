//! Compiles the kernels for a GPU, if the feature `cuda` is on.

use std::{env, fs, path::Path, process::Command};

/// The folder of the kernels, and the file that includes the others.
const KERNELS: &str = "src/ensemble/kernels";
const MODULE: &str = "src/ensemble/kernels/all.cu";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let has = |feature: &str| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    if !has("CUDA") {
        return;
    }
    println!("cargo:rerun-if-changed={KERNELS}");
    ["CUDA_PATH", "CUDA_ROOT"]
        .iter()
        .for_each(|name| println!("cargo:rerun-if-env-changed={name}"));
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let module = Path::new(&out).join("kernels.ptx");
    if has("CI_CHECK") {
        fs::write(module, "").expect("a file in OUT_DIR");
    } else if let Err(problem) = compile(&module) {
        println!(
            "cargo::error=the feature 'cuda' needs NVIDIA's compiler: {problem}. Install the CUDA \
             toolkit and set CUDA_PATH to it, or get it as tests/cuda.sh does; to type-check \
             without it, add the feature 'ci-check'"
        );
    }
}

/// PTX for GPUs from compute capability 8.0 on: the driver compiles it for the one that is there.
fn compile(module: &Path) -> Result<(), String> {
    let toolkits = ["CUDA_PATH", "CUDA_ROOT"].iter().filter_map(env::var_os);
    let compiler = toolkits
        .map(|toolkit| Path::new(&toolkit).join("bin/nvcc"))
        .find(|compiler| compiler.is_file())
        .unwrap_or_else(|| "nvcc".into());
    let output = Command::new(&compiler)
        .args(["--ptx", "--gpu-architecture=compute_80", "--std=c++17", "-o"])
        .args([module, Path::new(MODULE)])
        .output()
        .map_err(|error| format!("{} cannot be run ({error})", compiler.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{} failed: {}", compiler.display(), said.trim().replace('\n', " | ")))
}
