"""Whether every package in Cargo.lock comes from crates.io, under a license that deny.toml allows.

Usage: licenses.py           fails at a package that does not, and names it
       licenses.py --list    a line for each package: name, version, license, source

`cargo deny check` does this too, and asks for known vulnerabilities; it has to be installed.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def allowed() -> set[str]:
    """The list in deny.toml. Python reads TOML from 3.11 on; 3.10 is supported."""
    text = (Path(__file__).parent.parent / "deny.toml").read_text()
    return set(re.findall(r'"(.+?)"', re.search(r"^allow = \[\n(.*?)^\]", text, re.M | re.S)[1]))


def accepted(expression: str, licenses: set[str]) -> bool:
    """Whether some choice that an SPDX expression leaves us is allowed in all its parts."""
    tokens = re.findall(r"[()]|[\w.+-]+(?:\s+WITH\s+[\w.+-]+)?", expression.replace("/", " OR "))
    for index, token in enumerate(tokens):
        if token in ("AND", "OR"):
            tokens[index] = token.lower()
        elif token not in "()":
            tokens[index] = str(" ".join(token.split()) in licenses)
    return bool(tokens) and eval(" ".join(tokens))  # True, False, and, or, brackets


def main() -> int:
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    packages = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["packages"]
    if "--list" in sys.argv[1:]:
        for p in packages:
            print(p["name"], p["version"], p["license"], p["repository"] or "", sep="\t")
        return 0
    licenses, wrong = allowed(), 0
    for p in packages:
        if not accepted(p["license"] or "", licenses):
            print(f"{p['name']} {p['version']}: license {p['license']!r} is not allowed", file=sys.stderr)
            wrong += 1
        # Those without a source are this project's.
        if p["source"] not in (CRATES_IO, None):
            print(f"{p['name']} {p['version']}: from {p['source']}, not crates.io", file=sys.stderr)
            wrong += 1
    print(f"{len(packages)} packages, {wrong} with a license or a source that is not allowed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
