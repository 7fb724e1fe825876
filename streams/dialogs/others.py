"""Messages that belong to no call: counted by method, with their failures; some make registrations' rows."""

from collections import Counter
from typing import Final, NamedTuple

from protocols.sip import SipMessage
from schemas.sip_messages import SipPacket
from streams.dialogs.timers import CHALLENGES

_METHODS: Final = frozenset(
    (
        *("REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE"),
        *("INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "REFER"),
    )
)

ASKING: Final = frozenset(("REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE"))
"""Methods that live outside of calls; a stray message of the others says that a call was not captured."""


class Outside(NamedTuple):
    """A message of no call, for the registrations. `at_us`: event time at which it takes effect."""

    account: str
    site: str
    at_us: int
    sensor: str
    packet: SipPacket
    message: SipMessage


def count_other(counters: Counter[str], message: SipMessage) -> None:
    """`requests.REGISTER`, its `failures` (final 3xx to 6xx) and `challenges` (401, 407), `responses`."""
    method = message.method if message.method in _METHODS else "OTHER"
    if message.is_request:
        counters[f"requests.{method}"] += 1
        return
    counters[f"responses.{method}"] += 1
    if message.status in CHALLENGES:
        counters[f"challenges.{method}"] += 1
    elif message.status >= 300:
        counters[f"failures.{method}"] += 1
