"""What a kernel is made of: helpers and constants of any module, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kernels.errors import KernelError
from kernels.parts import described

MODULES = {
    "constants": "FACTOR = 3\nOTHER = 4\n",
    "helpers": """
from kernels import inlined
from steps.constants import FACTOR, OTHER


@inlined
def scaled(value):
    '''A step of a kernel.'''
    return by_factor(value)


@inlined
def by_factor(value):
    return value * FACTOR


@inlined
def strange(value):
    return value - OTHER
""",
    "loops": """
from kernels import compiled
from steps.helpers import scaled, strange

UNUSED = []


@compiled("int64(int64[::1])")
def total(values):
    found = 0
    for n in range(len(values)):
        found += scaled(values[n])
    return found


@compiled("int64(int64[::1])")
def other(values):
    found = 0
    for n in range(len(values)):
        found += strange(values[n])
    return found
""",
}

TELL = """
import numpy as np
from steps.loops import other, total

print(total(np.arange(4)), other(np.arange(4)))
"""


class Steps:
    """A package of two kernels with helpers and constants of other modules."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "steps").mkdir()
        for module, text in MODULES.items():
            self.write(module, text)

    def write(self, module: str, text: str) -> None:
        (self.folder / "steps" / f"{module}.py").write_text(text)

    def told(self) -> str:
        """What the kernels say in a process of their own."""
        done = subprocess.run(
            [sys.executable, "-B", "-c", TELL],
            capture_output=True,
            text=True,
            check=True,
            env={
                **os.environ,
                "PYTHONPATH": f"{self.folder}:{Path.cwd()}",
                "OFFHOOK_CACHE": str(self.folder),
            },
        )
        return done.stdout.strip()

    def kept(self) -> list[int]:
        """How many files there are of either kernel."""
        return [len(list(self.folder.glob(f"{kernel}-*.o"))) for kernel in ("total", "other")]


def test_an_edit_compiles_the_kernels_that_reach_it_and_no_others(tmp_path: Path) -> None:
    steps = Steps(tmp_path)
    assert (steps.told(), steps.kept()) == ("18 -10", [1, 1])
    steps.write("helpers", MODULES["helpers"].replace("value * FACTOR", "value * FACTOR + 1"))
    assert (steps.told(), steps.kept()) == ("22 -10", [2, 1])
    steps.write("constants", "FACTOR = 3\nOTHER = 5\n")
    assert (steps.told(), steps.kept()) == ("22 -14", [2, 2])


def parts(kernel: str, texts: Mapping[str, str]) -> list[str]:
    """What describes a kernel of the package, made of these texts."""
    loaded: dict[str, dict[str, Any]] = {}
    for module in MODULES:
        names: dict[str, Any] = {"__name__": f"steps.{module}"}
        for other in loaded.values():
            names |= {name: value for name, value in other.items() if not name.startswith("__")}
        own = "\n".join(line for line in texts[module].splitlines() if not line.startswith("from steps"))
        exec(own, names)
        loaded[module] = names
    return list(described(loaded["loops"][kernel].python))


@pytest.mark.parametrize(
    ("module", "before", "after"),
    [
        ("helpers", "value * FACTOR", "FACTOR * value"),
        ("helpers", "return by_factor(value)", "return by_factor(value) - 1"),
        ("helpers", "@inlined\ndef by_factor", "from kernels import seldom\n@seldom\ndef by_factor"),
        ("constants", "FACTOR = 3", "FACTOR = 5"),
        ("constants", "FACTOR = 3", "FACTOR = 3.0"),
        ("loops", "found += scaled", "found -= scaled"),
    ],
)
def test_what_a_kernel_reaches_describes_it(module: str, before: str, after: str) -> None:
    edited = MODULES | {module: MODULES[module].replace(before, after)}
    assert edited != MODULES
    assert parts("total", edited) != parts("total", MODULES)
    assert parts("other", edited) == parts("other", MODULES)


@pytest.mark.parametrize(
    ("module", "before", "after"),
    [
        ("constants", "OTHER = 4", "OTHER = 5"),
        ("helpers", "value - OTHER", "value + OTHER"),
        ("helpers", "A step of a kernel.", "Another text."),
        ("helpers", "return value * FACTOR", "return value * FACTOR  # why"),
        ("loops", "UNUSED = []", "UNUSED = [1]\nMORE = 1"),
        ("loops", "found += strange", "found -= strange"),
    ],
)
def test_what_a_kernel_does_not_reach_does_not(module: str, before: str, after: str) -> None:
    edited = MODULES | {module: MODULES[module].replace(before, after)}
    assert parts("total", edited) == parts("total", MODULES)


def test_a_move_to_another_module_changes_nothing() -> None:
    helpers, _, moved = MODULES["helpers"].partition("@inlined\ndef strange")
    edited = MODULES | {"helpers": helpers, "loops": f"@inlined\ndef strange{moved}\n{MODULES['loops']}"}
    assert parts("other", edited) == parts("other", MODULES)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("scaled(values[n])", "UNUSED[n]", "steps.loops.total names UNUSED, which a kernel cannot use: only"),
        ("scaled(values[n])", "sum(v for v in values)", "steps.loops.total has a function within"),
    ],
)
def test_what_a_kernel_cannot_use_is_named(before: str, after: str, said: str) -> None:
    with pytest.raises(KernelError, match=said):
        parts("total", MODULES | {"loops": MODULES["loops"].replace(before, after)})
