"""Watermarks: up to which packet time the sender of an event has spoken."""

from typing import Final

END_OF_CAPTURE: Final = 2**62
"""The last watermark of a source that ended: later than every packet time, µs."""

NOT_STARTED: Final = -(2**62)
"""The watermark of a source that has not spoken yet, µs."""
