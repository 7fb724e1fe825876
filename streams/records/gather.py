"""Gathers what media says of the streams of each call."""

from collections import Counter
from collections.abc import Collection

from schemas.media_windows import StreamInfo, WindowBatch
from streams.bounds import STREAMS_PER_CALL_MAX
from streams.records.fold import HeardStream, StreamSums, add_digit, add_gap, add_rtcp

NO_CALL = ""
"""The owner of a stream that no call announced."""


class MediaOfCalls:
    """The streams of a partition, by the calls that own them."""

    def __init__(self) -> None:
        self.sums = StreamSums()
        self.omitted: set[str] = set()  # calls that had more streams than a record holds
        self.changed: set[int] = set()  # streams
        self._of_call: dict[str, dict[int, HeardStream]] = {}
        self._unmatched: dict[int, HeardStream] = {}  # ended

    def take(self, batch: WindowBatch, counters: Counter[str]) -> set[str]:
        """Fold a batch; the calls it changed."""
        heard_of: dict[int, HeardStream] = {}
        for info in batch.streams:
            heard = self._describe(info, (batch.account, batch.site))
            if heard is not None:
                heard_of[info.stream] = heard
        if len(batch.rows):
            changed, left_out = self.sums.add(batch.row_stream, batch.rows)
            counters.update(left_out)
            heard_of.update((heard.stream, heard) for heard in changed)
        self._take_events(batch, heard_of, counters)
        for stream in batch.ended:
            heard = self.sums.streams.get(stream)
            if heard is not None:
                heard.ended = True
                heard_of[stream] = heard
                self._note_unmatched(heard)
        self.changed.update(heard_of)
        return {cdr_id for heard in heard_of.values() for cdr_id in heard.infos if cdr_id != NO_CALL}

    def of_call(self, cdr_id: str) -> Collection[HeardStream]:
        """The call's streams."""
        return self._of_call.get(cdr_id, {}).values()

    def calls(self) -> Collection[str]:
        """The calls that have streams."""
        return self._of_call.keys()

    def ended_unmatched(self) -> list[HeardStream]:
        """The streams without a call that have ended, not asked for before."""
        ended = list(self._unmatched.values())
        self._unmatched.clear()
        return ended

    def end_all_unmatched(self) -> None:
        """Nothing more comes: end the streams without a call."""
        for heard in self.sums.streams.values():
            heard.ended = True
            self._note_unmatched(heard)

    def forget(self, heard: HeardStream, owner: str = NO_CALL) -> None:
        """Let go of a stream, unless another call has it too."""
        heard.infos.pop(owner, None)
        self.changed.add(heard.stream)
        if not heard.infos:
            self.sums.forget(heard)

    def forget_call(self, cdr_id: str) -> int:
        """Let go of a call's streams; how many there were."""
        streams = self._of_call.pop(cdr_id, {})
        self.omitted.discard(cdr_id)
        for heard in streams.values():
            self.forget(heard, cdr_id)
        return len(streams)

    def restore(self, state: bytes) -> None:
        """Take over one stream."""
        heard = self.sums.decode(state)
        for cdr_id in heard.infos:
            if cdr_id != NO_CALL:
                self._of_call.setdefault(cdr_id, {})[heard.stream] = heard
        if heard.ended:
            self._note_unmatched(heard)

    def _describe(self, info: StreamInfo, owner: tuple[str, str]) -> HeardStream | None:
        """Add a stream to its call; None where the call has enough that began earlier."""
        heard = self.sums.describe(info, owner)
        if info.cdr_id == NO_CALL:
            return heard
        streams = self._of_call.setdefault(info.cdr_id, {})
        streams[info.stream] = heard
        if len(streams) <= STREAMS_PER_CALL_MAX:
            return heard
        latest = max(streams.values(), key=lambda each: (each.infos[info.cdr_id].first_us, each.stream))
        del streams[latest.stream]
        self.omitted.add(info.cdr_id)
        self.forget(latest, info.cdr_id)
        return None if latest is heard else heard

    def _take_events(
        self, batch: WindowBatch, heard_of: dict[int, HeardStream], counters: Counter[str]
    ) -> None:
        """Gaps, digits and RTCP."""
        streams = self.sums.streams
        for gap in batch.gaps:
            if (heard := streams.get(gap.stream)) is None:
                counters["gaps_unknown_stream"] += 1
            elif add_gap(heard, gap):
                heard_of[gap.stream] = heard
            else:
                counters["gaps_omitted"] += 1
        for digit in batch.digits:
            if (heard := streams.get(digit.stream)) is None:
                counters["digits_unknown_stream"] += 1
            elif add_digit(heard, digit):
                heard_of[digit.stream] = heard
            else:
                counters["digits_omitted"] += 1
        for summary in batch.rtcp:
            if (heard := streams.get(summary.stream)) is None:
                counters["rtcp_unknown_stream"] += 1
            else:
                add_rtcp(heard, summary)
                heard_of[summary.stream] = heard

    def _note_unmatched(self, heard: HeardStream) -> None:
        if NO_CALL in heard.infos:
            self._unmatched[heard.stream] = heard
