"""One thing that is wrong, or that explains what is missing."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from offhook.bounds import EXPLAIN_EVIDENCE

HIGH: Final = "high"  # explains missing calls or sound by itself
MEDIUM: Final = "medium"  # explains a part, or may
LOW: Final = "low"  # worth knowing
_ORDER: Final = (HIGH, MEDIUM, LOW)


class Finding(msgspec.Struct, frozen=True):
    """`code` names the kind; `title` says it in words; `evidence` are lines with counts, addresses and times.

    `call_id` is set where it is about one call, `first_time` is the first packet it is about, µs.
    """

    code: str
    severity: str
    title: str
    evidence: list[str]
    advice: str
    call_id: str | None = None
    first_time: int | None = None


def finding(
    code: str,
    severity: str,
    title: str,
    evidence: Iterable[str],
    advice: str,
    *,
    call_id: str | None = None,
    first_us: int | None = None,
) -> Finding:
    """A finding with no more evidence than anybody reads."""
    lines = list(evidence)
    if len(lines) > EXPLAIN_EVIDENCE:
        lines = [*lines[: EXPLAIN_EVIDENCE - 1], f"and {len(lines) - EXPLAIN_EVIDENCE + 1:,} more"]
    return Finding(code, severity, title, lines, advice, call_id, first_us)


def most_probable_first(findings: Iterable[Finding]) -> Sequence[Finding]:
    """Sorted by severity; among equals the order in which they were looked for."""
    return sorted(findings, key=lambda each: _ORDER.index(each.severity))
