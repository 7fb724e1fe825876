"""A call's SIP and streams as the steps of a ladder."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from offhook.bounds import LADDER_STREAMS
from offhook.output.call.message_words import message_words
from offhook.output.call.story import CallStory
from offhook.output.ladder import Endpoint, Step
from schemas.cdr import CallRecord, SipEvent, StreamRecord
from schemas.sip_messages import SipPacket
from streams.addresses import address_text
from streams.bounds import SIP_EVENTS_FIRST

_Key = tuple[int, str, int, str, int]


class Messages:
    """The packets of a call by when and where they were heard, to find an event's text."""

    def __init__(self, packets: Iterable[SipPacket]) -> None:
        self._packets: dict[_Key, list[SipPacket]] = defaultdict(list)
        for packet in packets:
            source, target = address_text(packet.src_ip), address_text(packet.dst_ip)
            key = packet.time_us, source, packet.src_port, target, packet.dst_port
            self._packets[key].append(packet)

    def take(self, event: SipEvent) -> SipPacket | None:
        """The event's packet; of several heard at once, each is given once, in their order."""
        key = event.time, event.src_ip, event.src_port, event.dst_ip, event.dst_port
        packets = self._packets.get(key)
        return packets.pop(0) if packets else None


def endpoints_of(record: CallRecord) -> dict[tuple[str, int, str], Endpoint]:
    """The column of each (address, port, transport) of the call's SIP, in order of their first message.

    Over TCP the ports of a client say nothing: the columns are hosts, unless a host speaks to itself.
    """
    to_itself = {event.src_ip for event in record.sip_events if event.src_ip == event.dst_ip}
    by_datagram: dict[str, set[int]] = defaultdict(set)
    for address, port, transport in _addresses(record.sip_events):
        if transport == "udp":
            by_datagram[address].add(port)
    columns: dict[tuple[str, int, str], Endpoint] = {}
    for address, port, transport in _addresses(record.sip_events):
        shown: int | None = port
        if transport != "udp" and address not in to_itself:
            known = by_datagram.get(address, set())
            shown = next(iter(known)) if len(known) == 1 else None
        columns.setdefault((address, port, transport), Endpoint(address, shown))
    return columns


def _addresses(events: Iterable[SipEvent]) -> Iterator[tuple[str, int, str]]:
    for event in events:
        yield event.src_ip, event.src_port, event.transport
        yield event.dst_ip, event.dst_port, event.transport


def sip_steps(story: CallStory, columns: dict[tuple[str, int, str], Endpoint]) -> list[Step]:
    """A step a message; one that says so where the record left messages out."""
    record = story.record
    messages = Messages(story.packets or ())
    notes = _Notes(record.sip_events)
    steps = []
    for number, event in enumerate(record.sip_events):
        if number == SIP_EVENTS_FIRST and record.sip_events_omitted:
            text = f"… {record.sip_events_omitted:,} messages left out …"
            steps.append(Step(event.time, None, None, text, "yellow"))
        steps.append(
            Step(
                event.time,
                columns[event.src_ip, event.src_port, event.transport],
                columns[event.dst_ip, event.dst_port, event.transport],
                said(event.method, event.status, event.reason),
                message_style(event.method, event.status),
                notes.of(event, messages.take(event)),
                again=event.retransmission,
            )
        )
    return steps


def said(method: str, status: int | None, reason: str | None) -> str:
    """The method, or status and reason."""
    return method if status is None else f"{status} {reason or ''}".rstrip()


def message_style(method: str, status: int | None) -> str:
    """Requests bold, those that end a call in their own colour; answers by their class."""
    if status is None:
        return "bold magenta" if method in ("BYE", "CANCEL") else "bold"
    return "red" if status >= 400 else "yellow" if status >= 300 else "green" if status >= 200 else "cyan"


class _Notes:
    """What stands beside each message; a session description that a hop carries on is said once."""

    def __init__(self, events: Sequence[SipEvent]) -> None:
        self._several = len({event.transport for event in events}) > 1
        self._said: dict[tuple[str, int | None, int | None], list[str]] = {}

    def of(self, event: SipEvent, packet: SipPacket | None) -> list[str]:
        marks = [] if event.cseq is None else [_cseq(event)]
        marks += [event.transport] if self._several else []
        marks += [f"hop {event.hop + 1}"] if event.hop else []
        marks += ["again"] if event.retransmission else []
        if packet is None:
            return [" · ".join([*marks, "SDP"] if event.sdp else marks)]
        words, session = message_words(packet)
        key = event.method, event.status, event.cseq
        if session and self._said.get(key) == session:
            words, session = [*words, "same SDP"], []
        elif session:
            self._said[key] = session
        return [note for note in (" · ".join((*marks, *words)), *session) if note]


def _cseq(event: SipEvent) -> str:
    return f"CSeq {event.cseq}" if event.status is None else f"CSeq {event.cseq} {event.method}"


def media_steps(
    record: CallRecord, columns: dict[tuple[str, int, str], Endpoint], lanes: Sequence[Endpoint]
) -> list[Step]:
    """A step a stream where it begins, between the columns of its hosts where both have one."""
    by_host: dict[str, list[Endpoint]] = defaultdict(list)
    for endpoint in lanes:
        by_host[endpoint.address].append(endpoint)
    caller = columns.get((record.src_ip, record.src_port, record.transport))
    callee = columns.get((record.dst_ip, record.dst_port, record.transport))
    steps = []
    for stream in record.streams[:LADDER_STREAMS]:
        ends = (caller, callee) if stream.side != "b" else (callee, caller)
        source = _lane(by_host[stream.src_ip], ends[0], last=stream.side == "b")
        target = _lane(by_host[stream.dst_ip], ends[1], last=stream.side != "b")
        if source is None or target is None:
            source = target = None
        steps.append(_media_step(stream, source, target))
    return steps


def _lane(lanes: list[Endpoint], preferred: Endpoint | None, *, last: bool) -> Endpoint | None:
    """Of a host's columns the one where this end of the call has its SIP."""
    if preferred in lanes:
        return preferred
    return lanes[-1 if last else 0] if lanes else None


def _media_step(stream: StreamRecord, source: Endpoint | None, target: Endpoint | None) -> Step:
    kind = "UDPTL" if stream.media == "image" else "SRTP" if stream.encrypted else "RTP"
    label = " ".join(filter(None, (kind, stream.codec or "")))
    said = ["early" if stream.early else "", f"{stream.packets:,} packets"]
    if stream.mos is not None:
        said.append(f"MOS {'~' if stream.mos_approximate else ''}{stream.mos:.2f}")
    if source is None:
        said.insert(0, {"a": "caller", "b": "callee"}.get(stream.side or "", ""))
        said.append(f"{stream.src_ip}:{stream.src_port} → {stream.dst_ip}:{stream.dst_port}")
    notes = [" · ".join(filter(None, said))]
    return Step(stream.first_time, source, target, label, "bright_blue", notes, media=True)


def media_hosts(record: CallRecord, lanes: Sequence[Endpoint]) -> list[Endpoint]:
    """Hosts of the call's streams that have no column yet."""
    known = {endpoint.address for endpoint in lanes}
    found: dict[str, None] = {}
    for stream in record.streams[:LADDER_STREAMS]:
        found |= dict.fromkeys(ip for ip in (stream.src_ip, stream.dst_ip) if ip not in known)
    return [Endpoint(address, None) for address in found]


def merged(sip: Sequence[Step], media: Sequence[Step]) -> list[Step]:
    """Both in order of time; a message before a stream of its time."""
    return sorted((*sip, *media), key=lambda step: (step.time, step.media))


def by_host(steps: Iterable[Step]) -> list[Step]:
    """The same steps between hosts, whatever their ports."""
    return [
        step
        if step.source is None or step.target is None
        else replace(
            step, source=Endpoint(step.source.address, None), target=Endpoint(step.target.address, None)
        )
        for step in steps
    ]
