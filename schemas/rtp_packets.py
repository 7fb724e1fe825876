"""`rtp.packets`: RTP headers of one sensor in one interval, as columns grouped by flow."""

from enum import IntEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
U16 = NDArray[np.uint16]
U32 = NDArray[np.uint32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


class FlowKind(IntEnum):
    """What a flow carries."""

    RTP = 0
    UDPTL = 1


MASKED_EVENT = 0xFF
"""Stands for the key in the first octet of an RFC 4733 payload, where keys pressed are not to be known."""

KEYS = 16
"""RFC 4733 events below this are keys (3.2): 0 to 9, *, #, A to D."""


class FlowRows(msgspec.Struct, frozen=True):
    """Descriptions of n flows, as columns; a flow is one 5-tuple and SSRC within one sensor.

    `flow` numbers are given by the sensor, rising, never used again while it runs. Addresses are 16 bytes,
    IPv4 in the first four; `family` is 4 or 6. `vlan` is -1 without a tag. `first_ip_id` and `last_ip_id`
    are the IPv4 identifications of the flow's packets in this batch (0 for IPv6). Sent when a flow is new,
    when its dscp, ttl or vlan changed, and every 5 s of packet time.
    """

    flow: U32  # (n,)
    kind: U8  # (n,) FlowKind
    family: U8  # (n,)
    src_ip: U8  # (n, 16)
    dst_ip: U8  # (n, 16)
    src_port: U16
    dst_port: U16
    ssrc: U32
    dscp: U8
    ttl: U8
    vlan: I32
    first_ip_id: U16
    last_ip_id: U16


class RtpBatch(msgspec.Struct, frozen=True):
    """Packets of m flows; the k packets of `present[i]` are the next `count[i]` rows of the packet columns.

    Within a flow the rows are in the sensor's order (capture order through its sort buffer).
    `marker_type` is the second byte of the RTP header: marker bit and payload type. `length` is the RTP
    payload's length in bytes (without padding). `copies[i]`: mirrored copies dropped at capture.
    Payloads of at most 8 bytes (RFC 4733): packet `small_at[j]` has the bytes `small[j, :length]`.
    UDPTL flows have ssrc, timestamp and marker_type 0. `behind_us`: how far the publisher lies behind what
    was captured, 0 live, more while it sends its spool. `serial` counts the sensor's batches since it began,
    from 0: where a number is missing, one was never read.
    """

    account: str
    site: str
    sensor: str
    clock_us: int
    flows: FlowRows
    present: U32  # (m,) ascending
    count: I32  # (m,)
    copies: I32  # (m,)
    arrival_us: I64  # (k,)
    sequence: U16
    timestamp: U32
    marker_type: U8
    length: U16
    small_at: I32  # (j,)
    small: U8  # (j, 8)
    behind_us: int = 0
    serial: int = 0

    def __eq__(self, other: object) -> bool:
        """Equal columns, not equal objects."""
        if not isinstance(other, RtpBatch):
            return NotImplemented
        return _same(self, other)

    __hash__ = None  # type: ignore[assignment]


def _same(one: Any, two: Any) -> bool:
    for name in one.__struct_fields__:
        left, right = getattr(one, name), getattr(two, name)
        if isinstance(left, msgspec.Struct):
            if not _same(left, right):
                return False
        elif isinstance(left, np.ndarray):
            if left.dtype != right.dtype or not np.array_equal(left, right):
                return False
        elif left != right:
            return False
    return True
