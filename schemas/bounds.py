"""Bounds of what is decoded: a value from the wire cannot make us allocate more than these allow."""

from typing import Final

VALUE_BYTES: Final = 32 << 20
"""Longest framed value."""

BATCH_PACKETS: Final = 1 << 20
"""Packets of one RTP batch (a source cuts at 100,000)."""

BATCH_FLOWS: Final = 1 << 18
"""Flows of one RTP batch, described or present."""

BATCH_ROWS: Final = 1 << 17
"""Window rows of one batch."""
