"""The slow path: fragments, tunnels, TCP, SCTP and rare link layers, one frame at a time."""
