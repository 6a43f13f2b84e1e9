#!/usr/bin/env bash
# What can only be seen on a machine with an NVIDIA GPU (compute capability 8.0 or more, a driver
# for CUDA 13), in two runs, for machines with short time limits.
#
#   tests/gpu.sh build [DIR]     Builds the programs and packs them, and the images, into DIR. Needs
#                                no GPU. Says how much has to travel, and fails if it is too much.
#   tests/gpu.sh first [DIR]     Is it right, and how fast is it, beside JAX and PyTorch? At most
#                                310 seconds.
#   tests/gpu.sh second [DIR]    Trains networks for at most SECONDS_AT_MOST (385) and a few: the
#                                paper's at ε = 0 and 0.5, or those of the file GRID. Each of its
#                                lines is a name and arguments of `sweep plan`; lines of one name,
#                                one below the other, are trained together.
#   tests/gpu.sh                 All of it, where one machine can do all.
#
# DIR is target/gpu if not given. Where the GPU is on another machine: build here; take along this
# repository and DIR; there, in the root of the repository, run `tests/gpu.sh first`, and right
# after it, on the same machine, `tests/gpu.sh second`. That machine needs Python and the libraries
# cuBLAS and NVRTC of CUDA 13, but no network, no Rust and no compiler; ncu and compute-sanitizer
# are used if they are there.
#
# What comes back is in $OUT, or DIR/out: first.log, ncu.csv; second.log, gpu.csv (memory, power),
# results (tables, to look at, or for `inorm sweep merge --store`). The last lines that a run prints
# say how each step ended: a step that fails or takes too long does not stop the others (124: out
# of time, 127: no such program). Meanwhile the processors train, with low priority, the paper's
# networks at ε = 0.25, or those of the file PROCESSORS, whose lines are arguments of `sweep plan`;
# both runs file what they have finished.
# STEPS="speed profile", say, runs these steps alone.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${INORM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/inorm}
# Tracked files, programs and images together, in MiB.
most=62
work=${TMPDIR:-/tmp}/inorm-gpu

build() {
    local variables name program
    variables=$(tests/cuda.sh env)
    eval "$variables"
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target-cuda}
    INORM_REVISION=$(git rev-parse --short=12 HEAD)
    export INORM_REVISION
    packed=$(mktemp -d)
    trap 'rm -rf "$packed" examples/chapters.rs' EXIT
    mkdir "$packed/programs" "$packed/images"
    python3 tests/chapters.py notebooks/[0-9]*.ipynb >examples/chapters.rs
    # The whole workspace decides about features: what the other checks compiled is used.
    {
        cargo test --locked --release --workspace --features cuda --no-run \
            --message-format json-render-diagnostics \
            --test parity --test ensemble --test rules --test properties
        cargo build --locked --release --workspace --features cuda --examples \
            --message-format json-render-diagnostics
        cargo bench --locked --workspace --features cuda --no-run \
            --message-format json-render-diagnostics --bench ensemble
    } | python3 -c '
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable"):
        target = message["target"]
        print(target["kind"][0] + "-" + target["name"], message["executable"])' |
        while read -r name program; do
            case $name in
            example-chapters | test-* | bin-inorm-experiments | bench-*)
                strip -o "$packed/programs/$name" "$program"
                ;;
            esac
        done
    images "$packed/images"
    mkdir -p "$1"
    # The programs have most of their code in common, and so much of it is remembered.
    tar -C "$packed" -c programs | xz --lzma2=preset=6,dict=128MiB >"$1/programs.tar.xz"
    tar -C "$packed" -c images | xz -9 >"$1/images.tar.xz"
    measure "$1"
}

# The four files, unpacked: then they pack better.
images() {
    local folder name
    for folder in "${INORM_DATA:-}" data/fashion-mnist /usr/share/datasets/fashion-mnist; do
        if [[ -n $folder && -e $folder/train-images-idx3-ubyte.gz ]]; then
            for name in "$folder"/*-ubyte.gz; do
                gunzip --stdout "$name" >"$1/$(basename "$name" .gz)"
            done
            return
        fi
    done
    echo "no FashionMNIST: \`cargo run --release -- data fetch\` gets it" >&2
    exit 1
}

measure() {
    local tracked packed
    tracked=$(git ls-files -z --cached --others --exclude-standard |
        du --bytes --total --files0-from=- | tail -n 1 | cut -f 1)
    packed=$(cat "$1"/*.tar.xz | wc -c)
    awk -v tracked="$tracked" -v packed="$packed" -v most="$most" 'BEGIN {
        mib = 1048576
        printf "%.1f MiB of programs and images and %.1f MiB of files travel, of at most %d\n",
            packed / mib, tracked / mib, most
        exit ((tracked + packed) / mib > most)
    }'
}

# Unpacks, once on a machine, and finds the libraries that the programs are linked with.
prepare() {
    local pack name place
    if [[ ! -e $work/complete ]]; then
        mkdir -p "$work"
        for pack in "$1"/*.tar.xz; do
            python3 -c '
import sys, tarfile
tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$pack" "$work"
        done
        touch "$work/complete"
    fi
    # Full precision, and kernels that are compiled once.
    unset NVIDIA_TF32_OVERRIDE
    export CUDA_CACHE_PATH=$work/cuda
    export PATH=$work/programs:$PATH
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-$work/programs}
    for place in $(python3 -c '
import glob, sys
print(*(f for p in sys.path for f in glob.glob(p + "/nvidia/cu13/lib")))'); do
        LD_LIBRARY_PATH+=:$place
    done
    for name in $(ldd "$work/programs/test-parity" | awk '/not found/ { print $1 }'); do
        place=$(find / -path /proc -prune -o -name "$name" -print -quit 2>/dev/null || true)
        LD_LIBRARY_PATH+=${place:+:${place%/*}}
    done
}

# begin NAME SECONDS: a run, with its log and the time at which it is over.
begin() {
    out=$(realpath --canonicalize-missing "${OUT:-$directory/out}")
    log=$out/$1.log deadline=$2 failed=0
    mkdir -p "$out"
    : >"$log"
    endings=$(mktemp)
    SECONDS=0
}

# step NAME SECONDS COMMAND: at most so long, and not past the deadline.
step() {
    local name=$1 limit=$2 begun=$SECONDS code=0 before took
    shift 2
    if [[ -n ${STEPS:-} && " $STEPS " != *" $name "* ]]; then
        return
    fi
    limit=$((deadline - begun < limit ? deadline - begun : limit))
    if ((limit < 5)); then
        printf '%-20s not begun: no time left\n' "$name" >>"$endings"
        return
    fi
    printf '\n==== %s: %s\n' "$name" "$*" | tee -a "$log"
    before=$(wc -c <"$log")
    timeout --kill-after=5 "$limit" "$@" >>"$log" 2>&1 </dev/null || code=$?
    tail -c "+$((before + 1))" "$log" | tail -n 6 | cut -c -240
    took=$((SECONDS - begun))
    printf '%-20s code %3d, %3d of %3d s\n' "$name" "$code" "$took" "$limit" >>"$endings"
    ((code == 0)) || failed=1
}

# Steps, each `NAME SECONDS COMMAND`, all at the same time. Their logs come one after the other.
together() {
    local one logs
    logs=$(mktemp -d)
    for one in "$@"; do
        # shellcheck disable=SC2086
        (log=$logs/${one%% *} failed=0 && : >"$log" && step $one >/dev/null && exit "$failed") &
    done
    for one in $(jobs -p); do wait "$one" || failed=1; done
    for one in "$@"; do tee -a "$log" <"$logs/${one%% *}" | tail -n 3 | cut -c -240; done
    rm -r "$logs"
}

# Says how the steps ended; fails if one did.
finish() {
    printf '\n' | tee -a "$log"
    tee -a "$log" <"$endings"
    rm "$endings"
    return "$failed"
}

# plan NAME ARGUMENTS: adds runs to the store of that name.
plan() {
    bin-inorm-experiments sweep plan --store "$work/$1" "${@:2}"
}

# grid NAME: what was planned for the GPU under that name, together.
grid() {
    step "grid-$1" 600 bin-inorm-experiments sweep run --store "$work/gpu-$1" \
        --data "$work/images" --device cuda --checkpoint-epochs 1000
}

# What the GPU is to train if GRID does not say it, and the processors if PROCESSORS does not.
grid_lines() {
    local epsilon
    if [[ -n ${GRID:-} ]]; then
        cat "$GRID"
        return
    fi
    for epsilon in 0 0.5; do echo "paper-$epsilon --profile paper --epsilons $epsilon"; done
}
processor_lines() {
    if [[ -n ${PROCESSORS:-} ]]; then
        cat "$PROCESSORS"
        return
    fi
    echo "--profile paper --epsilons 0.25"
}

# All cores but four, until the machine is given back or a run is over.
start_processors() {
    local cores arguments
    cores=$(nproc)
    if ((cores > 4)); then
        while read -r arguments; do
            # shellcheck disable=SC2086
            plan processors $arguments
        done < <(processor_lines)
        setsid nice -n 19 taskset --cpu-list "4-$((cores - 1))" bin-inorm-experiments sweep run \
            --store "$work/processors" --data "$work/images" --jobs $((cores - 4)) \
            --checkpoint-epochs 1000 >"$work/processors.log" 2>&1 </dev/null &
        echo $! >"$work/processors.pid"
    fi
}

# Files what has been trained; the processors go on unless told to stop.
collect() {
    local stores=() store
    for store in "$work"/gpu-* "$work/processors"; do
        if compgen -G "$store/runs/*.json" >/dev/null; then
            stores+=(--store "$store")
        fi
    done
    step merge 15 bin-inorm-experiments sweep merge "${stores[@]}" --into "$out/results"
    tail -n 3 "$work/processors.log" >>"$log" 2>/dev/null || true
}

first() {
    local parity=(test-parity --ignored --exact ensemble_on_a_gpu)
    # A step of training is 25 launches.
    local metrics=gpu__time_duration.sum,dram__bytes.sum,lts__t_bytes.sum
    metrics+=,sm__warps_active.avg.pct_of_peak_sustained_active,launch__registers_per_thread
    begin first 290
    prepare "$directory"
    step gpu 15 nvidia-smi
    step libraries 10 ldd "$work/programs/test-parity"
    local chapters=() chapter
    for chapter in notebooks/[0-9]*.ipynb; do
        chapter=${chapter#notebooks/} chapter=${chapter%%_*}
        chapters+=("chapter-$chapter 110 env INORM_DATA=$work/images example-chapters $chapter")
    done
    together "${chapters[@]}" "parity 80 ${parity[*]} --nocapture" \
        "kernels 80 test-ensemble --ignored --exact --nocapture a_gpu" \
        "rules 80 test-rules --test-threads=1" \
        "typed-parity 80 test-parity --exact typed_networks_in_double_precision" \
        "properties 80 test-properties --test-threads=1 layer_norm lateral no_number" \
        "memcheck 80 compute-sanitizer --tool memcheck --error-exitcode 9 ${parity[*]}" \
        "racecheck 80 compute-sanitizer --tool racecheck --error-exitcode 9 ${parity[*]}" \
        "initcheck 80 compute-sanitizer --tool initcheck --error-exitcode 9 ${parity[*]}"
    start_processors >>"$log" 2>&1
    step speed 60 bench-ensemble 30
    step speed-alike 30 bench-ensemble 300 alike
    step peers 70 python3 benches/peers/gpu.py --networks 300
    # The same runs are on file, computed by processors.
    plan gpu-repeats --profile paper --epsilons 0.75 --configs 0-4 >>"$log" 2>&1
    grid repeats
    step profile 50 ncu --clock-control none --launch-skip 250 --launch-count 25 --kill yes \
        --metrics "$metrics" --csv --page raw --log-file "$out/ncu.csv" bench-ensemble 30
    # So little memory that not all runs of one ε fit.
    bin-inorm-experiments sweep plan --profile quick --store "$work/small" >>"$log" 2>&1 || true
    step small-sweep 30 bin-inorm-experiments sweep run --store "$work/small" --subset \
        --device cuda --memory 0.008
    deadline=310
    collect
    finish
}

second() {
    local sampler name arguments last="" limit=${SECONDS_AT_MOST:-385}
    begin second "$limit"
    prepare "$directory"
    nvidia-smi --loop=5 --format=csv \
        --query-gpu=timestamp,memory.used,power.draw,utilization.gpu,clocks.sm \
        >"$out/gpu.csv" 2>&1 &
    sampler=$!
    [[ -e $work/processors.pid ]] || start_processors >>"$log" 2>&1
    # An empty line at the end: every name is followed by another one.
    while read -r name arguments; do
        if [[ -n $last && $name != "$last" ]]; then
            grid "$last"
            collect
        fi
        # shellcheck disable=SC2086
        [[ -z $name ]] || plan "gpu-$name" $arguments >>"$log" 2>&1
        last=$name
    done < <(grid_lines && echo)
    deadline=$((limit + 15))
    collect
    kill "$sampler" 2>/dev/null || true
    if [[ -e $work/processors.pid ]]; then
        kill "$(cat "$work/processors.pid")" 2>/dev/null || true
        rm "$work/processors.pid"
    fi
    finish
}

directory=${2:-target/gpu}
case ${1:-all} in
build | first | second) "$1" "$directory" ;;
all)
    build "$directory"
    code=0
    tests/gpu.sh first "$directory" || code=1
    tests/gpu.sh second "$directory" || code=1
    exit "$code"
    ;;
*)
    echo "tests/gpu.sh [build|first|second] [DIR]" >&2
    exit 2
    ;;
esac
