"""`cdr`: the call record. JSON, Avro and ClickHouse use these names.

Times are µs since the epoch here and in Avro (timestamp-micros), RFC 3339 UTC in JSON. Durations are in
seconds, `_ms` in milliseconds. Unknown is None. Definitions: docs/guide.md, "The call record".
"""

import msgspec


class RelatedCall(msgspec.Struct, frozen=True, gc=False):
    """Another call that belongs to this one: its Call-ID, and why we think so (x-call-id, session-id ...)."""

    call_id: str
    why: str


class SipEvent(msgspec.Struct, frozen=True, gc=False):
    """One line of the call's SIP history."""

    time: int
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    transport: str
    method: str
    status: int | None
    reason: str | None
    cseq: int | None
    branch: str | None
    hop: int
    retransmission: bool
    sdp: bool


class DtmfEvent(msgspec.Struct, frozen=True, gc=False):
    """One digit: `source` rfc4733, rfc4733-tone or sip-info; masked as X unless the settings keep digits."""

    time: int
    side: str | None
    digit: str
    duration_ms: int | None
    source: str


class HoldInterval(msgspec.Struct, frozen=True, gc=False):
    """A side put the call on hold (sendonly, inactive or c=0.0.0.0), until None at the call's end."""

    side: str
    since: int
    until: int | None


class RtcpFigures(msgspec.Struct, frozen=True, gc=False):
    """What the receiver of a stream reported by RTCP."""

    loss_max: int | None
    fraction_avg: float | None
    jitter_avg_ms: float | None
    jitter_max_ms: float | None
    rtt_avg_ms: float | None
    rtt_max_ms: float | None
    xr_mos_lq: float | None
    xr_mos_cq: float | None


class StreamRecord(msgspec.Struct, frozen=True, gc=False):
    """One RTP (or UDPTL) stream. `call_id` and `cdr_id` are None where no call announced it."""

    stream_id: str
    cdr_id: str | None
    call_id: str | None
    ssrc: int
    side: str | None
    hop: int | None
    branch: str | None
    early: bool
    shared: bool
    matched_by: str | None
    sensor_id: str
    media: str | None
    encrypted: bool
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    dscp: int
    vlan: int | None
    codec: str | None
    payload_type: int | None
    clock_rate: int | None
    ptime_ms: float | None
    first_time: int
    last_time: int
    packets: int
    expected: int
    lost: int
    loss: float | None  # percent
    duplicates: int
    capture_copies: int
    reordered: int
    restarts: int
    jitter_mean_ms: float | None
    jitter_max_ms: float | None
    delta_max_ms: float | None
    loss_runs: list[int]
    delay_hist: list[int]
    burst_density: float | None
    gap_density: float | None
    lost_after_last: int | None
    mos: float | None
    mos_min: float | None
    mos_model: str | None
    mos_approximate: bool
    mos_f1: float | None
    mos_f2: float | None
    mos_adaptive: float | None
    mos_f1_min: float | None
    mos_f2_min: float | None
    mos_adaptive_min: float | None
    rtcp: RtcpFigures | None


class UnmatchedStream(msgspec.Struct, frozen=True, gc=False):
    """`rtp.unmatched`: a stream that no call announced, and where it was heard."""

    account: str
    site: str
    stream: StreamRecord


class CallRecord(msgspec.Struct, frozen=True, gc=False):
    """One call: all dialogs of one INVITE."""

    # identity
    cdr_id: str
    version: int
    complete: bool
    account: str
    site: str
    sensor_id: str
    sensor_ids: list[str]
    start: int
    stored_at: int | None  # set by the sink
    call_id: str
    from_tag: str
    to_tag: str | None
    session_id: str | None
    related: list[RelatedCall]
    # parties
    caller: str | None
    caller_domain: str | None
    caller_name: str | None
    callee: str | None
    callee_domain: str | None
    callee_name: str | None
    request_uri: str | None
    asserted_caller: str | None
    diversion: str | None
    headers: dict[str, str]
    # network
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    transport: str
    vlan: int | None
    proxies: list[str]
    dscp_sip_a: int | None
    dscp_sip_b: int | None
    # time
    invite_time: int | None
    ringing_time: int | None
    answer_time: int | None
    bye_time: int | None
    end_time: int
    duration: float | None
    connect_duration: float | None
    pdd: float | None
    response_time_100_ms: float | None
    response_time_ms: float | None
    post_bye_delay: float | None
    # outcome
    outcome: str
    response_code: int | None
    response_reason: str | None
    hung_up_by: str | None
    bye_code: int
    end_reason: str
    reason_sip_cause: int | None
    reason_q850_cause: int | None
    reason_text: str | None
    replaces: str | None
    # agents, counts
    user_agent_caller: str | None
    user_agent_callee: str | None
    invite_retransmissions: int
    sip_messages: int
    # media per side
    codec_a: str | None
    codec_b: str | None
    ptime_a_ms: float | None
    ptime_b_ms: float | None
    packets_a: int | None
    packets_b: int | None
    lost_a: int | None
    lost_b: int | None
    loss_a: float | None
    loss_b: float | None
    jitter_a_ms: float | None
    jitter_b_ms: float | None
    mos_a: float | None
    mos_b: float | None
    mos_a_min: float | None
    mos_b_min: float | None
    lost_after_last_a: int | None
    lost_after_last_b: int | None
    dead_air_a: float | None
    dead_air_b: float | None
    first_rtp_time_a: int | None
    first_rtp_time_b: int | None
    dscp_rtp_a: int | None
    dscp_rtp_b: int | None
    mos: float | None
    one_way: str | None
    encrypted_media: bool
    t38: bool
    capture_drops: int
    flags: list[str]
    # children
    sip_events: list[SipEvent]
    sip_events_omitted: int
    dtmf: list[DtmfEvent]
    hold: list[HoldInterval]
    streams: list[StreamRecord]
