"""Compiles kernels once with numba, keeps the machine code, and loads it without numba afterwards.

A kernel is a module-level function over C-contiguous 1-D arrays and int64 scalars that returns an int64;
it allocates nothing and raises nothing. What it may name is in `kernels/parts.py`.

Importing numba and letting it load its own cache costs 0.5 s of every start, LLVM alone 0.06 s: what is
compiled needs neither. The object code lies in the user's cache folder, named by a hash of all that went into
it; `kernels/elf.py` puts it into memory, LLVM where that cannot.
"""

import contextlib
import ctypes
import sys
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from types import FunctionType
from typing import Any, Final, NamedTuple

import numpy as np

from kernels.cache import Object, cache_folder, keep, refusal, stored
from kernels.elf import placed
from kernels.errors import KernelError
from kernels.host import compilers, processor
from kernels.parts import F, described, is_helper, is_inlined, named, prefetch

_OCTETS: Final = np.dtype(np.uint8)

on_compile: Callable[[Path, OSError | None], None] | None = None
"""Called before a kernel is compiled, with the folder that will keep it, and why it cannot where it cannot:
then every run compiles it again."""


class Argument(NamedTuple):
    """One parameter: an array of this dtype, or an int64 (dtype None)."""

    dtype: np.dtype[Any] | None
    name: str


def compiled(signature: str) -> Callable[[F], F]:
    """Make a kernel of the function, for a signature such as "int64(uint8[::1], int64)".

    An array of uint8 that the kernel only reads may be given as bytes. The machine code is loaded, or
    compiled, when the kernel is first called. `.python` is the function itself, for tests.
    """
    arguments = _arguments(signature)

    def wrap(function: F) -> F:
        loaded: list[Callable[..., int]] = []
        arrays = [argument.dtype for argument in arguments]

        def call(*values: Any) -> int:
            if not loaded:
                loaded.append(_load(function, arguments))
            if len(values) != len(arrays):
                raise TypeError(f"{function.__name__} takes {len(arrays)} arguments, not {len(values)}")
            flat: list[int | bytes] = []
            for value, dtype in zip(values, arrays, strict=True):
                if dtype is None:
                    flat.append(value)
                    continue
                if value.__class__ is bytes and dtype == _OCTETS:
                    flat += (value, len(value))
                    continue
                if value.dtype != dtype or not value.flags.c_contiguous:
                    raise TypeError(
                        f"{function.__name__} wants a contiguous {dtype} array, not {value.dtype}"
                    )
                flat += (_address(value), value.size)
            return loaded[0](*flat)

        call.__name__, call.__doc__ = function.__name__, function.__doc__
        call.__dict__["python"] = function
        return call  # type: ignore[return-value]

    return wrap


def _address(array: Any) -> int:
    """Where an array's items lie; numpy itself takes 1.4 µs to say it, this 0.6."""
    if array.flags.writeable and array.size:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    address: int = array.__array_interface__["data"][0]
    return address


def _arguments(signature: str) -> list[Argument]:
    """The parameters of "int64(uint8[::1], int64)"."""
    inside = signature.split("(", 1)[1].rstrip(") ")
    found = []
    for part in inside.split(","):
        name = part.strip()
        if name.endswith("[::1]"):
            found.append(Argument(np.dtype(name[: -len("[::1]")]), name[: -len("[::1]")]))
        elif name == "int64":
            found.append(Argument(None, name))
        else:
            raise KernelError(f"a kernel cannot take {name!r}: use int64 or a 1-D contiguous array")
    return found


def _load(function: Callable[..., Any], arguments: list[Argument]) -> Callable[..., int]:
    """Machine code from the cache, else compiled and kept there."""
    folder = cache_folder()
    path = folder / f"{function.__name__}-{_fingerprint(function, arguments)}.o"
    made = stored(path)
    if made is None:
        refused = refusal(folder)
        if on_compile is not None:
            on_compile(folder, refused)
        made = _object_code(function, arguments, _llvm())
        if refused is None:
            with contextlib.suppress(OSError):  # the disk filled up meanwhile: the next run compiles again
                keep(path, made)
    address = placed(made.code, made.entry, made.externals) or _linked(function.__name__, made, _llvm())
    kinds: list[Any] = []
    for argument in arguments:
        kinds += [ctypes.c_int64] if argument.dtype is None else [ctypes.c_void_p, ctypes.c_int64]
    return ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(address)


def _fingerprint(function: Callable[..., Any], arguments: list[Argument]) -> str:
    """Hash of the kernel with its helpers and constants, and of what compiles it for which processor."""
    digest = _toolchain().copy()
    digest.update(repr(arguments).encode())
    for part in described(function):
        digest.update(part.encode())
    return digest.hexdigest()


@cache
def _toolchain() -> blake2b:
    """Hash of this file, the compiler and the processor."""
    digest = blake2b(Path(__file__).read_bytes(), digest_size=12)
    digest.update(repr((sys.version_info[:2], compilers(), processor())).encode())
    return digest


def _llvm() -> Any:
    """LLVM, ready to compile and link for this machine."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def _machine(llvm: Any) -> Any:
    """The machine to compile for: this one."""
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
    )


def _object_code(function: Callable[..., Any], arguments: list[Argument], llvm: Any) -> Object:
    """Compile with numba; the entry takes each array as pointer and size."""
    import numba

    untyped: Any = numba  # its stubs know neither cfunc's options nor what a CFunc is
    carray, cfunc, types = untyped.carray, untyped.cfunc, untyped.types
    body = _for_numba(function, {})
    parameters, passed, kinds = [], [], []
    for n, argument in enumerate(arguments):
        if argument.dtype is None:
            parameters.append(f"a{n}")
            passed.append(f"a{n}")
            kinds.append(types.int64)
        else:
            parameters += [f"a{n}", f"n{n}"]
            passed.append(f"carray(a{n}, n{n})")
            kinds += [types.CPointer(getattr(types, argument.name)), types.int64]
    source = f"def entry({', '.join(parameters)}):\n    return body({', '.join(passed)})\n"
    scope: dict[str, Any] = {"body": body, "carray": carray}
    exec(source, scope)
    entry = cfunc(types.int64(*kinds), nopython=True, error_model="numpy")(scope["entry"])
    library = entry._library
    module = llvm.parse_assembly(library.get_llvm_str())
    declared = [*module.functions, *module.global_variables]
    outside = [item.name for item in declared if item.is_declaration and not item.name.startswith("llvm.")]
    return Object(entry.native_name, outside, bytes(_machine(llvm).emit_object(module)))


def _for_numba(function: Callable[..., Any], made: dict[Callable[..., Any], Any]) -> Any:
    """The function with its helpers as numba takes them; `made` has those that others call too."""
    import numba

    made[function] = None
    names: dict[str, Any] = {"__name__": function.__module__}
    for name, value in named(function).items():
        if value is prefetch:
            names[name] = _prefetch_instruction()
        elif is_helper(value):
            names[name] = made[value] if value in made else _for_numba(value, made)
            if names[name] is None:
                raise KernelError(f"{value.__module__}.{value.__name__} comes back to itself by {name}")
        else:
            names[name] = value
    rewritten = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    take = numba.njit(nogil=True, error_model="numpy", forceinline=is_inlined(function))
    made[function] = take(rewritten)
    return made[function]


def _prefetch_instruction() -> Any:
    """`prefetch` for compiled code: LLVM's own, for reading, kept in all caches."""
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    def prefetch(typing: Any, array: Any, index: Any) -> Any:  # noqa: ARG001 - as numba calls it
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            items = context.make_array(signature.args[0])(context, builder, arguments[0])
            address = builder.bitcast(builder.gep(items.data, [arguments[1]]), cgutils.voidptr_t)
            word = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
            fetch = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind)
            builder.call(fetch, [address, word(0), word(3), word(1)])
            return context.get_dummy_value()

        return types.none(array, index), generate

    return intrinsic(prefetch)


_engines: list[Any] = []
"""Keeps the loaded code alive."""


def _linked(name: str, made: Object, llvm: Any) -> int:
    """Load object code by LLVM. numba's error paths refer to its run-time; no kernel raises, so these go to
    abort."""
    abort = ctypes.cast(ctypes.CDLL(None).abort, ctypes.c_void_p).value
    for symbol in made.externals:
        if llvm.address_of_symbol(symbol) is None:
            llvm.add_symbol(symbol, abort)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(llvm))
    obj = llvm.ObjectFileRef.from_data(made.code)
    engine.add_object_file(obj)
    engine.finalize_object()
    address: int = engine.get_function_address(made.entry)
    if not address:
        raise KernelError(f"kernel {name}: its machine code does not load; delete {cache_folder()}")
    _engines.append((engine, obj))
    return address
