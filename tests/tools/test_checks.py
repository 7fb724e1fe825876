"""The project's own checks find what they are for, and find nothing here."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.paths import OWN_CAPTURES, ROOT

ARROWS = runpy.run_path(str(ROOT / "tools" / "check_arrows.py"))
NAMES = runpy.run_path(str(ROOT / "tools" / "check_names.py"))


def test_no_room_imports_against_the_table() -> None:
    assert list(ARROWS["wrong_imports"](ROOT)) == []


@pytest.mark.parametrize(
    ("room", "code", "wrong"),
    [
        ("protocols", "import schemas", True),
        ("protocols", "from schemas.cdr import CallRecord", True),
        ("streams", "import protocols.sip", False),
        ("streams", "def f():\n    from capture import block", True),
        ("capture", "import kernels.compiler", False),
        ("kernels", "import numpy, capture", True),
        ("sinks", "from importlib import import_module\nimport_module('streams.stage')", True),
        ("sinks", "__import__('schemas')", False),
        ("schemas", "from .cdr import CallRecord", False),
        ("schemas", "from .. import streams", True),
        ("schemas", "import captured, sys", False),
        ("streams", "import tests.paths", True),
        ("offhook", "import capture, streams, eventlog", False),
        ("plugins", "import sys", True),
    ],
)
def test_the_arrows_are_those_of_the_table(tmp_path: Path, room: str, code: str, wrong: bool) -> None:
    (tmp_path / room).mkdir()
    (tmp_path / room / "module.py").write_text(code)
    assert bool(list(ARROWS["wrong_imports"](tmp_path))) == wrong


def findings(tmp_path: Path, text: str) -> list[Any]:
    (tmp_path / "file").write_text(text)
    return list(NAMES["findings"]([tmp_path / "file"]))


def test_a_registry_or_a_machine_path_is_found(tmp_path: Path) -> None:
    assert findings(tmp_path, "index = https://py" + "pi.org/simple")
    assert findings(tmp_path, "a\nopen('/wor" + "k/main/x')")
    assert findings(tmp_path, "/ho" + "me/ann/x")
    assert not findings(tmp_path, "network/work/x ~/.cache $HOME/x tests/work/x")


def test_the_repository_names_no_registry_and_no_machine() -> None:
    assert list(NAMES["findings"](NAMES["tracked"]())) == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-main.lock"])
def test_the_lock_has_hashes_and_no_host(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    pinned = [line for line in lines if line and not line.startswith((" ", "#", "-"))]
    assert pinned
    assert all("==" in line and line.endswith("\\") for line in pinned)
    assert not any(
        "://" in line or line.lstrip().startswith(("-i", "--index", "--extra", "--find")) for line in lines
    )


def test_every_shipped_capture_has_its_licence_named() -> None:
    readme = (OWN_CAPTURES / "README.md").read_text()
    for path in OWN_CAPTURES.glob("*.pcap*"):
        (row,) = [line for line in readme.splitlines() if line.startswith(f"| {path.name} |")]
        assert row.split("|")[4].strip() in {"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "Unlicense"}
        assert path.stat().st_size < 400_000
