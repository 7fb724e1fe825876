"""`cdr.rejected`: the short record of a call over the limit of channels. Names as in `cdr`."""

import msgspec


class RejectedCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call that found no channel free: who, when, how it went; no media, no history.

    Times are µs since the epoch. `channels` were in use when it asked, itself counted; `channels_max` is
    the limit it met.
    """

    cdr_id: str
    version: int
    account: str
    site: str
    sensor_id: str
    start: int
    stored_at: int | None = None  # set by the sink
    call_id: str
    caller: str | None
    caller_domain: str | None
    callee: str | None
    callee_domain: str | None
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    transport: str
    invite_time: int | None
    ringing_time: int | None
    answer_time: int | None
    bye_time: int | None
    end_time: int
    duration: float | None
    connect_duration: float | None
    outcome: str
    response_code: int | None
    channels: int
    channels_max: int | None
