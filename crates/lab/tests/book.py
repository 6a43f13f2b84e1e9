"""Looks at the rendered book in Chromium, as wide as a phone and as a desktop.

Usage: book.py BOOK PICTURES

Fails if a page is wider than the screen, a picture is not there, TeX is left in a formula, or a
link or a search result leads nowhere. A picture of each page goes into the folder PICTURES.
"""

import sys
from pathlib import Path

from browser import ARGUMENTS
from playwright.sync_api import Page, sync_playwright

SCREENS = {"phone": (390, 844), "desktop": (1280, 900)}
LOOK = """
() => ({
  wide: document.documentElement.scrollWidth - innerWidth,
  missing: [...document.images].filter(image => !image.complete || !image.naturalWidth).length,
  tex: [...document.querySelectorAll('math')].map(math => math.textContent)
    .filter(text => text.includes(String.fromCharCode(92))),
  ids: [...document.querySelectorAll('[id]')].map(element => element.id),
  links: [...document.querySelectorAll('a[href]')].map(link => link.getAttribute('href')),
})
"""


def look(page: Page, book: Path, pictures: Path, screen: str) -> dict:
    seen = {}
    for path in sorted(book.glob("*.html")):
        page.goto(path.as_uri())
        seen[path.name] = found = page.evaluate(LOOK)
        page.screenshot(path=pictures / f"{screen}-{path.stem}.png")
        if found["wide"] > 0:
            raise SystemExit(f"{path.name}: {found['wide']} pixels wider than a {screen}")
        if found["missing"]:
            raise SystemExit(f"{path.name}: {found['missing']} pictures are not there")
        if found["tex"]:
            raise SystemExit(f"{path.name}: TeX is left in the formula {found['tex'][0]}")
    return seen


def follow(seen: dict, page: str, link: str) -> None:
    if link.startswith(("http:", "https:")):
        return
    target, _, anchor = link.partition("#")
    target = target or page
    if target not in seen:
        raise SystemExit(f"{page}: the link to {link} leads nowhere")
    if anchor and anchor not in seen[target]["ids"]:
        raise SystemExit(f"{page}: {target} has no place named {anchor}")


def main(book: Path, pictures: Path) -> None:
    pictures.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        for screen, (width, height) in SCREENS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            seen = look(page, book, pictures, screen)
            for name, found in seen.items():
                for link in found["links"]:
                    follow(seen, name, link)
            page.goto((book / "search.html").as_uri())
            page.get_by_role("searchbox").fill("inhibition")
            page.screenshot(path=pictures / f"{screen}-searched.png")
            hits = page.evaluate("sections.map(hit => hit.page + hit.anchor)")
            shown = page.locator("#found a").count()
            if not shown:
                raise SystemExit("search.html finds nothing about inhibition")
            for link in hits:
                follow(seen, "search.html", link)
        print(f"{len(seen)} pages, {len(hits)} sections: every link leads somewhere")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
