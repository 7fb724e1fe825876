"""What a user may set about the store."""

from typing import Annotated

import msgspec


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`retention_days`: days from the later of a call's end and its storing until a row goes, 0 never.

    Unset, `analyze --db` keeps for ever and services keep 25 days.
    """

    retention_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] | None = None
