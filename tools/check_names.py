"""Checks that no file of the repository names a package registry's host or a path of one machine.

The forbidden words are put together here, so that this file does not contain them.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]

_HOSTS: Final = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("crates", "io"),
    ("proxy.golang", "org"),
    ("maven", "org"),
    ("deb.debian", "org"),
    ("ubuntu", "com"),
)
_FOLDERS: Final = ("work", "root", "home", "Users", "opt/wheels")
FORBIDDEN: Final = re.compile(
    "|".join(re.escape(".".join(parts)) for parts in _HOSTS)
    + "|"
    + "|".join(rf"(?<![\w.$}}~]){'/'}{folder}/" for folder in _FOLDERS)
)


def findings(paths: Iterable[Path]) -> Iterator[str]:
    """One line for each forbidden name; files that are no text are left out."""
    for path in paths:
        data = path.read_bytes()
        if b"\0" in data:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if found := FORBIDDEN.search(line):
                yield f"{path}:{number}: names {found[0]}"


def tracked() -> list[Path]:
    """Every file under version control."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def main() -> int:
    """Print what is wrong; 1 where anything is."""
    wrong = list(findings(tracked()))
    for line in wrong:
        print(line)
    print(f"names: {len(wrong)} to take out" if wrong else "names: no registry, no machine path")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
