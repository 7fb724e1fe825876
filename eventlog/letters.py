"""Makes the dead letter of a record that could not be read."""

from typing import Final

from eventlog.topics import partition, routing
from schemas.dead_letters import KEPT_BYTES, DeadLetter

TOPIC: Final = "dead.letters"
_REASON_CHARACTERS: Final = 500


def dead_letter(
    source: str,
    reason: str,
    value: bytes,
    *,
    time_us: int,
    key: bytes = b"",
    topic: str = "",
    number: int = -1,
    offset: int = -1,
    account: str = "",
    site: str = "",
    kept: int = KEPT_BYTES,
) -> DeadLetter:
    """Who refused which record and why, in one line; `number` is the record's partition.

    `kept`: octets of the record that the letter keeps.
    """
    return DeadLetter(
        account=account,
        site=site,
        source=source,
        time_us=time_us,
        topic=topic,
        partition=number,
        offset=offset,
        reason=" ".join(reason.split())[:_REASON_CHARACTERS],
        key=key[:KEPT_BYTES],
        value=value[:kept],
        value_bytes=len(value),
    )


def letter_place(letter: DeadLetter, partitions: int) -> tuple[int, bytes]:
    """Partition and key of a letter."""
    key = routing(letter.source)
    return partition(key, partitions), key
