"""Looks at the rendered book in Chromium as a reader would who opens it from disk, offline.

Usage: book.py BOOK PICTURES

Each page is opened as wide as a phone, in light, and as a desktop, in dark. It must ask nobody
for anything that is not there, report no error, be no wider than the screen, show all its
pictures, with words for whoever does not see them, and all its formulas; and each of its links
must lead somewhere. Then the search, the tooltip of a citation, the switch to dark mode, the
button that copies code and all sliders are used; without scripts what these show at first is
there. There must be a PDF of each chapter, and one of the book. A picture of each page goes into
the folder PICTURES.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

from browser import ARGUMENTS
from playwright.sync_api import Browser, Page, expect, sync_playwright

SCREENS = {"phone": (390, 844), "desktop": (1280, 900)}
LOOK = """
async () => {
  await globalThis.MathJax?.startup?.promise;
  const names = (selector, name) =>
    [...document.querySelectorAll(selector)].map((element) => element.getAttribute(name));
  const article = document.querySelector('article') ?? document.body;
  return {
    wide: document.documentElement.scrollWidth - innerWidth,
    missing: [...document.images].filter((image) => !image.complete || !image.naturalWidth).length,
    mute: [...article.querySelectorAll('img')].filter((image) => !image.alt).length,
    formulas: article.querySelectorAll('.math').length,
    typeset: article.querySelectorAll('.math mjx-container').length,
    broken: [...document.querySelectorAll('mjx-merror')].map((error) => error.textContent),
    cut: [...article.querySelectorAll('.math mjx-math')].filter((formula) =>
      formula.getBoundingClientRect().left < article.getBoundingClientRect().left - 1).length,
    ids: names('[id]', 'id'),
    links: names('a[href]', 'href'),
  };
}
"""


def fail(problem: str) -> None:
    raise SystemExit(problem)


@contextmanager
def offline(browser: Browser, screen: str, scheme: str, scripts: bool = True) -> Iterator[Page]:
    """A page that can reach nothing but the disk, and fails if it tries, or reports an error."""
    width, height = SCREENS[screen]
    context = browser.new_context(
        java_script_enabled=scripts,
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_offline(True)
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    if scripts:  # Those that are not allowed have no answer either.
        page.on("requestfailed", lambda request: problems.append(f"no answer to {request.url}"))
    page.on("console", lambda said: said.type == "error" and problems.append(said.text))
    yield page
    if problems:
        fail(f"on a {screen} in {scheme}, {page.url}: {problems[0]}")
    context.close()


def look(page: Page, path: Path) -> dict:
    page.goto(path.as_uri())
    found = page.evaluate(LOOK)
    if found["wide"] > 0:
        fail(f"{path.name}: {found['wide']} pixels wider than the screen")
    if found["missing"] or found["mute"]:
        fail(f"{path.name}: {found['missing']} pictures are missing, {found['mute']} have no words")
    if found["broken"] or found["formulas"] != found["typeset"]:
        fail(f"{path.name}: {found['typeset']} of {found['formulas']} formulas; {found['broken']}")
    if found["cut"]:
        fail(f"{path.name}: {found['cut']} formulas begin outside of the page")
    return found


def follow(seen: dict[str, dict], page: str, link: str) -> None:
    """Fails unless a link of a page leads to a page that was seen, and a place on it."""
    target, anchor = urldefrag(urljoin(page, link))
    if target.startswith(("http:", "https:")):
        return
    if target not in seen:
        fail(f"{page}: the link to {link} leads nowhere")
    if anchor and unquote(anchor) not in seen[target]["ids"]:
        fail(f"{page}: {target} has no place named {anchor}")


def search(page: Page, book: Path, seen: dict[str, dict]) -> None:
    """Finds as one types, and on the page of its own, with excerpts; hits lead somewhere."""
    page.goto((book / "index.html").as_uri())
    page.keyboard.press("Control+k")
    words = page.locator("dialog input[type=search]")
    expect(words).to_be_visible()
    words.press_sequentially("eigenvalue", delay=50)
    expect(page.locator("dialog p.context .highlighted").first).to_have_text("eigenvalue")
    page.goto(f"{(book / 'search.html').as_uri()}?q=eigenvalue")
    hits = page.locator("#search-results li")
    expect(hits.first).to_be_visible()
    expect(page.locator("#search-results p.context .highlighted").first).to_be_visible()
    for link in hits.locator("a").evaluate_all("links => links.map(link => link.href)"):
        follow(seen, "", link.split("?")[0])
    hits.locator("a").first.click()
    expect(page.locator("article .highlighted").first).to_be_visible()


def use(page: Page, book: Path, pictures: Path) -> None:
    page.goto((book / "00_start_here.html").as_uri())
    page.locator("article a[href*='#cite-eyono2026']").first.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("improves learning in neural circuits")
    page.screenshot(path=pictures / "citation.png")
    page.mouse.move(0, 0)
    cell = page.locator("div.cell_input").first
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    if copied.strip() != cell.locator("pre").inner_text().strip():
        fail(f"the button copies {copied!r}, which is not the cell")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("button.theme-switch-button:visible").click()
    page.locator("button.theme-change-button[data-mode=dark]:visible").click()
    expect(page.locator("body")).not_to_have_css("background-color", light)


# What is below a slider: the picture and its words, or the table; and whether all of it is there.
BELOW = """
place => {
  const [below, image] = [place.nextElementSibling, place.nextElementSibling.querySelector('img')];
  const there = image ? image.complete && image.naturalWidth > 0 && image.alt : below.innerText;
  return [image ? image.src + image.alt : below.innerText, Boolean(there)];
}
"""


# Outputs that are hidden, too.
OPEN = "document.querySelectorAll('details').forEach((part) => { part.open = true; })"


def slide(page: Page, path: Path, pictures: Path) -> int:
    """Moves each slider with the keyboard, from one end to the other; how many there are."""
    page.goto(path.as_uri())
    page.evaluate(OPEN)
    places = page.locator(".frames")
    for k, place in enumerate(places.all()):
        what = f"{path.name}, controls {k + 1}"
        first = place.evaluate(BELOW)[0]
        for slider in place.locator("label:has(input[type=range])").all():
            control, value = slider.locator("input"), slider.locator("output")
            control.focus()
            page.keyboard.press("Home")
            seen = {}
            for _ in range(1 + int(control.get_attribute("max"))):
                shown, whole = place.evaluate(BELOW)
                if not whole or slider.get_by_role("slider").get_attribute("aria-valuetext") == "":
                    fail(f"{what}: nothing is shown at {value.inner_text()}")
                seen[value.inner_text()] = shown
                page.keyboard.press("ArrowRight")
            if len(seen) < 2 or len(seen) <= int(control.get_attribute("max")):
                fail(f"{what}: the values are {list(seen)}")
            if len(set(seen.values())) < 2:
                fail(f"{what}: it shows the same at {list(seen)}")
        place.scroll_into_view_if_needed()
        page.screenshot(path=pictures / f"slider-{path.stem}-{k + 1}.png")
        page.reload()
        page.evaluate(OPEN)
        if place.evaluate(BELOW)[0] != first:
            fail(f"{what}: after a reload it does not show what it showed at first")
    return places.count()


def without_scripts(page: Page, path: Path) -> None:
    page.goto(path.as_uri())
    for place in page.locator(".frames").all():
        expect(place.locator("p")).to_contain_text(" = ")
        expect(place.locator("input")).to_have_count(0)
        expect(place.locator("+ .frame > *").first).to_be_attached()


def printed(pdf: Path) -> None:
    """A PDF of several pages, none of whose links leads into this machine."""
    content = pdf.read_bytes()
    if content.count(b"/Type /Page\n") < 3 or b"file://" in content:
        fail(f"{pdf.name}: too few pages, or a link into this machine")


def main(book: Path, pictures: Path) -> None:
    pictures.mkdir(parents=True, exist_ok=True)
    pages = sorted(book.rglob("*.html"))
    for chapter in book.glob("[0-9]*.html"):
        printed(book / "pdf" / f"{chapter.stem}.pdf")
    printed(book / "pdf/book.pdf")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        # Widths and colors do not depend on each other.
        for screen, scheme in ("phone", "light"), ("desktop", "dark"):
            with offline(browser, screen, scheme) as page:
                seen = {}
                for path in pages:
                    seen[path.as_uri()] = look(page, path)
                    picture = f"{screen}-{scheme}-{path.stem}.png"
                    page.screenshot(path=pictures / picture, full_page=True, animations="disabled")
        for name, found in seen.items():
            for link in found["links"]:
                follow(seen, name, link)
        with offline(browser, "desktop", "light") as page:
            search(page, book, seen)
            use(page, book, pictures)
            sliders = sum(slide(page, path, pictures) for path in pages)
        with offline(browser, "desktop", "light", scripts=False) as page:
            for path in pages:
                without_scripts(page, path)
    if not sliders:
        fail("no page has a slider")
    formulas = sum(found["formulas"] for found in seen.values())
    links = sum(len(found["links"]) for found in seen.values())
    print(f"{len(seen)} pages, {formulas} formulas, {links} links, {sliders} with controls")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
