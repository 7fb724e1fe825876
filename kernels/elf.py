"""Puts a kernel's object code into memory without LLVM, which costs every start 0.04 s and 46 MB to load.

What numba compiles for x86-64 is made to lie anywhere: sections, and places in them that want the address of
a symbol in 64 bits. The form is ELF's (System V ABI, AMD64 supplement, 4.3 and 4.4). Code of another form or
for another processor is left to LLVM.
"""

import ctypes
import mmap
from struct import Struct, pack_into
from typing import Any, Final, NamedTuple

_HEADER: Final = Struct("<16sHHIQQQIHHHHHH")
_SECTION: Final = Struct("<IIQQQQIIQQ")
_SYMBOL: Final = Struct("<IBBHQQ")
_RELOCATION: Final = Struct("<QIIq")

_ELF_64_LITTLE_ENDIAN: Final = b"\x7fELF\x02\x01\x01"
_RELOCATABLE, _X86_64 = 1, 62
_BITS, _SYMBOLS, _RELOCATIONS, _UNWINDING = 1, 2, 4, 0x7000_0001  # kinds of sections
_IN_MEMORY: Final = 2  # flag of a section
_OUTSIDE: Final = 0  # section of a symbol that is not in this object
_ADDRESS, _DISTANCE = 1, 24  # R_X86_64_64, R_X86_64_PC64

_kept: Final[list[Any]] = []
"""The memory of kernels, for the life of the process."""


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    at: int
    length: int
    link: int
    info: int
    align: int
    entry: int


class _Symbol(NamedTuple):
    name: str
    section: int
    value: int


class _UnusualError(Exception):
    """This object is not of the form that is read here."""


def placed(code: bytes, entry: str, externals: list[str]) -> int | None:
    """The address of `entry`, its code in memory; None where LLVM has to do it.

    `externals` need not be there: they belong to numba's error paths, and no kernel raises.
    """
    try:
        return _place(code, entry, externals)
    except (_UnusualError, StopIteration, OSError):
        return None


def _place(code: bytes, entry: str, externals: list[str]) -> int:
    sections = _sections(code)
    places, size = _layout(sections)
    symbols = _symbols(code, sections)
    memory = mmap.mmap(-1, size, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    here = ctypes.CDLL(None, use_errno=True)

    def address(symbol: _Symbol) -> int:
        if symbol.section == _OUTSIDE:
            return _outside(symbol.name, here, externals)
        if symbol.section not in places:
            raise _UnusualError
        return base + places[symbol.section] + symbol.value

    for number, place in places.items():
        memory[place : place + sections[number].length] = _bytes(code, sections[number])
    for section in sections:
        if section.kind == _RELOCATIONS and section.info in places:
            for offset, kind, number, addend in _RELOCATION.iter_unpack(_bytes(code, section)):
                place = places[section.info] + offset
                wanted = address(symbols[number]) + addend
                pack_into("<Q", memory, place, _relocated(kind, wanted, base + place))
    if here.mprotect(ctypes.c_void_p(base), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError(ctypes.get_errno(), "mprotect")
    _kept.append(memory)
    return address(next(symbol for symbol in symbols if symbol.name == entry))


def _relocated(kind: int, wanted: int, here: int) -> int:
    """What stands at the address `here` so that it leads to `wanted`."""
    if kind == _ADDRESS:
        return wanted
    if kind == _DISTANCE:
        return (wanted - here) % (1 << 64)
    raise _UnusualError


def _sections(code: bytes) -> list[_Section]:
    identity, kind, machine, _, _, _, at, _, _, _, _, size, count, _ = _HEADER.unpack_from(code)
    if not identity.startswith(_ELF_64_LITTLE_ENDIAN) or (kind, machine) != (_RELOCATABLE, _X86_64):
        raise _UnusualError
    return [_Section(*_SECTION.unpack_from(code, at + number * size)) for number in range(count)]


def _layout(sections: list[_Section]) -> tuple[dict[int, int], int]:
    """Where each section that is wanted lies, by its number, and the room they take."""
    places, size = {}, 0
    for number, section in enumerate(sections):
        if not section.flags & _IN_MEMORY:
            continue
        if section.kind not in (_BITS, _UNWINDING):
            raise _UnusualError
        places[number] = -(-size // section.align) * section.align
        size = places[number] + section.length
    return places, size


def _symbols(code: bytes, sections: list[_Section]) -> list[_Symbol]:
    table = next(section for section in sections if section.kind == _SYMBOLS)
    names = _bytes(code, sections[table.link])
    rows = _SYMBOL.iter_unpack(_bytes(code, table))
    return [
        _Symbol(names[name : names.index(0, name)].decode(), at, value) for name, _, _, at, value, _ in rows
    ]


def _outside(name: str, here: ctypes.CDLL, externals: list[str]) -> int:
    """The address of what the process has under this name; abort's for an external that it has not."""
    found = getattr(here, name, None)
    if found is None:
        if name not in externals:
            raise _UnusualError
        found = here.abort
    return ctypes.cast(found, ctypes.c_void_p).value or 0


def _bytes(code: bytes, section: _Section) -> bytes:
    return code[section.at : section.at + section.length]
