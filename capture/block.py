"""What a source hands to the dissector: many captured packets at once."""

from collections.abc import Iterator
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray


class Block(msgspec.Struct):
    """n captured frames inside one buffer; valid until the source's next block is asked for.

    `buffer` is uint8 (writable flag set, never written); frame i is `buffer[offset[i] : offset[i] +
    captured[i]]`, of `original[i]` bytes on the wire, captured at `time_ns[i]` ns since the epoch. All
    frames of a block have one `link_type` (LINKTYPE_*, as in pcap files).
    """

    buffer: NDArray[np.uint8]
    offset: NDArray[np.int64]
    captured: NDArray[np.int32]
    original: NDArray[np.int32]
    time_ns: NDArray[np.int64]
    link_type: int


class Source(Protocol):
    """Blocks in capture order, and how far it is."""

    warnings: list[str]
    bytes_done: int
    bytes_total: int | None  # None: unknown (a pipe)

    def __iter__(self) -> Iterator[Block]:
        """Yield blocks until the source ends; damage goes to `warnings`, one line each."""
