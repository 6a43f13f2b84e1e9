"""Do the folded solutions of the exercises solve them?

Usage: solutions.py CHECKOUT [NOTEBOOK...]

Each solution is put into its exercise, the notebook is executed in our kernel up to the last
check, and each check has to say "ok". It needs what `inorm lab --prepare` sets up.
"""

import os
import re
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
from nbclient import NotebookClient

EXERCISE, SOLUTION = "your turn", "<summary>Solution</summary>"
AT_ONCE = 2


def solve(notebook) -> list[int]:
    """Puts the solutions in; the places of the cells that check them."""
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
        checks.append(check)
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


def try_out(folder: Path, path: Path) -> str:
    notebook = nbformat.read(path, 4)
    checks = solve(notebook)
    if not checks:
        return f"{path.name}: no solutions"
    notebook.cells = notebook.cells[: checks[-1] + 1]
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="inorm", resources=resources).execute()
    for check in checks:
        outputs = notebook.cells[check].outputs
        said = "".join(output.get("text", "") for output in outputs)
        if not any(line.startswith("ok") for line in said.splitlines()):
            raise AssertionError(f"{path.name}, cell {check + 1} says: {said.strip()}")
    return f"{path.name}: {len(checks)} solutions are right"


def main() -> None:
    checkout = Path(sys.argv[1]).resolve()
    paths = [Path(path) for path in sys.argv[2:]] or sorted((checkout / "notebooks").glob("*.ipynb"))
    # From here too `..` is the library.
    folder = checkout / f"solutions-test-{os.getpid()}"
    folder.mkdir()
    try:
        with ProcessPoolExecutor(AT_ONCE) as pool:
            for said in pool.map(partial(try_out, folder), paths):
                print(said, flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
