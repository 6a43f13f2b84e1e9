"""What moves while a cell runs: JupyterLab in Chromium, photographed at the moments that matter.

Usage: live.py PROGRAM CHECKOUT PICTURES

All cells are run the moment the page is there. The first waits with a line that says for what;
a training shows curves that grow; an interrupt ends it and keeps its variables.
"""

import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

from browser import ARGUMENTS, start_lab, wait_for_kernel
from playwright.sync_api import Page, sync_playwright

CELLS = [
    ':dep inorm = { path = "..", default-features = false, features = ["cpu"] }',
    """use inorm::{Condition, configuration::configuration, dataset::FashionMnist};
use inorm::{learning::Run, notebook::{Progress, train_all}};
let data = FashionMnist::subset()?;
let conditions = [Condition::ELn, Condition::INormNone, Condition::INormFull];""",
    """let mut progress = Progress::new("things", 60);
for _ in 0..60 {
    std::thread::sleep(std::time::Duration::from_millis(50));
    progress.advance(1);
}
progress.finish();""",
    """let config = configuration(13)?;
let runs: Vec<Run> = conditions.iter().map(|c| Run::new(*c, &config).epochs(200)).collect();
let records = train_all(&runs, &data)?;""",
    """println!("kept: {} records", records.len());""",
]
OUTPUT = ".jp-OutputArea-output"


def notebook() -> str:
    cells = [
        {
            "cell_type": "code",
            "id": f"c{index}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        for index, source in enumerate(CELLS)
    ]
    kernel = {"name": "inorm", "display_name": "Rust (inorm)", "language": "rust"}
    metadata = {"kernelspec": kernel}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


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

    def menu(self, menu: str, entry: str) -> None:
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_role("menuitem", name=re.compile(f"^{entry}")).first.click()


def look(reader: Reader, address: str, folder: Path) -> None:
    page = reader.page
    base, token = re.match(r"(http://[^/]+).*token=(\w+)", address).groups()
    page.goto(f"{base}/lab/tree/{folder.name}/live.ipynb?token={token}&reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    reader.began = time.monotonic()
    wait_for_kernel(base, token)
    reader.say("the kernel is connected")
    reader.menu("Run", "Run All Cells")
    reader.wait_for_text("preparing the library", 30)
    page.wait_for_timeout(1500)
    reader.photograph("1-status-line")
    reader.wait_for_text("things  █", 300)
    if "preparing" in reader.outputs():
        raise SystemExit("the status line is still there")
    page.wait_for_timeout(800)
    reader.photograph("2-progress-bar")
    curves = page.locator(f"{OUTPUT} img")
    reader.wait("a picture of curves", 300, lambda: curves.count() == 1)
    first = curves.get_attribute("src")
    page.wait_for_timeout(3000)
    reader.photograph("3-curves")
    page.wait_for_timeout(5000)
    if curves.count() != 1 or curves.get_attribute("src") == first:
        raise SystemExit("the curves do not grow in place")
    reader.photograph("4-curves-grown")
    reader.menu("Kernel", "Interrupt Kernel")
    reader.wait_for_text("interrupted; what was finished is kept", 10)
    page.wait_for_timeout(500)
    reader.photograph("5-interrupted")
    if "kept: 3 records" in reader.outputs():
        raise SystemExit("the cell after the interrupted one was executed")
    page.locator(".jp-Notebook .jp-CodeCell").last.click()
    page.keyboard.press("Control+Enter")
    reader.wait_for_text("kept: 3 records", 60)
    page.wait_for_timeout(500)
    reader.photograph("6-variables-kept")


def main() -> None:
    program, checkout, pictures = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    pictures.mkdir(parents=True, exist_ok=True)
    folder = checkout / f"browser-test-{os.getpid()}"
    folder.mkdir()
    lab = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    try:
        (folder / "live.ipynb").write_text(notebook())
        lab, address = start_lab(program, checkout)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=ARGUMENTS
            )
            page = browser.new_page(viewport={"width": 1280, "height": 1100})
            try:
                look(Reader(page, pictures), address, folder)
            finally:
                browser.close()
    finally:
        if lab:
            os.killpg(lab.pid, signal.SIGTERM)
            lab.wait(timeout=30)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
