"""The columns that an index kernel fills, and the blocks cut from them."""

import numpy as np
from numpy.typing import NDArray

from capture.block import Block
from capture.bounds import BLOCK_FRAMES_MAX


class Columns:
    """Room for the frames of one block; reused block after block, so that it stays in the cache."""

    def __init__(self, frames_max: int = BLOCK_FRAMES_MAX) -> None:
        self.offset: NDArray[np.int64] = np.empty(frames_max, np.int64)
        self.captured: NDArray[np.int32] = np.empty(frames_max, np.int32)
        self.original: NDArray[np.int32] = np.empty(frames_max, np.int32)
        self.time_ns: NDArray[np.int64] = np.empty(frames_max, np.int64)

    def block(self, buffer: NDArray[np.uint8], first: int, last: int, link_type: int) -> Block:
        """Frames [first, last) as a block over `buffer`, without copying."""
        return Block(
            buffer=buffer,
            offset=self.offset[first:last],
            captured=self.captured[first:last],
            original=self.original[first:last],
            time_ns=self.time_ns[first:last],
            link_type=link_type,
        )
