"""Which calls belong together: legs of one session, legs that name each other, and a hint by numbers.

Calls enter in order of their start, in event time. A call is compared with those that are still open when
it starts; both then name each other. Only calls of one site and one partition meet here.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec

from streams.bounds import RELATED_MAX
from streams.dialogs.call import Call

NUMBERS_WITHIN_US: Final = 10_000_000
NUMBER_DIGITS: Final = 6
SESSION_ID: Final = "session-id"
NUMBERS: Final = "numbers"
_NO_DIGIT: Final = re.compile("[^0-9]+")
_CALL_ID: Final = "call-id"
_NAMES: Final = "names"


class Tie(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One way to find a call: calls meet that have the same kind and value; `why` is said of the pair."""

    kind: str
    value: str
    why: str


class _Leg(msgspec.Struct, frozen=True, gc=False):
    cdr_id: str
    call_id: str
    start_us: int
    why: str


class Relation(msgspec.Struct, frozen=True, gc=False):
    """Another open call that was found, and why it belongs to the one that entered."""

    cdr_id: str
    call_id: str
    why: str


def last_digits(number: str | None) -> str | None:
    """The last six digits of a number, None where it has fewer."""
    digits = (number or "").lstrip("+")
    if not (digits.isascii() and digits.isdecimal()):
        digits = _NO_DIGIT.sub("", digits)
    return digits[-NUMBER_DIGITS:] if len(digits) >= NUMBER_DIGITS else None


def ties_of(call: Call, by_numbers: bool) -> list[Tie]:
    """By what a call can be found, as far as it is known when the call enters."""
    ties = [Tie(_CALL_ID, call.call_id, "")]
    ties += [Tie(_NAMES, call_id, why) for call_id, why in call.related[:RELATED_MAX]]
    if call.session_id:
        ties.append(Tie(SESSION_ID, call.session_id, SESSION_ID))
    caller, callee = (last_digits(call.caller), last_digits(call.callee)) if by_numbers else (None, None)
    if caller and callee:
        ties.append(Tie(NUMBERS, f"{caller} {callee}", NUMBERS))
    return ties


class Relations:
    """The open calls of a site by their ties."""

    def __init__(self) -> None:
        self._legs: dict[tuple[str, str], dict[str, _Leg]] = {}

    def enter(self, call: Call, ties: Sequence[Tie]) -> list[Relation]:
        """Add a call that starts, and say to which open calls it belongs; at most RELATED_MAX a tie."""
        found = [
            Relation(leg.cdr_id, leg.call_id, why)
            for tie in ties
            for leg, why in self._meets(tie, call.start_us)
            if leg.call_id != call.call_id
        ]
        for tie in ties:
            leg = _Leg(call.cdr_id, call.call_id, call.start_us, tie.why)
            self._legs.setdefault((tie.kind, tie.value), {})[call.cdr_id] = leg
        return found

    def leave(self, cdr_id: str, ties: Sequence[Tie]) -> None:
        """Take out a call that nothing can change any more."""
        for tie in ties:
            legs = self._legs.get((tie.kind, tie.value))
            if legs is not None:
                legs.pop(cdr_id, None)
                if not legs:
                    del self._legs[tie.kind, tie.value]

    def _meets(self, tie: Tie, start_us: int) -> Iterator[tuple[_Leg, str]]:
        """The newest calls a tie leads to: a named Call-ID to its call, a Call-ID to those that name it."""
        other = {_NAMES: _CALL_ID, _CALL_ID: _NAMES}.get(tie.kind, tie.kind)
        legs = self._legs.get((other, tie.value), {})
        for leg in islice(reversed(legs.values()), RELATED_MAX):
            if tie.kind == NUMBERS and start_us - leg.start_us > NUMBERS_WITHIN_US:
                return
            yield leg, tie.why or leg.why
