"""When a call closes by its signalling alone (VoIPmonitor's timers, event time)."""

from typing import Final

from streams.dialogs.call import (
    CANCEL,
    FAILURE,
    TIMEOUT_ABSOLUTE,
    TIMEOUT_NO_ANSWER,
    TIMEOUT_ONE_WAY,
    Call,
)
from streams.dialogs.state import CallState
from streams.settings import CallSettings

_SECOND: Final = 1_000_000
CHALLENGES: Final = (401, 407)


class Limits:
    """The timers in µs."""

    __slots__ = (
        "absolute",
        "bye",
        "bye_hard",
        "bye_ok",
        "bye_ok_hard",
        "cancel",
        "failure",
        "failures",
        "no_answer",
        "one_way",
    )

    def __init__(self, settings: CallSettings) -> None:
        self.absolute = settings.absolute_timeout_s * _SECOND
        self.bye = settings.bye_timeout_s * _SECOND
        self.bye_hard = settings.bye_timeout_hard_s * _SECOND
        self.bye_ok = settings.bye_ok_timeout_s * _SECOND
        self.bye_ok_hard = settings.bye_ok_timeout_hard_s * _SECOND
        self.cancel = settings.cancel_timeout_s * _SECOND
        self.failure = settings.failure_timeout_s * _SECOND
        self.failures = {status: each * _SECOND for status, each in settings.failure_timeouts_s.items()}
        self.no_answer = settings.no_answer_timeout_s * _SECOND
        self.one_way = settings.one_way_timeout_s * _SECOND

    def of_failure(self, status: int | None) -> int:
        """How long a final 3xx to 6xx keeps the call open."""
        return self.failures.get(status or 0, self.failure)


def end_deadline(state: CallState, limits: Limits) -> int:
    """Event time at which an open call ends unless something comes."""
    call = state.call
    if state.established:
        return state.absolute_us
    if call.failure_us is not None:
        due = call.failure_us + limits.of_failure(call.status)
    elif call.cancel_us is not None:
        due = call.cancel_us + limits.cancel
    elif call.ringing_us is not None:
        return state.absolute_us  # or RTP decides
    else:
        last = call.last_us if state.invite_last_us is None else state.invite_last_us
        heard_both = call.requests_seen and call.responses_seen
        due = last + (limits.no_answer if heard_both else limits.one_way)
    return due if due < state.absolute_us else state.absolute_us


def close_deadline(call: Call, limits: Limits) -> int:
    """Event time at which a call that has ended closes unless something comes."""
    last = call.last_us
    if call.bye_ok_us is not None:
        return min(last + limits.bye_ok, (call.bye_us or call.bye_ok_us) + limits.bye_ok_hard)
    if call.bye_us is not None:
        return min(last + limits.bye, call.bye_us + limits.bye_hard)
    return last + limits.of_failure(call.status)


def end_by_timer(state: CallState, at_us: int) -> None:
    """Nothing came: say how the call ended. `ended_us` is the last that was heard of it."""
    call = state.call
    call.ended_us = call.last_us
    if call.failure_us is not None:
        call.ended_us, call.end_reason = call.failure_us, FAILURE
    elif call.cancel_us is not None:
        call.end_reason = CANCEL
    elif state.absolute_us <= at_us:
        call.end_reason = TIMEOUT_ABSOLUTE
    elif call.requests_seen and call.responses_seen:
        call.end_reason = TIMEOUT_NO_ANSWER
    else:
        call.end_reason = TIMEOUT_ONE_WAY
