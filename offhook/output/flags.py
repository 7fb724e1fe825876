"""What stands out about a call, in words."""

from functools import cache
from typing import Final

from schemas.cdr import CallRecord
from streams.records import flags

_SAID_BETTER: Final = frozenset(
    {flags.ONE_WAY, flags.DEAD_AIR_A, flags.DEAD_AIR_B, flags.CAPTURE_DROPS, flags.T38}
)
"""Flags that a field of the record says with a side or a number."""


def in_words(call: CallRecord) -> str:
    """One-way audio, dead air, capture drops, fax, then the record's own flags; "" without any."""
    said = []
    if call.one_way is not None:
        said.append(f"one-way: {call.one_way} silent")
    for side, seconds in (("a", call.dead_air_a), ("b", call.dead_air_b)):
        if seconds and call.one_way != side:
            said.append(f"dead air {side} {seconds:.0f} s")
    if call.capture_drops:
        said.append(f"capture dropped {call.capture_drops}")
    if call.t38:
        said.append("T.38 fax")
    if not call.complete:
        said.append("not complete")
    said += [_words(flag) for flag in call.flags if flag not in _SAID_BETTER]
    return ", ".join(said)


@cache
def _words(flag: str) -> str:
    return " ".join(word.upper() if word in {"rtp", "sip"} else word for word in flag.split("-"))
