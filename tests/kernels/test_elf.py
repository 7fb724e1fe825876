"""Kernels are put into memory without LLVM, and the same by LLVM where that cannot be."""

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kernels import compiled, compiler
from kernels.cache import stored
from kernels.elf import placed

HERE = pytest.mark.parametrize(
    "by_llvm", [pytest.param(False, id="by itself"), pytest.param(True, id="by LLVM")]
)

LOADED = """
import sys
import numpy as np
from kernels import compiled


@compiled("int64(int64[::1], int64)")
def filled(values, much):
    for n in range(len(values)):
        values[n] = 0
    for n in range(len(values)):
        if n % 7 == 0:
            values[n] = much
    return len(values)


print(filled(np.arange(1000), 7), "llvmlite" in sys.modules)
"""


@compiled("int64(int64[::1], int64[::1], int64)")
def folded(values: NDArray[np.int64], into: NDArray[np.int64], kind: int) -> int:
    """What compilers make calls (memset, memcpy), tables of constants and jump tables of."""
    for n in range(len(into)):
        into[n] = 0
    for n in range(min(len(values), len(into))):
        into[n] = values[n]
    found = 0
    for n in range(len(into)):
        if kind == 0:
            found += into[n]
        elif kind == 1:
            found ^= into[n] * 3
        elif kind == 2:
            found = max(found, into[n])
        elif kind == 3:
            found += into[n] % 11
        elif kind == 4:
            found -= into[n] // 5
        else:
            found += int(into[n] * 1.5 + 0.25)
    return int(found)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFHOOK_CACHE", str(tmp_path))
    return tmp_path


@HERE
def test_a_kernel_says_the_same_however_it_came_into_memory(
    by_llvm: bool, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_llvm:
        monkeypatch.setattr(compiler, "placed", lambda *_: None)
    kernel = compiled("int64(int64[::1], int64[::1], int64)")(folded.python)  # type: ignore[attr-defined]
    values = np.arange(-300, 700) * 12_345
    for kind in range(7):
        into, ours = np.ones(1200, np.int64), np.ones(1200, np.int64)
        assert kernel(values, into, kind) == folded.python(values, ours, kind)  # type: ignore[attr-defined]
        assert np.array_equal(into, ours)
    assert list(cache.glob("folded-*.o"))


def usual() -> bool:
    return sys.platform == "linux" and platform.machine() == "x86_64"


def test_the_next_start_needs_no_llvm(cache: Path) -> None:
    script = cache / "loaded.py"
    script.write_text(LOADED)
    said = [
        subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, cwd=Path.cwd())
        for _ in range(2)
    ]
    assert [run.stdout.split() for run in said] == [["1000", "True"], ["1000", str(not usual())]]


def test_code_of_another_form_is_left_to_llvm(cache: Path) -> None:
    kernel = compiled("int64(int64[::1], int64[::1], int64)")(folded.python)  # type: ignore[attr-defined]
    kernel(np.arange(3), np.arange(3), 0)
    kept = stored(next(cache.glob("folded-*.o")))
    assert kept is not None
    assert (placed(kept.code, kept.entry, kept.externals) is not None) is usual()
    for at in (0, 4, 16, 18):  # magic number, word size, kind of file, processor
        other = bytearray(kept.code)
        other[at] ^= 0xFF
        assert placed(bytes(other), kept.entry, kept.externals) is None
    assert placed(kept.code, "no such name", kept.externals) is None
    assert placed(kept.code, kept.entry, []) is None  # numba's run-time is not in this process
