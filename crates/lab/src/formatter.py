"""Tells JupyterLab's code formatter how to format cells of Rust."""

import subprocess
import sys
from pathlib import Path

from jupyterlab_code_formatter.formatters import SERVER_FORMATTERS, BaseFormatter


class Cells(BaseFormatter):
    label = "Format with rustfmt"
    importable = True
    cached_importable = True
    language = "rust"

    def format_code(self, code, notebook, **options):
        program = Path(sys.prefix, "share/jupyter/kernels/inorm/inorm")
        # The settings of rustfmt that hold in this directory are the clone's.
        formatted = subprocess.run(
            [program, "fmt"], input=code, capture_output=True, text=True, cwd=sys.prefix
        )
        if formatted.returncode != 0:
            raise ValueError(formatted.stderr.strip())
        return formatted.stdout.removesuffix("\n")


SERVER_FORMATTERS.clear()
SERVER_FORMATTERS["rustfmt"] = Cells()
