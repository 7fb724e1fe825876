"""What stands out about a call, in words."""

from typing import Final

from schemas.cdr import CallRecord

WORDS: Final[dict[str, str]] = {}
"""Flags of the call record whose name alone does not say enough."""

_SAID_BETTER: Final = frozenset({"one-way", "dead-air", "capture-drops", "t38"})
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
    for flag in call.flags:
        if flag.replace("_", "-") not in _SAID_BETTER:
            said.append(WORDS.get(flag) or flag.replace("_", " ").replace("-", " "))
    return ", ".join(said)
