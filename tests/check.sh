#!/usr/bin/env bash
# Every check of the project, cheapest first; the first one that fails ends it.
#
#   tests/check.sh           all of it
#   tests/check.sh library   without the notebooks: no Python environment, no Rust kernel, no browser
#
# What is compiled stays in the cache directory, so that a second run, in another clone too, is
# fast. No check needs a GPU; that of the kernels for one needs g++.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${INORM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/inorm}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}

check() {
    local began=$SECONDS
    echo "== $*"
    "$@"
    echo "== done in $((SECONDS - began)) s"
}

check cargo fmt --all --check
check python3 tests/modules.py
check cargo clippy --locked --workspace --all-targets -- --deny warnings
RUSTDOCFLAGS="--deny warnings" check cargo doc --locked --workspace --no-deps
# With the cells of all chapters, whose networks are on the GPU then.
trap 'rm -f examples/chapters.rs' EXIT
python3 tests/chapters.py notebooks/[0-9]*.ipynb >examples/chapters.rs
check cargo check --locked --workspace --features cuda,ci-check --all-targets
rm examples/chapters.rs
trap - EXIT
check cargo test --locked --workspace --release

if [[ ${1:-all} == library ]]; then
    exit
fi
check python3 tests/licenses.py
check tests/cuda.sh
check cargo run --locked --release --quiet -- lab --prepare
check .venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --requirement python/requirements-test.txt

# The kernel's tests wait for a compiler most of the time: the notebooks are executed meanwhile.
jupyter() { cargo test --locked --workspace --release --test "$1" -- --ignored --test-threads=1; }
check cargo test --locked --workspace --release --no-run --test notebooks --test kernel --test browser
kernel_log=$(mktemp)
set -m # a process group of its own, which ends with this script
jupyter kernel >"$kernel_log" 2>&1 &
kernel=$!
set +m
trap 'kill -- -$kernel 2>/dev/null || true; rm "$kernel_log"' EXIT
check jupyter notebooks
wait $kernel || { cat "$kernel_log"; exit 1; }
cat "$kernel_log"
check jupyter browser
