"""`media.windows`: finished window rows of streams, as a column block."""

from enum import IntEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.media_endpoints import Payload


class W(IntEnum):
    """Columns of a window row, all int64; sums and maxima over the window's packets.

    Times are µs since the epoch, durations µs. `LOST_n`, `BURSTS_n` come from the simulated playout
    buffers: 1 fixed 50 ms, 2 fixed 200 ms, 3 adaptive. `MOS*` are 1e-6 MOS, -1 unknown. RUN_1..RUN_10 are
    loss runs (10: and more), DELAY_0..DELAY_7 the |D| histogram (<50, 50, 70, 90, 120, 150, 200, 300 ms),
    C11..C33 the RFC 3611 counters (delta of the window).
    """

    WINDOW = 0  # number of the window, from 0
    PART = 1  # part of the window, from 0: a window is cut where its owner ends
    START = 2  # first packet of this part
    END = 3  # last packet of this part, or the window's end where the stream went on
    PACKETS = 4  # distinct packets
    EXPECTED = 5  # growth of the highest extended sequence number
    DUPLICATES = 6
    COPIES = 7
    REORDERED = 8
    STRAY = 9  # sequence number far outside, alone
    JITTER_SUM = 10  # sum of J over JITTER_COUNT packets, ns
    JITTER_COUNT = 11
    JITTER_MAX = 12  # ns
    DELTA_MAX = 13  # µs between consecutive arrivals
    PAYLOAD_TYPE = 14  # of the window's last voice packet, -1 none
    PTIME = 15  # packet time, µs
    COMFORT_NOISE = 16  # packets
    EVENTS = 17  # telephone-event packets
    BYTES = 18  # payload bytes
    LOST_1 = 19
    BURSTS_1 = 20
    LOST_2 = 21
    BURSTS_2 = 22
    LOST_3 = 23
    BURSTS_3 = 24
    DISCARDED_2 = 25
    RUN_1 = 26
    RUN_10 = 35
    DELAY_0 = 36
    DELAY_7 = 43
    C11 = 44
    C13 = 45
    C14 = 46
    C22 = 47
    C23 = 48
    C33 = 49
    MOS = 50
    MOS_F1 = 51
    MOS_F2 = 52
    MOS_ADAPTIVE = 53
    RESTARTS = 54
    DTX = 55  # silence suppression: 2 comfort noise or short pauses, 1 only pauses of 2 s and more (see Gap)
    ACTIVE = 56  # µs between consecutive packets, pauses of 2 s and more left out: the weight of a MOS


COLUMNS = 57

MAXIMA = (W.JITTER_MAX, W.DELTA_MAX, W.DTX)
"""Columns that fold by maximum; counts and sums fold by addition."""


class StreamInfo(msgspec.Struct, frozen=True, gc=False):
    """One stream as one of its owners sees it; sent with the stream's first row.

    `stream` is a 63-bit hash of sensor, addresses, SSRC and first packet time. `cdr_id` and `call_id` are
    "" where no call announced it. `side` is whose voice it carries: a (sent by the caller), b, or "".
    `matched_by` is sdp-destination, ice, natalias, sdp-source, sip-source or "". Packed addresses.
    """

    stream: int
    cdr_id: str
    call_id: str
    side: str
    hop: int
    branch: str
    matched_by: str
    owners: int
    sensor: str
    kind: int  # rtp_packets.FlowKind
    media: str  # audio, video, image, "" unknown
    encrypted: bool
    src_ip: bytes
    src_port: int
    dst_ip: bytes
    dst_port: int
    ssrc: int
    dscp: int
    vlan: int
    payloads: list[Payload]
    ptime_ms: int  # announced, 0 unknown
    first_us: int
    sensors: int = 1  # of the site, as known then


class Gap(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Nothing heard on a stream for 2 s and more: from its packet at `from_us` to the next at `to_us`.

    `suppressed`: silence suppression explains it (comfort noise, or marker and no sequence gap).
    """

    stream: int
    from_us: int
    to_us: int
    suppressed: bool


class Digit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One RFC 4733 event, `digit` masked as X unless the settings keep digits."""

    stream: int
    time_us: int
    digit: str
    duration_ms: int


class RtcpSummary(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Receiver's reports about a stream, summed up since its start (the newest row replaces older ones).

    `loss_max` is the highest signed cumulative loss in packets, fractions are in 1/256, jitters and round
    trips in µs, `*_sum` over `reports` or `round_trips`; XR MOS in 1/10 (RFC 3611 4.7.5), -1 unknown.
    """

    stream: int
    reports: int
    loss_max: int
    fraction_sum: int
    jitter_sum_us: int
    jitter_max_us: int
    round_trips: int
    rtt_sum_us: int
    rtt_max_us: int
    xr_mos_lq: int
    xr_mos_cq: int


class Unread(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Batches of a sensor are missing: what it said of the time from `from_us` to `to_us` was never read.

    Since NOT_STARTED where nothing was ever read of it before.
    """

    from_us: int
    to_us: int


class WindowBatch(msgspec.Struct, frozen=True):
    """Rows from one media partition (`source`) for one calls partition, up to `clock_us`.

    `rows` is (n, COLUMNS) int64; `row_stream` (n,) the stream of each row; a stream with several owners
    in this partition is described once an owner in `streams` and has its rows once. `ended` lists streams
    of which nothing more comes, `unread` the times of which RTP of the site is missing.
    """

    account: str
    site: str
    source: int
    clock_us: int
    streams: list[StreamInfo]
    row_stream: NDArray[np.int64]
    rows: NDArray[np.int64]
    gaps: list[Gap]
    digits: list[Digit]
    rtcp: list[RtcpSummary]
    ended: list[int]
    unread: list[Unread] = []
