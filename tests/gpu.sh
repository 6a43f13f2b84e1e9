#!/usr/bin/env bash
# What can only be seen on a machine with an NVIDIA GPU (compute capability 8.0 or more, a driver
# for CUDA 13):
#
#   - every quantity of the authors' fixtures in ensembles on the GPU, as a table with tolerances,
#   - networks of every condition trained by the kernels and by the engine on the processor,
#   - the typed networks against the same fixtures, against autodiff and against finite
#     differences, with dfdx on the GPU,
#   - a sweep in ensembles as large as little memory allows,
#   - the speed of the ensemble of the paper's 300 networks of one ε, against what the GPU can do.
#
#   tests/gpu.sh              all of it
#   tests/gpu.sh build DIR    only builds the programs, into DIR: no GPU needed
#   tests/gpu.sh run DIR      only runs them, from the root of this repository: no network, no Rust
#                             and no compiler needed, but cuBLAS and NVRTC of CUDA 13, where the
#                             linker or Python's packages have them
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${INORM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/inorm}

build() {
    local variables name program
    variables=$(tests/cuda.sh env)
    eval "$variables"
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target-cuda}
    mkdir -p "$1"
    {
        cargo test --locked --release --workspace --features cuda --no-run --message-format json \
            --test parity --test ensemble --test rules --test properties
        cargo bench --locked --features cuda --no-run --message-format json --bench ensemble
    } | python3 -c '
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable"):
        target = message["target"]
        print(target["kind"][0] + "-" + target["name"], message["executable"])' |
        while read -r name program; do strip -o "$1/$name" "$program"; done
}

# Where Python has the libraries that the programs are linked with.
python_libraries() {
    python3 -c '
import glob, sys
print(":".join(f for p in sys.path for f in glob.glob(p + "/nvidia/cu13/lib")))' 2>/dev/null || true
}

run() {
    local store
    LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}:$(python_libraries)
    LD_LIBRARY_PATH=${LD_LIBRARY_PATH#:}
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH%:}
    nvidia-smi
    "$1/test-parity" --include-ignored --nocapture --test-threads=1
    "$1/test-ensemble" --ignored --nocapture a_gpu
    echo "-- a sweep in ensembles of few networks"
    store=$(mktemp -d)
    "$1/bin-inorm-experiments" sweep plan --profile quick --store "$store"
    "$1/bin-inorm-experiments" sweep run --store "$store" --subset --device cuda --memory 0.012
    rm -r "$store"
    echo "-- speed"
    "$1/bench-ensemble" cuda 30
    echo "-- dfdx on the GPU"
    "$1/test-rules" --test-threads=1
    "$1/test-properties" --test-threads=1
}

case ${1:-all} in
build) build "$2" ;;
run) run "$2" ;;
*)
    programs=$(mktemp -d)
    trap 'rm -rf "$programs"' EXIT
    build "$programs"
    variables=$(tests/cuda.sh env)
    eval "$variables"
    run "$programs"
    ;;
esac
