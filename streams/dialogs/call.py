"""The signalling state of one call: changed by the dialogs, read by the records."""

from typing import Final

import msgspec

from schemas.cdr import DtmfEvent, HoldInterval, SipEvent

# `Call.end_reason`
BYE: Final = "bye"
FAILURE: Final = "failure"  # final 3xx to 6xx
CANCEL: Final = "cancel"  # 487, or CANCEL and no final response
TIMEOUT_ONE_WAY: Final = "timeout-one-way"  # INVITE, and nothing from the other side (code 101)
TIMEOUT_NO_ANSWER: Final = "timeout-no-answer"  # no 18x, no final response (code 107)
TIMEOUT_ABSOLUTE: Final = "timeout-absolute"  # code 102
TOO_MANY_MESSAGES: Final = "too-many-messages"  # code 109
EVICTED: Final = "evicted"  # over calls_max (code 110)
REPLACED: Final = "call-id-reused"  # a new call under the same Call-ID and From tag, no BYE heard
CAPTURE_END: Final = "capture-end"

# `Call.flags`
START_NOT_SEEN: Final = "start-not-seen"  # made from a response, an ACK, a re-INVITE, a BYE
TRANSFERRED: Final = "transferred"  # REFER accepted
FORKED: Final = "forked"  # more than one answering dialog
EVENTS_OMITTED: Final = "events-omitted"
LATE: Final = "late"  # a message came when the site's clock had passed it


class Branch(msgspec.Struct, gc=False):
    """One answering dialog of the call, by its To tag."""

    to_tag: str
    first_us: int
    status: int = 0  # last status of this branch
    answer_us: int | None = None
    failed: bool = False


class Call(msgspec.Struct, gc=False):
    """All dialogs of one INVITE: one Call-ID and From tag within a site.

    Times are packet times in µs. `start_us` is the time of the first message applied, fixed at creation,
    and part of `cdr_id`. The fields under `bookkeeping` are the dialogs' own.
    """

    cdr_id: str
    account: str
    site: str
    call_id: str
    from_tag: str
    start_us: int
    # where and by whom it was heard
    sensor: str
    sensors: list[str]
    src_ip: bytes
    src_port: int
    dst_ip: bytes
    dst_port: int
    transport: str
    vlan: int = -1
    proxies: list[str] = []
    hops: list[tuple[bytes, int, bytes, int]] = []  # (src ip, port, dst ip, port) in order of hearing
    dscp_a: int | None = None
    dscp_b: int | None = None
    # parties
    caller: str | None = None
    caller_domain: str | None = None
    caller_name: str | None = None
    callee: str | None = None
    callee_domain: str | None = None
    callee_name: str | None = None
    request_uri: str | None = None
    asserted_caller: str | None = None
    diversion: str | None = None
    headers: dict[str, str] = {}
    session_id: str | None = None
    replaces: str | None = None
    related: list[tuple[str, str]] = []  # (Call-ID, why)
    user_agent_caller: str | None = None
    user_agent_callee: str | None = None
    # time and outcome
    invite_us: int | None = None
    trying_us: int | None = None  # first 100
    first_response_us: int | None = None  # first response other than 100
    ringing_us: int | None = None  # first 18x
    answer_us: int | None = None  # first 2xx
    cancel_us: int | None = None
    failure_us: int | None = None  # last final failure
    bye_us: int | None = None
    bye_ok_us: int | None = None  # 2xx of the BYE
    last_us: int = 0  # last message
    status: int | None = None  # last final (else provisional) status to INVITE, as the record shows it
    status_reason: str | None = None
    to_tag: str | None = None  # of the answered branch, else of the last one
    branches: list[Branch] = []
    hung_up_by: str | None = None  # "a" or "b", by the BYE's tags
    reason_sip_cause: int | None = None
    reason_q850_cause: int | None = None
    reason_text: str | None = None
    # counts and children
    invite_retransmissions: int = 0
    retransmissions: int = 0
    copies: int = 0
    messages: int = 0
    requests_seen: bool = False
    responses_seen: bool = False
    events: list[SipEvent] = []
    events_omitted: int = 0
    digits: list[DtmfEvent] = []
    holds: list[HoldInterval] = []
    flags: list[str] = []
    encrypted_offer: bool = False  # SDP announced SRTP
    t38_offered: bool = False
    t38_agreed: bool = False  # an answer took the offer up
    media_announced: bool = False  # at least one endpoint announced
    dtx_announced: bool = False  # CN or annexb negotiated
    # ended: known to the dialogs (BYE and 2xx, final failure, signalling timers, end of capture)
    ended_us: int | None = None
    end_reason: str = ""  # bye, failure, cancel, timeout-..., capture-end, clock-step
    close_at_us: int | None = None  # event time at which the call is forgotten unless something comes
    closed: bool = False
