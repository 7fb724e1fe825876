"""Responses captured before their INVITE: they wait for it, as it may have been sent earlier all the same."""

import msgspec

from schemas.sip_messages import SipPacket
from streams import bounds
from streams.dialogs.reading import read

CallKey = tuple[str, str]
"""Call-ID, From tag of the initial INVITE."""


class Early(msgspec.Struct, gc=False):
    """Responses to an INVITE that has not been heard."""

    due_us: int
    messages: list[tuple[str, SipPacket]] = []  # sensor, message


class EarlyResponses:
    """Those of one site, by the call that they would belong to."""

    def __init__(self) -> None:
        self.by_key: dict[CallKey, Early] = {}
        # what has been saved of them
        self.changed: set[CallKey] = set()
        self.saved: set[CallKey] = set()

    def __contains__(self, key: CallKey) -> bool:
        return key in self.by_key

    def begin(self, key: CallKey, due_us: int) -> None:
        """The first response of a call is about to wait, until `due_us` at most."""
        self.by_key[key] = Early(due_us)

    def keep(self, key: CallKey, sensor: str, packet: SipPacket) -> bool:
        """Keep a response of a call that waits; False where it has too many."""
        waiting = self.by_key[key]
        if len(waiting.messages) >= bounds.EARLY_MESSAGES:
            return False
        waiting.messages.append((sensor, packet))
        self.changed.add(key)
        return True

    def pop(self, key: CallKey) -> list[tuple[str, SipPacket]]:
        """Take out what waits for a call."""
        waiting = self.by_key.pop(key, None)
        if waiting is None:
            return []
        if key in self.saved:
            self.changed.add(key)
        else:
            self.changed.discard(key)
        return waiting.messages

    def excess(self) -> CallKey | None:
        """The call that waits longest, where there is no room for another."""
        return next(iter(self.by_key)) if len(self.by_key) >= bounds.EARLY_CALLS else None

    def in_turn(self) -> list[CallKey]:
        """Every call, in the order in which they would be given up."""
        return sorted(self.by_key, key=lambda key: (self.by_key[key].due_us, key))

    def refused(self, key: CallKey) -> bool:
        """Whether a failure waits for the INVITE of this call."""
        waiting = self.by_key.get(key)
        return waiting is not None and any(read(packet.raw).status >= 300 for _, packet in waiting.messages)
