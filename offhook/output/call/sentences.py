"""What stands out about a call, a sentence each; how it went, in words."""

from collections.abc import Iterator
from typing import Final

from offhook.output.call.lines import NO_BREAK
from offhook.output.views import duration
from schemas.cdr import CallRecord
from streams.records import flags

_SIDES: Final = {"a": "caller", "b": "callee"}

_SAID_WITH_FIGURES: Final = frozenset(
    {flags.ONE_WAY, flags.DEAD_AIR_A, flags.DEAD_AIR_B, flags.CAPTURE_DROPS}
)

_END_REASONS: Final = {
    "timeout-one-way": "closed by a timer: nothing came from the other side",
    "timeout-no-answer": "closed by a timer: neither ringing nor an answer came",
    "timeout-absolute": "closed by a timer: longer than any call may be",
    "timeout-rtp": "closed by a timer: its RTP had stopped, no BYE came",
    "timeout-no-rtp": "closed by a timer: no RTP ever came, no BYE either",
    "too-many-messages": "closed: more SIP messages than one call may have",
    "evicted": "let go: more calls at once than could be held",
    "call-id-reused": "its Call-ID was used for a new call, no BYE was heard",
    "capture-end": "the capture ended before the call did",
    "clock-step": "the capture's clock jumped",
}


def what_stands_out(call: CallRecord) -> Iterator[str]:
    """The record's flags as sentences, with the figures it has for them; the gravest first."""
    if call.one_way is not None:
        yield _one_way(call, call.one_way)
    for side, seconds in (("a", call.dead_air_a), ("b", call.dead_air_b)):
        if seconds and call.one_way != side:
            yield f"dead air: nothing heard from the {_SIDES[side]}'s side for {_seconds(seconds)}"
    if call.capture_drops or flags.CAPTURE_DROPS in call.flags:
        number = f"{call.capture_drops:,} packets" if call.capture_drops else "packets"
        yield f"the capture itself lost {number} while the call ran: its losses may be ours"
    if not call.complete:
        yield "the record is not complete yet"
    for flag in call.flags:
        if flag not in _SAID_WITH_FIGURES:
            yield flags.MEANINGS.get(flag, flag)


def _one_way(call: CallRecord, side: str) -> str:
    other = "b" if side == "a" else "a"
    silent = call.dead_air_a if side == "a" else call.dead_air_b
    how_long = f" for {_seconds(silent)}" if silent else ""
    heard = f"nothing heard from the {_SIDES[side]}'s side{how_long}"
    return f"one-way: {heard} while the {_SIDES[other]} was sending"


def how_it_ended(call: CallRecord) -> str:
    """`answered (200 OK), the caller hung up after 20.1 s`."""
    said = " ".join(filter(None, (str(call.response_code or ""), call.response_reason or "")))
    outcome = f"{call.outcome} ({said})" if said else call.outcome
    return ", ".join(filter(None, (outcome, _end(call), _why(call))))


def _end(call: CallRecord) -> str:
    if call.bye_time is not None:
        who = f"the {call.hung_up_by} hung up" if call.hung_up_by else "ended by a BYE"
        after = "" if call.connect_duration is None else f" after {_seconds(call.connect_duration)}"
        confirmed = "" if call.bye_code == 3 else ", no answer to the BYE was seen"
        return who + after + confirmed
    if call.outcome in ("cancelled", "rejected", "redirected"):
        return "" if call.duration is None else f"after {_seconds(call.duration)}"
    return _END_REASONS.get(call.end_reason, call.end_reason)


def _why(call: CallRecord) -> str:
    """The Reason header's words."""
    causes = [call.reason_text or ""]
    causes += [f"Q.850 cause {call.reason_q850_cause}" if call.reason_q850_cause is not None else ""]
    causes += [f"SIP cause {call.reason_sip_cause}" if call.reason_sip_cause is not None else ""]
    said = ", ".join(filter(None, causes))
    return f"reason: {said}" if said else ""


def how_long(call: CallRecord) -> str:
    """`ringing after 0.52 s, answered after 0.74 s, talk 0:20, 0:21 in all`."""
    said = []
    for what, at in (("ringing", call.ringing_time), ("answered", call.answer_time)):
        if at is not None and call.invite_time is not None and at >= call.invite_time:
            said.append(f"{what} after {_seconds((at - call.invite_time) / 1e6)}")
    if call.connect_duration is not None:
        said.append(f"talk {_length(call.connect_duration)}")
    if call.duration is not None:
        said.append(f"{_length(call.duration)} in all")
    return ", ".join(said)


def _length(seconds: float) -> str:
    return _seconds(seconds) if seconds < 60 else duration(seconds)


def _seconds(seconds: float) -> str:
    if seconds < 0.1:
        return f"{seconds * 1000:.1f}{NO_BREAK}ms"
    return f"{seconds:.{2 if seconds < 10 else 1}f}{NO_BREAK}s"
