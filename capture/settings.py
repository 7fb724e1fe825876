"""What a user may set about capture."""

from typing import Annotated

import msgspec

from capture.bounds import (
    FLOWS_MAX,
    RING_MB,
    RING_MB_MAX,
    SORT_BUFFER_MS,
    SORT_BUFFER_MS_MAX,
    WIRE_SORT_MS,
)


class CaptureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one sensor.

    `sip_ports`: UDP and TCP ports on which everything is tried as SIP; SIP that looks like SIP is found on
    any port. `flows_max`: RTP flows known at once. `keep_secrets`: leave passwords and keys in SIP (local
    use only). `keep_digits`: leave the digits of DTMF, in RTP and in SIP INFO.
    `sort_buffer_ms`: how far packet times may go back; everything is said so much later.
    `wire_sort_ms`: the same for packets from the wire, whose clock is one.
    `ring_mb`: memory in which the kernel keeps an interface's packets until they are read; more rides out
    longer pauses.
    `wire_filter`: only packets that match this expression of tcpdump's leave the kernel.
    """

    sip_ports: tuple[int, ...] = (5060,)
    flows_max: int = FLOWS_MAX
    keep_secrets: bool = False
    keep_digits: bool = False
    sort_buffer_ms: Annotated[int, msgspec.Meta(ge=0, le=SORT_BUFFER_MS_MAX)] = SORT_BUFFER_MS
    wire_sort_ms: Annotated[int, msgspec.Meta(ge=0, le=SORT_BUFFER_MS_MAX)] = WIRE_SORT_MS
    wire_filter: str = ""
    ring_mb: Annotated[int, msgspec.Meta(ge=2, le=RING_MB_MAX)] = RING_MB
