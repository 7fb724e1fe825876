"""What a user may set about the store."""

from typing import Annotated

import msgspec


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`retention_days`: days from the later of a call's end and its storing until a row goes, 0 never.

    Unset, `analyze --db` keeps for ever and services keep 25 days.
    """

    retention_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] | None = None


class SinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `offhook sink` reads and writes.

    `group` names all sinks that share the partitions; `member` is a fixed name of this one: a restart within
    ten seconds keeps its partitions. A batch is written when it has `batch_rows` rows or `batch_mb`
    megabytes, or `batch_age_s` after the last one began. RTP windows and streams without a call, for which
    nobody waits, are gathered for `bulk_age_s`.
    """

    group: str = "sink-clickhouse"
    member: str | None = None
    batch_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    batch_mb: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 32
    batch_age_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.1
    bulk_age_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 2.0
