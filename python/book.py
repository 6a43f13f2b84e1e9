"""Renders the committed notebooks as a book of web pages, without executing anything.

Usage: book.py INTO NOTEBOOK...

INTO gets a page for each notebook, linked with each other, and a page to search them all.
"""

import html
import json
import re
import sys
from pathlib import Path
from urllib.parse import quote

import nbformat
from latex2mathml.converter import convert
from nbconvert import HTMLExporter

SAFE = "!$&'()*+,/:;=?@[]~"
CODE = re.compile(r"(```.*?```|`[^`]*`)", re.S)
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.S)

STYLE = """
<style>
  body.jp-Notebook, body { max-width: 54rem; margin: 0 auto !important; padding: 0 1rem 4rem; }
  nav.book { display: flex; flex-wrap: wrap; gap: .3rem 1rem; padding: .8rem 0; font: 15px/1.5 sans-serif;
             border-bottom: 1px solid #ccc; margin-bottom: 1rem; }
  nav.book a { color: #0050a0; } nav.book a[aria-current] { color: #222; font-weight: bold; text-decoration: none; }
  .jp-InputPrompt, .jp-OutputPrompt { display: none !important; }
  .jp-RenderedImage img { max-width: 700px; width: 100%; height: auto; }
  .jp-OutputArea-output, .jp-RenderedHTMLCommon, .jp-InputArea-editor, .highlight pre { overflow-x: auto; }
  .jp-RenderedHTMLCommon table { margin: 0 0 1rem; }
  #found a { display: block; margin-top: 1rem; font-weight: bold; } mark { background: #f0e442; }
</style>
"""

SEARCH = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Search the book</title>STYLE</head><body class="jp-Notebook">NAV
<h1>Search the book</h1>
<p><label>Words: <input id="words" type="search" autofocus></label> <span id="count" role="status"></span></p>
<div id="found"></div>
<script>
const sections = SECTIONS;
const words = document.getElementById("words"), found = document.getElementById("found");
function search() {
  const wanted = words.value.toLowerCase().split(/\\s+/).filter(Boolean);
  found.replaceChildren();
  const hits = wanted.length ? sections.filter(s => wanted.every(w => s.text.toLowerCase().includes(w))) : [];
  document.getElementById("count").textContent = wanted.length ? hits.length + " sections" : "";
  for (const hit of hits.slice(0, 50)) {
    const link = document.createElement("a"), line = document.createElement("p");
    link.href = hit.page + hit.anchor; link.textContent = hit.title;
    const at = hit.text.toLowerCase().indexOf(wanted[0]), from = Math.max(0, at - 80);
    const mark = document.createElement("mark");
    mark.textContent = hit.text.slice(at, at + wanted[0].length);
    line.append(hit.text.slice(from, at), mark, hit.text.slice(at + wanted[0].length, at + 160));
    found.append(link, line);
  }
}
words.addEventListener("input", search);
words.value = new URLSearchParams(location.search).get("q") || "";
search();
</script></body></html>
"""


def title_of(notebook) -> str:
    return notebook.cells[0].source.splitlines()[0].lstrip("# ").strip()


def navigation(pages, current) -> str:
    links = []
    for name, title in [*pages, ("search.html", "Search")]:
        mark = ' aria-current="page"' if name == current else ""
        links.append(f'<a href="{name}"{mark}>{html.escape(title)}</a>')
    return '<nav class="book" aria-label="Chapters">' + "".join(links) + "</nav>"


def plain(prose: str) -> str:
    """What is left of Markdown when one reads it aloud, but for its formulas."""
    prose = re.sub(r"\$\$.+?\$\$|\$[^$\n]+\$", "…", prose, flags=re.S)
    prose = re.sub(r"\]\([^)]*\)|<[^>]+>|```\w*|[*`\[|]|(?m:^[>-] ?)|-{3,}", " ", prose)
    return " ".join(prose.split())


def sections(notebook, page):
    """The prose and code of a notebook, cut at its headings, for the search."""
    title, parts = title_of(notebook), []
    chapter = title
    for cell in notebook.cells:
        pieces = re.split(r"(?m)^(#+ .*)$", cell.source) if cell.cell_type == "markdown" else [cell.source]
        for piece in pieces:
            if cell.cell_type == "markdown" and piece.startswith("#"):
                title = f"{chapter}: {piece.lstrip('# ')}" if parts else chapter
                # As the renderer of prose names its headings.
                anchor = "#" + quote(plain(piece.lstrip("# ")).replace(" ", "-"), safe=SAFE)
                heading = {"page": page, "anchor": anchor, "title": plain(title)}
                parts.append(heading | {"text": plain(piece.lstrip("# "))})
            elif piece.strip():
                prose = cell.cell_type == "markdown"
                parts[-1]["text"] += " " + (plain(piece) if prose else " ".join(piece.split()))
    return parts


class Formulas:
    """TeX as MathML, which a browser shows without a script and without a network.

    The renderer of prose would strip it, so that it waits outside, with a mark in its place.
    """

    def __init__(self):
        self.waiting = []

    def taken_out(self, source: str) -> str:
        def mark(match) -> str:
            display = "block" if match.group(1) else "inline"
            tex = match.group(1) or match.group(2)
            self.waiting.append(convert(tex, display=display))
            return f"\u2983{len(self.waiting) - 1}\u2984"

        parts = CODE.split(source)
        return "".join(part if CODE.fullmatch(part) else FORMULA.sub(mark, part) for part in parts)

    def put_back(self, page: str) -> str:
        return re.sub("\u2983(\\d+)\u2984", lambda match: self.waiting[int(match.group(1))], page)


def prepared(notebook, formulas: Formulas):
    """Puts formulas and the words of each picture where a web page keeps them."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = formulas.taken_out(cell.source)
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                words = " ".join(output.data.get("text/plain", "").split())
                output.metadata["image/png"] = {"alt": words}
                cell.metadata["alt"] = words
    return notebook


def render(paths, into: Path) -> None:
    notebooks = [nbformat.read(path, as_version=4) for path in paths]
    names = ["index.html" if k == 0 else path.with_suffix(".html").name for k, path in enumerate(paths)]
    pages = [(name, title_of(notebook)) for name, notebook in zip(names, notebooks)]
    exporter = HTMLExporter(template_name="lab", embed_images=True)
    places = {path.name: name for path, name in zip(paths, names)}
    into.mkdir(parents=True, exist_ok=True)
    found = []
    for path, notebook, (name, title) in zip(paths, notebooks, pages):
        found += sections(notebook, name)
        formulas = Formulas()
        resources = {"metadata": {"name": title}}
        page, _ = exporter.from_notebook_node(prepared(notebook, formulas), resources)
        page = formulas.put_back(page)
        for target, place in places.items():
            page = page.replace(f'href="{target}"', f'href="{place}"')
        head, body = STYLE + "</head>", navigation(pages, name)
        page = page.replace("</head>", head, 1)
        page = re.sub(r"(<body[^>]*>)", lambda m: m.group(1) + body, page, count=1)
        write(into / name, page)
    index = json.dumps(found, ensure_ascii=False).replace("</", "<\\/")
    search = SEARCH.replace("STYLE", STYLE).replace("NAV", navigation(pages, "search.html"))
    write(into / "search.html", search.replace("SECTIONS", index))
    print(f"{len(pages)} chapters in {into}; open {into / 'index.html'}")


def write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def main() -> int:
    if len(sys.argv) < 3:
        print("usage: book.py INTO NOTEBOOK...", file=sys.stderr)
        return 2
    try:
        render([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]))
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as problem:
        print(f"book: {str(problem).splitlines()[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
