"""The kernel in front ends that are not JupyterLab, each as its users start it: nbclassic in
Chromium, qtconsole, euporie.

Usage: front_ends.py CHECKOUT PICTURES [unittest arguments]

tests/front_ends.sh runs it, with the programs of python/requirements-front-ends.txt. What is seen
is photographed into the folder PICTURES.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from kernel_client import PATIENCE, notebook, read, start_spare, wait_for

CHECKOUT = Path(sys.argv.pop(1)).resolve()
PICTURES = Path(sys.argv.pop(1)).resolve()
PROGRAMS = Path(sys.executable).parent
DEPENDENCY = f':dep inorm = {{ path = "{CHECKOUT}", default-features = false, features = ["cpu"] }}'
TEXT = 'println!("the answer is {}", 6 * 7);'
TABLE = """use inorm::notebook::Table;
Table::empty("Three clothes").texts("name", &["coat", "bag", "boot"])?.numbers("share", &[0.25; 3])?"""
PICTURE = "inorm::figures::fig1::network()"
PROGRESS = """let mut progress = inorm::notebook::Progress::new("things", 3);
(0..3).for_each(|_| progress.advance(1));
progress.finish();"""
SLIDER = """use inorm::notebook::{interact, slider};
interact(slider("x", 0.0..=1.0).step(0.01), |x: f64| format!("x is {x:.2}"));"""
SLIDER_OF_A_PICTURE = """let images = inorm::dataset::FashionMnist::subset()?.test;
interact(slider("light", 0.0..=1.0).step(0.05), move |epsilon| {
    inorm::figures::fig1::luminosity_shift(&images, &[epsilon], 0)
});"""
ALL = [DEPENDENCY, TEXT, TABLE, PICTURE, PROGRESS, SLIDER]


class NbClassic(unittest.TestCase):
    """The interface of Jupyter Notebook up to 6."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        cells = [DEPENDENCY, TEXT, TABLE, PICTURE, PROGRESS, SLIDER, SLIDER_OF_A_PICTURE]
        (self.folder / "cells.ipynb").write_text(notebook(cells))
        log = open(self.folder / "log", "w")
        kinds = ("CONFIG", "DATA", "RUNTIME")
        places = {f"JUPYTER_{kind}_DIR": str(self.folder / kind.lower()) for kind in kinds}
        self.addCleanup(log.close)
        server = subprocess.Popen(
            [PROGRAMS / "jupyter", "nbclassic", "--no-browser", "--allow-root"],
            cwd=self.folder,
            env={**os.environ, **places},
            stderr=log,
        )
        self.addCleanup(server.wait, 30)
        self.addCleanup(server.terminate)
        address = r"(http://127\.0\.0\.1:\d+)\S*token=(\w+)"
        wait_for("nbclassic", lambda: re.search(address, read(self.folder / "log")), PATIENCE)
        self.server, self.token = re.search(address, read(self.folder / "log")).groups()

    def test_cells_and_sliders(self):
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
                args=["--no-sandbox", "--disable-gpu"],
            )
            self.page = browser.new_page(viewport={"width": 1100, "height": 1900})
            try:
                self.look()
            finally:
                self.page.screenshot(path=PICTURES / "nbclassic.png")
                browser.close()

    def output(self, cell):
        return self.page.locator(".code_cell").nth(cell).locator(".output_wrapper").first

    def text(self, cell):
        return self.output(cell).inner_text()

    def pictures(self, cell):
        images = self.output(cell).locator("img:visible")
        return [image.get_attribute("src") for image in images.all()]

    def wait(self, what, condition):
        wait_for(what, lambda: self.page.wait_for_timeout(50) or condition(), PATIENCE)

    def drag(self, cell, share):
        handle = self.output(cell).locator(".noUi-handle").bounding_box()
        track = self.output(cell).locator(".noUi-target").bounding_box()
        y = handle["y"] + handle["height"] / 2
        self.page.mouse.move(handle["x"] + handle["width"] / 2, y)
        self.page.mouse.down()
        for step in range(1, 11):
            self.page.mouse.move(track["x"] + track["width"] * share * step / 10, y)
            self.page.wait_for_timeout(30)
        self.page.mouse.up()

    def look(self):
        page = self.page
        page.goto(f"{self.server}/notebooks/cells.ipynb?token={self.token}")
        page.wait_for_selector(".kernel_idle_icon", state="attached", timeout=1000 * PATIENCE)
        page.evaluate("Jupyter.notebook.execute_all_cells()")
        self.wait("the second slider", lambda: self.output(6).locator(".noUi-handle").count())
        self.wait("the second picture", lambda: self.pictures(6))
        self.assertIn("the answer is 42", self.text(1))
        rows = self.output(2).locator("table tr")
        self.assertIn("boot", rows.last.inner_text())
        self.assertEqual(len(self.pictures(3)), 1)
        self.assertIn("all 3 done", self.text(4))
        self.assertEqual(self.text(5).count("x is "), 1)
        self.drag(5, 1.0)
        self.wait("the last value", lambda: "x is 1.00" in self.text(5))
        before = self.pictures(6)
        self.assertEqual(len(before), 1)
        self.drag(6, 0.5)
        self.wait("another picture", lambda: self.pictures(6) != before)
        self.assertEqual(len(self.pictures(6)), 1)
        self.assertFalse(page.locator(".output_error").count())


class QtConsole(unittest.TestCase):
    def test_cells(self):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        from qtconsole.qtconsoleapp import JupyterQtConsoleApp

        application = JupyterQtConsoleApp()
        application.initialize(["--kernel=inorm", "--JupyterWidget.include_other_output=False"])
        application.window.resize(900, 1400)
        application.window.show()
        self.widget, self.process = application.widget, application.app.processEvents
        self.done = []
        self.widget.executed.connect(self.done.append)
        self.addCleanup(application.kernel_manager.shutdown_kernel, now=True)
        self.wait("the prompt", lambda: self.widget._prompt.startswith("In"))
        for number, source in enumerate(ALL, 1):
            self.widget.execute(source)
            self.wait(f"the end of {source!r}", lambda: len(self.done) == number)
            self.assertEqual(self.done[-1]["content"]["status"], "ok")
        self.wait("the last prompt", lambda: f"In [{len(ALL) + 1}]" in self.shown())
        application.window.grab().save(str(PICTURES / "qtconsole.png"))
        (PICTURES / "qtconsole.txt").write_text(self.shown())
        self.assertIn("the answer is 42", self.shown())
        self.assertRegex(self.shown(), r"boot\W+0\.25")
        self.assertEqual(self.pictures(), 1)

    def wait(self, what, condition):
        wait_for(what, lambda: self.process() or condition(), PATIENCE)

    def shown(self):
        return self.widget._control.toPlainText()

    def pictures(self):
        found, block = 0, self.widget._control.document().begin()
        while block.isValid():
            fragments = block.begin()
            while not fragments.atEnd():
                found += fragments.fragment().charFormat().isImageFormat()
                fragments += 1
            block = block.next()
        return found


class Euporie(unittest.TestCase):
    """Notebooks in a terminal."""

    def test_preview_runs_a_notebook(self):
        # Version 2.10.4 shows nothing more once an output has changed in place: a kernel that is
        # ready says nothing of waiting, and a bar is left out.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "cells.ipynb"
        path.write_text(notebook([cell for cell in ALL if cell != PROGRESS]))
        # It sets that itself, for the kernel too; a spare kernel is taken in its own environment.
        os.environ["PROMPT_TOOLKIT_NO_CPR"] = "1"
        spare, environment = start_spare(path.parent)
        self.addCleanup(spare.kill)
        printed = subprocess.run(
            [PROGRAMS / "euporie-preview", "--run", "--no-page", "--graphics=none", path],
            cwd=path.parent, env=environment, check=True, timeout=PATIENCE, stdout=subprocess.PIPE,
            text=True,
        ).stdout  # fmt: skip
        (PICTURES / "euporie.txt").write_text(printed)
        shown = re.sub(r"\x1b\[[0-9;]*m", "", printed)
        self.assertIn("the answer is 42", shown)
        self.assertRegex(shown, r"boot\W+0\.25")


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    unittest.main()
