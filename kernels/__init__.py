"""Compiled loops over columns: `@compiled` kernels, the `@inlined` helpers that they call, `prefetch`."""

from kernels.compiler import compiled, inlined, prefetch

__all__ = ["compiled", "inlined", "prefetch"]
