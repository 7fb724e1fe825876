"""What the media stage can be told."""

import msgspec


class MediaSettings(msgspec.Struct, frozen=True):
    """`natalias`: public address -> private address, as text."""

    natalias: dict[str, str] = {}
