"""RFC 4733 telephone events in a flow's packets: keys pressed, each told once."""

from collections.abc import Callable
from typing import Any

import numpy as np

from schemas.media_windows import Digit
from streams.media.flow import EventInProgress, Flow, finished_digit
from streams.media.flow_table import FlowTable
from streams.media.maps import PayloadMaps
from streams.media.pending import Pending
from streams.media.state import Kind, S


class Telephone:
    """Follows the events of a site's flows. Each key goes to `tell`."""

    def __init__(self, table: FlowTable, maps: PayloadMaps, tell: Callable[[Flow, Digit], None]) -> None:
        self.table, self.maps, self.tell = table, maps, tell

    def read(self, waiting: Pending, slots: Any, starts: Any, stops: Any) -> None:
        """Look for events among the packets from `starts` to `stops` (r,) of `slots`, just measured."""
        order = np.argsort(starts)
        ranges = np.searchsorted(starts[order], waiting.small_at, side="right") - 1
        for n, place in enumerate(ranges.tolist()):
            index = int(waiting.small_at[n])
            if place < 0 or index >= stops[order[place]] or waiting.length[index] < 4:
                continue
            slot = int(slots[order[place]])
            key = self.table.slots[slot, S.MAP] * 128 + (int(waiting.marker_type[index]) & 0x7F)
            if self.maps.kinds[key] == Kind.EVENT:
                flow, tick = self.table.at(slot), int(self.maps.ticks[key])
                flow.clock_rate = round((1_000_000_000 << 12) / tick) if tick else 8000
                payload = waiting.small[n].tolist()
                self._event(flow, int(waiting.timestamp[index]), int(waiting.arrival_us[index]), payload)

    def finish(self, flow: Flow) -> None:
        """The stream ended, or another event began: the one in progress is over."""
        if flow.event is None:
            return
        digit = finished_digit(flow, flow.event.timestamp)
        if digit is not None:
            self.tell(flow, digit)

    def _event(self, flow: Flow, timestamp: int, time_us: int, payload: list[int]) -> None:
        if timestamp == flow.ended_event:
            return
        if flow.event is not None and flow.event.timestamp != timestamp:
            self.finish(flow)
        duration = payload[2] << 8 | payload[3]
        if flow.event is None:
            flow.event = EventInProgress(timestamp, time_us, payload[0], duration)
        flow.event.duration = max(flow.event.duration, duration)
        if payload[1] & 0x80:
            self.finish(flow)
