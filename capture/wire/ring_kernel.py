"""The kernel that walks one block of a packet ring: where each frame lies, its lengths and its time.

struct tpacket_block_desc and struct tpacket3_hdr, <linux/if_packet.h>; struct sockaddr_ll lies behind the
latter. All fields are of the machine's own byte order; a frame's head is aligned to 16 bytes.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kernels import compiled

Bytes: TypeAlias = NDArray[np.uint8]
Halves: TypeAlias = NDArray[np.uint16]
Words: TypeAlias = NDArray[np.uint32]
Ints: TypeAlias = NDArray[np.int64]
Ints32: TypeAlias = NDArray[np.int32]

BLOCK_STATUS: Final = 8  # of the block's descriptor
BLOCK_PACKETS = 12
BLOCK_FIRST = 16

NEXT = 0  # of a frame's head
SECONDS = 4
NANOSECONDS = 8
CAPTURED = 12
ORIGINAL = 16
STATUS = 20
MAC = 24  # two bytes: from the head to the frame
VLAN_TCI = 32
VLAN_TPID = 36  # two bytes
PACKET_TYPE = 58  # one byte, of the sockaddr_ll
HEAD = 68

VLAN_VALID = 1 << 4  # TP_STATUS_VLAN_VALID: the kernel took the tag out of the frame
TPID_VALID = 1 << 6
ETHERTYPE_VLAN = 0x8100
TAG = 4
ADDRESSES = 12  # the two MAC addresses before a tag
OUTGOING = 4  # PACKET_OUTGOING


@compiled(
    "int64(uint8[::1], uint16[::1], uint32[::1], int64, int64, int64, int64[::1], int32[::1], int32[::1],"
    " int64[::1])"
)
def index_ring(
    buffer: Bytes,
    halves: Halves,
    words: Words,
    block: int,
    end: int,
    twice: int,
    offset: Ints,
    captured: Ints32,
    original: Ints32,
    time_ns: Ints,
) -> int:
    """Index the frames of the block from byte `block` up to `end`; how many the columns now hold.

    `buffer`, `halves` and `words` are the same memory. `twice` 1: what goes out comes in again, and counts
    once. A VLAN tag that the kernel took out is put back, into the four bytes kept free before each frame.
    """
    frames = words[(block + BLOCK_PACKETS) >> 2]
    at = block + words[(block + BLOCK_FIRST) >> 2]
    count = 0
    for _ in range(frames):
        if at + HEAD > end or count >= offset.shape[0]:
            break
        word = at >> 2
        frame = at + halves[(at + MAC) >> 1]
        length = words[word + (CAPTURED >> 2)] + 0
        wire = words[word + (ORIGINAL >> 2)] + 0
        status = words[word + (STATUS >> 2)]
        if frame + length > end:
            break
        if twice == 0 or buffer[at + PACKET_TYPE] != OUTGOING:
            if status & VLAN_VALID != 0 and length >= ADDRESSES and frame - TAG >= at + HEAD:
                frame -= TAG
                for step in range(ADDRESSES):
                    buffer[frame + step] = buffer[frame + TAG + step]
                tpid = ETHERTYPE_VLAN
                if status & TPID_VALID != 0:
                    tpid = halves[(at + VLAN_TPID) >> 1] + 0
                tag = words[word + (VLAN_TCI >> 2)]
                buffer[frame + ADDRESSES] = tpid >> 8
                buffer[frame + ADDRESSES + 1] = tpid & 255
                buffer[frame + ADDRESSES + 2] = (tag >> 8) & 255
                buffer[frame + ADDRESSES + 3] = tag & 255
                length += TAG
                wire += TAG
            offset[count] = frame
            captured[count] = length
            original[count] = wire
            seconds = words[word + (SECONDS >> 2)] + 0
            time_ns[count] = seconds * 1000000000 + words[word + (NANOSECONDS >> 2)]
            count += 1
        step_on = words[word + (NEXT >> 2)]
        if step_on == 0:
            break
        at += step_on
    return count
