"""Messages that wait for their site's clock, put in event-time order."""

from bisect import bisect_left

from schemas.clock import END_OF_CAPTURE, NOT_STARTED
from schemas.sip_messages import SipBatch, SipPacket
from streams import bounds

Queued = tuple[int, str, int, SipPacket]
"""Time at which it takes effect (µs), sensor, order of arrival, message."""


class Arrivals:
    """The queue of one site. What its sensors heard in one microsecond stays in their order."""

    def __init__(self) -> None:
        self.queue: list[Queued] = []
        self.in_order = True
        self.arrived = 0
        self.last_us: dict[str, int] = {}  # time of each sensor's last message
        # what has been saved of it
        self.changed = False
        self.blocks = 0

    def take(self, batch: SipBatch) -> None:
        """Queue a sensor's messages; one captured out of order takes effect where its sensor put it."""
        if not batch.messages:
            return
        sensor, arrived, queue = batch.sensor, self.arrived, self.queue
        last = self.last_us.get(sensor, NOT_STARTED)
        for packet in batch.messages:
            time_us = packet.time_us
            if time_us < last:
                time_us = last
            else:
                last = time_us
            queue.append((time_us, sensor, arrived, packet))
            arrived += 1
        self.last_us[sensor] = last
        self.arrived = arrived
        self.in_order = False
        self.changed = True

    def until(self, clock_us: int) -> list[Queued]:
        """Take out the messages before a time, in order; all of them at the end of the capture."""
        self._sort()
        ready = len(self.queue) if clock_us >= END_OF_CAPTURE else bisect_left(self.queue, (clock_us,))
        if not ready:
            return []
        taken = self.queue[:ready]
        del self.queue[:ready]
        self.changed = True
        return taken

    def bounded_from(self) -> int | None:
        """From which time on the queue has room for all; None while it has room anyway."""
        if len(self.queue) <= bounds.QUEUE_MESSAGES:
            return None
        self._sort()
        return self.queue[-bounds.QUEUE_MESSAGES][0]

    def _sort(self) -> None:
        if not self.in_order:
            self.queue.sort()
            self.in_order = True
