"""Executes notebooks with the `inorm` kernel and writes them back as they are committed.

Usage: execute.py [--into FOLDER] NOTEBOOK...

Two are executed at a time. A notebook is replaced only if every cell of it succeeded. A cell
fails when it ends in an error, panics, or writes to standard error; one that is tagged
`raises-exception` must end in an error.
"""

import argparse
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import frames
import nbformat
from frames import FRAMES
from frames import VIEW as CONTROLS
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

KERNELSPEC = {"display_name": "Rust (inorm)", "language": "rust", "name": "inorm"}
LANGUAGE = {
    "codemirror_mode": "rust",
    "file_extension": ".rs",
    "mimetype": "text/rust",
    "name": "Rust",
    "pygments_lexer": "rust",
    "version": "",
}
# A number followed by a unit of time: different in each run, so not for a repository. A picture in
# base64 may have the same characters, and comes first so that it stays as it is.
DURATION = re.compile(
    r"(?P<picture>base64,[A-Za-z0-9+/=]+)"
    r"|(?<![\w.])\d+(?:\.\d+)?(?=[ \u00a0]?(?:µs|ms|s|min|h)\b)"
)
COLOR = re.compile(r"\x1b\[[0-9;]*m")
# Controls are there only as long as their kernel: a repository keeps what they showed.
WHERE_CONTROLS_ARE = re.compile(r'<style>[^<]*</style>\n<div class="saved-[\w-]+">\n')
SECONDS_PER_CELL = 900
SECONDS_TO_START = 900


class Failed(Exception):
    """A notebook that does not run as it should, in one line."""


def execute(path: Path, into: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["kernelspec"] = KERNELSPEC
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    began = {}

    def starting(cell, cell_index, **_):
        began[cell_index] = time.monotonic()

    async def done(cell, cell_index, **_):
        number = 1 + sum(c.cell_type == "code" for c in notebook.cells[:cell_index])
        spent = time.monotonic() - began[cell_index]
        print(f"{path.name}: cell {number} of {len(cells)}, {spent:.1f} s", flush=True)
        try:
            await recorder.record(cell)
        except frames.Failed as problem:
            raise Failed(f"{path}: cell {number}: {problem}") from None

    client = NotebookClient(
        notebook,
        kernel_name="inorm",
        timeout=SECONDS_PER_CELL,
        startup_timeout=SECONDS_TO_START,
        resources={"metadata": {"path": str(path.parent.resolve())}},
        # Nobody could do anything with the controls of a kernel that has ended.
        store_widget_state=False,
        on_cell_start=starting,
        on_cell_executed=done,
    )
    recorder = frames.Recorder(client)
    began_at = time.monotonic()
    try:
        client.execute()
    except CellExecutionError:
        raise Failed(describe_error(path, cells)) from None
    except CellTimeoutError:
        raise Failed(f"{path}: a cell ran for more than {SECONDS_PER_CELL} s") from None
    except DeadKernelError:
        raise Failed(f"{path}: the kernel died; its last words are above") from None
    for number, cell in enumerate(cells, 1):
        check(path, number, cell)
    print(f"{path.name}: {len(cells)} cells, {time.monotonic() - began_at:.1f} s", flush=True)
    normalize(notebook)
    write(notebook, into / path.name)


def describe_error(path: Path, cells: list) -> str:
    for number, cell in enumerate(cells, 1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                if "raises-exception" not in cell.metadata.get("tags", []):
                    first = next(iter(COLOR.sub("", output.evalue).strip().splitlines()), "")
                    return f"{path}: cell {number} failed: {first}"
    return f"{path}: a cell failed"


def check(path: Path, number: int, cell) -> None:
    expected = "raises-exception" in cell.metadata.get("tags", [])
    failed = any(output.output_type == "error" for output in cell.outputs)
    if expected and not failed:
        raise Failed(f"{path}: cell {number} is tagged raises-exception, but raised none")
    if expected:
        return
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            first = next(iter(COLOR.sub("", output.text).strip().splitlines()), "")
            raise Failed(f"{path}: cell {number} wrote to standard error: {first}")


def normalize(notebook) -> None:
    """Everything that would differ between two runs goes; so does what no reader looks at."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": LANGUAGE})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for index, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{index + 1:02}"
        kept = {name: cell.metadata[name] for name in ("tags", "jupyter") if name in cell.metadata}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        outputs = [output for output in cell.outputs if CONTROLS not in output.get("data", {})]
        cell.outputs = merge_streams(outputs)
        for output in cell.outputs:
            normalize_output(output, count)
        texts = [alternative_text(output) for output in cell.outputs]
        if any(texts):
            cell.metadata["alt"] = " ".join(text for text in texts if text)


def merge_streams(outputs: list) -> list:
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if output.output_type == "stream" and last and last.output_type == "stream":
            if last.name == output.name:
                last.text += output.text
                continue
        merged.append(output)
    return merged


def normalize_output(output, count: int) -> None:
    if output.output_type == "stream":
        output.text = without_durations(output.text)
    elif output.output_type == "error":
        output.evalue = COLOR.sub("", output.evalue)
        output.traceback = [COLOR.sub("", line) for line in output.traceback]
    else:
        output.metadata = nbformat.from_dict({})
        output.pop("transient", None)
        if output.output_type == "execute_result":
            output.execution_count = count
        kept = output.data.get(FRAMES, {}).get("frames", [])
        for data in [output.data, *(frame["data"] for frame in kept)]:
            for mime in ("text/plain", "text/html"):
                if mime in data:
                    data[mime] = without_durations(data[mime])
        html, controls = WHERE_CONTROLS_ARE.subn("<div>\n", output.data.get("text/html", ""))
        if controls and "image/png" in output.data:
            # The same picture once more, in an element that can be hidden beside controls.
            del output.data["text/html"]
        elif controls:
            output.data["text/html"] = html


def without_durations(text: str) -> str:
    return DURATION.sub(lambda found: found["picture"] or "–", text)


def alternative_text(output) -> str:
    """The sentence that stands for a picture: what it says of itself in plain text."""
    data = output.get("data", {})
    if "image/png" not in data:
        return ""
    return " ".join(data.get("text/plain", "").split())


def write(notebook, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_text(nbformat.writes(notebook, version=4) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def problem_of(path: Path, into: Path | None) -> str | None:
    """Executes one notebook; what went wrong, in one line."""
    try:
        execute(path, into or path.parent)
    except Failed as problem:
        return str(problem)
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as problem:
        first = str(problem).splitlines()[0]
        return f"{path}: not a notebook that can be read: {first}"
    return None


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--into", type=Path, help="write the results there, not in place")
    parser.add_argument("notebooks", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.into:
        try:
            arguments.into.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            print(f"cannot make the folder {arguments.into}: {problem.strerror}", file=sys.stderr)
            return 1
    # Each notebook mostly waits for a compiler on one core. More would fight for memory.
    with ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = pool.map(lambda path: problem_of(path, arguments.into), arguments.notebooks)
        problems = [problem for problem in outcomes if problem]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print("a notebook that did not run is left as it was", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
