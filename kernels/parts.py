"""What a kernel is made of: its own code, the `@inlined` helpers it reaches, the constants they name.

Helpers and constants may be of any module; a kernel names them as it imported them.
"""

from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any, TypeVar

import numpy as np

from kernels.errors import KernelError

F = TypeVar("F", bound=Callable[..., Any])

Array = Any
"""A C-contiguous 1-D array."""

U: Any = np.uint64
"""An unsigned index costs no wrap-around check: `b[U(at)]`."""

I: Any = np.int64  # noqa: E741 - beside U
"""An octet has to be widened before it is shifted: `I(b[U(at)]) << 8`."""


def inlined(function: F) -> F:
    """Mark a function as a step of kernels, made part of the loop that calls it; elsewhere it stays plain
    Python."""
    function.__dict__["inlined"] = True
    return function


def seldom(function: F) -> F:
    """Mark a function as a step that kernels seldom take: the compiler may leave it a call, and the loop
    around it small."""
    function.__dict__["inlined"] = False
    return function


def prefetch(array: Any, index: int) -> None:
    """Fetch an item's cache line ahead of its use; in a kernel one instruction, in plain Python nothing."""


def is_helper(value: object) -> bool:
    """Whether a kernel may call it as a function of ours."""
    return isinstance(value, FunctionType) and "inlined" in value.__dict__


def is_inlined(function: Callable[..., Any]) -> bool:
    """Whether it is part of whoever calls it."""
    return function.__dict__.get("inlined", True)  # type: ignore[no-any-return]


def named(function: Callable[..., Any]) -> dict[str, Any]:
    """The globals that a function names; builtins are not among them."""
    known = function.__globals__
    found = {name: known[name] for name in function.__code__.co_names if name in known}
    for name, value in found.items():
        if not (value.__class__ is int or _is_constant(value) or value is prefetch or is_helper(value)):
            raise KernelError(
                f"{function.__module__}.{function.__name__} names {name}, which a kernel cannot use:"
                " only integers, floats, numpy's number types, prefetch, @inlined and @seldom functions"
            )
    return found


def described(function: Callable[..., Any]) -> Iterator[str]:
    """All that decides what a kernel does: one text for itself and for each helper it reaches.

    Made of the code and the values of constants, not of the text and the places they come from: a comment,
    a docstring or a move changes nothing, and no file is read for it.
    """
    reached = [function]
    place = {function: 0}
    for one in reached:  # grows on the way
        names = named(one)
        for name, value in names.items():
            if value is prefetch:
                names[name] = "prefetch"
            elif is_helper(value):
                if value not in place:
                    place[value] = len(reached)
                    reached.append(value)
                names[name] = ("helper", place[value])
        yield repr((_code(one), one.__defaults__, is_inlined(one), names))


def _is_constant(value: object) -> bool:
    return isinstance(value, int | float) or (isinstance(value, type) and issubclass(value, np.number))


def _code(function: Callable[..., Any]) -> tuple[object, ...]:
    code = function.__code__
    if any(isinstance(constant, CodeType) for constant in code.co_consts):
        raise KernelError(
            f"{function.__module__}.{function.__name__} has a function within: give it a place of its own"
        )
    constants = [None if isinstance(constant, str) else constant for constant in code.co_consts]
    return code.co_argcount, code.co_code, constants, code.co_names
