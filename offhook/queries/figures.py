"""The figures of a report: what they are. `offhook.queries.report` asks the store for them.

Times are µs since the epoch, durations seconds, ratios percent. What cannot be told is None.
"""

import msgspec


class Totals(msgspec.Struct, frozen=True):
    """All calls together.

    `asr` is answered of all calls (ITU-T E.425, seizures are INVITEs); `ner` the calls the network
    delivered, whatever the callee did with them: answered, busy, no answer, cancelled, declined. `acd` is
    the mean connect_duration of answered calls. MOS is of each call's lower side.
    """

    calls: int
    first: int | None
    last: int | None
    answered: int
    rejected: int
    cancelled: int
    unanswered: int
    redirected: int
    unfinished: int
    asr: float | None
    ner: float | None
    acd: float | None
    talk_seconds: float
    pdd_median: float | None
    pdd_p95: float | None
    mos_calls: int
    mos_median: float | None
    mos_p5: float | None
    mos_poor: int
    loss: float | None
    one_way: int
    dead_air: int
    short: int
    callers: int
    callees: int


class Moment(msgspec.Struct, frozen=True):
    """One interval: calls that began in it, and how many were in progress at most (`concurrent`)."""

    start: int
    calls: int = 0
    answered: int = 0
    asr: float | None = None
    acd: float | None = None
    pdd: float | None = None
    mos: float | None = None
    concurrent: int = 0


class Bin(msgspec.Struct, frozen=True):
    """One bar of a distribution: from `edge` to the next bar's edge."""

    edge: float
    count: int


class CodeRow(msgspec.Struct, frozen=True):
    """A last response, and how many calls had it."""

    code: int | None
    reason: str | None
    calls: int


class CodecRow(msgspec.Struct, frozen=True):
    """A codec, and how the sides that sent it were heard: means."""

    codec: str
    sides: int
    mos: float | None
    loss: float | None
    jitter_ms: float | None


class PeerRow(msgspec.Struct, frozen=True):
    """The calls between two signalling addresses."""

    src_ip: str
    dst_ip: str
    calls: int
    answered: int
    asr: float | None
    acd: float | None
    pdd: float | None
    mos: float | None


class CountRow(msgspec.Struct, frozen=True):
    """A word, and how many calls it is said of."""

    name: str
    calls: int


class Figures(msgspec.Struct, frozen=True):
    """All figures of a report; `series` are equal intervals from `edges` of time, `step_us` apart."""

    totals: Totals
    step_us: int
    series: list[Moment]
    pdd: list[Bin]
    mos: list[Bin]
    loss: list[Bin]
    lengths: list[Bin]
    codes: list[CodeRow]
    codecs: list[CodecRow]
    peers: list[PeerRow]
    hung_up: list[CountRow]
    flags: list[CountRow]

    @property
    def concurrent_max(self) -> int:
        """The most calls in progress at once."""
        return max((moment.concurrent for moment in self.series), default=0)
