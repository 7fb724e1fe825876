"""What never came: batches that the log forgot before they were read, packets that a sensor lost."""

from collections import Counter
from typing import Final, NamedTuple

from schemas.clock import END_OF_CAPTURE, NOT_STARTED
from schemas.media_windows import Unread
from schemas.rtcp_packets import RtcpBatch
from schemas.rtp_packets import RtpBatch
from schemas.sip_messages import SipBatch
from streams.clock import SiteClock

COUNTERS: Final[dict[type, str]] = {
    SipBatch: "sip-batches-unread",
    RtpBatch: "rtp-batches-unread",
    RtcpBatch: "rtcp-batches-unread",
}


class Drop(NamedTuple):
    """Packets that a sensor lost between two times, µs."""

    from_us: int
    to_us: int
    packets: int
    sensor: str


def began_anew(batch: SipBatch | RtpBatch | RtcpBatch, clock: SiteClock) -> bool:
    """Whether a sensor's batch is of another life than the one before; asked before `clock` hears it."""
    return batch.serial < clock.serials.get(batch.sensor, 0)


def unread_before(
    batch: SipBatch | RtpBatch | RtcpBatch, clock: SiteClock, counters: Counter[str]
) -> Unread | None:
    """What is missing before a sensor's batch, counted; to be asked before `clock` hears the batch.

    Number 0 begins anew: what was missing at the end of the sensor's former life is not found out.
    """
    last = clock.serials.get(batch.sensor, -1)
    clock.serials[batch.sensor] = batch.serial
    if batch.serial in (0, last + 1):
        return None
    counters[COUNTERS[type(batch)]] += batch.serial - last - 1 if batch.serial > last else batch.serial
    since = clock.marks.get(batch.sensor, NOT_STARTED)
    return Unread(since if since < END_OF_CAPTURE else NOT_STARTED, batch.clock_us)


def dropped_before(batch: SipBatch, clock: SiteClock) -> list[Drop]:
    """What a sensor lost before a batch; to be asked before `clock` hears the batch.

    Of a sensor that never spoke nothing is missing since it last did: what passed before it began is no
    loss, calls of then say that their start was not seen.
    """
    last = clock.marks.get(batch.sensor, NOT_STARTED)
    spoke = NOT_STARTED < last < END_OF_CAPTURE
    return [
        Drop(last if each.from_us == NOT_STARTED else each.from_us, each.to_us, each.packets, batch.sensor)
        for each in batch.dropped
        if spoke or each.from_us > NOT_STARTED
    ]
