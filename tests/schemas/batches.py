"""RTP batches and window rows as a source of 2000 calls makes them: jitter, loss, reordering, silence."""

from typing import Any

import numpy as np

from schemas.media_windows import COLUMNS, W, WindowBatch
from schemas.rtp_packets import FlowRows, RtpBatch

START_US = 1_700_000_000_000_000
PTIME_US = 20_000


def rtp_batch(flows: int, seconds: float, described: int, seed: int = 1, jitter_us: int = 5000) -> RtpBatch:
    """G.711 streams of 20 ms packets with even jitter, 1 % loss, reordering by jitter, few markers."""
    source = np.random.default_rng(seed)
    sent = int(seconds * 1e6) // PTIME_US + 1
    number = np.arange(sent)
    arrival = START_US + source.integers(0, PTIME_US, flows)[:, None] + number * PTIME_US
    arrival = arrival + source.integers(-jitter_us, jitter_us + 1, (flows, sent))
    sequence = (source.integers(0, 2**16, flows)[:, None] + number).astype(np.uint16)
    timestamp = (source.integers(0, 2**32, flows)[:, None] + number * 160).astype(np.uint32)
    order = np.argsort(arrival, axis=1, kind="stable")
    arrival, sequence, timestamp = (
        np.take_along_axis(values, order, 1) for values in (arrival, sequence, timestamp)
    )
    heard = (source.random((flows, sent)) >= 0.01) & (arrival < START_US + int(seconds * 1e6))
    k = int(heard.sum())
    marker = source.random(k) < 0.001
    return RtpBatch(
        account="acme",
        site="hq",
        sensor="sensor-1",
        clock_us=START_US + int(seconds * 1e6),
        flows=flow_rows(described, source),
        present=np.arange(1, flows + 1, dtype=np.uint32),
        count=heard.sum(1).astype(np.int32),
        copies=np.zeros(flows, np.int32),
        arrival_us=arrival[heard],
        sequence=sequence[heard],
        timestamp=timestamp[heard],
        marker_type=np.where(marker, 128, 0).astype(np.uint8),
        length=np.full(k, 160, np.uint16),
        small_at=np.zeros(0, np.int32),
        small=np.zeros((0, 8), np.uint8),
    )


def flow_rows(n: int, source: np.random.Generator) -> FlowRows:
    """Descriptions of n flows between 250 phones and one gateway."""
    phone = np.zeros((n, 16), np.uint8)
    phone[:, :4] = np.stack([np.full(n, 10), np.arange(n) // 250, np.arange(n) % 250, np.ones(n)], 1)
    gateway = np.zeros((n, 16), np.uint8)
    gateway[:, :4] = 192, 0, 2, 1
    return FlowRows(
        flow=np.arange(1, n + 1, dtype=np.uint32),
        kind=np.zeros(n, np.uint8),
        family=np.full(n, 4, np.uint8),
        src_ip=phone,
        dst_ip=gateway,
        src_port=(16384 + 2 * np.arange(n)).astype(np.uint16),
        dst_port=source.integers(5000, 30000, n).astype(np.uint16) & np.uint16(0xFFFE),
        ssrc=source.integers(0, 2**32, n, dtype=np.uint32),
        dscp=np.full(n, 46, np.uint8),
        ttl=np.full(n, 64, np.uint8),
        vlan=np.full(n, -1, np.int32),
        first_ip_id=source.integers(0, 2**16, n).astype(np.uint16),
        last_ip_id=source.integers(0, 2**16, n).astype(np.uint16),
    )


def window_batch(n: int, seed: int = 1) -> WindowBatch:
    """Rows of n streams for the same ten seconds, with 1 % loss and 5 ms of jitter."""
    source = np.random.default_rng(seed)
    rows: Any = np.zeros((n, COLUMNS), np.int64)
    rows[:, W.WINDOW] = source.integers(0, 30, n)
    rows[:, W.START] = START_US + np.sort(source.integers(0, 10_000_000, n))
    rows[:, W.END] = rows[:, W.START] + 10_000_000
    rows[:, W.EXPECTED] = 500
    lost = source.binomial(500, 0.01, n)
    rows[:, W.PACKETS] = 500 - lost
    rows[:, W.REORDERED] = source.poisson(0.5, n)
    rows[:, W.JITTER_COUNT] = rows[:, W.PACKETS]
    jitter_ns = source.integers(2_000_000, 4_000_000, n)
    rows[:, W.JITTER_SUM] = jitter_ns * rows[:, W.JITTER_COUNT]
    rows[:, W.JITTER_MAX] = jitter_ns + source.integers(0, 2_000_000, n)
    rows[:, W.DELTA_MAX] = source.integers(20_000, 70_000, n)
    rows[:, W.PTIME] = PTIME_US
    rows[:, W.BYTES] = rows[:, W.PACKETS] * 160
    for column in (W.LOST_1, W.LOST_2, W.LOST_3):
        rows[:, column] = lost
        rows[:, column + 1] = lost - source.binomial(lost, 0.01)
    rows[:, W.RUN_1] = lost - source.binomial(lost, 0.02)
    rows[:, W.RUN_1 + 1] = (lost - rows[:, W.RUN_1]) // 2
    rows[:, W.DELAY_0] = rows[:, W.PACKETS]
    rows[:, W.C11] = 500 - lost
    rows[:, W.C14] = source.binomial(lost, 0.7)
    rows[:, W.C23] = lost - rows[:, W.C14]
    rows[:, W.C22] = rows[:, W.C23] * 8
    rows[:, W.ACTIVE] = rows[:, W.END] - rows[:, W.START] - source.integers(0, 20_000, n)
    rows[:, W.MOS] = 4_409_000 - lost * 17_321
    rows[:, W.MOS_F1] = rows[:, W.MOS] - source.integers(0, 9000, n)
    rows[:, W.MOS_F2] = rows[:, W.MOS]
    rows[:, W.MOS_ADAPTIVE] = rows[:, W.MOS]
    return WindowBatch(
        account="acme",
        site="hq",
        source=0,
        clock_us=START_US + 20_000_000,
        streams=[],
        row_stream=source.integers(0, 2**63 - 1, n),
        rows=rows,
        gaps=[],
        digits=[],
        rtcp=[],
        ended=[],
    )
