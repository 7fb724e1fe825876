"""Who is in a capture: its Call-IDs, the endpoints each announced, and by what calls belong together."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

from capture.bounds import CUT_ENDPOINTS_PER_MESSAGE
from capture.cutting.endpoints import Endpoint, announced

NUMBERS_WITHIN_NS: Final = 11_000_000_000
"""Calls of the same numbers that begin within 10 s may be legs of one (streams/records/related.py)."""

_USER: Final = rb"[ \t]*:[^\r\n]*?(?:sips?|tel):([^@>;\r\n]*)"
_FROM: Final = re.compile(rb"\n(?:From|f)" + _USER, re.IGNORECASE)
_TO: Final = re.compile(rb"\n(?:To|t)" + _USER, re.IGNORECASE)
_SESSION: Final = re.compile(rb"\nSession-ID[ \t]*:[ \t]*([^;\r\n]+)", re.IGNORECASE)
_ESCAPED_REPLACES: Final = re.compile(rb"[?&]Replaces=([^&>\s]+)", re.IGNORECASE)
_NO_DIGIT: Final = re.compile(rb"[^0-9]+")
_NUMBER_DIGITS: Final = 6
_SAME_SESSION: Final = b"session "
_NAMING: Final = ("Replaces", "Join", "Target-Dialog")


class Party:
    """One Call-ID: its endpoints, the first time it was heard, and the ties to other calls."""

    __slots__ = ("endpoints", "first_ns", "names", "ties")

    def __init__(self, first_ns: int) -> None:
        self.first_ns = first_ns
        self.endpoints: set[Endpoint] = set()
        self.ties: set[bytes] = set()
        self.names: set[bytes] = set()  # other Call-IDs


class Directory:
    """The Call-IDs of a capture, as far as their messages have been noted."""

    def __init__(self, related_headers: Iterable[str]) -> None:
        self.calls: dict[bytes, Party] = {}
        self._at: dict[Endpoint, set[bytes]] = {}
        names = b"|".join(re.escape(name.encode()) for name in (*_NAMING, *related_headers))
        self._naming = re.compile(rb"\n(?:" + names + rb")[ \t]*:[ \t]*([^;\r\n]+)", re.IGNORECASE)

    def note(self, call_id: bytes, message: bytes, sip_ip: bytes, time_ns: int) -> None:
        """Take a message of the call."""
        party = self.calls.get(call_id)
        if party is None:
            party = self.calls[call_id] = Party(time_ns)
        if len(party.endpoints) < CUT_ENDPOINTS_PER_MESSAGE:
            for endpoint in announced(message, sip_ip):
                party.endpoints.add(endpoint)
                self._at.setdefault(endpoint, set()).add(call_id)
        if message.startswith(b"INVITE") and not party.ties:
            self._tie(party, message)
        if message.startswith(b"REFER") and (replaces := _ESCAPED_REPLACES.search(message)):
            party.names.add(unquote_to_bytes(replaces[1]).partition(b";")[0])

    def sharing(self, call_id: bytes, endpoints: Iterable[Endpoint]) -> set[bytes]:
        """The other calls that announced one of these endpoints."""
        return {other for endpoint in endpoints for other in self._at.get(endpoint, ())} - {call_id}

    def related(self, call_id: bytes) -> set[bytes]:
        """The other calls that may be legs of this one: by name, session, or numbers at the same time."""
        party = self.calls[call_id]
        found = set(party.names)
        found |= {other_id for other_id, other in self.calls.items() if call_id in other.names}
        found |= {other_id for other_id, other in self.calls.items() if _tied(party, other)}
        return found & self.calls.keys() - {call_id}

    def _tie(self, party: Party, message: bytes) -> None:
        if session := _SESSION.search(message):
            party.ties.add(_SAME_SESSION + session[1].strip())
        caller, callee = _FROM.search(message), _TO.search(message)
        numbers = [_NO_DIGIT.sub(b"", user[1])[-_NUMBER_DIGITS:] for user in (caller, callee) if user]
        if [len(digits) for digits in numbers] == [_NUMBER_DIGITS, _NUMBER_DIGITS]:
            party.ties.add(b"numbers " + b" ".join(numbers))
        party.names.update(name.strip() for name in self._naming.findall(message))


def _tied(one: Party, two: Party) -> bool:
    """The same session, or the same numbers at the same time?"""
    ties = one.ties & two.ties
    if any(tie.startswith(_SAME_SESSION) for tie in ties):
        return True
    return bool(ties) and abs(one.first_ns - two.first_ns) < NUMBERS_WITHIN_NS
