"""One call out of captures, as it is shown."""

from collections.abc import Sequence

from offhook.cut import Cut, cut
from offhook.output.call.story import CallStory
from offhook.rows import WindowRow
from offhook.settings import Settings
from schemas.cdr import CallRecord


def in_captures(paths: Sequence[str], settings: Settings, call: str) -> tuple[list[CallStory], Cut]:
    """The calls with the Call-ID `call`, or the one with that cdr_id, by start; and their cut.

    The beginning of either does where it is unambiguous. Several calls have one Call-ID where their From
    tags differ. Raises CommandError where there is none.
    """
    found = cut(paths, call, settings)
    named = [record for record in found.records if record.cdr_id.startswith(call.lower())]
    messages = found.messages
    stories = [
        CallStory(record, _windows_of(record, found.windows), messages)
        for record in sorted(named or found.records, key=_start)
    ]
    return stories, found


def _start(record: CallRecord) -> tuple[int, str]:
    return record.start, record.cdr_id


def _windows_of(record: CallRecord, windows: Sequence[WindowRow]) -> list[WindowRow]:
    streams = {stream.stream_id for stream in record.streams}
    return [window for window in windows if window.stream_id in streams]
