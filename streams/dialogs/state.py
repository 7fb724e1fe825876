"""What the dialogs keep of a call beside what the records read."""

import msgspec

from schemas.media_endpoints import EndpointOpened
from streams.dialogs.call import Call

ContentKey = tuple[int, str, int, str, str]
"""CSeq number, method, status, To tag, side whose From it is: one message on all its hops."""

HopKey = tuple[ContentKey, int, str, int]
"""The same on one hop: hop, branch, checksum of the body."""

ListenKey = tuple[str, int, str, int]
"""Side, hop, branch, number of the media in its session description."""


class Content(msgspec.Struct, array_like=True, gc=False):
    """A message: where it was heard first, when last there, and how often again where it was heard most."""

    sensor: int
    first_us: int
    last_us: int
    hop: int
    branch: str
    checksum: int
    again: int = 0  # there
    again_most: int = 0  # on any hop, by any sensor
    corrected: bool = False  # its time is now that of the call's own sensor


class Heard(msgspec.Struct, array_like=True, gc=False):
    """A message on another hop, or by another sensor."""

    sensor: int
    last_us: int
    again: int = 0


class Listening(msgspec.Struct, array_like=True, gc=False):
    """An endpoint a side listens on now; not announced where another hop has announced the same."""

    opened: EndpointOpened
    announced: bool


class CallState(msgspec.Struct, gc=False):
    """A call and the dialogs' own bookkeeping. Changed in place."""

    call: Call
    serial: int  # calls of a site in order of creation
    due_us: int = 0  # next timer
    queued_us: int = 0  # the timer entry in the site's heap
    absolute_us: int = 0
    closed_us: int | None = None
    forgotten: bool = False  # the records need it no more
    gone: bool = False  # no message finds it any more
    contents: dict[ContentKey, Content] = {}
    on_hops: dict[HopKey, Heard] = {}  # after the first
    by_sensors: dict[tuple[int, HopKey], Heard] = {}  # after the first
    ahead: dict[int, int] = {}  # µs that a sensor hears the same later than the call's own, by its number
    hop_of: dict[tuple[bytes, int, bytes, int], int] = {}
    pending: dict[tuple[int, int, str], int] = {}  # INVITE without final: hop, CSeq, branch; its time
    invite_cseq: int = -1  # highest CSeq of an initial INVITE
    invite_last_us: int | None = None  # last INVITE heard, again or not
    established: bool = False  # a 2xx, or an ACK that says there was one
    answered: dict[str, int] = {}  # To tags that sent a 2xx: the hop it was heard on first
    offer_cseq: int = -1  # CSeq of the last request that carried an offer
    listening: dict[ListenKey, Listening] = {}
    bodies: dict[tuple[str, int, str], int] = {}  # checksum of the last session description
    hold_said_by: dict[str, str] = {}  # side that holds: side whose description said so
    before_offer: dict[ListenKey, EndpointOpened | None] = {}  # what a re-INVITE replaced
    before_offer_cseq: int = -1
    agent_a_sure: bool = False
    agent_b_sure: bool = False
