"""The rows `analyze` shows beside calls and streams: windows of a stream, and SIP messages.

Times are µs since the epoch, as in `schemas/cdr.py`; unknown is None.
"""

import msgspec

from schemas.window_rows import WindowRow

__all__ = ["MessageRow", "WindowRow"]


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
