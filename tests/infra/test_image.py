"""The image of offhook holds every room, and its Dockerfile is one that older engines build as well."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.infra.files import INFRA
from tests.paths import ROOT

OURS: Final = INFRA / "images" / "offhook" / "Dockerfile"
ALL: Final = [OURS, *sorted((INFRA / "test").glob("*/Dockerfile"))]


def rooms() -> set[str]:
    """The packages that the wheel is made of."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    return {name for pattern in found["include"] if (ROOT / (name := pattern.rstrip("*"))).is_dir()}


def test_every_room_is_copied() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", OURS.read_text(), re.M))
    assert copied == rooms()


def test_the_build_sees_what_it_copies_and_little_else() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    files = {"requirements.lock", "requirements-dev.lock", "pyproject.toml", "README.md", "LICENSE"}
    assert allowed == rooms() | files


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.parent.name)
def test_an_engine_without_a_registry_can_build_it(path: Path) -> None:
    text = path.read_text()
    assert not re.search(
        r"^#\s*syntax=|<<|COPY .*--link|COPY .*--exclude|--network|--start-interval", text, re.M
    )


def test_dependencies_come_from_the_lock_alone() -> None:
    installs = re.findall(r"pip install (.*)", OURS.read_text())
    assert installs
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install, install


def test_nothing_runs_as_root() -> None:
    for path in ALL:
        users = re.findall(r"^USER (\S+)", path.read_text(), re.M)
        if path.parent.name != "python":  # no service of its own
            assert users, path
            assert users[-1].split(":")[0] != "0", path
