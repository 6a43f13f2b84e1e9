"""Times one training step of `inorm_full` here and in PyTorch and JAX, in turns.

    python benches/peers/compare.py [--width 234] [--rounds 7] [--steps 300]

Run it with a Python that has torch, jax and numpy; a peer that is missing is left out, and named.
Each round runs every program once, on one thread; the ratios are medians over the rounds, so that
they hold on a machine whose speed drifts.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def on_one_core() -> None:
    """What asks a program to use one thread is not always heard: JAX, for one, uses more."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def programs(width, steps):
    ours = ["cargo", "bench", "--quiet", "--bench", "floor", "--", "--once", str(width)]
    script = lambda name, *extra: [sys.executable, str(HERE / name), str(width), str(steps), *extra]
    return {
        "inorm": ours,
        "JAX, jit": script("jax_step.py"),
        "PyTorch, eager": script("torch_step.py", "eager"),
        "PyTorch, compile": script("torch_step.py", "compile"),
    }


def milliseconds(command):
    """What the program prints last, or None if it failed."""
    environment = {**os.environ, **ONE_THREAD}
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment,
        cwd=HERE.parents[1],
        preexec_fn=on_one_core,
    )
    if result.returncode != 0:
        return None
    return float(result.stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=234)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    times = {}
    runnable = programs(options.width, options.steps)
    for name, command in list(runnable.items()):
        if milliseconds(command) is None:
            print(f"{name}: cannot run here, left out")
            del runnable[name]
    for _ in range(options.rounds):
        for name, command in runnable.items():
            times.setdefault(name, []).append(milliseconds(command))
    print(f"inorm_full, width {options.width}, batch 32, one thread, {options.rounds} rounds in turns")
    for name, values in times.items():
        ratios = [theirs / ours for theirs, ours in zip(values, times["inorm"])]
        print(
            f"{name:<18} {statistics.median(values):7.3f} ms/step   "
            f"{statistics.median(ratios):5.2f} × inorm ({min(ratios):.2f} to {max(ratios):.2f})"
        )


main()
