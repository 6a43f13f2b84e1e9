"""What our kernel costs, and what it saves, beside the Rust kernel behind it.

    .venv/bin/python benches/kernel.py [--cells 40] [--lines 100000] [--rounds 5]

Both run in this clone, after `inorm lab --prepare`. The bare Rust kernel gets the environment and
a copy of the compiled libraries that ours gives it, and nothing else. In turns: cells that do
nothing but compile, and a cell that prints many lines. Before that come the times that a reader
waits for: until the kernel answers, until the first table when a cell is run at once, and when it
is run half a minute later. Last, a training in a cell beside the same from the command line.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

CLONE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE / "crates/lab/tests"))

from kernel_client import Kernel, without_proxy, text  # noqa: E402

NOTEBOOKS = CLONE / "notebooks"
DEPENDENCY = ':dep inorm = { path = "..", default-features = false, features = ["cpu"] }'
TABLE = 'inorm::notebook::Table::empty("One")'
TRAINING = """
let data = inorm::dataset::FashionMnist::load()?;
let run = inorm::learning::Run::new("inorm_full".parse()?, &inorm::configuration::configuration(13)?);
let (_, record) = inorm::learning::train(&run.epsilon(0.75).epochs(1), &data, &mut ())?;
println!("{}", 1e3 * record.training_seconds / record.steps as f64);
"""


def timed(kernel, code):
    """Seconds until the client knows that a cell is over, and what it printed."""
    began = time.monotonic()
    outputs, reply = kernel.run(code)
    if reply["status"] != "ok":
        raise SystemExit(f"{code}: {reply['evalue']}")
    return time.monotonic() - began, text(outputs)


def milliseconds(values):
    return f"{1000 * statistics.median(values):.0f} ms"


def compare(ours, bare, cells, lines, rounds):
    printing = f'for i in 0..{lines} {{ println!("line {{i}}"); }}'
    expected = "".join(f"line {i}\n" for i in range(lines))
    cell, print_ = {ours: [], bare: []}, {ours: [], bare: []}
    for number in range(cells):
        for kernel in (ours, bare) if number % 2 else (bare, ours):
            cell[kernel].append(timed(kernel, f"let value_{number} = {number};")[0])
    for _ in range(rounds):
        for kernel in (ours, bare):
            seconds, printed = timed(kernel, printing)
            if printed != expected:
                raise SystemExit("lines are missing or out of order")
            print_[kernel].append(seconds)
    added = [mine - theirs for mine, theirs in zip(cell[ours], cell[bare])]
    print(f"a cell: {milliseconds(cell[ours])} in ours, {milliseconds(cell[bare])} in the bare "
          f"kernel; added, as the median of {cells} pairs: {milliseconds(added)}")
    ratios = [theirs / mine for mine, theirs in zip(print_[ours], print_[bare])]
    print(f"{lines} lines: {milliseconds(print_[ours])} in ours, {milliseconds(print_[bare])} in "
          f"the bare kernel, which is {statistics.median(ratios):.2f} × as long "
          f"({min(ratios):.2f} to {max(ratios):.2f})")


def first_table(reading):
    """Seconds until a reader who first reads for so long sees a table."""
    kernel = Kernel(NOTEBOOKS)
    time.sleep(max(0, reading - kernel.answered_after))
    began = time.monotonic()
    timed(kernel, DEPENDENCY)
    timed(kernel, TABLE)
    seconds = time.monotonic() - began
    kernel.end()
    return kernel.answered_after, seconds


def training(ours, rounds):
    """Milliseconds a step, in a cell and from the command line, in turns."""
    command = ["cargo", "run", "--quiet", "--release", "--", "train", "inorm_full"]
    command += ["--config", "13", "--epsilon", "0.75", "--epochs", "1", "--json"]
    ratios = []
    for _ in range(rounds):
        in_cell = float(timed(ours, TRAINING)[1])
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        ratios.append(in_cell / json.loads(said.splitlines()[-1])["milliseconds_per_step"])
    print(f"a training step in a cell takes {statistics.median(ratios):.2f} × as long as from the "
          f"command line ({min(ratios):.2f} to {max(ratios):.2f})")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.chdir(CLONE)
    answered, at_once = first_table(0)
    _, later = first_table(30)
    print(f"ours answers after {answered:.1f} s; the first table comes {at_once:.1f} s after its "
          f"cell was run at once, {later:.1f} s after one that was run half a minute later")
    ours = Kernel(NOTEBOOKS)
    timed(ours, DEPENDENCY)
    with without_proxy(ours, NOTEBOOKS) as bare:
        timed(bare, DEPENDENCY)
        compare(ours, bare, options.cells, options.lines, options.rounds)
    training(ours, options.rounds)
    ours.end()


main()
