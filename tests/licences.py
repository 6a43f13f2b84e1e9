"""Whether every package in Cargo.lock may be used under a licence that asks only for a notice.

Usage: licences.py           fails at a package that may not, and names it
       licences.py --list    a line for each package: name, version, licence, source
"""

import json
import re
import subprocess
import sys

# MPL-2.0 asks for changed files of the package itself to stay open; nothing is changed here.
ACCEPTED = set(
    """0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC0-1.0 CDLA-Permissive-2.0 ISC MIT MIT-0
    MPL-2.0 Unicode-3.0 Unlicense Zlib""".split()
)


def accepted(expression: str) -> bool:
    """Whether some choice that an SPDX expression leaves us is accepted in all its parts."""
    expression = re.sub(r"\s+WITH\s+LLVM-exception", "", expression).replace("/", " OR ")
    words = re.findall(r"[()]|[\w.+-]+", expression)
    for index, word in enumerate(words):
        if word in ("AND", "OR"):
            words[index] = word.lower()
        elif word not in "()":
            words[index] = str(word in ACCEPTED)
    return bool(words) and eval(" ".join(words))  # True, False, and, or, brackets


def main() -> int:
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    packages = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["packages"]
    if "--list" in sys.argv[1:]:
        for p in packages:
            print(p["name"], p["version"], p["license"], p["repository"] or "", sep="\t")
        return 0
    wrong = [p for p in packages if not accepted(p["license"] or "")]
    for p in wrong:
        print(f"{p['name']} {p['version']}: licence {p['license']!r} is not among those accepted",
              file=sys.stderr)
    print(f"{len(packages)} packages, {len(wrong)} with a licence that is not accepted")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
