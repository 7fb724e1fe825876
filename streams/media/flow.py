"""One flow of a sensor (5-tuple and SSRC) and the stream that lives on it now."""

from hashlib import blake2b
from typing import Final

import msgspec

from schemas.media_endpoints import Payload
from schemas.media_windows import Digit, RtcpSummary, StreamInfo
from schemas.rtp_packets import MASKED_EVENT
from streams.media.owners import Address, Owner


class Report(msgspec.Struct, array_like=True):
    """What one RTCP packet said about a stream; -1 (loss: None) where it did not."""

    time_us: int
    loss: int | None = None
    fraction: int = -1
    jitter: int = -1  # timestamp units
    round_trip_us: int = -1
    xr_mos_lq: int = -1
    xr_mos_cq: int = -1


class RtcpSums(msgspec.Struct, array_like=True):
    """Reports folded so far."""

    reports: int = 0
    loss_max: int = -(2**31)
    fraction_sum: int = 0
    jitter_sum_us: int = 0
    jitter_max_us: int = 0
    round_trips: int = 0
    rtt_sum_us: int = 0
    rtt_max_us: int = 0
    xr_mos_lq: int = -1
    xr_mos_cq: int = -1

    def fold(self, report: Report, clock_rate: int) -> None:
        """Add one report."""
        if report.loss is not None:
            self.reports += 1
            self.loss_max = max(self.loss_max, report.loss)
            self.fraction_sum += report.fraction
            jitter_us = report.jitter * 1_000_000 // clock_rate if clock_rate else 0
            self.jitter_sum_us += jitter_us
            self.jitter_max_us = max(self.jitter_max_us, jitter_us)
        if report.round_trip_us >= 0:
            self.round_trips += 1
            self.rtt_sum_us += report.round_trip_us
            self.rtt_max_us = max(self.rtt_max_us, report.round_trip_us)
        if report.xr_mos_lq >= 0:
            self.xr_mos_lq = report.xr_mos_lq
        if report.xr_mos_cq >= 0:
            self.xr_mos_cq = report.xr_mos_cq

    def summary(self, stream: int) -> RtcpSummary:
        """The sums as sent to the records."""
        return RtcpSummary(
            stream, self.reports, self.loss_max if self.reports else 0, self.fraction_sum, self.jitter_sum_us,
            self.jitter_max_us, self.round_trips, self.rtt_sum_us, self.rtt_max_us, self.xr_mos_lq,
            self.xr_mos_cq,
        )  # fmt: skip


class EventInProgress(msgspec.Struct, array_like=True):
    """An RFC 4733 event whose end has not been seen."""

    timestamp: int
    time_us: int
    event: int
    duration: int


class Flow(msgspec.Struct, gc=False):
    """Slot, description, and the stream now on it (owners None: its first packet is not bound yet)."""

    slot: int
    sensor: str
    number: int
    kind: int
    source: Address
    destination: Address
    ssrc: int
    dscp: int
    vlan: int
    first_us: int = 0  # its first packet, 0 not seen yet
    last_us: int = 0  # last sign of life: the flow's description, or the end of its last stream
    stream: int = 0
    owners: list[Owner] = []
    owner_count: int = 0
    matched_by: str = ""
    towards: bool = True
    paired: bool = False  # the owners' calls announced its other end too
    clock_rate: int = 0
    described: list[str] = []  # cdr_ids that got the StreamInfo
    copies: int = 0  # capture copies since the last row
    reports: list[Report] = []
    rtcp: RtcpSums | None = None
    event: EventInProgress | None = None
    ended_event: int = -1  # timestamp of the last event reported

    @property
    def peer(self) -> Address:
        """The end that is not the owners'."""
        return self.source if self.towards else self.destination

    def begin(self, stream: int) -> None:
        """A new stream lives on the flow."""
        self.stream, self.described = stream, []
        self.owners, self.owner_count, self.matched_by, self.towards = [], 0, "", True
        self.rtcp, self.event, self.ended_event, self.clock_rate = None, None, -1, 0
        self.paired = False


_MASK: Final = (1 << 63) - 1


def stream_id(flow: Flow, first_us: int) -> int:
    """63-bit hash of sensor, addresses, SSRC and first packet time: the same in every run and mode."""
    text = (
        f"{flow.sensor}|{flow.source[0].hex()}|{flow.source[1]}|{flow.destination[0].hex()}"
        f"|{flow.destination[1]}|{flow.ssrc}|{first_us}"
    )
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") & _MASK


def stream_info(
    flow: Flow, owner: Owner | None, branch: str, payloads: list[Payload], first_us: int, sensors: int
) -> StreamInfo:
    """The stream as `owner` sees it, or as nobody's, at a site of so many sensors."""
    if owner is None:
        side, cdr_id, call_id, hop, media, encrypted, ptime_ms = "", "", "", 0, "", False, 0
    else:
        other = "b" if owner.owner == "a" else "a"
        side = other if flow.towards else owner.owner
        cdr_id, call_id, hop, media = owner.cdr_id, owner.call_id, owner.hop, owner.media
        encrypted, ptime_ms = owner.encrypted, owner.ptime_ms
    return StreamInfo(
        flow.stream, cdr_id, call_id, side, hop, branch, flow.matched_by, flow.owner_count, flow.sensor,
        flow.kind, media, encrypted, flow.source[0], flow.source[1], flow.destination[0],
        flow.destination[1], flow.ssrc, flow.dscp, flow.vlan, payloads, ptime_ms, first_us, sensors,
    )  # fmt: skip


def finished_digit(flow: Flow, end_timestamp: int) -> Digit | None:
    """The event in progress as a digit, if it is a key (RFC 4733 3.2); it is no longer in progress."""
    event = flow.event
    flow.event = None
    if event is None:
        return None
    flow.ended_event = end_timestamp
    if event.event == MASKED_EVENT:
        digit = "X"
    elif event.event < len(_KEYS):
        digit = _KEYS[event.event]
    else:
        return None
    rate = flow.clock_rate or 8000
    return Digit(flow.stream, event.time_us, digit, event.duration * 1000 // rate)


_KEYS: Final = "0123456789*#ABCD"
