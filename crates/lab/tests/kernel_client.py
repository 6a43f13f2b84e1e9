"""A running kernel and one client of it, for tests and benchmarks."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

# The first cell waits for the library, which takes longer where other programs run.
PATIENCE = 300


class Kernel:
    """A kernel in a folder, with one client."""

    def __init__(self, folder, program=None, environment=None):
        """Ours, or the one of this command in this environment."""
        self.manager = KernelManager(kernel_name="inorm")
        if program:
            self.manager._kernel_spec = KernelSpec(
                argv=program, display_name="another", language="rust", interrupt_mode="message"
            )
        began = time.monotonic()
        environment = environment or os.environ.copy()
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE if program else 30)
        self.answered_after = time.monotonic() - began
        self.process = self.manager.provisioner.pid

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, code, patience=PATIENCE, **options):
        """Executes a cell; its outputs as (type, content), and the reply's content."""
        return self.outcome(self.client.execute(code, **options), patience)

    def outcome(self, request, patience=PATIENCE):
        outputs, until = [], time.monotonic() + patience
        while True:
            message = self.client.get_iopub_msg(timeout=until - time.monotonic())
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            outputs.append((kind, content))
        while True:
            reply = self.client.get_shell_msg(timeout=PATIENCE)
            if reply["parent_header"]["msg_id"] == request:
                return outputs, reply["content"]

    def run_until_said(self, words, code, patience=PATIENCE):
        """The same of a cell that is interrupted when its standard error has these words."""
        request, outputs, until = self.client.execute(code), [], time.monotonic() + patience
        while words not in text(outputs, "stderr"):
            message = self.client.get_iopub_msg(timeout=until - time.monotonic())
            if message["parent_header"].get("msg_id") == request:
                outputs.append((message["msg_type"], message["content"]))
        self.manager.interrupt_kernel()
        rest, reply = self.outcome(request, patience)
        return outputs + rest, reply

    def interrupt_after(self, seconds):
        threading.Timer(seconds, self.manager.interrupt_kernel).start()

    def memory(self):
        """Bytes that the kernel and all that it started have for themselves."""
        rollups = [
            read(Path(f"/proc/{process}/smaps_rollup")).splitlines()
            for process in [self.process, *descendants(self.process)]
        ]
        private = [line for rollup in rollups for line in rollup if "Private" in line]
        return sum(1024 * int(line.split()[1]) for line in private)

    def backend(self):
        """The process of the Rust kernel, if there is one at this moment."""
        for child in children(self.process):
            if "evcxr_jupyter" in read(Path(f"/proc/{child}/cmdline")):
                return child
        return None

    def directory(self):
        return directory_of(self.process)


def of_clone(clone, cache=None):
    """The kernel of another clone, which was prepared with this cache."""
    spec = json.loads((clone / ".venv/share/jupyter/kernels/inorm/kernel.json").read_text())
    environment = os.environ.copy()
    if cache:
        environment["INORM_CACHE"] = str(cache)
    return Kernel(clone / "notebooks", spec["argv"], environment)


@contextmanager
def without_proxy(ours, folder):
    """The Rust kernel behind `ours` alone: another process of it, with a copy of its compiled
    libraries, and nobody in front who tells it what to do."""
    backend = Path(f"/proc/{ours.backend()}")
    variables = (backend / "environ").read_text().split("\0")
    environment = dict(variable.split("=", 1) for variable in variables if "=" in variable)
    for name in ("INORM_KERNEL", "INORM_INTERRUPT"):
        del environment[name]
    # Ours gives it a cargo of its own, and less of the standard library to read.
    environment["CARGO_HOME"] = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    environment["PATH"] = os.environ["PATH"]
    environment.pop("RUST_SRC_PATH", None)
    tree = Path(environment["EVCXR_TMPDIR"])
    # Where cargo, which looks into the folders above, finds the same settings.
    with tempfile.TemporaryDirectory(dir=tree.parents[3]) as place:
        copy = Path(place) / "workspace"
        shutil.copytree(tree.parent, copy, symlinks=True)
        environment["EVCXR_TMPDIR"] = str(copy / tree.name)
        libraries = environment["LD_LIBRARY_PATH"].replace(str(tree), str(copy / tree.name))
        environment["LD_LIBRARY_PATH"] = libraries
        program = (backend / "cmdline").read_text().split("\0")[0]
        bare = Kernel(folder, [program, "--control_file", "{connection_file}"], environment)
        try:
            yield bare
        finally:
            bare.end()


def spare_command(owner=None):
    """What starts a kernel that waits to be taken, as long as this process `owner` lives."""
    argv = KernelManager(kernel_name="inorm").kernel_spec.argv
    return [*argv[:4], "--spare", str(owner or os.getpid())]


def start_spare(folder, owner=None):
    """A kernel that waits to be taken, and the environment in which one takes it."""
    environment = {**os.environ, "INORM_SPARE": "1"}
    began = time.time()
    process = subprocess.Popen(spare_command(owner), cwd=folder, env=environment)
    waiting = lambda: [
        file for file in (cache() / "kernels").glob("*/locks/spare.json") if file.stat().st_mtime > began
    ]
    wait_for("the spare kernel", waiting, PATIENCE)
    return process, environment


def notebook(sources):
    """The file of a notebook with these cells."""
    cells = [
        {
            "cell_type": "code",
            "id": f"c{index}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        for index, source in enumerate(sources)
    ]
    kernel = {"name": "inorm", "display_name": "Rust (inorm)", "language": "rust"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "rust"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def read(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def cache():
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("INORM_CACHE", home / "inorm"))


def directory_of(process):
    """That of a running kernel, if it has one."""
    return next(iter((cache() / "kernels").glob(f"*/running/{process}-*")), None)


def children(process):
    # A child belongs to the thread that started it.
    lists = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for file in lists for child in read(file).split()]


def descendants(process):
    for child in children(process):
        yield child
        yield from descendants(child)


def kernels_of(process):
    """Our kernels that were started by a process, or by one that it has started."""
    is_kernel = lambda child: read(Path(f"/proc/{child}/cmdline")).split("\0")[1:2] == ["kernel"]
    kernels = {child for child in descendants(process) if is_kernel(child)}
    # What a kernel has forked looks like it until it becomes another program.
    return kernels.difference(*(descendants(kernel) for kernel in kernels))


def text(outputs, name="stdout"):
    streams = [content for kind, content in outputs if kind == "stream"]
    return "".join(content["text"] for content in streams if content["name"] == name)


def kinds(outputs):
    return [kind for kind, _ in outputs if kind not in ("status", "execute_input")]


def wait_for(what, condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.02)
