"""Do the folded solutions of the exercises solve them?

Usage: solutions.py CHECKOUT EXECUTED [NOTEBOOK...]

Each solution is put into its exercise, the notebook is executed in our kernel, and each check has
to say "ok". The folder EXECUTED gets the notebooks, each cell from an exercise to its check with
the outputs that it had before: what it prints depends on the solution. It needs what `inorm lab --prepare` sets up.
"""

import os
import re
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
from nbclient import NotebookClient

EXERCISE, SOLUTION = "your turn", "<summary>Solution</summary>"
AT_ONCE = 2


def solve(notebook) -> list[range]:
    """Puts the solutions in; where the exercises are, each with the cell that checks it at its end."""
    exercise, checks = None, []
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and EXERCISE in cell.source:
            exercise = place
        if cell.cell_type != "markdown" or SOLUTION not in cell.source:
            continue
        if exercise is None:
            raise SystemExit(f"cell {place}: a solution without an exercise")
        cells = range(exercise + 1, place)
        check = max(k for k in cells if notebook.cells[k].cell_type == "code")
        answer = notebook.cells[exercise]
        answer.source = replaced(answer.source, code_of(cell.source))
        checks.append(range(exercise, check + 1))
        exercise = None
    return checks


def code_of(markdown: str) -> str:
    folded = markdown.split(SOLUTION, 1)[1].split("</details>")[0]
    block = re.search(r"```rust\n(.*?)```", folded, re.DOTALL)
    line = re.search(r"`(let [^`]*;)`", folded)
    found = block or line
    if not found:
        raise SystemExit(f"no code in the solution {folded.strip()!r}")
    return found.group(1).rstrip()


def replaced(exercise: str, solution: str) -> str:
    """A function or a type is replaced whole, a `let` line by line."""
    if solution.startswith(("fn", "struct")):
        return solution
    for line in solution.split("\n"):
        name = re.match(r"let (\w+)", line).group(1)
        pattern = re.compile(rf"^let {name}\b.*$", re.MULTILINE)
        exercise, count = pattern.subn(lambda _, line=line: line, exercise, count=1)
        if not count:
            exercise += f"\n{line}"
    return exercise


def try_out(folder: Path, executed: Path, path: Path) -> str:
    notebook = nbformat.read(path, 4)
    before = [cell.get("outputs") for cell in notebook.cells]
    checks = solve(notebook)
    resources = {"metadata": {"path": str(folder)}}
    began = time.monotonic()
    NotebookClient(notebook, timeout=600, kernel_name="inorm", resources=resources).execute()
    seconds = time.monotonic() - began
    for *exercise, check in checks:
        outputs = notebook.cells[check].outputs
        said = "".join(output.get("text", "") for output in outputs)
        if not any(line.startswith("ok") for line in said.splitlines()):
            raise AssertionError(f"{path.name}, cell {check + 1} says: {said.strip()}")
        for place in [*exercise, check]:
            if notebook.cells[place].cell_type == "code":
                notebook.cells[place].outputs = before[place]
    nbformat.write(notebook, executed / path.name)
    return f"{path.name}: {len(checks)} solutions are right; {seconds:.0f} s"


def main() -> None:
    checkout, executed = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    paths = [Path(path) for path in sys.argv[3:]] or sorted((checkout / "notebooks").glob("*.ipynb"))
    # From here too `..` is the library.
    folder = checkout / f"solutions-test-{os.getpid()}"
    folder.mkdir()
    try:
        with ProcessPoolExecutor(AT_ONCE) as pool:
            for said in pool.map(partial(try_out, folder, executed), paths):
                print(said, flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
