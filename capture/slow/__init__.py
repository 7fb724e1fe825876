"""The slow path: fragments, tunnels, TCP, SCTP and rare link layers, one frame at a time."""

from capture.slow.path import SlowPath

__all__ = ["SlowPath"]
