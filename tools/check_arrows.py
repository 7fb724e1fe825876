"""Checks which room imports which, against the table of docs/architecture.md.

A room is a top-level package. Every import statement counts, also those inside functions; modules outside
of the rooms (the standard library, other packages) don't.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]

MAY_IMPORT: Final[Mapping[str, frozenset[str]]] = {
    "protocols": frozenset(),
    "schemas": frozenset({"kernels"}),
    "kernels": frozenset(),
    "eventlog": frozenset({"schemas"}),
    "capture": frozenset({"protocols", "schemas", "eventlog", "kernels"}),
    "streams": frozenset({"protocols", "schemas", "eventlog", "kernels"}),
    "sinks": frozenset({"schemas", "eventlog"}),
    "cloud": frozenset({"protocols", "schemas", "eventlog"}),
    "offhook": frozenset(
        {"protocols", "schemas", "kernels", "eventlog", "capture", "streams", "sinks", "cloud"}
    ),
}
"""The rooms, and whom each may import besides itself."""

NO_ROOMS: Final = frozenset({"benchmarks", "build", "demo", "dist", "docs", "infra", "tests", "tools"})
"""Folders that may import every room and that no room imports."""


def wrong_imports(root: Path) -> Iterator[str]:
    """One line for each import against the table, and for each package that the table does not know."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if folder.name.startswith(".") or folder.name in NO_ROOMS:
            continue
        files = sorted(folder.rglob("*.py"))
        if folder.name not in MAY_IMPORT:
            if files:
                yield f"{folder.name}/: no room of this name is in the table of tools/check_arrows.py"
            continue
        for path in files:
            yield from _wrong_in(path, folder.name, root)


def _wrong_in(path: Path, room: str, root: Path) -> Iterator[str]:
    may = MAY_IMPORT[room] | {room}
    for line, target in _imports(ast.parse(path.read_bytes(), str(path)), path, root):
        if (target in MAY_IMPORT or target in NO_ROOMS) and target not in may:
            yield f"{path.relative_to(root)}:{line}: {room} may not import {target}"


def _imports(tree: ast.Module, path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """(line, top-level package) of each import; relative ones resolved."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, (node.module or "").partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            outside = node.module.partition(".")[0] if node.module else node.names[0].name
            yield node.lineno, base[0] if base else outside
        elif (name := _named_import(node)) is not None:
            yield node.lineno, name.partition(".")[0]  # type: ignore[attr-defined]


def _named_import(node: ast.AST) -> str | None:
    """The module of `import_module("x")` and `__import__("x")`."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0]
    if called in {"import_module", "__import__"} and isinstance(first, ast.Constant):
        return str(first.value)
    return None


def main() -> int:
    """Print what is wrong; 1 where anything is."""
    wrong = list(wrong_imports(ROOT))
    for line in wrong:
        print(line)
    print(f"arrows: {len(wrong)} wrong" if wrong else "arrows: as the table says")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
