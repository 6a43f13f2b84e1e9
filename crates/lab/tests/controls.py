"""Controls that a reader moves with the mouse and the keyboard: the second half of live.py.

A slider is dragged and GradNorm is switched on while a network trains; the page is loaded again; a
cell is run again; the kernel is restarted; the notebook is opened untrusted. Wherever there are no
controls, exactly one picture is left.
"""

import json
import statistics
from pathlib import Path

from browser import Reader, choose, open_notebook, share_kernel
from kernel_client import notebook
from playwright.sync_api import Page

CELLS = [
    ':dep inorm = { path = "..", default-features = false, features = ["cpu"] }',
    """use inorm::notebook::{interact, slider, toggle};
interact(("x", 0.0..=1.0), |x: f64| format!("x is {x:.2}"));""",
    """let images = inorm::dataset::FashionMnist::subset()?.test;
let shift = slider("ε", 0.0..=1.0).step(0.05).start(0.75);
interact((shift, toggle("other images", false)), move |(epsilon, other)| {
    inorm::figures::fig1::luminosity_shift(&images, &[epsilon], u64::from(other))
});""",
    """use inorm::{configuration::configuration, dataset::FashionMnist, networks::paper::INormFull};
use inorm::learning::{Steering, Training};
use inorm::notebook::train_steered;
let data = FashionMnist::subset()?;
let mut network = INormFull::<100, 10>::new(0)?;
let training = Training::paper(configuration(13)?.rates).epochs(20_000);
let steering = Steering::new(&training)?;
let held = steering.clone();
interact(toggle("GradNorm", false), move |on| held.change(|now| now.grad_norm = on));
let steered = train_steered(&mut network, &training, &steering, &data)?;""",
    "steered",
]
# Milliseconds from a movement of the mouse until text and slider say the same, in the page itself.
WATCH = """
() => {
  const cell = [...document.querySelectorAll('.jp-CodeCell')].find(
    (cell) => cell.querySelector('.widget-readout') && cell.innerText.includes('x is'));
  window.moved = null; window.delays = []; window.seen = new Set();
  const text = () => cell.querySelector('.jp-OutputArea pre, .widget-output pre').innerText;
  document.addEventListener('pointermove', () => { window.moved = performance.now(); }, true);
  let shown = text();
  const look = () => {
    if (text() !== shown) {
      shown = text();
      window.seen.add(shown);
      if (window.moved !== null) window.delays.push(performance.now() - window.moved);
    }
    window.watching = requestAnimationFrame(look);
  };
  look();
}
"""
# What a reader sees of each cell's output: pictures, sliders, and the text.
SEEN = """
() => [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')].map((cell) => {
  const seen = (query) =>
    [...cell.querySelectorAll(query)].filter((element) => element.getClientRects().length);
  const area = cell.querySelector('.jp-Cell-outputArea');
  return {
    images: seen('.jp-OutputArea img').map((image) => image.src),
    sliders: seen('.noUi-handle').length,
    text: area ? area.innerText : '',
  };
})
"""


def seen(page: Page) -> list:
    return page.evaluate(SEEN)


def text_of(page: Page, cell: int = 1) -> str:
    return seen(page)[cell]["text"]


def picture(page: Page) -> str:
    images = seen(page)[2]["images"]
    if len(images) != 1:
        raise SystemExit(f"{len(images)} pictures are seen where there should be one")
    return images[0]


def drag(page: Page, steps: int, pause: int) -> None:
    handle = page.locator(".jp-CodeCell").nth(1).locator(".noUi-handle")
    track = page.locator(".jp-CodeCell").nth(1).locator(".noUi-target").bounding_box()
    box = handle.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for step in range(1, steps + 1):
        page.mouse.move(track["x"] + track["width"] * step / steps, y)
        page.wait_for_timeout(pause)
    page.mouse.up()


def measure(page: Page, reader: Reader) -> None:
    page.evaluate(WATCH)
    drag(page, 50, 60)
    reader.wait("the last value", 60, lambda: "x is 1.00" in text_of(page))
    page.evaluate("cancelAnimationFrame(window.watching)")
    delays = page.evaluate("window.delays")
    values = page.evaluate("window.seen.size")
    twentieths = statistics.quantiles(delays, n=20)
    reader.say(
        f"while a network trains: {values} of 50 values seen, "
        f"{statistics.median(delays):.0f} ms after the mouse, 95 %: {twentieths[-1]:.0f} ms"
    )
    if values < 10:
        raise SystemExit("the text does not follow the slider")


def execute(page: Page, *cells: int) -> None:
    for cell in cells:
        page.locator(".jp-Notebook .jp-CodeCell").nth(cell).locator(".cm-content").click()
        page.keyboard.press("Control+Enter")


def press(page: Page, cell: int, key: str) -> None:
    page.locator(".jp-CodeCell").nth(cell).locator(".noUi-handle").focus()
    page.keyboard.press(key)


def look(reader: Reader, address: str, before: Path) -> None:
    """With the kernel of the notebook `before`: another would load the library again."""
    path = before.with_name("controls.ipynb")
    path.write_text(notebook(CELLS))
    share_kernel(address, before, path)
    move(reader, address, path)
    look_at_untrusted(reader, address, path)


def move(reader: Reader, address: str, path: Path) -> None:
    page = reader.page
    open_notebook(page, address, path)
    execute(page, 0, 1, 2)
    reader.wait("a slider and its value", 300, lambda: "x is 0.00" in text_of(page))
    reader.wait("a slider and its picture", 300, lambda: seen(page)[2]["images"])
    page.wait_for_timeout(500)
    reader.photograph("controls-1")
    first = picture(page)
    press(page, 2, "ArrowLeft")
    reader.wait("another picture", 60, lambda: picture(page) != first)
    second = picture(page)
    page.locator(".jp-CodeCell").nth(2).locator("input[type=checkbox]").click()
    reader.wait("other images", 60, lambda: picture(page) not in (first, second))
    third = picture(page)
    reader.photograph("controls-2-moved")

    execute(page, 3)
    reader.wait("a curve", 300, lambda: ", steered  epoch " in text_of(page, 3))
    measure(page, reader)
    page.locator(".jp-CodeCell").nth(3).locator("input[type=checkbox]").click()
    reader.wait("the change", 60, lambda: ", with GradNorm" in text_of(page, 3))
    page.wait_for_timeout(1500)
    reader.photograph("controls-3-steered")
    choose(page, "Kernel", "Interrupt Kernel")
    reader.wait("the end", 60, lambda: "interrupted" in text_of(page, 3))
    execute(page, 4)
    reader.wait("the record", 60, lambda: "epochs: ε = 0.75, with GradNorm" in text_of(page, 4))
    reader.photograph("controls-4-record")

    press(page, 1, "Home")
    reader.wait("the slider at its start", 60, lambda: "x is 0.00" in text_of(page))
    press(page, 1, "ArrowRight")
    reader.wait("the next value", 60, lambda: "x is 0.01" in text_of(page))
    page.wait_for_timeout(1000)
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1000)

    page.reload()
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=300_000)
    sliders = lambda: [cell["sliders"] for cell in seen(page)[1:3]]
    reader.wait("the sliders after a reload", 60, lambda: sliders() == [1, 1])
    if picture(page) != third or "x is 0.01" not in text_of(page):
        raise SystemExit("after a reload another value is shown")
    press(page, 1, "ArrowRight")
    reader.wait("the next value", 60, lambda: "x is 0.02" in text_of(page))
    press(page, 2, "ArrowLeft")
    reader.wait("another picture", 60, lambda: picture(page) != third)
    reader.photograph("controls-5-reloaded")

    execute(page, 1)
    reader.wait("the cell that was run again", 60, lambda: "x is 0.00" in text_of(page))
    page.wait_for_timeout(1000)
    if seen(page)[1]["sliders"] != 1:
        raise SystemExit("there is not one slider after the cell was run again")

    choose(page, "Kernel", "Restart Kernel…")
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    reader.wait("no sliders", 60, lambda: not any(s["sliders"] for s in seen(page)))
    page.wait_for_timeout(1000)
    reader.photograph("controls-6-restarted")
    picture(page)
    if "rror" in text_of(page) or "has controls to change that" not in text_of(page):
        raise SystemExit(f"after a restart is shown: {text_of(page)}")
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1000)
    saved = json.loads(path.read_text())["cells"][2]["outputs"]
    pictures = [output for output in saved if "image/png" in output.get("data", {})]
    if len(pictures) != 1:
        raise SystemExit(f"{len(pictures)} pictures are saved")
    page.reload()
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=300_000)
    page.wait_for_timeout(4000)
    reader.photograph("controls-7-opened-without")
    picture(page)
    reader.say("one picture is left without the kernel")


def look_at_untrusted(reader: Reader, address: str, path: Path) -> None:
    """The same notebook as somebody else's: JupyterLab does not know who has run it."""
    page = reader.page
    copy = json.loads(path.read_text())
    copy["metadata"]["title"] = "received"
    received = path.with_name("received.ipynb")
    received.write_text(json.dumps(copy))
    open_notebook(page, address, received)
    page.wait_for_timeout(2000)
    reader.photograph("controls-8-untrusted")
    picture(page)
    if "has controls to change that" not in text_of(page, 2):
        raise SystemExit(f"in an untrusted notebook is shown: {text_of(page, 2)}")
    if not page.locator(".jp-NotebookTrustedStatus-untrusted, [title*='not trusted']").count():
        reader.say("JupyterLab does not say that it is not trusted")
    reader.say("one picture, and a line about controls, in an untrusted notebook")
