"""Which streams of a side are heard when, so that no voice is heard twice.

A call crosses proxies and media relays, and the same voice may be captured on each of its hops: the streams
of the highest rank are kept. Streams that follow each other (early media, re-INVITE, transfer) all are.
"""

from collections.abc import Iterable, Sequence

from capture.audio.packets import VoiceStream

Span = tuple[int, int]


def without_doubles(streams: Iterable[tuple[VoiceStream, Span]]) -> list[VoiceStream]:
    """The streams of one side, highest rank first, with when each was heard; without a voice's other hops.

    A stream is a double where streams of another hop, and higher rank, cover most of its time.
    """
    kept: list[tuple[VoiceStream, Span]] = []
    for stream, span in sorted(streams, key=lambda each: each[0].rank, reverse=True):
        others = [other_span for other, other_span in kept if other.hop != stream.hop]
        length = span[1] - span[0]
        if 2 * sum(until - since for since, until in inside(span, others)) <= length or not others:
            kept.append((stream, span))
    return [stream for stream, _ in kept]


def inside(span: Span, spans: Iterable[Span]) -> list[Span]:
    """What of a span lies in the spans, in order, without overlaps."""
    found: list[Span] = []
    at = span[0]
    for since, until in sorted(spans):
        since, until = max(since, at), min(until, span[1])  # noqa: PLW2901 - cut to the span
        if since < until:
            found.append((since, until))
            at = until
    return found


def outside(span: Span, spans: Sequence[Span]) -> list[Span]:
    """What of a span lies in none of the spans, in order."""
    found: list[Span] = []
    at = span[0]
    for since, until in inside(span, spans):
        if at < since:
            found.append((at, since))
        at = until
    if at < span[1]:
        found.append((at, span[1]))
    return found
