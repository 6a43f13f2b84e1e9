"""How Sphinx renders the book; `python/book.py` copies this folder and the chapters together."""

import html
import importlib.util
import json
import re
from pathlib import Path

import sphinxcontrib.bibtex.plugin
from bs4 import BeautifulSoup
from pybtex.database import parse_file
from pybtex.plugin import find_plugin
from sphinx.util.fileutil import copy_asset
from sphinxcontrib.bibtex.style.referencing import BracketStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle

project = "Inhibitory normalization"
author = "The inorm contributors"
html_title = project
extensions = ["myst_nb", "sphinx.ext.mathjax", "sphinxcontrib.bibtex", "sphinx_copybutton"]

nb_execution_mode = "off"
nb_render_error_lexer = "text"
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "Show {type}", "Hide {type}"
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
numfig = True
numfig_format = {"figure": "Figure %s"}

# The notebooks have brackets of their own around their links.
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "no_brackets"
bibtex_cite_id = "cite-{key}"
bibtex_bibliography_id = "bibliography-{bibliography_count}"
bibtex_footcite_id = "footcite-{key}"
bibtex_footbibliography_id = "footbibliography-{footbibliography_count}"

MATHJAX = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax"
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {
    "chtml": {"matchFontHeight": False, "scale": 1.1},
    "options": {"enableMenu": False},
}

copybutton_selector = "div.cell_input div.highlight pre, div.highlight-rust pre, div.highlight-sh pre"

html_theme = "sphinx_book_theme"
html_theme_options = {
    "footer_content_items": "",
    "navbar_persistent": [],
    "navigation_with_keys": True,
    "pygments_dark_style": "a11y-high-contrast-dark",
    "pygments_light_style": "a11y-high-contrast-light",
    "search_as_you_type": True,
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
}
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_copy_source = html_show_sourcelink = html_scaled_image_link = False
html_show_copyright = html_show_sphinx = False
html_use_index = html_domain_indices = False
html_permalinks_icon = "#"


def references() -> dict[str, str]:
    """What is cited, as plain text."""
    entries = parse_file(Path(__file__).parent / "references.bib").entries.values()
    style = find_plugin("pybtex.style.formatting", "plain")()
    text = find_plugin("pybtex.backends", "plaintext")()
    return {entry.key: entry.text.render(text) for entry in style.format_entries(entries)}


REFERENCES = references()


class NoBrackets(AuthorYearReferenceStyle):
    def __init__(self):
        none = BracketStyle(left="", right="")
        super().__init__(bracket_parenthetical=none, bracket_textual=none)


sphinxcontrib.bibtex.plugin.register_plugin(
    "sphinxcontrib.bibtex.style.referencing", "no_brackets", NoBrackets
)


def number_by_chapter(app, env) -> list:
    """Figure 5.2 is the second of chapter 5, as chapters are numbered in their titles, from 0."""
    chapters = sorted(path.stem for path in Path(app.srcdir).glob("*.ipynb"))
    for chapter, kinds in env.toc_fignumbers.items():
        for numbers in kinds.values():
            for k, name in enumerate(numbers, 1):
                numbers[name] = (chapters.index(chapter), k)
    return []


def explain_citations(app, page, template, context, doctree) -> None:
    """What is cited, on hovering over a citation: a tooltip of the theme."""
    def explained(link: re.Match) -> str:
        text = html.escape(REFERENCES[link[2]])
        return f'{link[1]} data-bs-toggle="tooltip" data-bs-title="{text}"'

    citation = re.compile(r'(<a class="reference internal" href="[^"]*#cite-(\w+)")')
    context["body"] = citation.sub(explained, context.get("body", ""))


def finish(app, error) -> None:
    if error:
        return
    static = Path(app.outdir, "_static")
    for part in "tex-chtml.js", "output/chtml/fonts/woff-v2":
        copy_asset(MATHJAX / part, static / "mathjax" / part if "/" in part else static / "mathjax")
    # Sources, translations and templates of the theme, which no page refers to.
    for path in static.rglob("*"):
        if path.suffix in (".html", ".map", ".mo", ".po"):
            path.unlink()
    if app.builder.name == "html":
        write_excerpts(app, static / "excerpts.js")


def write_excerpts(app, into: Path) -> None:
    """The text of each page, from which the search shows excerpts.

    The search would fetch the pages, which a page that was opened from disk may not do.
    """
    pages = {}
    for name in sorted(app.env.found_docs):
        page = Path(app.outdir, f"{name}.html").read_text(encoding="utf-8")
        article = BeautifulSoup(page, "html.parser").select_one("article")
        for formula in article.select(".math"):
            formula.replace_with("…")
        for part in article.select("script, style, img, button, .headerlink"):
            part.decompose()
        for tag in article.find_all(True):
            tag.attrs = {"id": tag["id"]} if tag.get("id") else {}
        pages[f"{name}.html"] = f'<div role="main">{article.decode_contents()}</div>'
    text = json.dumps(pages, ensure_ascii=False).replace("</", "<\\/")
    into.write_text(f"window.EXCERPTS = {text};\n", encoding="utf-8")


def setup(app) -> None:
    # After Sphinx has numbered them, and before it saves the numbers for its next output.
    app.connect("env-get-updated", number_by_chapter, priority=900)
    app.connect("html-page-context", explain_citations)
    app.connect("build-finished", finish)
