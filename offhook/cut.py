"""One call out of captures: its record, messages and media, as the whole capture tells them."""

import re
from collections.abc import Iterator, Sequence, Set
from ipaddress import ip_address
from typing import Final

import msgspec

from capture.block import Source
from capture.cutting.connections import connecting
from capture.cutting.directory import Directory
from capture.cutting.endpoints import Endpoint
from capture.cutting.frames import Frame, FrameSource, Heard
from capture.cutting.gather import Gathered, gather, renumbered
from capture.cutting.memory import Memory, stretches
from capture.cutting.scan import Scan
from capture.cutting.search import directory_of
from offhook.cut_inputs import rereadable
from offhook.cut_media import OwnMedia, Span, sharing_media, time_us
from offhook.errors import CommandError
from offhook.ids import LEAST, none_named, several_named
from offhook.inputs import opened
from offhook.pipeline import Analysis
from offhook.rows import WindowRow
from offhook.settings import Settings
from protocols.secrets import mask_secrets
from protocols.sip import call_id_of
from schemas.cdr import CallRecord, StreamRecord
from schemas.sip_messages import SipPacket

_CDR_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]*)?|[0-9a-f]{6,7}", re.IGNORECASE)
_ETHERNET, _ARP = 1, bytes(12) + b"\x08\x06"


class CutError(CommandError):
    """No such call, or more than one."""


class Cut(msgspec.Struct):
    """One Call-ID out of captures.

    `records`: its calls, one for each From tag, as the analysis of the whole capture gives them, `windows`
    those of their streams; `sharing` the Call-IDs of other calls that share one of them, whose SIP is here
    too; `frames` what carried it, in capture order; `heard` the SIP messages, media,
    RTCP and other datagrams in these frames (with secrets as captured), in the order they were completed;
    `last_ns` the time of the latest frame of the whole capture; `unread` which of several could not be read.
    """

    call_id: str
    records: list[CallRecord]
    windows: list[WindowRow]
    sharing: list[str]
    frames: list[Frame]
    heard: list[Heard]
    last_ns: int
    warnings: list[str]
    unread: list[str]

    @property
    def messages(self) -> list[SipPacket]:
        """Its SIP messages by time, secrets masked."""
        own = encoded(self.call_id)
        packets = [_packet(each) for each in self.heard if each.sip and call_id_of(each.payload) == own]
        packets.sort(key=lambda packet: packet.time_us)
        return packets

    @property
    def streams(self) -> list[StreamRecord]:
        """The streams of its calls, each once."""
        return list(
            {stream.stream_id: stream for record in self.records for stream in record.streams}.values()
        )

    def packets_of(self, stream: StreamRecord) -> Iterator[Heard]:
        """The packets of one stream as captured (payload: RTP header and all), in capture order."""
        span = Span(stream)
        return (each for each in self.heard if not each.sip and span.has(each))


def cut(paths: Sequence[str], call_id: str, settings: Settings) -> Cut:
    """Cut one call out of captures. Raises CutError, or CaptureError where a capture cannot be read.

    `call_id` is a Call-ID, a cdr_id, or the beginning of either where that is unambiguous.
    """
    with rereadable(paths) as files:
        return _cut(_Cutter(files, settings, paths), call_id)


def _cut(cutter: "_Cutter", call_id: str) -> Cut:
    wanted = cutter.resolve(call_id)
    gathered = cutter.gather(wanted)
    found, windows = cutter.analyse(gathered)
    name = wanted.decode("utf-8", "surrogateescape")
    records = [record for record in found if record.call_id == name]
    sharing = sharing_media(records, found)
    kept = _belonging(gathered, {wanted, *map(encoded, sharing)}, records)
    streams = {stream.stream_id for record in records for stream in record.streams}
    windows = [window for window in windows if window.stream_id in streams]
    return Cut(
        name,
        records,
        windows,
        sharing,
        kept.frames,
        kept.heard,
        cutter.last_ns,
        cutter.warnings,
        cutter.unread,
    )


def encoded(call_id: str) -> bytes:
    """A Call-ID as it was on the wire."""
    return call_id.encode("utf-8", "surrogateescape")


class _Cutter:
    """The walks over the captures that one cut takes. `last_ns`: their latest frame's time."""

    def __init__(self, paths: Sequence[str], settings: Settings, names: Sequence[str]) -> None:
        """`names`: how the paths are called in what the reader sees."""
        self._paths, self._names = paths, names
        self._settings = settings
        self.warnings: list[str] = []
        self.unread: list[str] = []
        self._memory = Memory()
        scan = Scan(stretches(self._source()), settings.capture.sip_ports, memory=self._memory)
        self._directory = directory_of(scan, Directory(settings.calls.related_headers))
        self.last_ns = scan.last_ns or 0

    def resolve(self, text: str) -> bytes:
        """The Call-ID that is meant."""
        exact = encoded(text)
        known = self._directory.calls
        if exact in known:
            return exact
        found = [call_id for call_id in known if call_id.startswith(exact)] if len(text) >= LEAST else []
        if not found and _CDR_ID.fullmatch(text):
            found = self._of_cdr_id(text.lower())
        if len(found) == 1:
            return found[0]
        if not found:
            raise CutError("; ".join([none_named(text, ", ".join(self._names)), *self.unread[:1]]))
        raise CutError(several_named(text, [call_id.decode("utf-8", "replace") for call_id in found]))

    def gather(self, wanted: bytes) -> Gathered:
        """All that bears on the call: its SIP and that of calls it is mixed up with, and packets at its
        endpoints."""
        directory = self._directory
        endpoints = self._aliased(directory.calls[wanted].endpoints)
        call_ids = {wanted} | directory.sharing(wanted, endpoints) | directory.related(wanted)
        while True:
            gathered = gather(self._scan(call_ids, endpoints), call_ids, endpoints)
            peers = {
                peer
                for each in gathered.heard
                if not each.sip
                for peer in ((each.src_ip, each.src_port), (each.dst_ip, each.dst_port))
            }
            more = directory.sharing(wanted, peers - endpoints) - call_ids
            if not more:
                return gathered
            call_ids |= more

    def analyse(self, gathered: Gathered) -> tuple[list[CallRecord], list[WindowRow]]:
        """All records and windows. An empty last frame tells how long the capture went on."""
        clock = Frame(self.last_ns, _ETHERNET, _ARP, len(_ARP))
        source = FrameSource([*gathered.frames, clock])
        rows = list(Analysis([], self._settings, want=frozenset({"calls", "windows"}), source=source))
        records = [row for row in rows if isinstance(row, CallRecord)]
        return records, [row for row in rows if isinstance(row, WindowRow)]

    def _of_cdr_id(self, cdr_id: str) -> list[bytes]:
        """The Call-IDs of the calls whose cdr_id begins so, by an analysis of all SIP."""
        gathered = gather(self._scan(None, frozenset()), self._directory.calls.keys(), frozenset())
        analysis = Analysis(
            [], self._settings, want=frozenset({"calls"}), source=FrameSource(gathered.frames)
        )
        return [
            encoded(row.call_id)
            for row in analysis
            if isinstance(row, CallRecord) and row.cdr_id.startswith(cdr_id)
        ]

    def _scan(self, call_ids: Set[bytes] | None, endpoints: Set[Endpoint]) -> Scan:
        """Another walk over the captures, short where the first one is remembered."""
        walk = self._memory.stretches(endpoints) if self._memory.usable() else stretches(self._source())
        return Scan(walk, self._settings.capture.sip_ports, endpoints, call_ids)

    def _source(self) -> Source:
        source, self.unread = opened(self._paths)
        self.warnings = source.warnings
        return source

    def _aliased(self, endpoints: set[Endpoint]) -> set[Endpoint]:
        """Beside each endpoint its public address, where the settings name one (natalias)."""
        public: dict[bytes, list[bytes]] = {}
        for outside, inside in self._settings.media.natalias.items():
            public.setdefault(ip_address(inside).packed, []).append(ip_address(outside).packed)
        return endpoints | {(other, port) for ip, port in endpoints for other in public.get(ip, ())}


def _belonging(gathered: Gathered, call_ids: Set[bytes], records: Sequence[CallRecord]) -> Gathered:
    """Only the SIP of these calls, and the media of these records."""
    own = OwnMedia(records)
    heard = [
        each
        for each in gathered.heard
        if (call_id_of(each.payload) in call_ids if each.sip else own.has(each))
    ]
    numbers = sorted({number for each in heard for number in each.frames} | connecting(gathered, heard))
    return renumbered([gathered.frames[number] for number in numbers], numbers, heard)


def _packet(each: Heard) -> SipPacket:
    return SipPacket(
        time_us(each), each.src_ip, each.src_port, each.dst_ip, each.dst_port,
        each.transport, each.dscp, each.ttl, each.vlan, mask_secrets(each.payload),
    )  # fmt: skip
