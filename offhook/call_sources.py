"""One call out of captures, or out of a capture in a pipe, as it is shown."""

from collections.abc import Sequence

from offhook.collect import Row
from offhook.cut import cut
from offhook.errors import CommandError
from offhook.output.call.story import CallStory
from offhook.pipeline import STDIN, Analysis
from offhook.rows import WindowRow
from offhook.settings import Settings
from offhook.text import clean
from protocols import sip
from schemas.cdr import CallRecord
from schemas.sip_messages import SipBatch, SipPacket


def in_captures(paths: Sequence[str], settings: Settings, call: str) -> tuple[list[CallStory], list[str]]:
    """The calls with the Call-ID `call`, or the one with that cdr_id, in order of start; and warnings.

    Several calls have one Call-ID where their From tags differ. Raises CommandError where there is none.
    """
    if STDIN in paths:
        return _in_pipe(paths, settings, call)
    found = cut(paths, call, settings)
    named = [record for record in found.records if record.cdr_id.startswith(call.lower())]
    messages = found.messages
    stories = [
        CallStory(record, _windows_of(record, found.windows), messages)
        for record in sorted(named or found.records, key=_start)
    ]
    return stories, found.warnings


def _start(record: CallRecord) -> tuple[int, str]:
    return record.start, record.cdr_id


def _windows_of(record: CallRecord, windows: Sequence[WindowRow]) -> list[WindowRow]:
    streams = {stream.stream_id for stream in record.streams}
    return [window for window in windows if window.stream_id in streams]


def _in_pipe(paths: Sequence[str], settings: Settings, call: str) -> tuple[list[CallStory], list[str]]:
    """A pipe is read once: the call is named by its Call-ID."""
    search = _Search(call)
    analysis = Analysis(paths, settings, want=frozenset({"calls", "windows"}))
    analysis.on_sip = search.hear
    for row in analysis:
        search.see(row)
    stories = search.found()
    if not stories:
        raise CommandError(f"no call with the Call-ID {call!a} in {', '.join(map(clean, paths))}")
    return stories, analysis.summary.warnings


class _Search:
    """Keeps what belongs to one Call-ID."""

    def __init__(self, call: str) -> None:
        self._call = call
        self._octets = call.encode("utf-8", "surrogateescape")
        self.packets: list[SipPacket] = []
        self._records: dict[str, CallRecord] = {}
        self._windows: list[WindowRow] = []  # of every stream: which are the call's is known last

    def hear(self, batch: SipBatch) -> None:
        """Keep the call's messages."""
        self.packets += [packet for packet in batch.messages if self._is_of_call(packet)]

    def _is_of_call(self, packet: SipPacket) -> bool:
        if self._octets not in packet.raw:
            return False
        try:
            return sip.parse(packet.raw).call_id == self._call
        except sip.SipError:
            return False

    def see(self, row: Row) -> None:
        """Keep the call's records, and every window."""
        if isinstance(row, WindowRow):
            self._windows.append(row)
        elif isinstance(row, CallRecord) and row.call_id == self._call:
            self._records[row.cdr_id] = row

    def found(self) -> list[CallStory]:
        """The calls in order of start."""
        packets = sorted(self.packets, key=lambda packet: packet.time_us)
        return [
            CallStory(record, _windows_of(record, self._windows), packets)
            for record in sorted(self._records.values(), key=_start)
        ]
