"""When a call closes by its signalling alone (VoIPmonitor's timers, event time)."""

from typing import Final

from schemas.clock import END_OF_CAPTURE
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


def next_deadline(state: CallState, settings: CallSettings) -> int:
    """Event time at which the call ends, or closes once it has ended, unless something comes."""
    call = state.call
    if call.ended_us is None:
        return min(_end(state, settings), state.absolute_us)
    return _close(call, settings)


def _end(state: CallState, settings: CallSettings) -> int:
    call = state.call
    if state.established:
        return END_OF_CAPTURE
    if call.failure_us is not None:
        return call.failure_us + failure_timeout_us(call.status, settings)
    if call.cancel_us is not None:
        return call.cancel_us + settings.cancel_timeout_s * _SECOND
    if call.ringing_us is not None:
        return END_OF_CAPTURE  # RTP decides, or the absolute limit
    last = call.last_us if state.invite_last_us is None else state.invite_last_us
    if not (call.requests_seen and call.responses_seen):
        return last + settings.one_way_timeout_s * _SECOND
    return last + settings.no_answer_timeout_s * _SECOND


def _close(call: Call, settings: CallSettings) -> int:
    last = call.last_us
    if call.bye_ok_us is not None:
        hard = (call.bye_us or call.bye_ok_us) + settings.bye_ok_timeout_hard_s * _SECOND
        return min(last + settings.bye_ok_timeout_s * _SECOND, hard)
    if call.bye_us is not None:
        hard = call.bye_us + settings.bye_timeout_hard_s * _SECOND
        return min(last + settings.bye_timeout_s * _SECOND, hard)
    return last + failure_timeout_us(call.status, settings)


def failure_timeout_us(status: int | None, settings: CallSettings) -> int:
    """How long a final 3xx to 6xx keeps the call open."""
    return settings.failure_timeouts_s.get(status or 0, settings.failure_timeout_s) * _SECOND


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
