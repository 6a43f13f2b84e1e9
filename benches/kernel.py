"""What our kernel costs, and what it saves, beside the Rust kernel behind it.

    .venv/bin/python benches/kernel.py [--cells 40] [--lines 100000] [--rounds 5]

Both run in this clone, after `inorm lab --prepare`. The bare Rust kernel gets the environment and
a copy of the compiled libraries that ours gives it, and nothing else. In turns: one round has
cells that do nothing but compile, and a cell that prints many lines, on either. Last come the
times that a reader waits for: until the kernel answers, until the first table when a cell is run
at once, and when it is run half a minute later.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from queue import Empty

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

CLONE = Path(__file__).resolve().parents[1]
DEPENDENCY = ':dep inorm = { path = "..", default-features = false, features = ["cpu"] }'
TABLE = 'inorm::notebook::Table::empty("One")'
PATIENCE = 600


class Kernel:
    """One kernel and its client."""

    def __init__(self, command=None, environment=None):
        self.manager = KernelManager(kernel_name="inorm")
        if command:
            argv = [*command, "--control_file", "{connection_file}"]
            self.manager._kernel_spec = KernelSpec(
                argv=argv, display_name="bare", language="rust", interrupt_mode="message"
            )
        began = time.monotonic()
        self.manager.start_kernel(cwd=str(CLONE / "notebooks"), env=environment or os.environ.copy())
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)
        self.answered = time.monotonic() - began

    def run(self, code, patience=PATIENCE):
        """Executes a cell; seconds until the client knows that it is over, and what it printed."""
        began = time.monotonic()
        request = self.client.execute(code)
        replied, idle, printed = False, False, []
        while not idle:
            try:
                message = self.client.get_iopub_msg(timeout=patience)
            except Empty:
                # Its last words were lost on the way: see `compare`.
                return time.monotonic() - began - patience, "".join(printed)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "error":
                raise SystemExit(f"{code}: {content['evalue']}")
            if kind == "stream":
                printed.append(content["text"])
            idle = kind == "status" and content["execution_state"] == "idle"
        while not replied:
            reply = self.client.get_shell_msg(timeout=PATIENCE)
            replied = reply["parent_header"]["msg_id"] == request
        return time.monotonic() - began, "".join(printed)

    def backend(self):
        """The process of the Rust kernel behind ours."""
        process = self.manager.provisioner.pid
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                if "evcxr_jupyter" in Path(f"/proc/{child}/cmdline").read_text():
                    return Path(f"/proc/{child}")
        raise SystemExit("our kernel has no Rust kernel behind it")

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def bare_twin(ours):
    """The Rust kernel alone, as ours has started it, and its folder."""
    backend = ours.backend()
    variables = (backend / "environ").read_text().split("\0")
    environment = dict(variable.split("=", 1) for variable in variables if "=" in variable)
    for name in ("INORM_KERNEL", "INORM_INTERRUPT"):
        environment.pop(name, None)
    tree = Path(environment["EVCXR_TMPDIR"])
    # Beside ours: cargo looks for its settings in the folders above.
    place = tempfile.TemporaryDirectory(dir=tree.parents[2])
    folder = Path(place.name)
    workspace = folder / "workspace"
    shutil.copytree(tree.parent, workspace, symlinks=True)
    cargo = folder / "cargo"
    shutil.copytree(environment["CARGO_HOME"], cargo, symlinks=True)
    environment["CARGO_HOME"] = str(cargo)
    environment["EVCXR_TMPDIR"] = str(workspace / tree.name)
    library = environment["LD_LIBRARY_PATH"].replace(str(tree), environment["EVCXR_TMPDIR"])
    environment["LD_LIBRARY_PATH"] = library
    program = (backend / "cmdline").read_text().split("\0")[0]
    twin = Kernel([program], environment)
    twin.run(DEPENDENCY)
    return twin, place


def milliseconds(values):
    return f"{1000 * statistics.median(values):.0f} ms"


def compare(ours, bare, cells, lines, rounds):
    printing = f'for i in 0..{lines} {{ println!("line {{i}}"); }}'
    expected = "".join(f"line {i}\n" for i in range(lines))
    cell, print_ = {ours: [], bare: []}, {ours: [], bare: []}
    for number in range(cells):
        for kernel in (ours, bare) if number % 2 else (bare, ours):
            cell[kernel].append(kernel.run(f"let value_{number} = {number};")[0])
    lost = 0
    for _ in range(rounds):
        for kernel in (ours, bare):
            seconds, printed = kernel.run(printing, patience=15)
            print_[kernel].append(seconds)
            if kernel is bare:
                # Its socket drops what a client has not fetched in time.
                lost += lines - printed.count("\n")
            elif printed != expected:
                raise SystemExit("lines are missing or out of order")
    added = [mine - theirs for mine, theirs in zip(cell[ours], cell[bare])]
    print(f"a cell: {milliseconds(cell[ours])} in ours, {milliseconds(cell[bare])} in the bare "
          f"kernel; added, as the median of {cells} pairs: {milliseconds(added)}")
    ratios = [theirs / mine for mine, theirs in zip(print_[ours], print_[bare])]
    print(f"{lines} lines: {milliseconds(print_[ours])} in ours, {milliseconds(print_[bare])} in "
          f"the bare kernel, which is {statistics.median(ratios):.2f} × as long "
          f"({min(ratios):.2f} to {max(ratios):.2f}); ours lost none, the bare kernel "
          f"{lost / rounds:.0f} a time")


def first_table(reading):
    """Seconds until a reader who first reads for so long sees a table."""
    kernel = Kernel()
    time.sleep(max(0, reading - kernel.answered))
    began = time.monotonic()
    kernel.run(DEPENDENCY)
    kernel.run(TABLE)
    seconds = time.monotonic() - began
    kernel.end()
    return kernel.answered, seconds


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
          f"cell was run at once, {later:.1f} s after one that was run half a minute later", flush=True)
    ours = Kernel()
    ours.run(DEPENDENCY)
    bare, place = bare_twin(ours)
    with place:
        compare(ours, bare, options.cells, options.lines, options.rounds)
        bare.end()
    ours.end()


main()
