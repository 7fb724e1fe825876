"""Steps of kernels that tell what a UDP datagram is by its first bytes (RFC 7983, RFC 5761 4).

`pay`: first byte of the payload; `size`: its bytes on the wire, `have` of them captured; `first`: its first
byte, `word` its first four.
"""
# ruff: noqa: PLR1714, SIM109  (plain comparisons compile to the shortest code)

from typing import Final

from capture.layout import H_PORT, HINT_WORDS
from kernels import Array, I, U, inlined, seldom
from kernels.octets import u16

# what SIP begins with: four bytes of a method (RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086) or of SIP/
ACK: Final = int.from_bytes(b"ACK ", "big")
BYE: Final = int.from_bytes(b"BYE ", "big")
CANCEL: Final = int.from_bytes(b"CANC", "big")
INFO: Final = int.from_bytes(b"INFO", "big")
INVITE: Final = int.from_bytes(b"INVI", "big")
MESSAGE: Final = int.from_bytes(b"MESS", "big")
NOTIFY: Final = int.from_bytes(b"NOTI", "big")
OPTIONS: Final = int.from_bytes(b"OPTI", "big")
PRACK: Final = int.from_bytes(b"PRAC", "big")
PUBLISH: Final = int.from_bytes(b"PUBL", "big")
REFER: Final = int.from_bytes(b"REFE", "big")
REGISTER: Final = int.from_bytes(b"REGI", "big")
STATUS: Final = int.from_bytes(b"SIP/", "big")
SUBSCRIBE: Final = int.from_bytes(b"SUBS", "big")
UPDATE: Final = int.from_bytes(b"UPDA", "big")
GET: Final = int.from_bytes(b"GET ", "big")
"""What a WebSocket begins with."""

VXLAN: Final = 4789
VXLAN_OLD: Final = 8472
VXLAN_GPE: Final = 4790
GENEVE: Final = 6081
GTP: Final = 2152
TEREDO: Final = 3544
L2TP: Final = 1701
TZSP: Final = 37008
MPLS_IN_UDP: Final = 6635
GRE_IN_UDP: Final = 4754

SENDER_REPORT: Final = 200


@inlined
def begins_sip(word: int) -> bool:
    """Whether a SIP message may begin with these four bytes."""
    return (
        word == STATUS or word == INVITE or word == ACK or word == BYE or word == CANCEL
        or word == REGISTER or word == OPTIONS or word == PRACK or word == SUBSCRIBE
        or word == NOTIFY or word == PUBLISH or word == INFO or word == REFER
        or word == MESSAGE or word == UPDATE
    )  # fmt: skip


@inlined
def is_stun(b: Array, pay: int, have: int, size: int, first: int, word: int) -> bool:
    """Whether it is STUN: by the magic cookie (RFC 8489), or as RFC 3489 had it."""
    return first < 4 and have >= 8 and size >= 20 and (
        (b[U(pay + 4)] == 0x21 and b[U(pay + 5)] == 0x12
         and b[U(pay + 6)] == 0xA4 and b[U(pay + 7)] == 0x42)
        or ((word & 0xFFFF) + 20 == size and (word >> 16) & 0xFEEC == 0 and (word >> 16) & 0x3 != 0)
    )  # fmt: skip


@inlined
def is_dtls(b: Array, pay: int, have: int, size: int, first: int) -> bool:
    """Whether it is a DTLS record."""
    return (
        20 <= first < 64 and have >= 3 and size >= 13
        and b[U(pay + 1)] == 0xFE and b[U(pay + 2)] >= 0xFD
    )  # fmt: skip


@inlined
def is_turn(have: int, size: int, first: int, word: int) -> bool:
    """Whether it is a TURN channel message (RFC 8656 12.4)."""
    return 64 <= first < 80 and have >= 4 and (word & 0xFFFF) + 4 <= size


@inlined
def is_rtcp(b: Array, pay: int, have: int, size: int) -> bool:
    """Whether a datagram of version 2 is RTCP: by type and length of its first packet."""
    if have < 8 or not 192 <= b[U(pay + 1)] <= 223:
        return False
    kind = I(b[U(pay + 1)])
    words = u16(b, pay + 2)
    return (
        (200 <= kind <= 213 or 192 <= kind <= 195)
        and (words + 1) * 4 <= size
        and words >= (6 if kind == SENDER_REPORT else 1)
    )


@inlined
def carries_packets(b: Array, pay: int, have: int, first: int, word: int, sport: int, dport: int) -> bool:
    """Whether it is a tunnel, by port and first bytes, where these are not those of RTP."""
    return have >= 8 and (
        (first & 8 != 0 and (dport == VXLAN or (dport == VXLAN_OLD and b[U(pay + 7)] == 0)))
        or (dport == VXLAN_GPE and first & 0xF0 == 0 and first & 12 != 0)
        or (dport == GENEVE and first >> 6 == 0 and b[U(pay + 7)] == 0)
        or ((dport == GTP or sport == GTP) and first >> 4 == 3 and b[U(pay + 1)] == 255)
        or ((dport == TEREDO or sport == TEREDO)
            and (first >> 4 == 6 or (first == 0 and b[U(pay + 1)] < 2)))
        or ((dport == L2TP or sport == L2TP) and (word >> 16) & 0x800F == 2)
        or (dport == TZSP and first == 1)
        or dport == MPLS_IN_UDP
        or dport == GRE_IN_UDP
    )  # fmt: skip


@inlined
def carries_packets_like_rtp(b: Array, pay: int, first: int, dport: int) -> bool:
    """Whether it is a tunnel that may begin as RTP does: VXLAN with group policy, GRE, MPLS."""
    return (
        (first & 8 != 0 and (dport == VXLAN or (dport == VXLAN_OLD and b[U(pay + 7)] == 0)))
        or (dport == GRE_IN_UDP and b[U(pay + 1)] == 0
            and (b[U(pay + 2)] == 8 or b[U(pay + 2)] == 0x65 or b[U(pay + 2)] >> 4 == 8))
        or dport == MPLS_IN_UDP
    )  # fmt: skip


@seldom
def offers_udptl(b: Array, pay: int, have: int) -> bool:
    """Whether the text speaks of "udptl", in small letters or capitals."""
    run = 0
    for j in range(pay, pay + have):
        letter = b[U(j)] | 32
        if letter == 0x75:  # u
            run = 1
        elif run == 1 and letter == 0x64:  # d
            run = 2
        elif run == 2 and letter == 0x70:  # p
            run = 3
        elif run == 3 and letter == 0x74:  # t
            run = 4
        elif run == 4 and letter == 0x6C:  # l
            return True
        else:
            run = 0
    return False


@seldom
def is_hinted(b: Array, p: int, sport: int, dport: int, ipv6: int, hints: Array, hint_count: int) -> int:
    """1 where one of the ends of the datagram at `p` is a receiver of UDPTL that SDP announced."""
    hinted = 0
    for h in range(hint_count):
        hint_port = hints[U(h * HINT_WORDS + H_PORT)]
        for side in range(2):
            if hint_port == (dport << 1 | ipv6 if side == 0 else sport << 1 | ipv6):
                width = 4 + 12 * ipv6
                a = p + 12 - 4 * ipv6
                if side == 0:
                    a += width
                same = 1
                for j in range(width):
                    known = hints[U(h * HINT_WORDS + (j >> 3))] >> ((j & 7) << 3)
                    if known & 255 != I(b[U(a + j)]):
                        same = 0
                hinted |= same
    return hinted
