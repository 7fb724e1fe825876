"""Media for tests: packets of flows made into batches, and the stage driven over them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from schemas.clock import END_OF_CAPTURE
from schemas.media_endpoints import EndpointBatch, EndpointEvent, EndpointOpened, Payload
from schemas.media_windows import COLUMNS, StreamInfo, WindowBatch
from schemas.rtcp_packets import RtcpBatch, RtcpPacket
from schemas.rtp_packets import FlowRows, RtpBatch
from streams.media.media import Media
from streams.media.settings import MediaSettings
from streams.stage import Input

A, B = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
T0 = 1_700_000_000_000_000
PCMU = [Payload(0, "PCMU", 8000), Payload(101, "TELEPHONE-EVENT", 8000), Payload(13, "CN", 8000)]


@dataclass(frozen=True)
class Packet:
    """One RTP packet; `at` in seconds after T0."""

    at: float
    sequence: int
    timestamp: int
    payload_type: int = 0
    marker: bool = False
    ssrc: int = 1
    source: tuple[bytes, int] = (A, 4000)
    destination: tuple[bytes, int] = (B, 5000)
    payload: bytes = b""
    length: int = 160

    @property
    def flow(self) -> tuple[object, ...]:
        return self.source, self.destination, self.ssrc

    @property
    def arrival_us(self) -> int:
        return T0 + round(self.at * 1e6)


def talk(count: int, *, start: float = 0.0, first: int = 100, **more: object) -> list[Packet]:
    """`count` packets of 20 ms, numbered from `first`, the first with the marker."""
    return [
        Packet(
            start + n * 0.02,
            (first + n) & 0xFFFF,
            (7000 + 160 * (first + n)) & 0xFFFFFFFF,
            marker=n == 0,
            **more,
        )  # type: ignore[arg-type]
        for n in range(count)
    ]


def batches(packets: Sequence[Packet], cuts: Iterable[int] = (), sensor: str = "s") -> Iterator[RtpBatch]:
    """The packets, in capture order, cut into batches at `cuts`; the last one ends the capture."""
    numbers: dict[tuple[object, ...], int] = {}
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(packets)), len(packets)]
    for start, stop in pairwise(edges):
        last = stop == len(packets)
        newest = max(packet.arrival_us for packet in packets[:stop])
        yield _batch(packets[start:stop], numbers, END_OF_CAPTURE if last else newest, sensor)


def _batch(
    packets: Sequence[Packet], numbers: dict[tuple[object, ...], int], clock: int, sensor: str
) -> RtpBatch:
    new: list[Packet] = []
    for packet in packets:
        if packet.flow not in numbers:
            numbers[packet.flow] = len(numbers) + 1
            new.append(packet)
    order = sorted(range(len(packets)), key=lambda n: (numbers[packets[n].flow], n))
    ordered = [packets[n] for n in order]
    flows = np.array([numbers[packet.flow] for packet in ordered], np.uint32)
    present, count = np.unique(flows, return_counts=True)
    small = [n for n, packet in enumerate(ordered) if 0 < len(packet.payload) <= 8]
    zeros = np.zeros(len(new), np.uint8)

    def ip(addresses: list[bytes]) -> np.ndarray:
        return np.array([list(a.ljust(16, b"\0")) for a in addresses], np.uint8).reshape(-1, 16)

    def column(values: list[int], dtype: type) -> np.ndarray:
        return np.array(values, dtype)

    rows = FlowRows(
        column([numbers[p.flow] for p in new], np.uint32), zeros, zeros + 4,
        ip([p.source[0] for p in new]), ip([p.destination[0] for p in new]),
        column([p.source[1] for p in new], np.uint16), column([p.destination[1] for p in new], np.uint16),
        column([p.ssrc for p in new], np.uint32), zeros, zeros, zeros.astype(np.int32) - 1,
        zeros.astype(np.uint16), zeros.astype(np.uint16),
    )  # fmt: skip
    return RtpBatch(
        "acc", "site", sensor, clock, rows, present.astype(np.uint32), count.astype(np.int32),
        np.zeros(len(present), np.int32),
        column([p.arrival_us for p in ordered], np.int64), column([p.sequence for p in ordered], np.uint16),
        column([p.timestamp for p in ordered], np.uint32),
        column([p.payload_type | 0x80 * p.marker for p in ordered], np.uint8),
        column([len(p.payload) or p.length for p in ordered], np.uint16),
        column(small, np.int32),
        np.array([list(ordered[n].payload.ljust(8, b"\0")) for n in small], np.uint8).reshape(-1, 8),
    )  # fmt: skip


def opened(
    at: float,
    call: str = "call",
    owner: str = "b",
    place: tuple[bytes, int] = (B, 5000),
    payloads: list[Payload] | None = None,
    **more: object,
) -> EndpointOpened:
    """The call announces that its side `owner` listens at `place`."""
    given: dict[str, object] = {
        "hop": 0, "branch": "", "media": "audio", "protocol": "RTP/AVP", "sip_ip": place[0], "ptime_ms": 20,
        "direction": "sendrecv", "rtcp_port": place[1] + 1, **more,
    }  # fmt: skip
    return EndpointOpened(
        time_us=T0 + round(at * 1e6), cdr_id=call, call_id=f"{call}@test", owner=owner, ip=place[0],
        port=place[1], payloads=PCMU if payloads is None else payloads, **given,
    )  # type: ignore[arg-type]  # fmt: skip


@dataclass
class Heard:
    """Everything the stage said, put together by stream."""

    infos: list[StreamInfo] = field(default_factory=list)
    rows: dict[int, list[list[int]]] = field(default_factory=dict)
    batches: list[WindowBatch] = field(default_factory=list)

    def add(self, batch: WindowBatch) -> None:
        assert batch.rows.shape[1] == COLUMNS
        self.batches.append(batch)
        self.infos += batch.streams
        for stream, row in zip(batch.row_stream.tolist(), batch.rows.tolist(), strict=True):
            self.rows.setdefault(stream, []).append(row)

    def info(self, call: str) -> StreamInfo:
        """The only stream of a call ("" for one that nobody announced)."""
        (found,) = [info for info in self.infos if info.cdr_id == call]
        return found

    def total(self, column: int, call: str = "call") -> int:
        """Sum of a column over the rows of the call's only stream."""
        return sum(row[column] for row in self.rows[self.info(call).stream])

    def flat(self) -> list[tuple[int, ...]]:
        """Every row with its stream, in order."""
        return sorted((stream, *row) for stream, rows in self.rows.items() for row in rows)


def run(
    packets: Sequence[Packet],
    events: Sequence[EndpointEvent] = (),
    *,
    cuts: Iterable[int] = (),
    rtcp: Sequence[RtcpPacket] = (),
    settings: MediaSettings | None = None,
    calls: int = 1,
) -> Heard:
    """Drive one partition of the stage over the whole; announcements come just in time."""
    media, heard = Media(0, 1, calls, settings), Heard()
    left, reports = (
        sorted(events, key=lambda event: event.time_us),
        sorted(rtcp, key=lambda each: each.time_us),
    )
    for batch in batches(packets, cuts):
        clock = batch.clock_us
        due = [event for event in left if event.time_us < clock]
        left = left[len(due) :]
        spoken = [report for report in reports if report.time_us < clock]
        reports = reports[len(spoken) :]
        facts = media.step(
            [
                Input("media.endpoints", EndpointBatch("acc", "site", 0, clock, due)),
                Input("rtcp.packets", RtcpBatch("acc", "site", "s", clock, spoken)),
                Input("rtp.packets", batch),
            ]
        )
        for fact in facts:
            heard.add(fact.value)
    return heard
