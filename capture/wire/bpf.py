"""Filters of packets in tcpdump's language, made into programs that the kernel runs (pcap-filter(7)).

libpcap compiles them, as for tcpdump: on a handle of the interface itself, since Linux takes VLAN tags out of
frames and libpcap then asks for them elsewhere. The program is attached to our own socket (socket(7)).
"""

import contextlib
import ctypes
import socket
import struct
from typing import Any, Final

from capture.errors import CaptureError
from capture.wire.interface import LINKTYPE_ETHERNET, Interface

_LIBRARIES: Final = ("libpcap.so.0.8", "libpcap.so.1")  # Debian's name of it, and all others'
_SO_ATTACH_FILTER: Final = 26
_SNAPLEN: Final = 262_144
_DLT_RAW: Final = 12
_ERROR_BYTES: Final = 256  # PCAP_ERRBUF_SIZE
_INSTRUCTION_BYTES: Final = 8  # struct bpf_insn is struct sock_filter
_NETMASK_UNKNOWN: Final = 0xFFFFFFFF


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


def attach(heard: socket.socket, interface: Interface, expression: str) -> None:
    """Let the kernel hand over only what matches, from now on, of which the rest is no drop; CaptureError."""
    program = compiled(interface, expression)
    memory = ctypes.create_string_buffer(program, len(program))
    count = len(program) // _INSTRUCTION_BYTES
    try:  # struct sock_fprog
        heard.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", count, ctypes.addressof(memory))
        )
    except OSError as error:
        raise _refused(expression, f"the kernel does not take it: {error.strerror}") from None


def compiled(interface: Interface, expression: str) -> bytes:
    """The program of an expression, 8 bytes an instruction; CaptureError."""
    pcap = _libpcap(expression)
    reason = ctypes.create_string_buffer(_ERROR_BYTES)
    if interface.link_type == LINKTYPE_ETHERNET:
        handle = pcap.pcap_open_live(interface.name.encode(), _SNAPLEN, 0, 1, reason)
    else:
        handle = pcap.pcap_open_dead(_DLT_RAW, _SNAPLEN)
    if not handle:
        raise _refused(expression, f"{interface.name}: {reason.value.decode(errors='replace')}")
    program = _Program()
    try:
        if pcap.pcap_compile(handle, ctypes.byref(program), expression.encode(), 1, _NETMASK_UNKNOWN):
            raise _refused(expression, pcap.pcap_geterr(handle).decode(errors="replace"))
        made = ctypes.string_at(program.instructions or 0, program.length * _INSTRUCTION_BYTES)
        pcap.pcap_freecode(ctypes.byref(program))
    finally:
        pcap.pcap_close(handle)
    return made


def _libpcap(expression: str) -> Any:
    for name in _LIBRARIES:
        with contextlib.suppress(OSError):
            pcap = ctypes.CDLL(name)
            break
    else:
        raise _refused(expression, "it takes libpcap (Debian, Ubuntu: apt-get install libpcap0.8)")
    for function in (pcap.pcap_open_live, pcap.pcap_open_dead):
        function.restype = ctypes.c_void_p
    pcap.pcap_open_live.argtypes = (
        ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_char_p,
    )  # fmt: skip
    pcap.pcap_open_dead.argtypes = (ctypes.c_int, ctypes.c_int)
    pcap.pcap_geterr.restype = ctypes.c_char_p
    pcap.pcap_geterr.argtypes = pcap.pcap_close.argtypes = (ctypes.c_void_p,)
    pcap.pcap_compile.argtypes = (
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32,
    )  # fmt: skip
    return pcap


def _refused(expression: str, why: str) -> CaptureError:
    return CaptureError(f"capture.wire_filter '{expression}': {why}")
