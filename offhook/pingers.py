"""Pingers that take a new Call-ID for each request, shown as one row each."""

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from offhook.bounds import PINGERS
from offhook.collect import Row
from schemas.registrations import Registration

_Key = tuple[str | int | None, ...]


def merged(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows; those of one pinger, which come at the end, as one. Registrations stay what they are."""
    held: dict[_Key, Registration] = {}
    for row in rows:
        if not isinstance(row, Registration) or row.method == "REGISTER":
            yield row
            continue
        key = _key(row)
        known = held.get(key)
        if known is None and len(held) >= PINGERS:
            yield held.pop(next(iter(held)))
        held[key] = row if known is None else _both(known, row)
    yield from held.values()


def _key(row: Registration) -> _Key:
    return (
        row.account, row.site, row.method, row.user, row.domain, row.from_user, row.transport,
        row.src_ip, row.src_port, row.dst_ip, row.dst_port,
    )  # fmt: skip


def _both(one: Registration, two: Registration) -> Registration:
    """One row of two: sums, the earlier's identity, the later's newest values."""
    first, second = sorted((one, two), key=lambda row: (row.first_time, row.registration_id))
    newest = one if one.last_time > two.last_time else two
    failed = max((one, two), key=lambda row: row.last_failure_time or 0)
    asked = {name: getattr(one, name) + getattr(two, name) for name in _SUMS}
    return replace(
        newest,
        **asked,
        registration_id=first.registration_id,
        call_id=first.call_id,
        sensor_id=first.sensor_id,
        first_time=first.first_time,
        last_time=newest.last_time,
        codes=dict(sorted((Counter(one.codes) + Counter(two.codes)).items())),
        last_success_time=_latest(one.last_success_time, two.last_success_time),
        last_failure_time=failed.last_failure_time,
        last_failure_code=failed.last_failure_code,
        last_failure_reason=failed.last_failure_reason,
        response_time_avg_ms=_mean(one, two),
        response_time_max_ms=max(
            (row.response_time_max_ms for row in (one, two) if row.response_time_max_ms is not None),
            default=None,
        ),
        flags=_flags(first, second),
    )


_SUMS = ("source_changes", "requests", "retransmissions", "challenges", "successes", "failures", "unanswered")


def _latest(one: int | None, two: int | None) -> int | None:
    return max((time for time in (one, two) if time is not None), default=None)


def _mean(one: Registration, two: Registration) -> float | None:
    weighed = [
        (row.response_time_avg_ms, sum(row.codes.values()))
        for row in (one, two)
        if row.response_time_avg_ms is not None
    ]
    if not weighed:
        return None
    return round(sum(mean * count for mean, count in weighed) / sum(count for _, count in weighed), 3)


def _flags(one: Registration, two: Registration) -> list[str]:
    """Those of either; that nothing was heard of a side only where both say so."""
    both = set(one.flags) & set(two.flags)
    return [
        flag
        for flag in dict.fromkeys([*one.flags, *two.flags])
        if flag in both or flag not in ("no-requests", "no-responses")
    ]
