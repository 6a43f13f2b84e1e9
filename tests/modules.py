#!/usr/bin/env python3
"""Checks that modules depend on each other in one direction only, in every package.

    tests/modules.py          fails if there is a circle, and names what ties it; or if the map in
                              DESIGN.md is not that of the code
    tests/modules.py --map    prints the modules of each package, those that use nothing last

An arrow runs from the file that names something to the file that defines it: re-exports in a
`mod.rs` or `lib.rs` are followed to the definition. There must be no circle between files, nor
between folders taken as wholes. Test modules do not count.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = [ROOT, *sorted(path.parent for path in ROOT.glob("crates/*/Cargo.toml"))]
WORD = r"(?:r#)?[A-Za-z_][A-Za-z0-9_]*"


def without_comments_and_tests(text):
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r'r?"(?:\\.|[^"\\])*"', '""', text)
    # Test modules stand at the end of a file.
    return re.split(r"#\[cfg\(test\)\]\s*(?:pub(?:\(crate\))? )?mod \w+ \{", text)[0]


def paths_in(tree):
    """All paths of a `use` tree, as lists of words; `a as b` counts as `a`."""
    tree = tree.strip()
    before, brace, rest = tree.partition("{")
    head = [word for word in re.split(r"::|\s+as\s+.*", before.strip()) if word]
    if not brace:
        yield head
        return
    depth, part = 0, ""
    for char in rest.rsplit("}", 1)[0] + ",":
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            if part.strip():
                for path in paths_in(part):
                    yield head + path
            part = ""
        else:
            part += char


class Package:
    def __init__(self, root):
        self.name = re.search(r'^name = "(.*)"', (root / "Cargo.toml").read_text(), re.M)[1]
        self.source = root / "src"
        self.modules, self.faces, self.texts = {}, {}, {}
        for file in sorted(self.source.rglob("*.rs")):
            parts = file.relative_to(self.source).with_suffix("").parts
            face = parts[-1] in ("mod", "lib", "main")
            self.modules[parts[:-1] if face else parts] = file
            self.texts[file] = without_comments_and_tests(file.read_text())
        for module, file in self.modules.items():
            self.faces[module] = self.re_exports(module, file)

    def re_exports(self, module, file):
        """Names that a module hands on, and the path that each stands for."""
        names = {}
        for tree in re.findall(r"\bpub(?:\([a-z ]+\))? use ([^;]+);", self.texts[file]):
            for path in paths_in(tree):
                path = self.absolute(path, module)
                if path and len(path) > 1 and path[-1] != "self":
                    names[path[-1]] = path
        for tree in re.findall(r"\bpub(?:\([a-z ]+\))? use ([^;]+);", self.texts[file]):
            for old, new in re.findall(rf"({WORD})\s+as\s+({WORD})", tree):
                if old in names:
                    names[new] = names[old]
        return names

    def absolute(self, path, module):
        """A path from the root of the package; nothing if it leads out of the package."""
        if not path:
            return None
        if path[0] == "crate":
            return path[1:]
        if path[0] == "self":
            return [*module, *path[1:]]
        here = list(module)
        if path[0] == "super":
            while path and path[0] == "super":
                here, path = here[:-1], path[1:]
            return [*here, *path]
        if (*module, path[0]) in self.modules:
            return [*module, *path]
        return None

    def definition(self, path, seen=()):
        """The file that defines what an absolute path names."""
        module = ()
        for index, word in enumerate(path):
            if (*module, word) in self.modules:
                module = (*module, word)
                continue
            target = self.faces.get(module, {}).get(word)
            if target and tuple(target) not in seen:
                return self.definition([*target, *path[index + 1 :]], (*seen, tuple(target)))
            break
        return self.modules.get(module)

    def arrows(self):
        """From file to file, with the names that are used."""
        found = {}
        for module, file in self.modules.items():
            text = self.texts[file]
            is_face = file.stem in ("mod", "lib", "main")
            uses = re.findall(r"\b(pub(?:\([a-z ]+\))? )?use ([^;]+);", text)
            paths = [p for public, tree in uses if not (public and is_face) for p in paths_in(tree)]
            body = re.sub(r"\buse [^;]+;", "", text)
            paths += [p.split("::") for p in re.findall(rf"\b(?:crate|super|self)(?:::{WORD})+", body)]
            # Modules that were brought into scope, or stand below: `tables::read`.
            scope = {p[-1]: p for p in paths if p and (a := self.absolute(p, module)) and tuple(a) in self.modules}
            for path in re.findall(rf"(?<![:\w])({WORD}(?:::{WORD})+)", body):
                words = path.split("::")
                if words[0] in scope:
                    paths.append([*scope[words[0]], *words[1:]])
                elif (*module, words[0]) in self.modules:
                    paths.append(words)
            for path in paths:
                absolute = self.absolute(path, module)
                if absolute is None:
                    continue
                other = self.definition(absolute)
                named_module = tuple(absolute) in self.modules
                if other and other != file and not named_module:
                    found.setdefault((file, other), set()).add(absolute[-1])
        return found


def circles(edges):
    """The sets of nodes that all reach each other (Tarjan's algorithm)."""
    after, index, low, stack, found = {}, {}, {}, [], []
    for start, end in edges:
        after.setdefault(start, set()).add(end)

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(after.get(node, ())):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            found.append(stack[at:])
            del stack[at:]

    for node in sorted(after):
        if node not in index:
            visit(node)
    return [ring for ring in found if len(ring) > 1]


def levels(package):
    """The graph of files, and for each folder that of its members taken as wholes."""
    arrows = package.arrows()
    yield "files", arrows, lambda file: file
    folders = {package.source, *(path for path in package.source.rglob("*") if path.is_dir())}
    for folder in sorted(folders):
        def member(file, folder=folder):
            if folder not in file.parents:
                return None
            part = file.relative_to(folder).parts[0]
            # A mod.rs stands for its folder as a whole, not for one of its members.
            return None if part in ("mod.rs", "lib.rs", "main.rs") else folder / part
        yield f"members of {folder.relative_to(ROOT)}", arrows, member


def main():
    broken, lines = False, []
    for package in map(Package, PACKAGES):
        for what, arrows, node in levels(package):
            edges = {}
            for (start, end), names in arrows.items():
                pair = (node(start), node(end))
                if None not in pair and pair[0] != pair[1]:
                    edges.setdefault(pair, set()).update(names)
            if what == f"members of {package.source.relative_to(ROOT)}":
                lines += map_of(package, edges)
            for ring in circles(edges):
                broken = True
                print(f"{package.name}: a circle between {what}:")
                for (start, end), names in sorted(edges.items()):
                    if start in ring and end in ring:
                        start, end = start.relative_to(ROOT), end.relative_to(ROOT)
                        print(f"  {start} uses {', '.join(sorted(names))} of {end}")
    if "--map" in sys.argv:
        print("\n".join(lines))
    elif "\n".join(lines) not in (ROOT / "DESIGN.md").read_text():
        broken = True
        print("DESIGN.md has another map of the modules; put there what tests/modules.py --map prints")
    sys.exit(broken)


def map_of(package, edges):
    """Members by the length of the longest way down to one that uses nothing."""
    members = {p for p in package.source.iterdir() if p.name not in ("lib.rs", "main.rs") and (p.is_dir() or p.suffix == ".rs")}
    after = {member: {end for start, end in edges if start == member} for member in members}
    height, rest = {}, set(members)
    while rest:
        ready = {m for m in rest if after[m] & members <= set(height)}
        if not ready:
            break
        for member in ready:
            height[member] = 1 + max((height[o] for o in after[member] & members), default=0)
        rest -= ready
    floors = {floor: sorted(m.stem for m in height if height[m] == floor) for floor in height.values()}
    return [package.name, *(f"{n:>4}  {', '.join(floors[n])}" for n in sorted(floors, reverse=True))]


if __name__ == "__main__":
    main()
