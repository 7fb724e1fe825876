"""Compiled loops over columns: `@compiled` kernels, their steps (`@inlined`, `@seldom`), `prefetch`."""

from kernels.compiler import compiled
from kernels.parts import Array, I, U, inlined, prefetch, seldom

__all__ = ["Array", "I", "U", "compiled", "inlined", "prefetch", "seldom"]
