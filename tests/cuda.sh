#!/usr/bin/env bash
# Builds the experiments program with the feature `cuda`, and the kernels for several GPUs, on a machine that
# needs neither a GPU nor a driver.
#
#   tests/cuda.sh                 build, assemble the kernels, and see what happens without a GPU
#   eval "$(tests/cuda.sh env)"   the variables that a build with the feature `cuda` needs
#
# NVIDIA's compiler and libraries come from PyPI (about 1.1 GB), once, and stay in the cache
# directory beside what is compiled. In place of the driver's library, which is in no package,
# stands one without a GPU: it is linked with, and answers every call with "no device".
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${INORM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/inorm}
# A newer compiler's PTX would be refused by drivers of the 580 series.
packages=(
    nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88
    nvidia-cuda-runtime==13.0.96 nvidia-cuda-nvrtc==13.0.88 nvidia-cublas==13.0.2.14
    nvidia-cuda-cccl==13.0.85
)
kit=$cache/cuda-13.0
toolkit=$kit/nvidia/cu13

install_toolkit() {
    if [[ -e $kit/complete ]]; then
        return
    fi
    echo "installing NVIDIA's compiler in $kit" >&2
    rm -rf "$kit.new" "$kit"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --no-deps --only-binary :all: \
        --target "$kit.new" "${packages[@]}" >&2
    local library
    for library in cublas cublasLt nvrtc; do
        ln -s "lib$library.so.13" "$kit.new/nvidia/cu13/lib/lib$library.so"
    done
    ln -s lib "$kit.new/nvidia/cu13/lib64"
    mkdir -p "$kit.new/bin" "$kit.new/no-driver"
    # dfdx asks it what to compile for; 8.0 runs on every GPU since.
    printf '#!/bin/sh\nprintf "compute_cap\\n8.0\\n"\n' >"$kit.new/bin/nvidia-smi"
    chmod +x "$kit.new/bin/nvidia-smi"
    touch "$kit.new/complete"
    mv "$kit.new" "$kit"
}

# A library with the driver's names, as cudarc declares them: 100 is CUDA_ERROR_NO_DEVICE.
stand_in_for_driver() {
    local stubs=$toolkit/lib/stubs declarations
    if [[ -e $stubs/libcuda.so ]]; then
        return
    fi
    declarations=$(cargo metadata --locked --format-version 1 --features inorm/cuda | python3 -c '
import json, os, sys
packages = json.load(sys.stdin)["packages"]
manifest = next(p["manifest_path"] for p in packages if p["name"] == "cudarc")
print(os.path.join(os.path.dirname(manifest), "src/driver/sys.rs"))')
    mkdir -p "$stubs"
    grep -o 'pub fn cu[A-Z][A-Za-z0-9_]*' "$declarations" | sort -u |
        sed 's/pub fn \(.*\)/int \1(void) { return 100; }/' >"$kit/driver.c"
    cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$kit/no-driver/libcuda.so.1" "$kit/driver.c"
    ln -s "$kit/no-driver/libcuda.so.1" "$stubs/libcuda.so"
}

# The compiler is this one, whatever else is installed; the driver's own nvidia-smi, where there is
# one, comes before the one that stands in for it.
environment() {
    echo "export CUDA_PATH='$toolkit' CUDA_ROOT='$toolkit'"
    echo "export PATH=\"$toolkit/bin:\$PATH:$kit/bin\""
    echo "export LD_LIBRARY_PATH='$toolkit/lib'\"\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}\""
}

# The dependencies are those of the other checks; only what the feature changes is compiled. In a
# directory of its own: this library's files have the same names with and without the feature.
share_dependencies() {
    local from=${CARGO_TARGET_DIR:-$cache/target}/release to=${CUDA_TARGET_DIR:-$cache/target-cuda}
    local stamp
    stamp=$({ rustc --version && cat Cargo.lock; } | sha256sum)
    export CARGO_TARGET_DIR=$to
    if [[ -d $to && $(cat "$to/stamp" 2>/dev/null) == "$stamp" || ! -d $from/deps ]]; then
        return
    fi
    rm -rf "$to"
    mkdir -p "$to/release"
    cp -a --link "$from/deps" "$to/release/"
    cp -a "$from/build" "$from/.fingerprint" "$to/release/"
    rm -rf "$to"/release/deps/{lib,}inorm* "$to"/release/{build,.fingerprint}/inorm-*
    echo "$stamp" >"$to/stamp"
}

install_toolkit
stand_in_for_driver
if [[ ${1:-} == env ]]; then
    environment
    exit
fi
eval "$(environment)"

echo "-- the kernels on two generations of GPUs"
module=$(mktemp --suffix .ptx)
trap 'rm -f "$module"' EXIT
nvcc --ptx --gpu-architecture=compute_80 --std=c++17 -o "$module" src/ensemble/kernels/all.cu
for generation in sm_80 sm_90; do
    ptxas --verbose --gpu-name $generation "$module" --output-file /dev/null 2>&1 |
        grep -E 'Compiling|Used|spill' | sed 's/^ptxas info *: //'
done

echo "-- the program"
share_dependencies
cargo build --locked --release --package inorm-experiments --features cuda
program=$CARGO_TARGET_DIR/release/inorm-experiments

echo "-- what it says where the driver has no GPU"
store=$(mktemp -d)
trap 'rm -rf "$module" "$store"' EXIT
export LD_LIBRARY_PATH=$kit/no-driver:$LD_LIBRARY_PATH
"$program" sweep plan --profile quick --store "$store" >"$store/said"
if "$program" sweep run --store "$store" --subset --device cuda 2>"$store/said"; then
    echo "trained on a GPU that does not exist" >&2
    exit 1
fi
tail -n 1 "$store/said"
grep -q '^inorm: no GPU to train on: ' "$store/said"
