"""Renders the committed notebooks as a book, without executing anything.

Usage: book.py [--pdf] INTO NOTEBOOK...

INTO gets the pages of a web site, which needs neither a server nor a network; with --pdf also a
PDF of each chapter and one of them all, in INTO/pdf.
"""

import argparse
import base64
import functools
import html
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat
from frames import FRAMES
from pybtex.database import parse_file
from sphinx.cmd.build import build_main

SETTINGS = Path(__file__).parent / "book"
CAPTION = re.compile(r"\A\*(?!\*)(.+?)(?<![\s*])\*(?!\*)\s*(?:\n\n|\Z)", re.S)
LINK = re.compile(r"\[[^\]]+\]\((https?://[^)]+)\)")
LAUNCH = """
```{{admonition}} Run this chapter
:class: tip launch

`cargo run --release -- lab` opens the book in JupyterLab; this is `notebooks/{name}`. {{ref}}`What that needs <run>`.
```
"""
CHROMIUM = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


class Failed(Exception):
    """What went wrong, in one line."""


def prepared(path: Path, number: int, cited: dict[str, str]):
    """A chapter with what a notebook leaves to whoever renders it, as MyST-NB wants to have it."""
    notebook = nbformat.read(path, as_version=4)
    figures = tables = 0
    for cell, after in zip(notebook.cells, [*notebook.cells[1:], None]):
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(
                lambda link: f"{{cite:p}}`{cited[link[1]]}`" if link[1] in cited else link[0],
                cell.source,
            )
        if cell.cell_type != "code":
            continue
        hidden = cell.metadata.get("jupyter", {})
        tags = cell.metadata.setdefault("tags", [])
        tags += [f"hide-{what}" for what in ("input", "output") if hidden.get(f"{what}s_hidden")]
        tags += ["hide-input"] if hidden.get("source_hidden") else []
        for output in cell.outputs:
            data = output.get("data", {})
            tables += "<caption>" in data.get("text/html", "")
            page = functools.partial(page_of, number=f"Table {number}.{tables}")
            has_picture = "image/png" in data
            if frames := data.pop(FRAMES, None):
                output.data = {"text/html": stepped(frames, data, page)}
            elif "text/html" in data:
                data["text/html"] = page(data)
            if has_picture:
                figures += 1
                mystnb = cell.metadata.setdefault("mystnb", {})
                if not frames:
                    mystnb["image"] = image(data)
                if after and (caption := CAPTION.match(after.source)):
                    name = f"fig-{number}-{figures}"
                    mystnb["figure"] = {"caption": caption[1], "name": name}
                    after.source = after.source[caption.end() :]
    notebook.cells[0].source += "\n" + LAUNCH.format(name=path.name)
    return notebook


def page_of(data: dict, number: str) -> str:
    """A value as HTML, with this number if it is a table."""
    if "text/html" in data:
        text = data["text/html"]
        return table(text, number) if "<caption>" in text else text
    if "image/png" in data:
        kind = {name: html.escape(text) for name, text in image(data).items()}
        source = "".join(data["image/png"].split())
        attributes = 'alt="{alt}" width="{width}" decoding="sync"'.format(**kind)
        return f'<img src="data:image/png;base64,{source}" {attributes}>'
    return f"<pre>{html.escape(data['text/plain'])}</pre>"


def stepped(frames: dict, first: dict, page: Callable[[dict], str]) -> str:
    """What controls show at the start, and all from which `book.js` makes these controls."""
    controls, kept = frames["controls"], []
    start = [control["start"] for control in controls]
    for frame in frames["frames"]:
        if frame["at"] == start:
            # The notebook has its picture elsewhere, and words there that are for JupyterLab.
            shown = page({k: v for k, v in first.items() if k == "image/png"} | frame["data"])
            kept.append({"at": start})
        else:
            kept.append({"at": frame["at"], "html": page(frame["data"])})
    text = json.dumps({"controls": controls, "frames": kept}, ensure_ascii=False)
    text = text.replace("</", "<\\/")
    is_set = ", ".join(f"{c['label']} = {c['values'][c['start']]}" for c in controls)
    return (
        f'<div class="frames"><p>{html.escape(is_set)}</p>'
        f'<script type="application/json">{text}</script></div>'
        f'<div class="frame">{shown}</div>'
    )


def table(text: str, number: str) -> str:
    caption = f'<caption><span class="caption-number">{number}</span> '
    text = text.replace("<table>", '<table class="table">').replace("<caption>", caption)
    return f'<div class="pst-scrollable-table-container">{text}</div>'


def image(data: dict) -> dict:
    """Alternative text and width: figures are drawn with two pixels a point."""
    words = " ".join(data.get("text/plain", "").split())
    (width,) = struct.unpack(">I", base64.b64decode(data["image/png"][:32])[16:20])
    return {"alt": words, "width": f"{width // 2}px"}


def gather(notebooks: list[Path], source: Path) -> None:
    """All that Sphinx reads, in one folder."""
    shutil.copytree(SETTINGS, source)
    entries = parse_file(SETTINGS / "references.bib").entries
    cited = {entry.fields["url"]: key for key, entry in entries.items()}
    for number, path in enumerate(notebooks):
        try:
            nbformat.write(prepared(path, number, cited), source / path.name)
        except (nbformat.reader.NotJSONError, nbformat.ValidationError) as problem:
            first = str(problem).splitlines()[0]
            raise Failed(f"{path}: not a notebook that can be read: {first}") from None


def build(kind: str, source: Path, into: Path, doctrees: Path) -> None:
    if build_main(["-q", "-b", kind, "-d", str(doctrees), str(source), str(into)]):
        raise Failed("Sphinx has failed; its words are above")
    for junk in "jupyter_execute", ".doctrees":
        shutil.rmtree(into / junk, ignore_errors=True)


def chromium() -> str:
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, CHROMIUM)]
    if not (program := next(filter(None, found), None)):
        raise Failed(
            "PDFs are printed by Chromium, which is not on the PATH; install it (Debian: apt "
            "install chromium), or name Chromium or Chrome in the variable CHROMIUM"
        )
    return program


def print_pdf(program: str, page: Path, pdf: Path) -> None:
    """Prints a page; links to other pages lead to their PDFs."""
    command = [program, "--headless", "--disable-gpu", "--no-pdf-header-footer"]
    command += ["--generate-pdf-document-outline", "--virtual-time-budget=30000"]
    command += ["--no-sandbox"] if os.geteuid() == 0 else []
    done = subprocess.run([*command, f"--print-to-pdf={pdf}", page.as_uri()], capture_output=True)
    if done.returncode or not pdf.exists():
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise Failed(f"{program} has not printed {page.name}: {' '.join(last)}")
    other = re.compile(rb"\(file:///[^)]*?(\w+)\.html(?:#[^)]*)?\)")
    # As long as before: a PDF says at which byte each of its parts begins.
    padded = other.sub(lambda link: (b"(%s.pdf)" % link[1]).ljust(len(link[0])), pdf.read_bytes())
    pdf.write_bytes(padded)


def render(notebooks: list[Path], into: Path, pdf: bool) -> None:
    into = into.resolve()
    if into.exists() and any(into.iterdir()) and not (into / "search.html").exists():
        raise Failed(f"{into} holds something other than a book; name another folder with --into")
    program = chromium() if pdf else None
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".book-", dir=into.parent) as work:
        source, site, doctrees = (Path(work, name) for name in ("source", "site", "doctrees"))
        gather(notebooks, source)
        build("html", source, site, doctrees)
        if program:
            (site / "pdf").mkdir()
            pages = [f"{path.stem}.html" for path in notebooks] + ["appendix/references.html"]
            for page in map(site.joinpath, pages):
                print_pdf(program, page, site / f"pdf/{page.stem}.pdf")
            build("singlehtml", source, Path(work, "single"), doctrees)
            print_pdf(program, Path(work, "single/index.html"), site / "pdf/book.pdf")
        if into.exists():
            shutil.rmtree(into)
        site.rename(into)
    print(f"{len(notebooks)} chapters in {into}; open {into / 'index.html'}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pdf", action="store_true")
    parser.add_argument("into", type=Path)
    parser.add_argument("notebooks", type=Path, nargs="+")
    arguments = parser.parse_args()
    try:
        render(arguments.notebooks, arguments.into, arguments.pdf)
    except (OSError, Failed) as problem:
        print(f"the book was not rendered: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
