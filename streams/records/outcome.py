"""How a call ended: outcome, end, durations, and VoIPmonitor's bye code."""

from enum import IntEnum
from typing import Final

import msgspec

from streams.dialogs.call import (
    CAPTURE_END,
    EVICTED,
    REPLACED,
    TIMEOUT_ABSOLUTE,
    TIMEOUT_NO_ANSWER,
    TIMEOUT_ONE_WAY,
    TOO_MANY_MESSAGES,
    Call,
)
from streams.records.flags import CAPTURE_DROPS
from streams.records.timers import NO_RTP_TIMEOUT, RTP_TIMEOUT

ANSWERED: Final = "answered"
REDIRECTED: Final = "redirected"
CANCELLED: Final = "cancelled"
REJECTED: Final = "rejected"
UNANSWERED: Final = "unanswered"
UNFINISHED: Final = "unfinished"
OUTCOMES: Final = (ANSWERED, REDIRECTED, CANCELLED, REJECTED, UNANSWERED, UNFINISHED)

BROKEN_OFF: Final = frozenset({"", CAPTURE_END, REPLACED, EVICTED, "clock-step"})
"""End reasons of a call that had not ended: the capture did, or its clock, or our patience."""


class ByeCode(IntEnum):
    """VoIPmonitor's numbers."""

    NEVER_ANSWERED = 0
    NO_BYE = 1
    BYE_NOT_CONFIRMED = 2
    NORMAL = 3
    CAPTURE_DROPS = 100
    ONE_DIRECTION = 101
    ABSOLUTE_TIMEOUT = 102
    BYE_TIMEOUT = 103
    RTP_TIMEOUT = 104
    ONE_WAY_TIMEOUT = 105
    START_NOT_SEEN = 106
    ZOMBIE = 107
    NO_RTP_TIMEOUT = 108
    TOO_MANY_MESSAGES = 109
    FORCED = 110


BY_TIMER: Final[dict[str, ByeCode]] = {
    TIMEOUT_ABSOLUTE: ByeCode.ABSOLUTE_TIMEOUT,
    TIMEOUT_ONE_WAY: ByeCode.ONE_DIRECTION,
    TIMEOUT_NO_ANSWER: ByeCode.ZOMBIE,
    TOO_MANY_MESSAGES: ByeCode.TOO_MANY_MESSAGES,
    EVICTED: ByeCode.FORCED,
    RTP_TIMEOUT: ByeCode.RTP_TIMEOUT,
    NO_RTP_TIMEOUT: ByeCode.NO_RTP_TIMEOUT,
}
"""By end reason."""


class Ending(msgspec.Struct, frozen=True, gc=False):
    """How and when a call ended; durations in seconds."""

    outcome: str
    end_us: int
    end_reason: str
    bye_code: int
    duration: float | None
    connect_duration: float | None
    pdd: float | None
    post_bye_delay: float | None
    response_time_100_ms: float | None
    response_time_ms: float | None


def outcome(call: Call, end_reason: str) -> str:
    """What became of the INVITE. A 2xx is above all; then a CANCEL or 487; then the final answer."""
    if call.answer_us is not None:
        return ANSWERED
    status = call.status or 0
    if call.cancel_us is not None or status == 487:
        return CANCELLED
    if 300 <= status < 400:
        return REDIRECTED
    if status >= 400:
        return REJECTED
    return UNFINISHED if end_reason in BROKEN_OFF or call.invite_us is None else UNANSWERED


def start_not_seen(call: Call) -> bool:
    """Whether the capture began after the call: nothing of its INVITE, or no answer to it, but a BYE."""
    begun = call.ringing_us is not None or call.answer_us is not None
    return call.invite_us is None or (call.bye_us is not None and not begun)


def bye_code(call: Call, end_reason: str) -> ByeCode:
    """VoIPmonitor's code. One that names a timer is above one that says what of the BYE was seen."""
    if call.bye_us is not None:
        return _bye_seen(call, end_reason)
    timer = BY_TIMER.get(end_reason)
    if timer is not None:
        return timer
    if call.answer_us is None:
        return ByeCode.NEVER_ANSWERED
    return ByeCode.CAPTURE_DROPS if CAPTURE_DROPS in call.flags else ByeCode.NO_BYE


def _bye_seen(call: Call, end_reason: str) -> ByeCode:
    if call.ringing_us is None and call.answer_us is None:
        return ByeCode.START_NOT_SEEN
    if call.bye_ok_us is not None:
        return ByeCode.NORMAL
    if end_reason in BY_TIMER:
        return BY_TIMER[end_reason]
    if CAPTURE_DROPS in call.flags:
        return ByeCode.CAPTURE_DROPS
    if call.requests_seen != call.responses_seen:
        return ByeCode.ONE_DIRECTION
    return ByeCode.BYE_NOT_CONFIRMED


def end_time(call: Call, last_rtp_us: int | None) -> int:
    """The BYE, else the final failure, else the last packet."""
    if call.bye_us is not None:
        return call.bye_us
    if call.answer_us is None and call.failure_us is not None:
        return call.failure_us
    return max(call.last_us, last_rtp_us or 0)


def ending(call: Call, last_rtp_us: int | None, end_reason: str) -> Ending:
    """All that the record says about the call's times and end."""
    end = end_time(call, last_rtp_us)
    invite, rung = call.invite_us, call.ringing_us if call.ringing_us is not None else call.answer_us
    return Ending(
        outcome=outcome(call, end_reason),
        end_us=end,
        end_reason=end_reason,
        bye_code=int(bye_code(call, end_reason)),
        duration=seconds(invite, call.bye_ok_us if call.bye_ok_us is not None else end),
        connect_duration=seconds(call.answer_us, end),
        pdd=seconds(invite, rung),
        post_bye_delay=seconds(call.bye_us, call.bye_ok_us),
        response_time_100_ms=milliseconds(invite, call.trying_us),
        response_time_ms=milliseconds(invite, call.first_response_us),
    )


def seconds(since: int | None, until: int | None) -> float | None:
    """From one time to another in seconds, None where one is unknown or the other came first."""
    return None if since is None or until is None or until < since else (until - since) / 1e6


def milliseconds(since: int | None, until: int | None) -> float | None:
    """The same in milliseconds."""
    return None if since is None or until is None or until < since else (until - since) / 1e3
