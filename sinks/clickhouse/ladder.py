"""A call's SIP events as three columns, which take half of what a column a field would.

`ladder` is what the messages of a call are, the same text for most calls: JSON of the endpoints that are
not the call's own two, and of an item a message, endpoints by number. `event_times` holds each time as µs
after one of the call's own times, which most events happen at, and which of them (LANDMARKS) in the last
two bits. `event_branches` says `=` where a message has the branch of the one before, and leaves away what
every branch of RFC 3261 begins with; behind a `~` stands one as it is. The views
`calls` and `sip_events` make events of them again in SQL (migrations/m0002_views.py).
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from schemas.cdr import CallRecord, SipEvent
from sinks.clickhouse.text import readable

COLUMNS: Final = ("ladder", "event_times", "event_branches")

LANDMARKS: Final = ("start", "ringing_time", "answer_time", "end_time")
"""Unknown ones count as 0."""

_SAME: Final = "="
_AS_IT_IS: Final = "~"
_COOKIE: Final = "z9hG4bK"
_landmarks = attrgetter(*LANDMARKS)

_Endpoint = tuple[str, int]
_Item = tuple[int, int, str, str, int | None, str | None, int | None, int, int, int]
"""From and to as numbers of endpoints, then SipEvent's fields from transport on, without the branch."""

_decode = msgspec.json.Decoder(tuple[list[_Endpoint], list[_Item]]).decode


def pack(call: CallRecord) -> tuple[str, list[int], list[str | None]]:
    """The values of COLUMNS."""
    numbers: dict[_Endpoint, int] = {(call.src_ip, call.src_port): 0, (call.dst_ip, call.dst_port): 1}
    own = set(numbers)
    landmarks = [known or 0 for known in _landmarks(call)]
    items: list[_Item] = []
    times: list[int] = []
    branches: list[str | None] = []
    before: str | None = None
    endpoints = 2
    for event in call.sip_events:
        ends = []
        for end in ((event.src_ip, event.src_port), (event.dst_ip, event.dst_port)):
            number = numbers.setdefault(end, endpoints)
            endpoints += number == endpoints
            ends.append(number)
        items.append(
            (
                *(ends[0], ends[1], event.transport, event.method, event.status, event.reason),
                *(event.cseq, event.hop, int(event.retransmission), int(event.sdp)),
            )
        )
        times.append(_after(event.time, landmarks))
        branches.append(_branch(event.branch, before, first=len(branches) == 0))
        before = event.branch
    others = [end for end in numbers if end not in own]
    return _text((others, items)), times, branches


def unpack(
    own: tuple[_Endpoint, _Endpoint],
    landmarks: Sequence[int | None],
    ladder: str,
    times: Sequence[int],
    branches: Sequence[str | None],
) -> list[SipEvent]:
    """The events of the columns; `own` are the call's endpoints, `landmarks` its times."""
    others, items = _decode(ladder) if ladder else ([], [])
    ends = [*own, *others]
    known = [landmark or 0 for landmark in landmarks]
    events = []
    branch: str | None = None
    for item, time, written in zip(items, times, branches, strict=True):
        branch = branch if written == _SAME else _written(written)
        source, destination, transport, method, status, reason, cseq, hop, again, sdp = item
        (src_ip, src_port), (dst_ip, dst_port) = ends[source], ends[destination]
        events.append(
            SipEvent(
                time=known[time & 3] + (time >> 2),
                src_ip=src_ip,
                src_port=src_port,
                dst_ip=dst_ip,
                dst_port=dst_port,
                transport=transport,
                method=method,
                status=status,
                reason=reason,
                cseq=cseq,
                branch=branch,
                hop=hop,
                retransmission=bool(again),
                sdp=bool(sdp),
            )
        )
    return events


def _after(time: int, landmarks: list[int]) -> int:
    """After the last landmark that it does not come before; after the start if before all."""
    at = 0
    for number, landmark in enumerate(landmarks):
        if landmarks[at] < landmark <= time:
            at = number
    return (time - landmarks[at]) << 2 | at


def _branch(branch: str | None, before: str | None, *, first: bool) -> str | None:
    if branch is None:
        return None
    if branch == before and not first:
        return _SAME
    rest = branch.removeprefix(_COOKIE)
    if rest == branch or rest.startswith((_SAME, _AS_IT_IS)):
        return _AS_IT_IS + branch
    return rest


def _written(branch: str | None) -> str | None:
    if branch is None:
        return None
    return branch[1:] if branch.startswith(_AS_IT_IS) else _COOKIE + branch


def _text(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # broken UTF-8 of the wire, kept as surrogates
        return msgspec.json.encode(readable(value)).decode()
