"""What the media stage can be told."""

import msgspec


class MediaSettings(msgspec.Struct, frozen=True):
    """`natalias`: public address -> private address, as text. The others are those of the calls."""

    natalias: dict[str, str] = {}
    sensor_gone_s: int = 30
    lateness_max_s: int = 600
