"""What the rooms count, sorted for the reader: kinds of packets, SIP outside of calls, discards in words."""

from collections.abc import Mapping
from typing import Final

import msgspec

from capture import counters as capture
from capture.slow import counters as slow

_STREAMS: Final[dict[str, str]] = {
    "unreadable": "SIP messages that cannot be parsed",
    "call-id-too-long": "SIP messages with a Call-ID beyond the bound",
    "late": "SIP messages behind the clock of their site",
    "clock-forced": "times the SIP queue was full and a silent sensor no longer waited for",
    "early-dropped": "responses whose request never came",
    "sdp-unreadable": "session descriptions that cannot be parsed",
    "sdp-address-not-an-ip": "media whose address is a name, not an IP address",
    "calls-evicted": "calls closed early: more than calls_max in progress",
    "calls-evicted-again": "calls closed early in the instant they began",
    "calls_after_close": "calls whose record came after they were let go",
    "decisions_unknown_call": "channel decisions for calls that are not known",
    "channels_refused": "calls that found no channel free",
    "late-without-call": "late SIP messages within calls that are not known",
    "sip-after-end": "SIP messages of a site whose captures had all ended",
    "rtp-after-end": "RTP packets of a site whose captures had all ended",
    "rtcp-after-end": "RTCP packets of a site whose captures had all ended",
    "sip-batches-unread": "batches of SIP that expired in the log before they were read",
    "rtp-batches-unread": "batches of RTP that expired in the log before they were read",
    "rtcp-batches-unread": "batches of RTCP that expired in the log before they were read",
    "rtp-late": "RTP packets behind the clock of their site",
    "rtcp-late": "RTCP packets behind the clock of their site",
    "channel_events_late": "channels taken or given back at a time already decided",
    "channel_clock_forced": "times a site was no longer waited for: too many channel events beyond it",
    "digits_omitted": "DTMF digits beyond the bound of a call",
    "digits_unknown_stream": "DTMF digits of streams that are not known",
    "gaps_omitted": "pauses of a stream beyond the bound",
    "gaps_unknown_stream": "pauses of streams that are not known",
    "rtcp_unknown_stream": "RTCP summaries of streams that are not known",
    "streams_without_call": "streams whose call is not known",
    "rows_unknown_stream": "windows of streams that are not known",
    "rows_repeated": "windows delivered twice",
    "rows_shared_omitted": "windows of shared streams beyond the bound",
    "rtp-without-flow": "RTP packets of flows that were never described",
    "rtcp-without-stream": "RTCP reports about streams that were not heard",
    "rtcp-unreadable": "RTCP packets that are encrypted or cannot be parsed",
    "registrations-evicted": "registrations let go early: more than the bound at once",
    "flows-evicted": "RTP streams finished early: more than the bound at once",
}

MEANINGS: Final[Mapping[str, str]] = {**slow.MEANING, **capture.MEANING, **_STREAMS}
"""Every discard, late event and eviction, in words."""

_SEEN: Final = frozenset({"calls"})
"""Counted, but said elsewhere."""

_OUTSIDE: Final = ("requests", "responses", "challenges", "failures")


class Sorted(msgspec.Struct, frozen=True):
    """`packets` by kind; `outside` the messages of each method that belong to no call; `discards` by name."""

    packets: dict[str, int]
    outside: dict[str, dict[str, int]]
    discards: dict[str, int]


def sort_out(counters: Mapping[str, int]) -> Sorted:
    """Counters above zero, each where it belongs; an unknown name is a discard."""
    found = Sorted({}, {}, {})
    for name, count in counters.items():
        what, dot, method = name.partition(".")
        if not count or name in _SEEN:
            continue
        if dot and what in _OUTSIDE:
            found.outside.setdefault(method, {})[what] = count
        elif name in capture.KINDS:
            found.packets[name] = count
        else:
            found.discards[name] = count
    return found


def in_words(counts: Mapping[str, int]) -> str:
    """12 requests, 12 responses (6 challenges, 1 failure)."""
    said = [_plural(counts[what], what) for what in _OUTSIDE[:2] if what in counts]
    inside = [_plural(counts[what], what) for what in _OUTSIDE[2:] if what in counts]
    return ", ".join(said) + (f" ({', '.join(inside)})" if inside else "")


def _plural(count: int, plural: str) -> str:
    return f"{count:,} {plural.removesuffix('s') if count == 1 else plural}"
