"""What the dissector counts: kinds of packets, and every discard with its reason."""

from typing import Final

from capture import layout as at
from capture.slow.counters import MEANING as SLOW_MEANING

PACKETS: Final[dict[int, tuple[str, str]]] = {
    at.COUNT_RTP: ("rtp", "RTP packets of recognised streams"),
    at.COUNT_RTCP: ("rtcp", "RTCP packets"),
    at.COUNT_UDPTL: ("udptl", "UDPTL (T.38 fax) packets"),
    at.COUNT_STUN: ("stun", "STUN packets"),
    at.COUNT_DTLS: ("dtls", "DTLS packets"),
    at.COUNT_TURN: ("turn", "TURN channel data (not looked into)"),
    at.COUNT_UNCONFIRMED: ("rtp_unconfirmed", "packets like RTP, of streams without two in sequence"),
    at.COUNT_OTHER_UDP: ("other_udp", "UDP packets of other protocols"),
    at.COUNT_EMPTY_UDP: ("empty_udp", "UDP packets without payload"),
    at.COUNT_OTHER_TCP: ("other_tcp", "TCP segments that carry no SIP"),
    at.COUNT_NOT_UDP: ("other_ip", "IP packets that carry no UDP, TCP or SCTP with SIP"),
    at.COUNT_NOT_IP: ("not_ip", "frames that carry no IP"),
    at.COUNT_SLOW: ("slow", "frames with fragments, tunnels or streams, taken apart one by one"),
}
"""Kinds of packets, by their place in the kernel's counters: name and meaning."""

DISCARDS: Final[dict[int, tuple[str, str]]] = {
    at.COUNT_MALFORMED: ("malformed", "packets with a header that contradicts itself"),
    at.COUNT_TRUNCATED: ("truncated", "packets that the capture cut inside a header"),
    at.COUNT_COPIES: ("capture_copies", "RTP packets dropped: the same packet was captured again"),
    at.COUNT_MISORDERED: (
        "misordered",
        "packets over 1 s older than one captured before them (`reordercap` puts a file in order)",
    ),
    at.COUNT_FLOWS_EVICTED: ("flows_evicted", "RTP flows forgotten: more than flows_max at once"),
    at.COUNT_FLOWS_REFUSED: ("flows_refused", "packets of new RTP flows dropped: the flow table is full"),
}

OTHERS: Final[dict[str, str]] = {
    "sip": "SIP messages",
    "sip_keepalives": "keep-alives on SIP connections: line ends or zeros alone",
    "not_sip": "packets on SIP ports that are not SIP",
    "bad_time": "packets whose time is far from those around them; given the time of the packet before",
    "clock_steps": "times that packet time went back by over 60 s",
    "kernel": "packets the kernel dropped: the capture read its ring too slowly",
    "interface": "packets that the network card or its driver lost",
    "away": "packets that passed while the sensor was not running",
    "interface_down": "seconds in which an interface that had been up was down, or without a link",
    "sort_buffer_full": "times the sort buffer was sent out early: too many packets in one second",
}

KINDS: Final = frozenset([name for name, _ in PACKETS.values()] + ["sip", "sip_keepalives"])
"""Counters that say what was seen; the others say what was lost or is odd."""

_OWN: Final[dict[str, str]] = dict([*PACKETS.values(), *DISCARDS.values()]) | OTHERS

MEANING: Final[dict[str, str]] = SLOW_MEANING | _OWN
"""Every counter of a sensor, those of the slow path among them, in words."""


def zeros() -> dict[str, int]:
    """A counter for each name of the dissector's."""
    return dict.fromkeys(_OWN, 0)
