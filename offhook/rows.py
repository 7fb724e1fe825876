"""The rows `analyze` shows beside calls and streams: windows of a stream, and SIP messages.

Times are µs since the epoch, as in `schemas/cdr.py`; unknown is None.
"""

import msgspec


class WindowRow(msgspec.Struct, frozen=True):
    """Ten seconds of one stream, counted from its first packet.

    `side` is whose voice it carries (a caller, b callee). `length` is in seconds, `loss` in percent;
    `lost` may be negative where a late packet filled a gap of the window before. `jitter_ms` is the mean
    of the RFC 3550 jitter, `jitter_max_ms` its highest value. `mos` is the E-model's, the others are
    VoIPmonitor's three scores.
    """

    stream_id: str
    cdr_id: str | None
    call_id: str | None
    side: str | None
    ssrc: int | None
    window: int
    part: int
    start: int
    length: float
    packets: int
    expected: int
    lost: int
    loss: float | None
    duplicates: int
    reordered: int
    jitter_ms: float | None
    jitter_max_ms: float | None
    delta_max_ms: float | None
    codec: str | None
    mos: float | None
    mos_f1: float | None
    mos_f2: float | None
    mos_adaptive: float | None


class MessageRow(msgspec.Struct, frozen=True):
    """One SIP message as heard. A response has `status` and `reason`, a request has neither.

    `method` is the request's, or the CSeq's for a response; `size` is the message's length in bytes;
    `sdp` whether it carries a session description.
    """

    time: int
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    transport: str
    method: str
    status: int | None
    reason: str | None
    call_id: str | None
    caller: str | None  # user of From
    callee: str | None  # user of To
    from_tag: str | None
    to_tag: str | None
    cseq: int | None
    branch: str | None
    request_uri: str | None
    user_agent: str | None
    sdp: bool
    size: int
