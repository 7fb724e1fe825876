"""What a run says about itself: how far it is, and at the end what it saw and what it discarded."""

import msgspec


class Progress(msgspec.Struct):
    """How far a run is; `bytes_total` is None where the length is unknown (a pipe)."""

    bytes_done: int = 0
    bytes_total: int | None = None
    packets: int = 0


class Shown(msgspec.Struct):
    """What was written: rows, and of calls how they ended and what stood out."""

    rows: int = 0
    outcomes: dict[str, int] = {}
    flags: dict[str, int] = {}

    def count(self, outcome: str, flags: list[str]) -> None:
        """One call."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        for flag in flags:
            self.flags[flag] = self.flags.get(flag, 0) + 1


class Summary(msgspec.Struct):
    """A run after its end.

    `packets` counts all of the capture's, `counters` those of each kind (sip, rtp, rtcp ...), one that was
    taken apart (a fragment, say) beside what was found in it. `counters` also holds every discard, late event
    and eviction by name, `meanings` says each name in words. `warnings` are lines for the reader, damage with
    file and byte offset. Times are µs of packet time, `cpu_s` seconds of processor time.
    """

    calls: int = 0
    streams: int = 0
    packets: int = 0
    counters: dict[str, int] = {}
    meanings: dict[str, str] = {}
    warnings: list[str] = []
    first_us: int | None = None
    last_us: int | None = None
    cpu_s: float = 0.0
