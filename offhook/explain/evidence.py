"""What the findings are made of: the survey, SIP by pairs of addresses, announcements, calls and streams."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import chain

import msgspec

from capture.merge import merge
from capture.reorder import Reordered
from offhook.bounds import (
    EXPLAIN_ANNOUNCEMENTS,
    EXPLAIN_CALL_IDS,
    EXPLAIN_CALLS,
    EXPLAIN_PAIRS,
    EXPLAIN_STREAMS,
)
from offhook.explain.flows import End
from offhook.explain.survey import Survey, Surveyed
from offhook.inputs import readable
from offhook.pipeline import Analysis
from offhook.settings import Settings
from protocols import sdp, sip
from schemas.cdr import CallRecord, StreamRecord
from schemas.registrations import Registration
from schemas.sip_messages import SipBatch, SipPacket
from streams.addresses import address_text

REQUESTS, RESPONSES = 1, 2


class Announced(msgspec.Struct, frozen=True, gc=False):
    """A call said that one of its sides listens here. `sip_ip` is where the message came from."""

    call_id: str
    by_caller: bool
    at: End
    kind: str
    direction: str
    sip_ip: str
    time_us: int


class Pair(msgspec.Struct, gc=False):
    """The SIP that one address sent to another."""

    requests: Counter[str]
    responses: int = 0
    first_us: int = 0
    within_dialog: int = 0  # requests that say an answer was heard: ACK, credentials, a To tag
    transports: set[str] = set()
    call_ids: set[str] = set()  # some of them


class Evidence:
    """Everything that is known of captures when they have been read."""

    def __init__(self) -> None:
        self.survey = Survey()
        self.counters: dict[str, int] = {}
        self.warnings: list[str] = []
        self.unread: list[str] = []
        self.sip_ports: frozenset[int] = frozenset()
        self.pairs: dict[tuple[str, str], Pair] = {}
        self.sides: dict[str, int] = {}  # Call-ID: requests seen, responses seen
        self.methods: Counter[str] = Counter()
        self.announced: dict[str, list[Announced]] = {}
        self.calls: list[CallRecord] = []
        self.unmatched: list[StreamRecord] = []
        self.registrations: list[Registration] = []
        self._from_tags: dict[str, str] = {}

    @classmethod
    def of(cls, paths: Sequence[str], settings: Settings) -> "Evidence":
        """Read captures; CaptureError where none can be."""
        found = cls()
        found.sip_ports = frozenset(settings.capture.sip_ports)
        files, found.unread = readable(paths)
        source = Surveyed(merge(files), found.survey)
        wanted = frozenset({"calls", "streams", "registrations"})
        analysis = Analysis(paths, settings, want=wanted, source=source)
        analysis.on_sip = found.hear
        for row in analysis:
            found.take(row)
        found.counters, found.warnings = analysis.summary.counters, analysis.summary.warnings
        for file in files:
            if isinstance(file, Reordered):
                found.survey.read_in_order(file.times)
                found.warnings.remove(file.said)
        return found

    def take(self, row: object) -> None:
        """A row of the analysis."""
        if isinstance(row, CallRecord):
            if len(self.calls) < EXPLAIN_CALLS:
                self.calls.append(row)
        elif isinstance(row, StreamRecord):
            if row.cdr_id is None and len(self.unmatched) < EXPLAIN_STREAMS:
                self.unmatched.append(row)
        elif isinstance(row, Registration) and len(self.registrations) < EXPLAIN_CALLS:
            self.registrations.append(row)

    # SIP as it was heard

    def hear(self, batch: SipBatch) -> None:
        """A batch of SIP."""
        for packet in batch.messages:
            try:
                message = sip.parse(packet.raw)
            except sip.SipError:
                continue
            self._pair(packet, message)
            if message.body and (body := message.sdp) is not None:
                self._announce(packet, message, body)

    def _pair(self, packet: SipPacket, message: sip.SipMessage) -> None:
        key = address_text(packet.src_ip), address_text(packet.dst_ip)
        pair = self.pairs.get(key)
        if pair is None:
            if len(self.pairs) >= EXPLAIN_PAIRS:
                return
            pair = self.pairs[key] = Pair(Counter(), first_us=packet.time_us)
        pair.transports.add(packet.transport)
        if message.is_request:
            pair.requests[message.method] += 1
            self.methods[message.method] += 1
            pair.within_dialog += message.method == "ACK" or bool(message.to_tag) or message.has_credentials
        else:
            pair.responses += 1
        call_id = message.call_id
        if len(pair.call_ids) < EXPLAIN_PAIRS:
            pair.call_ids.add(call_id)
        if call_id in self.sides or len(self.sides) < EXPLAIN_CALL_IDS:
            bit = REQUESTS if message.is_request else RESPONSES
            self.sides[call_id] = self.sides.get(call_id, 0) | bit

    def _announce(self, packet: SipPacket, message: sip.SipMessage, body: bytes) -> None:
        known = self.announced.get(message.call_id)
        if known is None:
            if len(self.announced) >= EXPLAIN_CALLS:
                return
            known = self.announced[message.call_id] = []
            self._from_tags[message.call_id] = message.from_tag
        if len(known) >= EXPLAIN_ANNOUNCEMENTS:
            return
        try:
            description = sdp.parse(body)
        except sdp.SdpError:
            return
        asked_by_caller = message.from_tag == self._from_tags[message.call_id]
        for media in description.media:
            if media.port and media.kind in ("audio", "image", "video") and media.ip:
                known.append(
                    Announced(
                        message.call_id,
                        asked_by_caller == message.is_request,
                        (address_text(media.ip), media.port),
                        media.kind,
                        media.direction,
                        address_text(packet.src_ip),
                        packet.time_us,
                    )
                )

    # what others ask

    @property
    def sip_messages(self) -> int:
        """All that were read."""
        return sum(pair.responses + pair.requests.total() for pair in self.pairs.values())

    @cached_property
    def stream_ends(self) -> set[tuple[End, End]]:
        """Source and destination of every stream; ask when all rows have been taken."""
        streams = chain(chain.from_iterable(call.streams for call in self.calls), self.unmatched)
        return {((each.src_ip, each.src_port), (each.dst_ip, each.dst_port)) for each in streams}
