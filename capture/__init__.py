"""Packets in, raw events out: sources, the dissector, the flows, the batches."""
