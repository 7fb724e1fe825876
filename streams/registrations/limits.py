"""When an exchange, a registration and a row end: event time, in µs."""

from typing import Final

from streams.bounds import EXPIRES_S
from streams.registrations.state import REGISTERED, UNREGISTERED, RegistrationState

_SECOND: Final = 1_000_000

ANSWER_US: Final = 32 * _SECOND
"""A request waits so long for its final answer: Timer F, 64 T1 (RFC 3261 17.1.2.2)."""

COPY_US: Final = 10_000
"""The same message within this time was captured twice; later it was sent again."""

GRACE_US: Final = 60 * _SECOND
"""After a registration has run out its row waits so long for a late refresh."""

IDLE_US: Final = 300 * _SECOND
"""A row without anything granted ends after so long a silence: longer than what pings wait."""

DEFAULT_EXPIRES_S: Final = 3600
"""What a request that names no time asks for (RFC 3261 10.2.1.1)."""

REPORT_US: Final = 300 * _SECOND
"""A row that changes without changing its state is said again after so long."""


def next_due(state: RegistrationState) -> int:
    """When the next of a row's timers fires: an exchange is given up, a registration runs out, it closes."""
    due = closes_at(state)
    if state.standing and state.until_us is not None:
        due = min(due, state.until_us)
    for exchange in state.exchanges:
        due = min(due, exchange.due_us)
    return due


def closes_at(state: RegistrationState) -> int:
    """When the row is complete if nothing more comes.

    What is registered: some time after it has run out. A phone that fails comes again when what it asked
    for would have run out, at the latest; others ping more often.
    """
    heard = state.heard_us
    quiet = heard + IDLE_US
    if state.outcome == REGISTERED and state.until_us is not None:
        return max(quiet, state.until_us + GRACE_US)
    if state.key[0] == "REGISTER" and state.outcome != UNREGISTERED:
        asked = DEFAULT_EXPIRES_S if state.asked is None else min(state.asked, DEFAULT_EXPIRES_S)
        quiet = max(quiet, heard + asked * _SECOND + GRACE_US)
    if state.until_us is not None:
        return max(quiet, state.until_us + GRACE_US)
    return max(quiet, heard + lasting(state.granted or 0) + GRACE_US)


def lasting(expires_s: int) -> int:
    """Seconds as µs, no more than the bound."""
    return min(expires_s, EXPIRES_S) * _SECOND
