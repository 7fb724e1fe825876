"""What of a TCP connection has to stay, so that some of its messages can be put together again."""

from collections.abc import Iterable

from capture.bounds import CUT_STREAM_BACK_BYTES
from capture.cutting.frames import Heard
from capture.cutting.gather import Gathered

_Ends = tuple[tuple[bytes, int], tuple[bytes, int]]


def connecting(gathered: Gathered, wanted: Iterable[Heard]) -> set[int]:
    """Frames of other messages on the connections of the wanted ones, so that these have no holes.

    All from the first of the wanted messages to the last, and what came before where it is little.
    """
    carried: dict[_Ends, list[Heard]] = {}
    for each in gathered.heard:
        if each.transport in ("tcp", "ws"):
            carried.setdefault(_ends(each), []).append(each)
    numbers: set[int] = set()
    names = {id(each) for each in wanted}
    for messages in carried.values():
        places = [place for place, each in enumerate(messages) if id(each) in names]
        if places:
            first = _reached_back(gathered, messages, places[0])
            numbers.update(*(each.frames for each in messages[first : places[-1]]))
    return numbers


def _reached_back(gathered: Gathered, messages: list[Heard], first: int) -> int:
    """The earliest message from which on the bytes before the first wanted one are few."""
    held = 0
    while first > 0:
        held += sum(len(gathered.frames[number].data) for number in messages[first - 1].frames)
        if held > CUT_STREAM_BACK_BYTES:
            break
        first -= 1
    return first


def _ends(each: Heard) -> _Ends:
    one, two = (each.src_ip, each.src_port), (each.dst_ip, each.dst_port)
    return (one, two) if one <= two else (two, one)
