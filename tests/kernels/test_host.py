"""What a kernel's machine code depends on is told without loading who compiles it, and never changes."""

import subprocess
import sys

import pytest

from kernels import host

TOLD = """
import sys
from kernels.host import compilers, processor
print(len(compilers()) > 0, len(processor()) > 0, "numba" in sys.modules)
"""


def test_the_compiler_is_known_without_importing_it() -> None:
    done = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]


def test_a_processor_is_known_by_what_it_is_and_not_by_how_it_is_doing() -> None:
    now = "processor\t: 0\nvendor_id\t: A\ncpu MHz\t\t: {}\nflags\t\t: sse avx{}\n\nprocessor\t: 1\n"
    slow, fast, other = (host._first(now.format(*each)) for each in ((800, ""), (4000, ""), (800, " fma")))
    assert slow == fast != other
    assert "avx" in slow


@pytest.mark.parametrize("text", ["", "processor : 0\n", "hart : 0\nmmu : sv39\n"])
def test_what_linux_does_not_tell_llvm_does(text: str) -> None:
    assert not host._first(text)
    assert host._as_llvm_says().strip()
