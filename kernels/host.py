"""What machine code depends on beside its source: who compiles it, and for which processor."""

import contextlib
import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_PROCESSORS: Final = Path("/proc/cpuinfo")
_MODEL: Final = ("vendor_id", "cpu family", "model", "model name", "stepping", "uarch")
_MODEL_OF_ARM: Final = ("cpu implementer", "cpu architecture", "cpu variant", "cpu part", "cpu revision")
_ABILITIES: Final = ("flags", "features", "isa")


def compilers() -> str:
    """The versions of numba and llvmlite, which would take long to import."""
    return " ".join(_version(name) for name in ("numba", "llvmlite"))


def _version(name: str) -> str:
    found = find_spec(name)
    if found is not None and found.origin is not None:
        with contextlib.suppress(OSError):
            return Path(found.origin).with_name("_version.py").read_text()
    return str(importlib.import_module(name).__version__)


def processor() -> str:
    """What this processor is and can do: as Linux says it, else as LLVM does."""
    try:
        with _PROCESSORS.open() as file:
            text = file.read(65_536)
    except OSError:
        text = ""
    return _first(text) or _as_llvm_says()


def _first(text: str) -> str:
    """What Linux says of the first processor that is the same at every start; "" where not its abilities."""
    lines = {line.partition(":")[0].strip().lower(): line for line in text.partition("\n\n")[0].splitlines()}
    if lines.keys().isdisjoint(_ABILITIES):
        return ""
    return "\n".join(lines[name] for name in (*_MODEL, *_MODEL_OF_ARM, *_ABILITIES) if name in lines)


def _as_llvm_says() -> str:
    import llvmlite.binding as llvm

    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
