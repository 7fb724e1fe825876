"""What the media stage can be told."""

import msgspec


class MediaSettings(msgspec.Struct, frozen=True):
    """`dtmf` "masked" or "digits"; `natalias` public address -> private address, as text."""

    dtmf: str = "masked"
    natalias: dict[str, str] = {}
