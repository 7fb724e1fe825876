"""Everything the slow path discards or repairs, each with a counter and its meaning."""

from typing import Final

LINK_TYPE_UNKNOWN: Final = "link_type_unknown"
NOT_IP: Final = "not_ip"
NOT_TRANSPORT: Final = "not_transport"
ENCRYPTED: Final = "encrypted"
MALFORMED: Final = "malformed"
TRUNCATED: Final = "truncated"
TOO_DEEP: Final = "too_deep"
UDP_BAD_LENGTH: Final = "udp_bad_length"
FRAGMENT_TIMEOUT: Final = "fragment_timeout"
FRAGMENT_EVICTED: Final = "fragment_evicted"
FRAGMENT_MALFORMED: Final = "fragment_malformed"
FRAGMENT_DUPLICATE: Final = "fragment_duplicate"
FRAGMENT_OVERLAP: Final = "fragment_overlap"
TCP_NOT_SIP: Final = "tcp_not_sip"
TCP_GAP: Final = "tcp_gap"
TCP_OUT_OF_WINDOW: Final = "tcp_out_of_window"
TCP_RESTART: Final = "tcp_restart"
TCP_EVICTED: Final = "tcp_evicted"
TCP_IDLE: Final = "tcp_idle"
SIP_RESYNC: Final = "sip_resync"
SIP_CUT: Final = "sip_cut"
SIP_NO_LENGTH: Final = "sip_no_length"
SIP_TOO_LONG: Final = "sip_too_long"
WS_MALFORMED: Final = "ws_malformed"
WS_COMPRESSED: Final = "ws_compressed"
WS_NOT_SIP: Final = "ws_not_sip"
SCTP_NOT_SIP: Final = "sctp_not_sip"
SCTP_DUPLICATE: Final = "sctp_duplicate"
SCTP_INCOMPLETE: Final = "sctp_incomplete"

MEANING: Final[dict[str, str]] = {
    LINK_TYPE_UNKNOWN: "frames of a link type that is not read",
    NOT_IP: "frames that carry no IP: ARP, spanning tree, PPP control, GRE keep-alives, 802.11 management",
    NOT_TRANSPORT: "IP packets that carry no UDP, TCP or SCTP: ICMP, IGMP, routing protocols, no next header",
    ENCRYPTED: "ESP packets, and frames of MACsec or encrypted 802.11",
    MALFORMED: "frames with a header that contradicts itself or ends before its protocol says",
    TRUNCATED: "frames that the capture cut inside a header",
    TOO_DEEP: "frames with more nested headers than the bound",
    UDP_BAD_LENGTH: "UDP datagrams dropped: their length is below 8 or beyond the IP payload",
    FRAGMENT_TIMEOUT: "datagrams given up: a fragment never came",
    FRAGMENT_EVICTED: "datagrams given up: too many, or too many bytes, in reassembly",
    FRAGMENT_MALFORMED: "fragments dropped: contradictory length, over 65,535 bytes, or too many pieces",
    FRAGMENT_DUPLICATE: "fragments dropped: all their bytes were there",
    FRAGMENT_OVERLAP: "fragments of which only a part was new; the first copy of a byte wins",
    TCP_NOT_SIP: "TCP segments with payload of connections that do not carry SIP",
    TCP_GAP: "holes in a SIP stream that were never filled, or that the capture's snap length made",
    TCP_OUT_OF_WINDOW: "TCP segments dropped: far from the sequence number their connection is at",
    TCP_RESTART: "TCP directions begun anew: port used again, or sequence number far away",
    TCP_EVICTED: "TCP connections forgotten: too many",
    TCP_IDLE: "TCP connections forgotten: idle",
    SIP_RESYNC: "times a SIP stream was out of step and was searched for the next start line",
    SIP_CUT: "SIP messages of a stream lost, or handed on without the end of their body, because of a hole",
    SIP_NO_LENGTH: "SIP messages of a stream without a Content-Length that can be used",
    SIP_TOO_LONG: "SIP heads over the bound (dropped) and bodies over the bound (cut)",
    WS_MALFORMED: "times a WebSocket stream was out of step",
    WS_COMPRESSED: "WebSocket messages dropped: compressed",
    WS_NOT_SIP: "WebSocket messages that are not SIP",
    SCTP_NOT_SIP: "SCTP messages that are not SIP",
    SCTP_DUPLICATE: "SCTP DATA chunks seen before",
    SCTP_INCOMPLETE: "fragments of SCTP messages that never were whole",
}


def zeros() -> dict[str, int]:
    """A fresh set of counters."""
    return dict.fromkeys(MEANING, 0)
