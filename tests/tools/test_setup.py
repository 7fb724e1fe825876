"""Setting up: the parts of the locks agree, and who may not install gets a line that says what to do."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT


def pins(name: str) -> Iterator[str]:
    """Each package of a lock with its version, marker and hashes."""
    yield from (ROOT / name).read_text().replace("\\\n", " ").splitlines()


def test_what_captures_need_is_locked_once() -> None:
    """`make setup` after `make demo` changes no version."""
    assert set(pins("requirements-main.lock")) <= set(pins("requirements-dev.lock"))


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A clone in a path with a space, and `programs`: no apt-get, a Python without ensurepip."""
    clone = tmp_path / "a clone"
    (clone / "tools").mkdir(parents=True)
    (clone / "programs").mkdir()
    for name in ("tools/setup", "tools/test-programs"):
        shutil.copy(ROOT / name, clone / name)
    for program in ("sh", "dirname", "id", "cat", "cksum"):
        found = shutil.which(program)
        assert found
        (clone / "programs" / program).symlink_to(found)
    python = clone / "programs" / "bare-python"
    python.write_text(
        '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; *print*) echo python3.11-venv ;; *) exit 0 ;; esac\n'
    )
    python.chmod(0o755)
    return clone


def run(clone: Path, tool: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(clone / "programs"), "PYTHON": "bare-python"}
    return subprocess.run(
        [clone / "tools" / tool], cwd=os.sep, env=environment, capture_output=True, text=True, check=False
    )


def test_a_python_without_venv_is_named_with_its_package(bare: Path) -> None:
    done = run(bare, "setup")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "setup: bare-python cannot make a venv; as root: apt-get install python3.11-venv\n"
    assert not (bare / ".venv").exists()


def test_programs_of_the_tests_are_named_where_apt_may_not_be_used(bare: Path) -> None:
    done = run(bare, "test-programs")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("test: the tests need other programs; as root: apt-get install tshark ")
    assert done.stderr.count("\n") == 1
