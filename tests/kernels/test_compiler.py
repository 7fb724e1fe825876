"""Kernels are compiled once, kept as machine code, and say the same as the Python they were made of."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kernels import compiled, inlined, prefetch
from kernels.cache import KEPT, Object, keep, stored

AHEAD = 4

SMALL = """
import sys
import numpy as np
from kernels import compiled, compiler

compiler.on_compile = lambda folder, refused: refused and print(refused.strerror, end=", ")


@compiled("int64(int64[::1])")
def total(values):
    found = 0
    for n in range(len(values)):
        found += values[n]
    return found


print(total(np.arange(10)), "numba" in sys.modules)
"""

MADE = Object("entry", ["abort"], bytes(range(256)))


@inlined
def twice(value: int) -> int:
    """What another kernel of the module calls."""
    return 2 * value


@compiled("int64(int64[::1], uint8[::1], int64)")
def weighted(values: NDArray[np.int64], weights: NDArray[np.uint8], start: int) -> int:
    """Sum of values by their weights, each fetched ahead of its use."""
    found = start
    for n in range(len(values)):
        prefetch(values, min(n + AHEAD, len(values) - 1))
        found += twice(values[n]) * weights[n]
    return int(found)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFHOOK_CACHE", str(tmp_path))
    return tmp_path


def run_small(folder: Path) -> str:
    script = folder / "small.py"
    script.write_text(SMALL)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    return done.stdout.strip()


def test_a_kernel_says_what_its_python_says(cache: Path) -> None:
    values, weights = np.arange(-500, 500), (np.arange(1000) % 251).astype(np.uint8)
    assert weighted(values, weights, 7) == weighted.python(values, weights.astype(np.int64), 7)  # type: ignore[attr-defined]
    assert [path.suffix for path in cache.iterdir()] == [".o"]


def test_an_array_of_another_kind_is_refused(cache: Path) -> None:
    values, weights = np.arange(10), np.arange(10, dtype=np.uint8)
    with pytest.raises(TypeError, match="weighted wants a contiguous int64 array, not int32"):
        weighted(values.astype(np.int32), weights, 0)
    with pytest.raises(TypeError, match="contiguous"):
        weighted(np.arange(20)[::2], weights, 0)
    with pytest.raises(TypeError, match="3 arguments"):
        weighted(values, weights)  # type: ignore[call-arg]
    assert cache


def test_what_was_compiled_is_loaded_without_the_compiler(cache: Path) -> None:
    assert run_small(cache) == "45 True"
    assert run_small(cache) == "45 False"


def test_a_damaged_cache_file_is_made_anew(cache: Path) -> None:
    run_small(cache)
    kept = next(cache.glob("total-*.o"))
    kept.write_bytes(kept.read_bytes()[:-100])
    assert run_small(cache) == "45 True"
    assert run_small(cache) == "45 False"


def test_a_folder_that_cannot_keep_is_told_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("OFFHOOK_CACHE", str(tmp_path / "file"))
    assert run_small(tmp_path) == "File exists, 45 True"
    assert run_small(tmp_path) == "File exists, 45 True"


def test_what_cannot_be_kept_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "total-1.o").mkdir()  # nothing moves there
    with pytest.raises(OSError, match="directory"):
        keep(tmp_path / "total-1.o", MADE)
    assert [path.name for path in tmp_path.iterdir()] == ["total-1.o"]


def test_what_a_dead_process_left_is_swept(tmp_path: Path) -> None:
    old, new = tmp_path / "total-1.x.part", tmp_path / "total-1.y.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    keep(tmp_path / "total-1.o", MADE)
    assert stored(tmp_path / "total-1.o") == MADE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["total-1.o", "total-1.y.part"]


def test_the_oldest_objects_of_a_kernel_go(tmp_path: Path) -> None:
    for n in range(KEPT + 2):
        keep(tmp_path / f"total-{n}.o", MADE)
        os.utime(tmp_path / f"total-{n}.o", (1000 + n, 1000 + n))
    keep(tmp_path / "other-0.o", MADE)
    keep(tmp_path / "total-new.o", MADE)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"other-0.o", "total-new.o", *(f"total-{n}.o" for n in range(3, KEPT + 2))}


def test_a_kept_file_with_one_bit_turned_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "total-1.o"
    keep(path, MADE)
    kept = bytearray(path.read_bytes())
    kept[-1] ^= 1
    path.write_bytes(kept)
    assert stored(path) is None


def test_processes_that_compile_at_once_keep_one_whole_file(cache: Path) -> None:
    script = cache / "small.py"
    script.write_text(SMALL)
    running = [subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) for _ in range(3)]
    assert {process.communicate()[0] for process in running} == {b"45 True\n"}
    assert sorted(path.suffix for path in cache.iterdir()) == [".o", ".py"]
    assert run_small(cache) == "45 False"
