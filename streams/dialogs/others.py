"""Messages that belong to no call: counted by method, with their failures."""

from collections import Counter
from typing import Final

from protocols.sip import SipMessage
from streams.dialogs.timers import CHALLENGES

_METHODS: Final = frozenset(
    (
        *("REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE"),
        *("INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "REFER"),
    )
)


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
