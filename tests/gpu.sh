#!/usr/bin/env bash
# What can only be seen on a machine with an NVIDIA GPU (compute capability 8.0 or more, a driver
# for CUDA 13):
#
#   - every quantity of the authors' fixtures in ensembles on the GPU, as a table with tolerances,
#   - networks of every condition trained by the kernels and by their twins on the processor,
#   - the typed networks against the same fixtures, against autodiff and against finite
#     differences, with dfdx on the GPU,
#   - the speed of the ensemble of the paper's 300 networks of one ε, against what the GPU can do.
set -euo pipefail
cd "$(dirname "$0")/.."
eval "$(tests/cuda.sh env)"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${INORM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/inorm}/target-cuda}

nvidia-smi
run() {
    cargo test --locked --release --features cuda "$@"
}
run --test parity -- --include-ignored --nocapture --test-threads=1
run --test kernels -- --ignored --nocapture a_gpu
run --test rules --test properties -- --test-threads=1
cargo bench --locked --features cuda --bench ensemble -- cuda 30
