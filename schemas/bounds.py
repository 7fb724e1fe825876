"""Bounds of what is decoded: a value from the wire cannot make us allocate more than these allow."""

from typing import Final

VALUE_BYTES: Final = 32 << 20
"""Longest framed value."""

RECORD_BYTES: Final = 8 * VALUE_BYTES
"""Longest MessagePack of a framed value, which names its fields: 2 to 4 times as long as what we write, and
much longer than what was made of empty records to take memory."""

BATCH_PACKETS: Final = 1 << 20
"""Packets of one RTP batch (a source cuts at 100,000)."""

BATCH_FLOWS: Final = 1 << 18
"""Flows of one RTP batch, described or present."""

BATCH_ROWS: Final = 1 << 17
"""Window rows of one batch."""
