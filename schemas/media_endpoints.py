"""`media.endpoints`: which ip:port belongs to which call, from when until when."""

import msgspec


class Payload(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row of a payload map: RTP payload type, encoding name in upper case, clock rate in Hz."""

    payload_type: int
    codec: str
    clock_rate: int


class EndpointOpened(msgspec.Struct, frozen=True, tag="opened", gc=False):
    """A call announced that one of its sides listens on ip:port, from `time_us` on.

    `owner` is the endpoint's side: "a" where the caller listens (its packets' destination is then heard
    by the caller, so they carry the voice of b). `hop` counts the pairs of SIP addresses on which the
    INVITE was heard, in order of hearing, from 0. `branch` is the To tag of the answering dialog, "" for
    the offer of the INVITE. `media` is the SDP media (audio, video, image), `protocol` its profile
    (RTP/AVP, RTP/SAVP, udptl ...). `sip_ip` is the IP source of the SIP message. `candidates` are ICE
    candidates (packed ip, port). `rtcp_port` 0 means RTCP on the same port (rtcp-mux).
    Packed addresses: 4 bytes or 16.
    """

    time_us: int
    cdr_id: str
    call_id: str
    owner: str
    hop: int
    branch: str
    media: str
    protocol: str
    ip: bytes
    port: int
    rtcp_port: int
    sip_ip: bytes
    payloads: list[Payload]
    ptime_ms: int
    direction: str
    candidates: list[tuple[bytes, int]] = []


class EndpointClosed(msgspec.Struct, frozen=True, tag="closed", gc=False):
    """The call no longer listens on ip:port on this side, hop and branch (replaced, branch failed)."""

    time_us: int
    cdr_id: str
    owner: str
    hop: int
    branch: str
    ip: bytes
    port: int


class CallAnswered(msgspec.Struct, frozen=True, tag="answered", gc=False):
    """The call's first 2xx; `branch` is the answered one."""

    time_us: int
    cdr_id: str
    branch: str


class CallEnded(msgspec.Struct, frozen=True, tag="ended", gc=False):
    """The call ended (BYE, final failure, timer): all its endpoints close at `time_us`."""

    time_us: int
    cdr_id: str


EndpointEvent = EndpointOpened | EndpointClosed | CallAnswered | CallEnded


class EndpointBatch(msgspec.Struct, frozen=True):
    """What one dialogs partition (`source`) announced, in event-time order, up to `clock_us`."""

    account: str
    site: str
    source: int
    clock_us: int
    events: list[EndpointEvent]
