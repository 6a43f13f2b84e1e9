"""The kernel behind the usual clients other than JupyterLab, each as its users start it; and a
notebook under a plain Rust kernel.

Usage: clients.py CHECKOUT [unittest arguments]

It needs what `inorm lab --prepare` sets up.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import pexpect
from kernel_client import PATIENCE, Kernel, kernels_of, notebook, text, wait_for, without_proxy

CHECKOUT = Path(sys.argv.pop(1)).resolve()
PROGRAMS = CHECKOUT / ".venv/bin"
DEPENDENCY = f':dep inorm = {{ path = "{CHECKOUT}", default-features = false, features = ["cpu"] }}'
INTERACT = """inorm::notebook::interact(("x", 0.0..=1.0), |x: f64| {
    let _ = x;
    inorm::figures::fig1::network()
});"""
ANSWER = ["let answer = 6 * 7;", 'println!("the answer is {answer}");', "answer"]
CELLS = [DEPENDENCY, *ANSWER, INTERACT]


class Clients(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.given = self.folder / "given.ipynb"
        self.given.write_text(notebook(CELLS))

    def assert_executed(self, path):
        cells = json.loads(path.read_text())["cells"]
        printed = "".join(cells[2]["outputs"][0]["text"])
        self.assertEqual(printed, "the answer is 42\n")
        value = cells[3]["outputs"][0]["data"]["text/plain"]
        self.assertEqual("".join(value), "42")
        bundles = [output.get("data", {}) for output in cells[4]["outputs"]]
        pictures = [data for data in bundles if "image/png" in data]
        self.assertEqual(len(pictures), 1)
        self.assertIn("has controls to change that", "".join(pictures[0]["text/plain"]))
        command = [PROGRAMS / "jupyter", "nbconvert", "--to", "html", "--output", "page.html", path]
        subprocess.run(command, check=True, timeout=PATIENCE)
        page = path.with_name("page.html").read_text()
        self.assertEqual(page.count('src="data:image/png;base64'), 1)
        self.assertIn("has controls to change that", page)

    def test_nbconvert(self):
        command = [PROGRAMS / "jupyter", "nbconvert", "--to", "notebook", "--execute"]
        command += ["--output", "executed.ipynb", self.given]
        subprocess.run(command, check=True, timeout=PATIENCE)
        self.assert_executed(self.folder / "executed.ipynb")

    def test_papermill(self):
        executed = self.folder / "executed.ipynb"
        command = [PROGRAMS / "papermill", "--no-progress-bar", self.given, executed]
        subprocess.run(command, check=True, timeout=PATIENCE)
        self.assert_executed(executed)

    def test_console(self):
        arguments = ["console", "--kernel", "inorm", "--simple-prompt"]
        # Leaving it asks a question otherwise.
        arguments.append("--JupyterConsoleApp.confirm_exit=False")
        console = pexpect.spawn(
            str(PROGRAMS / "jupyter"),
            arguments,
            cwd=str(self.folder),
            env={**os.environ, "TERM": "dumb"},
            encoding="utf-8",
            timeout=PATIENCE,
        )
        self.addCleanup(console.close, force=True)
        for source in ["let number = 6;", "number * 7"]:
            console.expect(r"In \[\d+\]: ")
            console.sendline(source)
        console.expect(r"Out\[2\]: 42")
        console.expect(r"In \[\d+\]: ")
        console.sendeof()
        console.expect(pexpect.EOF)

    def test_a_console_whose_terminal_is_closed_leaves_no_kernel(self):
        console = pexpect.spawn(
            str(PROGRAMS / "jupyter"), ["console", "--kernel", "inorm", "--simple-prompt"]
        )
        console.expect(r"In \[\d+\]: ", timeout=PATIENCE)
        (kernel,) = kernels_of(console.pid)
        os.killpg(os.getpgid(console.pid), signal.SIGKILL)
        console.close(force=True)
        wait_for("the kernel to end", lambda: not Path(f"/proc/{kernel}").exists())


class StockKernel(unittest.TestCase):
    """What a reader sees who opens a notebook with evcxr_jupyter as it is."""

    def test_a_chapter_that_trains_runs_to_its_end(self):
        chapter = CHECKOUT / "notebooks/02_layer_norm.ipynb"
        cells = json.loads(chapter.read_text())["cells"]
        ours = Kernel(chapter.parent)
        self.addCleanup(ours.end)
        ours.run("1")
        with without_proxy(ours, chapter.parent) as bare:
            shown, printed = set(), ""
            for cell in (cell for cell in cells if cell["cell_type"] == "code"):
                outputs, reply = bare.run("".join(cell["source"]))
                failing = "raises-exception" in cell["metadata"].get("tags", [])
                self.assertEqual(reply["status"], "error" if failing else "ok", cell["source"])
                printed += text(outputs)
                for kind, content in outputs:
                    if kind == "execute_result":
                        shown |= set(content["data"])
            outputs, reply = bare.run(INTERACT)
            self.assertEqual(reply["status"], "ok")
            self.assertIn("image/png", str(outputs))
            self.assertIn("x = 0.00; the kernel Rust (inorm) has controls", text(outputs))
        self.assertLessEqual({"image/png", "text/html", "text/plain"}, shown)
        # No bar and no growing curve, but a line an epoch.
        self.assertRegex(printed, r"ei_ln, ε = 0\s+epoch  1 of 2: test accuracy \d\d\.\d %")


if __name__ == "__main__":
    unittest.main()
