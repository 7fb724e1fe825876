"""Compiled loops over columns: `@compiled` kernels and the `@inlined` helpers that they call."""

from kernels.compiler import compiled, inlined

__all__ = ["compiled", "inlined"]
