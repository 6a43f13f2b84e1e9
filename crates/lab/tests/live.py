"""What moves in a page: JupyterLab in Chromium, photographed at the moments that matter.

Usage: live.py PROGRAM CHECKOUT PICTURES

All cells are run the moment the page is there. The first waits with a line that says for what,
unless a spare kernel was ready; a training shows curves that grow; an interrupt ends it and keeps
its variables. Then a reader moves what cells show: controls.py.
"""

import sys
import time
from pathlib import Path

import controls
from browser import OUTPUT, Reader, choose, jupyterlab, open_notebook
from kernel_client import notebook

CELLS = [
    ':dep inorm = { path = "..", default-features = false, features = ["cpu"] }',
    """use inorm::{Condition, configuration::configuration, dataset::FashionMnist};
use inorm::{learning::Run, notebook::{Progress, train_all}};
let data = FashionMnist::subset()?;
let conditions = [Condition::ELn, Condition::INormNone, Condition::INormFull];""",
    """let mut progress = Progress::new("things", 60);
for _ in 0..60 {
    std::thread::sleep(std::time::Duration::from_millis(100));
    progress.advance(1);
}
progress.finish();""",
    """let config = configuration(13)?;
let runs: Vec<Run> = conditions.iter().map(|c| Run::new(*c, &config).epochs(20_000)).collect();
let records = train_all(&runs, &data)?;""",
    """println!("kept: {} records", records.len());""",
]
# The training is far longer than the test on any machine: it is there to be interrupted.


def look(reader: Reader, address: str, path: Path) -> None:
    page = reader.page
    open_notebook(page, address, path)
    reader.began = time.monotonic()
    choose(page, "Run", "Run All Cells")
    first = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").first
    executed = lambda: first.inner_text().strip() == "[1]:"
    reader.wait(
        "the status line or the library", 300,
        lambda: "preparing the library" in reader.outputs() or executed(),
    )  # fmt: skip
    if not executed():
        page.wait_for_timeout(1500)
        reader.photograph("1-status-line")
    reader.wait_for_text("things  █", 300)
    if "preparing" in reader.outputs():
        raise SystemExit("the status line is still there")
    page.wait_for_timeout(800)
    reader.photograph("2-progress-bar")
    curves = page.locator(f"{OUTPUT} img")
    seen = set()

    def grown(pictures: int) -> bool:
        if curves.count() > 1:
            raise SystemExit("a new picture is added where the old one should change")
        seen.update(image.get_attribute("src") for image in curves.all())
        return len(seen) >= pictures

    reader.wait("a picture of curves", 300, lambda: grown(1))
    reader.photograph("3-curves")
    reader.wait("the fourth state of the same picture", 300, lambda: grown(4))
    reader.photograph("4-curves-grown")
    choose(page, "Kernel", "Interrupt Kernel")
    reader.wait_for_text("interrupted; what was finished is kept", 60)
    page.wait_for_timeout(500)
    reader.photograph("5-interrupted")
    if "kept: 3 records" in reader.outputs():
        raise SystemExit("the cell after the interrupted one was executed")
    page.locator(".jp-Notebook .jp-CodeCell").last.click()
    page.keyboard.press("Control+Enter")
    reader.wait_for_text("kept: 3 records", 300)
    page.wait_for_timeout(500)
    reader.photograph("6-variables-kept")


def main() -> None:
    program, checkout, pictures = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    pictures.mkdir(parents=True, exist_ok=True)
    with jupyterlab(program, checkout, height=1100) as (page, address, folder):
        path = folder / "live.ipynb"
        path.write_text(notebook(CELLS))
        reader = Reader(page, pictures)
        look(reader, address, path)
        controls.look(reader, address, path)


if __name__ == "__main__":
    main()
