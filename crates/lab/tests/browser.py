"""Reads notebooks as a reader would: JupyterLab in Chromium, Run All, and a look at the outputs.

Usage: browser.py PROGRAM CHECKOUT PICTURES NOTEBOOK...

PROGRAM is the `inorm` command. Each notebook is opened, run, scrolled through, and photographed
into the folder PICTURES. A picture or a table counts only if it is really on the screen: loaded,
with an area, and not behind anything. The first notebook is then run again in a kernel that was
started again from the menu.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

# Limits for the slowest machine; nothing here is a measurement.
SECONDS_TO_START = 300
SECONDS_TO_RUN = 600
ARGUMENTS = """--no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync""".split()

OUTPUT = ".jp-OutputArea-output"

# What of the current screen is visible: the element in the middle of a picture or table must be
# that picture or table itself, or a part of it.
VISIBLE = """
() => {
  const found = {images: [], tables: [], dialogs: document.querySelectorAll('.jp-Dialog').length};
  const visible = (element) => {
    const box = element.getBoundingClientRect();
    const x = box.x + box.width / 2;
    const y = Math.min(box.y + box.height / 2, innerHeight - 2);
    if (box.width < 20 || box.height < 10 || y < 0) return null;
    const top = document.elementFromPoint(x, y);
    return top && (element === top || element.contains(top)) ? box : null;
  };
  for (const image of document.querySelectorAll('.jp-OutputArea-output img')) {
    const box = visible(image);
    if (box && image.complete && image.naturalWidth > 0)
      found.images.push([image.src.length + ':' + image.src.slice(-80), box.width, box.height]);
  }
  for (const table of document.querySelectorAll('.jp-OutputArea-output table'))
    if (visible(table)) found.tables.push(table.innerText.slice(0, 200));
  return found;
}
"""


@contextmanager
def jupyterlab(program: str, checkout: Path, height: int) -> Iterator[tuple[Page, str, Path]]:
    """A page `height` pixels high, JupyterLab's address, and a folder for notebooks.

    JupyterLab saves what it runs: notebooks belong in that folder, from which `..` is the library
    as it is from theirs. Whoever ends the test early leaves nothing behind either.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    folder = checkout / f"browser-test-{os.getpid()}"
    folder.mkdir()
    lab = None
    try:
        lab = subprocess.Popen(
            [program, "lab", "--no-browser"],
            cwd=checkout,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        address = wait_for_lab(lab)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=ARGUMENTS
            )
            try:
                yield browser.new_page(viewport={"width": 1280, "height": height}), address, folder
            finally:
                browser.close()
    finally:
        if lab:
            os.killpg(lab.pid, signal.SIGTERM)
            lab.wait(timeout=30)
        shutil.rmtree(folder)


class Reader:
    """Looks at the page, and remembers since when."""

    def __init__(self, page: Page, pictures: Path):
        self.page, self.pictures = page, pictures
        self.began = time.monotonic()

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {what}", flush=True)

    def photograph(self, name: str) -> None:
        self.page.screenshot(path=self.pictures / f"live-{name}.png")

    def wait_for_text(self, text: str, seconds: float) -> None:
        self.wait(f"the text {text!r}", seconds, lambda: text in self.outputs())

    def outputs(self) -> str:
        return "\n".join(self.page.locator(OUTPUT).all_inner_texts())

    def wait(self, what: str, seconds: float, condition) -> None:
        until = time.monotonic() + seconds
        while not condition():
            if self.page.locator(".jp-Dialog").count():
                self.photograph("dialog")
                raise SystemExit("a dialog asks the reader something")
            if time.monotonic() > until:
                self.photograph("waiting")
                raise SystemExit(f"waited in vain for {what}; shown is: {self.outputs()}")
            self.page.wait_for_timeout(50)
        self.say(f"{what} is there")


def wait_for_lab(lab: subprocess.Popen) -> str:
    for line in lab.stdout:
        if match := re.search(r"http://\S+token=\w+", line):
            address = match.group()
            break
    else:
        raise SystemExit("`inorm lab` ended without an address")
    began = time.monotonic()
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).read()
            break
        except OSError:
            if time.monotonic() - began > SECONDS_TO_START:
                raise SystemExit("JupyterLab does not answer") from None
            time.sleep(0.1)
    print(f"JupyterLab answers {time.monotonic() - began:.1f} s after its address", flush=True)
    return address


def open_notebook(page: Page, address: str, path: Path) -> None:
    """Until the page shows it and its kernel is connected."""
    base, token = server(address)
    page.goto(f"{base}/lab/tree/{path.parent.name}/{path.name}?token={token}&reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=300_000)
    shown = time.monotonic()
    wait_for_kernel(base, token, path.name)
    after = time.monotonic() - shown
    print(f"{path.name}: kernel connected {after:.1f} s after the page", flush=True)


def share_kernel(address: str, path: Path, other: Path) -> None:
    """When `other` is opened, it finds the kernel of the notebook `path`."""
    base, token = server(address)
    sessions = json.load(urllib.request.urlopen(f"{base}/api/sessions?token={token}"))
    [kernel] = [s["kernel"]["id"] for s in sessions if s["name"] == path.name]
    session = {"path": f"{other.parent.name}/{other.name}", "name": other.name}
    session |= {"type": "notebook", "kernel": {"id": kernel}}
    json_type = {"Content-Type": "application/json"}
    asked = f"{base}/api/sessions?token={token}", json.dumps(session).encode(), json_type
    urllib.request.urlopen(urllib.request.Request(*asked))


def server(address: str) -> tuple[str, str]:
    """Its address without a path, and the token."""
    return re.match(r"(http://[^/]+).*token=(\w+)", address).groups()


def choose(page: Page, menu: str, entry: str) -> None:
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.get_by_role("menuitem", name=re.compile(f"^{entry}")).first.click()


def restart_and_run_all(page: Page, path: Path, pictures: Path) -> None:
    choose(page, "Run", "Restart Kernel and Run All Cells")
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    page.wait_for_function(
        """() => [...document.querySelectorAll('.jp-InputPrompt')]
            .some((prompt) => prompt.innerText.includes('*'))""",
        timeout=300_000,
    )
    began = time.monotonic()
    wait_until_executed(page, path, pictures)
    seconds = time.monotonic() - began
    print(f"{path.name}: all cells ran again in {seconds:.1f} s in a new kernel", flush=True)


def read(page: Page, address: str, path: Path, pictures: Path) -> None:
    open_notebook(page, address, path)
    page.screenshot(path=pictures / f"{path.name}-opened.png")
    began = time.monotonic()
    choose(page, "Run", "Run All Cells")
    wait_until_executed(page, path, pictures)
    print(f"{path.name}: all cells ran in {time.monotonic() - began:.1f} s", flush=True)
    check_outputs(page, path, pictures)


def wait_for_kernel(base: str, token: str, notebook: str) -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        sessions = json.load(urllib.request.urlopen(f"{base}/api/sessions?token={token}"))
        kernels = [session["kernel"] for session in sessions if session["name"] == notebook]
        if any(k["execution_state"] == "idle" and k["name"] == "inorm" for k in kernels):
            return
        time.sleep(0.1)
    raise SystemExit("no kernel became ready")


def wait_until_executed(page: Page, path: Path, pictures: Path) -> None:
    until = time.monotonic() + SECONDS_TO_RUN
    while time.monotonic() < until:
        page.wait_for_timeout(1000)
        if page.locator(".jp-Dialog").count():
            page.screenshot(path=pictures / f"{path.name}-dialog.png")
            raise SystemExit(f"{path.name}: a dialog asks the reader something")
        page.keyboard.press("Control+s")
        page.wait_for_timeout(300)
        cells = code_cells(path)
        for number, cell in enumerate(cells, 1):
            expected = "raises-exception" in cell["metadata"].get("tags", [])
            for output in cell["outputs"]:
                if output["output_type"] == "error" and not expected:
                    page.screenshot(path=pictures / f"{path.name}-error.png")
                    raise SystemExit(f"{path.name}: cell {number} failed: {output['evalue']}")
        idle = page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").count()
        if idle and all(cell["execution_count"] for cell in cells):
            return
    raise SystemExit(f"{path.name}: not executed after {SECONDS_TO_RUN} s")


def code_cells(path: Path) -> list:
    until = time.monotonic() + 10
    while True:
        try:
            cells = json.loads(path.read_text())["cells"]
            return [cell for cell in cells if cell["cell_type"] == "code"]
        except json.JSONDecodeError:
            # JupyterLab is writing it.
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def check_outputs(page: Page, path: Path, pictures: Path) -> None:
    data = [output.get("data", {}) for cell in code_cells(path) for output in cell["outputs"]]
    expected_images = sum("image/png" in bundle for bundle in data)
    expected_tables = sum("<table" in "".join(bundle.get("text/html", "")) for bundle in data)
    images, tables = {}, set()
    panel = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer"
    page.evaluate(f"document.querySelector('{panel}').scrollTop = 0")
    for step in range(200):
        page.wait_for_timeout(250)
        found = page.evaluate(VISIBLE)
        if found["dialogs"]:
            raise SystemExit(f"{path.name}: a dialog covers the notebook")
        new = {key: (width, height) for key, width, height in found["images"]}
        if new.keys() - images.keys() or set(found["tables"]) - tables or step == 0:
            page.screenshot(path=pictures / f"{path.name}-{step:03}.png")
        images |= new
        tables |= set(found["tables"])
        at_end = page.evaluate(
            f"""(() => {{ const p = document.querySelector('{panel}'); const before = p.scrollTop;
            p.scrollTop += p.clientHeight * 0.4; return p.scrollTop === before; }})()"""
        )
        if at_end:
            break
    print(f"{path.name}: {len(images)} pictures and {len(tables)} tables seen", flush=True)
    if len(images) < expected_images or len(tables) < expected_tables:
        raise SystemExit(
            f"{path.name}: {expected_images} pictures and {expected_tables} tables were sent, "
            f"{len(images)} and {len(tables)} are visible"
        )
    if not expected_images + expected_tables:
        raise SystemExit(f"{path.name}: no cell shows a picture or a table")


def format_a_cell(page: Page, address: str, folder: Path) -> None:
    """By its key; what rustfmt cannot read is said in a dialog."""
    cells = [
        {"cell_type": "code", "id": name, "execution_count": None, "metadata": {}, "outputs": [],
         "source": source}
        for name, source in [("right", "let x=1 ;\nx"), ("wrong", "let y = ;")]
    ]  # fmt: skip
    kernel = {"name": "inorm", "display_name": "Rust (inorm)", "language": "rust"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4}
    path = folder / "format.ipynb"
    path.write_text(json.dumps(notebook | {"nbformat_minor": 5}))
    open_notebook(page, address, path)
    cell = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")
    for number in range(2):
        cell.nth(number).locator(".cm-content").click()
        page.keyboard.press("Alt+Shift+F")
        if number == 0:
            page.wait_for_function(
                """() => [...document.querySelectorAll('.cm-content')]
                    .some((cell) => cell.innerText.includes('let x = 1;\\nx'))""",
                timeout=60_000,
            )
    dialog = page.locator(".jp-Dialog")
    dialog.wait_for(timeout=60_000)
    if "line 1: expected expression" not in dialog.inner_text():
        raise SystemExit(f"the formatter says: {dialog.inner_text()}")
    page.get_by_role("button", name="Dismiss").click()
    page.keyboard.press("Control+s")
    print("a cell is formatted by a key", flush=True)


def main() -> None:
    program, checkout, pictures, *notebooks = sys.argv[1:]
    pictures = Path(pictures)
    pictures.mkdir(parents=True, exist_ok=True)
    with jupyterlab(program, Path(checkout), height=900) as (page, address, folder):
        format_a_cell(page, address, folder)
        copies = [Path(shutil.copy(notebook, folder)) for notebook in notebooks]
        for copy in copies:
            read(page, address, copy, pictures)
            if copy == copies[0]:
                restart_and_run_all(page, copy, pictures)
                check_outputs(page, copy, pictures)


if __name__ == "__main__":
    main()
