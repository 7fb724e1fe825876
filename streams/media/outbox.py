"""What leaves a site's media with the next batches: one batch a calls partition."""

import numpy as np
from numpy.typing import NDArray

from eventlog.topics import partition, routing
from schemas.media_windows import COLUMNS, Digit, Gap, RtcpSummary, StreamInfo, Unread, WindowBatch
from streams.media.flow import Flow

I64 = NDArray[np.int64]


class _Partition:
    """Rows and notes for one calls partition."""

    __slots__ = ("digits", "ended", "gaps", "row_stream", "rows", "rtcp", "streams", "unread")

    def __init__(self) -> None:
        self.streams: list[StreamInfo] = []
        self.row_stream: list[I64] = []
        self.rows: list[I64] = []
        self.gaps: list[Gap] = []
        self.digits: list[Digit] = []
        self.rtcp: list[RtcpSummary] = []
        self.ended: list[int] = []
        self.unread: list[Unread] = []

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return any(getattr(self, name) for name in self.__slots__)


class Outbox:
    """Collects what the steps find out, by the calls partitions of each stream's owners."""

    def __init__(self, account: str, site: str, source: int, calls: int) -> None:
        self.account, self.site, self.source, self.calls = account, site, source, calls
        self._partitions = [_Partition() for _ in range(calls)]

    def partition_of(self, call_id: str) -> int:
        """The calls partition of a Call-ID."""
        return partition(routing(self.account, self.site, call_id), self.calls) if self.calls > 1 else 0

    def targets(self, flow: Flow) -> list[int]:
        """The partitions that hear of the flow's stream: its owners', or by its id where it has none."""
        if not flow.owners:
            return [self.partition_of(str(flow.stream))]
        if self.calls == 1:
            return [0]
        return sorted({self.partition_of(owner.call_id) for owner in flow.owners})

    def rows(self, target: int, streams: I64, rows: I64) -> None:
        """Window rows of these streams."""
        self._partitions[target].row_stream.append(streams)
        self._partitions[target].rows.append(rows)

    def stream(self, info: StreamInfo, target: int) -> None:
        """A stream's description, for one of its owners."""
        self._partitions[target].streams.append(info)

    def gap(self, flow: Flow, gap: Gap) -> None:
        """Nothing was heard for a while."""
        for target in self.targets(flow):
            self._partitions[target].gaps.append(gap)

    def digit(self, flow: Flow, digit: Digit) -> None:
        """A key was pressed."""
        for target in self.targets(flow):
            self._partitions[target].digits.append(digit)

    def rtcp(self, flow: Flow, summary: RtcpSummary) -> None:
        """The receiver's reports, summed up."""
        for target in self.targets(flow):
            self._partitions[target].rtcp.append(summary)

    def ended(self, flow: Flow) -> None:
        """Nothing more comes of the flow's stream."""
        for target in self.targets(flow):
            self._partitions[target].ended.append(flow.stream)

    def unread(self, unread: list[Unread]) -> None:
        """RTP is missing; whose, nobody knows."""
        for out in self._partitions:
            out.unread += unread

    def take(self, clock_us: int, *, to_all: bool) -> dict[int, WindowBatch]:
        """A batch for each partition with something to tell it, or `to_all`; the outbox is empty then."""
        taken, self._partitions = self._partitions, [_Partition() for _ in range(self.calls)]
        empty = np.zeros(0, np.int64)
        return {
            number: WindowBatch(
                self.account, self.site, self.source, clock_us, out.streams,
                np.concatenate(out.row_stream) if out.row_stream else empty,
                np.concatenate(out.rows) if out.rows else empty.reshape(0, COLUMNS),
                out.gaps, out.digits, out.rtcp, out.ended, out.unread,
            )
            for number, out in enumerate(taken)
            if to_all or out
        }  # fmt: skip
