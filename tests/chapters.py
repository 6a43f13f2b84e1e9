"""Writes the cells of chapters as one program, which runs those of the chapter that it is given the
number of, and prints the number of each cell that is done.

    python3 tests/chapters.py notebooks/[0-9]*.ipynb >examples/chapters.rs

Cells that are meant not to compile are left out. What a cell would show is computed, not shown.
`tests/check.sh` checks all chapters with the feature `cuda` so, and `tests/gpu.sh` compiles them for
a machine that has a GPU and no compiler.
"""

import json
import os
import re
import sys

ITEMS = re.compile(r"(pub |fn |use |type |struct |enum |impl\b|const |static |let |for |while |//|#)")


def parts(source):
    """A cell's top-level statements; `inorm fmt` puts only what closes one at the left margin."""
    found = []
    for line in source.splitlines():
        if found and (not line or line[0] in " })].?"):
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


def shown(source):
    """The cell as statements, with the expression that it shows, if any, in a call."""
    statements = parts(source)
    last = statements[-1].strip()
    if not last.endswith(";") and not ITEMS.match(last):
        statements[-1] = f"let _ = &({last});"
    return "\n".join(statements)


def function(path):
    """A chapter as a function, and the number of the chapter."""
    with open(path, encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    chapter = os.path.basename(path)[:2]
    print(f"fn chapter_{chapter}() -> Result<(), Box<dyn std::error::Error>> {{")
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        fails = "raises-exception" in cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code" and not fails and not source.startswith(":dep"):
            print(shown(source) + f'\nprintln!("cell {number} of chapter {chapter} is done");')
    print("Ok(()) }")
    return chapter


def main():
    print("//! The cells of the chapters.\n#![allow(unused, clippy::all)]")
    chapters = [function(path) for path in sys.argv[1:]]
    print("fn main() -> Result<(), Box<dyn std::error::Error>> {")
    print("match std::env::args().nth(1).as_deref() {")
    for chapter in chapters:
        print(f'Some("{chapter}") => chapter_{chapter}(),')
    print(f'_ => Err("one of {" ".join(chapters)} is expected".into()),')
    print("} }")


main()
