"""The media timers of a call: what ends it when no BYE comes (VoIPmonitor's defaults).

The signalling timers are the dialogs'. A media timer is a function of what is known of the call and of a
point in time, so that a record made late says the same as one made early.
"""

from typing import Final

from schemas.clock import END_OF_CAPTURE
from streams.dialogs.call import BYE, CAPTURE_END, FAILURE, Call
from streams.settings import RecordSettings

WINDOW_LAG_US: Final = 20_000_000
"""A window's row comes up to ten seconds and some packets after its first packet: the timers wait for it."""

RTP_TIMEOUT: Final = "timeout-rtp"
NO_RTP_TIMEOUT: Final = "timeout-no-rtp"


def seconds_us(seconds: float) -> int:
    """Seconds as whole µs."""
    return round(seconds * 1_000_000)


def media_deadline(call: Call, last_rtp_us: int | None, settings: RecordSettings) -> tuple[int, str]:
    """When the call ends if neither RTP nor SIP comes any more, and by which timer.

    `last_rtp_us` is the last RTP heard, None if there was none.
    """
    if last_rtp_us is None:
        return call.last_us + seconds_us(settings.sip_without_rtp_timeout_s), NO_RTP_TIMEOUT
    last = max(last_rtp_us, call.last_us)
    return last + seconds_us(settings.rtp_timeout_s) + WINDOW_LAG_US, RTP_TIMEOUT


def known_us(call: Call) -> int:
    """When it was known that an ended call had ended: its BYE or final failure, else when a timer said so.

    A timer closes the call in the moment it ends it, and dates the end back to the last message.
    """
    if call.ended_us is None or call.end_reason == CAPTURE_END:
        return END_OF_CAPTURE
    if call.end_reason in (BYE, FAILURE) or call.failure_us is not None:
        return call.ended_us
    return max(call.ended_us, call.close_at_us or 0) if call.closed else call.ended_us


def media_timeout(call: Call, last_rtp_us: int | None, at_us: int, settings: RecordSettings) -> str | None:
    """The media timer that had fired by `at_us`, if any. A BYE or a final failure is above all timers."""
    if call.bye_us is not None or (call.answer_us is None and call.failure_us is not None):
        return None
    deadline, timer = media_deadline(call, last_rtp_us, settings)
    return timer if deadline <= at_us else None
