"""The frames of some calls' SIP and of everything to and from given endpoints, out of a capture."""

from collections.abc import Collection

import msgspec

from capture.bounds import CUT_BYTES
from capture.cutting.endpoints import Endpoint
from capture.cutting.frames import Frame, Heard
from capture.cutting.provenance import Numbered, Provenance
from capture.cutting.scan import Scan, Sight, bytes_of
from capture.datagram import Datagram
from capture.errors import CaptureError
from capture.sip_text import Payload, classify
from protocols.sip import call_id_of


class Gathered(msgspec.Struct):
    """Frames in capture order, and what was heard in them."""

    frames: list[Frame]
    heard: list[Heard]


def sip_of(datagram: Datagram) -> bytes | None:
    """The SIP message in a datagram, None where it is none."""
    if datagram.transport != "udp":
        return datagram.payload
    if not datagram.payload or datagram.payload[0] >> 6 == 2:  # RTP or RTCP (RFC 7983)
        return None
    found, message = classify(datagram.payload, snapped=datagram.snapped)
    return message if found is Payload.SIP else None


def gather(scan: Scan, call_ids: Collection[bytes], endpoints: Collection[Endpoint]) -> Gathered:
    """Walk the capture once. Raises CaptureError where it would take too much memory."""
    gathering = _Gathering(call_ids, endpoints)
    for sight in scan:
        gathering.see(sight)
    return gathering.finish()


class _Gathering:
    def __init__(self, call_ids: Collection[bytes], endpoints: Collection[Endpoint]) -> None:
        self._call_ids = call_ids
        self._endpoints = endpoints
        self._frames: dict[int, Frame] = {}
        self._heard: list[Heard] = []
        self._bytes = 0
        self._provenance = Provenance()

    def see(self, sight: Sight) -> None:
        """Keep what is wanted of it."""
        if sight.slow and sight.frame < len(sight.block.offset):
            self._provenance.feed((sight.ordinal, _frame(sight)))
        for datagram in sight.datagrams:
            message = sip_of(datagram)
            if message is not None:
                if call_id_of(message) not in self._call_ids:
                    continue
            elif not self._touches(datagram):
                continue
            numbered = self._provenance.of(datagram) if sight.slow else [(sight.ordinal, _frame(sight))]
            self._keep(datagram, message, numbered)

    def _touches(self, datagram: Datagram) -> bool:
        return (datagram.src_ip, datagram.src_port) in self._endpoints or (
            datagram.dst_ip,
            datagram.dst_port,
        ) in self._endpoints

    def _keep(self, datagram: Datagram, message: bytes | None, numbered: list[Numbered]) -> None:
        for ordinal, frame in numbered:
            if ordinal not in self._frames:
                self._frames[ordinal] = frame
                self._bytes += len(frame.data)
        if self._bytes > CUT_BYTES:
            raise CaptureError(
                f"the call and those at its endpoints take over {CUT_BYTES >> 30} GB of packets: cut the "
                "capture by time first (editcap -A -B)"
            )
        self._heard.append(
            Heard(
                datagram.time_ns,
                datagram.src_ip,
                datagram.src_port,
                datagram.dst_ip,
                datagram.dst_port,
                datagram.transport,
                datagram.dscp,
                datagram.ttl,
                datagram.vlan,
                datagram.ip_id,
                datagram.payload if message is None else message,
                datagram.length,
                message is not None,
                tuple(ordinal for ordinal, _ in numbered),
            )
        )

    def finish(self) -> Gathered:
        """Everything in capture order, frames numbered from 0."""
        order = sorted(self._frames)
        return renumbered([self._frames[ordinal] for ordinal in order], order, self._heard)


def renumbered(frames: list[Frame], numbers: list[int], heard: list[Heard]) -> Gathered:
    """`heard` with indexes into `frames` in place of `numbers`, those frames' numbers before."""
    place = {number: index for index, number in enumerate(numbers)}
    return Gathered(
        frames,
        [
            msgspec.structs.replace(each, frames=tuple(place[number] for number in each.frames))
            for each in heard
        ],
    )


def _frame(sight: Sight) -> Frame:
    block, at = sight.block, sight.frame
    return Frame(int(block.time_ns[at]), block.link_type, bytes_of(block, at), int(block.original[at]))
