"""What a reader waits for, in our kernel and in others, and what our kernel costs.

    .venv/bin/python benches/kernel.py [--rounds 5] [--lines 100000] [--beside CLONE [--cache DIR]]

Runs in this clone, after `inorm lab --prepare`, on an otherwise idle machine. Beside ours runs the
bare Rust kernel, which gets the environment and a copy of the compiled libraries that ours gives
it, and nothing else; and with --beside the kernel of another clone, prepared in the same way, with
the cache that it was prepared with. In turns, round by round: medians, and ratios to ours.
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

from kernel_client import Kernel, of_clone, start_spare, text, without_proxy  # noqa: E402

DEPENDENCY = ':dep inorm = { path = "..", default-features = false, features = ["cpu"] }'
IMPORTS = """
use inorm::{Condition, configuration::configuration, dataset::FashionMnist, figures};
use inorm::notebook::Table;
"""
FIRST = DEPENDENCY + IMPORTS
VARIABLES = """
let data = FashionMnist::load()?;
let config = configuration(13)?;
let shown = Table::new(config.table()?, "One");
"""
TYPES = "use inorm::{layers::{Batch, Full, INorm}, networks::Network};"
# Of a width that no other network has.
NETWORK = """
type Net{n} = Network<(INorm<784, 2{n}7, 20, Full>, INorm<2{n}7, 2{n}5, 20, Full>)>;
let network = Net{n}::new({n})?;
let images = Batch::<_, 784>::of_samples(vec![0.5; 32 * 784]);
"""
# What is timed, and after which cells.
STEPS = [
    ("a number, fresh notebook", "let a{n} = {n};", ""),
    ("a number, beside data, config, a table", "let b{n} = {n};", VARIABLES),
    ("a bare value", "1 + {n}", ""),
    ("a table", 'Table::empty("{n}").numbers("x", &[1.0, {n}.0])?', ""),
    ("a figure", "figures::fig1::luminosity_shift(&data.test, &[0.25, 0.5], {n})?", ""),
    ("making a typed network", NETWORK, TYPES),
    ("asking it", "let out{n} = network.forward(&images);", ""),
    ("a number, beside a network too", "let c{n} = {n};", ""),
]
CLOSURE = "let closure = |x: i32| x + 1;"
TRAINING = """
let data = inorm::dataset::FashionMnist::load()?;
let run = inorm::learning::Run::new("inorm_full".parse()?, &inorm::configuration::configuration(13)?);
let (_, record) = inorm::learning::train(&run.epsilon(0.75).epochs(1), &data, &mut ())?;
println!("{}", 1e3 * record.training_seconds / record.steps as f64);
"""


def timed(kernel, code, status="ok"):
    """Seconds until the client knows that a cell is over, and what it printed."""
    seconds, printed, reply = asked(kernel, code)
    if reply["status"] != status:
        raise SystemExit(f"{code}: {reply}")
    return seconds, printed


def asked(kernel, code):
    began = time.monotonic()
    outputs, reply = kernel.run(code)
    seconds = time.monotonic() - began
    return seconds, text(outputs), reply


def row(what, kernels, seconds):
    """One line: the median of each kernel, and how many times ours it is."""
    medians = [statistics.median(seconds[name]) for name in kernels if name in seconds]
    cells = [f"{median:7.2f} s {median / medians[0]:6.2f} ×" for median in medians]
    print(f"{what:40} {'   '.join(cells)}", flush=True)


def memory(what, kernels):
    sizes = [f"{kernel.memory() / 1e6:7.0f} MB         " for kernel in kernels.values()]
    print(f"{'memory, ' + what:40} {'   '.join(sizes)}", flush=True)


def steps(kernels, rounds):
    for what, code, before in STEPS:
        # Another clone's library may be without types of networks; ours has all.
        kernels = {
            name: kernel for name, kernel in kernels.items()
            if not before or asked(kernel, before)[2]["status"] == "ok"
        }
        if "ours" not in kernels:
            raise SystemExit(f"not in our library: {before}")
        seconds = {name: [] for name in kernels}
        for number in range(1, rounds + 1):
            for name in list(kernels) if number % 2 else reversed(kernels):
                seconds[name].append(timed(kernels[name], code.replace("{n}", str(number)))[0])
        row(what, kernels, seconds)


def lines(kernels, count, rounds):
    printing = f'for i in 0..{count} {{ println!("line {{i}}"); }}'
    expected = "".join(f"line {i}\n" for i in range(count))
    seconds = {name: [] for name in kernels}
    for _ in range(rounds):
        for name, kernel in kernels.items():
            took, printed = timed(kernel, printing)
            if printed != expected:
                raise SystemExit("lines are missing or out of order")
            seconds[name].append(took)
    row(f"{count} lines", kernels, seconds)


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


def first_cells(starts, rounds):
    """Seconds until a kernel answers, and until its first cell is over."""
    answered, first = ({name: [] for name in starts} for _ in range(2))
    for _ in range(rounds):
        for name, start in starts.items():
            kernel = start()
            answered[name].append(kernel.answered_after)
            first[name].append(timed(kernel, FIRST)[0])
            kernel.end()
    row("an answer", starts, answered)
    row("first library cell, run at once", starts, first)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    os.chdir(CLONE)
    starts = {"ours": lambda: Kernel(CLONE / "notebooks")}
    if options.beside:
        starts["beside"] = lambda: of_clone(options.beside, options.cache)
    print(f"{'':40} {'   '.join(f'{name:>16}' for name in starts)}")
    first_cells(starts, options.rounds)
    waiting, environment = start_spare(CLONE / "notebooks")
    taken = Kernel(CLONE / "notebooks", environment=environment)
    row("first library cell, from the spare", ["ours"], {"ours": [timed(taken, FIRST)[0]]})
    taken.end()
    waiting.wait()
    kernels = {name: start() for name, start in starts.items()}
    for kernel in kernels.values():
        timed(kernel, FIRST)
    memory("with the library", kernels)
    steps(kernels, options.rounds)
    seconds = {name: [timed(kernel, CLOSURE, "error")[0]] for name, kernel in kernels.items()}
    row("first closure, an error", kernels, seconds)
    memory("with all of this", kernels)
    for name, kernel in kernels.items():
        if name != "ours":
            kernel.end()
    ours = kernels["ours"]
    with without_proxy(ours, CLONE / "notebooks") as bare:
        timed(bare, FIRST)
        beside = {"ours": ours, "bare": bare}
        print(f"{'':40} {'   '.join(f'{name:>16}' for name in beside)}")
        seconds = {name: [] for name in beside}
        for number in range(options.rounds):
            for name in list(beside) if number % 2 else reversed(beside):
                seconds[name].append(timed(beside[name], f"let d{number} = {number};")[0])
        row("a number", beside, seconds)
        lines(beside, options.lines, options.rounds)
    training(ours, options.rounds)
    ours.end()


main()
