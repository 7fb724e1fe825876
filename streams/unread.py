"""Batches that a stage never read, because the log forgot them first: their numbers are missing."""

from collections import Counter
from typing import Final

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
