"""Writes the lock files: exact versions with hashes, for Python 3.11 and newer on any Linux, no host named.

The resolver (uv) is put into a folder of its own, so that it is no part of what it locks.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_COMMON: Final = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url")
_UNUSED: Final = ("--no-emit-package", "pandas", "--no-emit-package", "pyarrow")
"""What chDB asks for and we do not use: 300 MB. Hence the locks are installed with --no-deps."""

_QUIET: Final = ("--quiet", "--no-header", "--no-annotate", "--upgrade")

_INSTALLER: Final = b"setuptools>=77\n"
"""What puts offhook itself into .venv."""

_STACK: Final = ("infra/test/requirements.in",)
"""What `make stack` needs beside the rest."""


def main() -> int:
    """Write the locks: to run, to test and check, for captures alone, and for `make stack`."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        subprocess.run([f"{folder}/bin/pip", "install", "--quiet", "uv"], check=True)
        compile_lock = [f"{folder}/bin/uv", "pip", "compile", *_COMMON, *_QUIET, *_UNUSED, "pyproject.toml"]
        compile_lock += ["--extra", "all"]
        subprocess.run([*compile_lock, "-o", "requirements.lock"], cwd=ROOT, check=True)
        dev = ["--extra", "dev", "-c", "requirements.lock", "-o", "requirements-dev.lock"]
        subprocess.run([*compile_lock, *dev], cwd=ROOT, check=True)
        captures = ["pyproject.toml", "-", "-c", "requirements-dev.lock", "-o", "requirements-main.lock"]
        subprocess.run(
            [f"{folder}/bin/uv", "pip", "compile", *_COMMON, *_QUIET, *captures],
            cwd=ROOT,
            check=True,
            input=_INSTALLER,
        )
        stack = [*_STACK, "-c", "requirements-dev.lock", "-o", "infra/test/requirements.lock"]
        subprocess.run(
            [f"{folder}/bin/uv", "pip", "compile", *_COMMON, *_QUIET, *stack], cwd=ROOT, check=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
