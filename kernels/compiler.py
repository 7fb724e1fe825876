"""Compiles kernels with numba on first use and keeps them in the user's cache folder.

A kernel is a module-level function over C-contiguous 1-D arrays and int64 scalars that returns an int64;
it allocates nothing and raises nothing. Its globals may be integers and `@inlined` functions.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def cache_folder() -> Path:
    """Where compiled kernels are kept: $OFFHOOK_CACHE, else $XDG_CACHE_HOME/offhook, else ~/.cache/offhook."""
    if own := os.environ.get("OFFHOOK_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "offhook"


def inlined(function: F) -> F:
    """Mark a function that kernels call; it stays plain Python outside of them."""
    function.__dict__["inlined"] = True
    return function


def compiled(signature: str) -> Callable[[F], F]:
    """Compile the function for `signature`, such as "int64(uint8[::1], int64)", when it is first called."""

    def wrap(function: F) -> F:
        ready: list[Callable[..., int]] = []

        def call(*args: Any) -> int:
            if not ready:
                ready.append(_compile(function, signature))
            return ready[0](*args)

        call.__name__, call.__doc__ = function.__name__, function.__doc__
        call.__dict__["python"] = function  # the plain function, for tests
        return call  # type: ignore[return-value]

    return wrap


def _compile(function: Callable[..., Any], signature: str) -> Callable[..., int]:
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder()))
    from numba import njit

    for name, value in list(function.__globals__.items()):
        if getattr(value, "__dict__", {}).get("inlined"):
            function.__globals__[name] = njit(value)
    return njit(signature, cache=True, nogil=True, error_model="numpy")(function)  # type: ignore[no-any-return]
