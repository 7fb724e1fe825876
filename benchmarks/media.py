"""Cost of the media kernel: ns a packet for clean, jittered and lossy traffic.

Run: python -m benchmarks.media

400 streams of 60 s, 20 ms a packet, in batches of 2 s grouped by flow, as the sensor hands them over.
CPU time, the least of some runs.
"""

from time import process_time
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.media_endpoints import Payload
from streams.media import kernel
from streams.media.maps import PayloadMaps
from streams.media.slots import Rows, Slots
from streams.media.state import NEVER

STREAMS: Final = 400
SECONDS: Final = 60
BATCH: Final = 100  # packets of a stream
PTIME_US: Final = 20_000
PTIME_TICKS: Final = 160
T0_US: Final = 1_700_000_000_000_000
RUNS: Final = 7


class Traffic(NamedTuple):
    """What happens to the packets: loss in percent, deviation of a half-normal delay in ms."""

    name: str
    loss: float
    jitter_ms: float


KINDS: Final = (
    Traffic("clean", 0, 0),
    Traffic("jitter 1 ms", 0, 1),
    Traffic("jitter 5 ms", 0, 5),
    Traffic("jitter 20 ms", 0, 20),
    Traffic("loss 1 %", 1, 0),
    Traffic("loss 1 %, jitter 5 ms", 1, 5),
    Traffic("loss 5 %, jitter 40 ms", 5, 40),
)


class Columns(NamedTuple):
    """Packets of one batch, by stream and then by arrival, as in RtpBatch, and the packets of each."""

    arrival: NDArray[np.int64]
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    marker_type: NDArray[np.uint8]
    length: NDArray[np.uint16]
    per_stream: NDArray[np.int64]


def main() -> None:
    """Measure each kind and print it."""
    for kind in KINDS:
        batches = made(kind)
        packets = sum(int(batch.per_stream.sum()) for batch in batches)
        measured(batches)  # compiled, warm
        best = min(measured(batches) for _ in range(RUNS))
        print(f"{kind.name:24}{best / packets * 1e9:6.1f} ns a packet")


def made(kind: Traffic) -> list[Columns]:
    """All batches of one kind of traffic."""
    dice = np.random.default_rng(1)
    count = SECONDS * 1_000_000 // PTIME_US
    number = np.arange(count)
    sent = T0_US + number * PTIME_US + dice.integers(0, PTIME_US, (STREAMS, 1))
    delay = np.abs(dice.normal(0, kind.jitter_ms * 1000, sent.shape)).astype(np.int64)
    arrival = sent + delay
    kept = dice.random(sent.shape) >= kind.loss / 100
    return [
        _batch(arrival[:, at : at + BATCH], kept[:, at : at + BATCH], at) for at in range(0, count, BATCH)
    ]


def _batch(arrival: NDArray[np.int64], kept: NDArray[np.bool_], first: int) -> Columns:
    order = np.argsort(arrival, axis=1, kind="stable")
    arrival, kept = np.take_along_axis(arrival, order, 1), np.take_along_axis(kept, order, 1)
    number = (first + order)[kept]
    return Columns(
        np.ascontiguousarray(arrival[kept]),
        number.astype(np.uint16),
        (number * PTIME_TICKS).astype(np.uint32),
        np.zeros(len(number), np.uint8),
        np.full(len(number), PTIME_TICKS, np.uint16),
        kept.sum(axis=1, dtype=np.int64),
    )


def measured(batches: list[Columns]) -> float:
    """CPU seconds of the kernel over all batches, new streams."""
    maps, slots, rows = PayloadMaps(), Slots(), Rows(1024)
    pcmu = maps.announced([Payload(0, "PCMU", 8000)])
    numbers = np.arange(STREAMS, dtype=np.int64)
    for slot in numbers.tolist():
        slots.allocate()
        slots.begin(slot, pcmu, NEVER, NEVER, NEVER)
    began = process_time()
    for batch in batches:
        stop = np.cumsum(batch.per_stream)
        start = stop - batch.per_stream
        rows.make_room(rows=64, cuts=STREAMS)
        full = kernel.FULL
        while full == kernel.FULL:
            full = kernel.measure(
                slots.words, slots.bins, batch.arrival, batch.sequence, batch.timestamp, batch.marker_type,
                batch.length, numbers, start, stop, STREAMS, maps.ticks, maps.kinds, rows.rows,
                rows.slot, rows.gaps, rows.cuts, rows.control, 1,
            )  # fmt: skip
            rows.take()
    return process_time() - began


if __name__ == "__main__":
    main()
