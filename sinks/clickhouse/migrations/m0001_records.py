"""Calls with their children, windows, streams without a call, calls over the limit, capture health.

Names are those of `schemas/cdr.py`. Children are Nested columns, so that a record's next version replaces
them with it; SIP events are three columns (`sinks.clickhouse.ladder`), which the views make events of: an
ALIAS of the table would cost each of its queries 2 ms. What is known where nothing was heard is NULL.
`expire_at` is when retention takes a row, set by whoever writes it; 2106 is never.

Rows are ordered by time, then id: a call's `start` is fixed when its id is, so versions of one call meet, a
chart or a page of the list reads its hours alone, and neighbours in time compress well. A call by id is
found by its bloom filter, a number's first or last digits by those of `sinks.clickhouse.digits`; the
extremes of quality and lengths say where a list of bad or long calls finds
none. Parts keep their columns in one file (up to 2 GiB), as opening a file a column takes longer than
reading a call.
"""

from typing import Final

from sinks.clickhouse import digits

NAME: Final = "records"

_US: Final = "toUnixTimestamp64Micro"


def _first_packet(side: str) -> str:
    """When a side's first stream began, in µs; 0 where it has none."""
    return f"{_US}(arrayFirst((at, of) -> ifNull(of = '{side}', 0), streams.first_time, streams.side))"


_DERIVED: Final = f"""
    invite_time Nullable(DateTime64(6, 'UTC'))
        ALIAS fromUnixTimestamp64Micro({_US}(start) + invite_after, 'UTC'),
    bye_time Nullable(DateTime64(6, 'UTC'))
        ALIAS fromUnixTimestamp64Micro({_US}(end_time) - bye_before, 'UTC'),
    duration Nullable(Float64)
        ALIAS ({_US}(end_time) - {_US}(start) + duration_more) / 1e6,
    connect_duration Nullable(Float64)
        ALIAS ({_US}(end_time) - {_US}(ifNull(answer_time, start)) + connect_more) / 1e6,
    pdd Nullable(Float64)
        ALIAS ({_US}(ifNull(ringing_time, start)) - {_US}(start) + pdd_more) / 1e6,
    first_rtp_time_a Nullable(DateTime64(6, 'UTC'))
        ALIAS fromUnixTimestamp64Micro({_first_packet("a")} + first_rtp_after_a, 'UTC'),
    first_rtp_time_b Nullable(DateTime64(6, 'UTC'))
        ALIAS fromUnixTimestamp64Micro({_first_packet("b")} + first_rtp_after_b, 'UTC'),
    request_uri Nullable(String)
        ALIAS if(startsWith(request_uri_form, '='), substring(request_uri_form, 2),
            replaceOne(request_uri_form, '*', ifNull(callee, ''))),
"""
"""What the columns of `sinks.clickhouse.derived` stand for."""

_CDR: Final = f"""
CREATE TABLE IF NOT EXISTS cdr
(
    cdr_id UUID CODEC(NONE),
    version UInt32 CODEC(T64, ZSTD(1)),
    complete Bool CODEC(ZSTD(1)),
    account LowCardinality(String) CODEC(ZSTD(1)),
    site LowCardinality(String) CODEC(ZSTD(1)),
    sensor_id LowCardinality(String) CODEC(ZSTD(1)),
    sensor_ids Array(LowCardinality(String)) CODEC(ZSTD(3)),
    start DateTime64(6, 'UTC') CODEC(Delta, T64('bit'), ZSTD(1)),
    stored_at DateTime64(6, 'UTC') CODEC(Delta, T64('bit'), ZSTD(1)),
    call_id String CODEC(ZSTD(1)),
    from_tag String CODEC(ZSTD(1)),
    to_tag Nullable(String) CODEC(ZSTD(1)),
    session_id Nullable(String) CODEC(ZSTD(3)),
    `related.call_id` Array(String) CODEC(ZSTD(3)),
    `related.why` Array(LowCardinality(String)) CODEC(ZSTD(1)),

    caller Nullable(String) CODEC(ZSTD(1)),
    caller_domain LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    caller_name Nullable(String) CODEC(ZSTD(3)),
    callee Nullable(String) CODEC(ZSTD(1)),
    callee_domain LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    callee_name Nullable(String) CODEC(ZSTD(3)),
    request_uri_form Nullable(String) CODEC(ZSTD(1)),
    asserted_caller Nullable(String) CODEC(ZSTD(3)),
    diversion Nullable(String) CODEC(ZSTD(3)),
    headers Map(LowCardinality(String), String) CODEC(ZSTD(3)),

    src_ip LowCardinality(String) CODEC(ZSTD(1)),
    src_port UInt16 CODEC(ZSTD(1)),
    dst_ip LowCardinality(String) CODEC(ZSTD(1)),
    dst_port UInt16 CODEC(ZSTD(1)),
    transport LowCardinality(String) CODEC(ZSTD(1)),
    vlan Nullable(UInt16) CODEC(ZSTD(1)),
    proxies Array(LowCardinality(String)) CODEC(ZSTD(1)),
    dscp_sip_a Nullable(UInt8) CODEC(ZSTD(1)),
    dscp_sip_b Nullable(UInt8) CODEC(ZSTD(1)),

    invite_after Nullable(Int64) CODEC(T64, ZSTD(1)),
    ringing_time Nullable(DateTime64(6, 'UTC')) CODEC(Delta, T64('bit'), ZSTD(1)),
    answer_time Nullable(DateTime64(6, 'UTC')) CODEC(Delta, T64('bit'), ZSTD(1)),
    bye_before Nullable(Int64) CODEC(T64, ZSTD(1)),
    end_time DateTime64(6, 'UTC') CODEC(Delta, T64('bit'), ZSTD(1)),
    duration_more Nullable(Int64) CODEC(T64, ZSTD(1)),
    connect_more Nullable(Int64) CODEC(T64, ZSTD(1)),
    pdd_more Nullable(Int64) CODEC(T64, ZSTD(1)),
    response_time_100_ms Nullable(Float64) CODEC(ZSTD(3)),
    response_time_ms Nullable(Float64) CODEC(ZSTD(3)),
    post_bye_delay Nullable(Float64) CODEC(ZSTD(3)),

    outcome LowCardinality(String) CODEC(ZSTD(1)),
    response_code Nullable(UInt16) CODEC(ZSTD(1)),
    response_reason LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    hung_up_by LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    bye_code Int16 CODEC(ZSTD(1)),
    end_reason LowCardinality(String) CODEC(ZSTD(1)),
    reason_sip_cause Nullable(Int32) CODEC(ZSTD(1)),
    reason_q850_cause Nullable(Int32) CODEC(ZSTD(1)),
    reason_text LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    replaces Nullable(String) CODEC(ZSTD(3)),

    user_agent_caller LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    user_agent_callee LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    invite_retransmissions UInt32 CODEC(ZSTD(1)),
    sip_messages UInt32 CODEC(ZSTD(1)),

    codec_a LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    codec_b LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    ptime_a_ms Nullable(Float64) CODEC(ZSTD(1)),
    ptime_b_ms Nullable(Float64) CODEC(ZSTD(1)),
    packets_a Nullable(UInt64) CODEC(T64, ZSTD(1)),
    packets_b Nullable(UInt64) CODEC(T64, ZSTD(1)),
    lost_a Nullable(Int64) CODEC(T64, ZSTD(1)),
    lost_b Nullable(Int64) CODEC(T64, ZSTD(1)),
    loss_a Nullable(Float64) CODEC(ZSTD(3)),
    loss_b Nullable(Float64) CODEC(ZSTD(3)),
    jitter_a_ms Nullable(Float64) CODEC(ZSTD(3)),
    jitter_b_ms Nullable(Float64) CODEC(ZSTD(3)),
    mos_a Nullable(Float64) CODEC(ZSTD(3)),
    mos_b Nullable(Float64) CODEC(ZSTD(3)),
    mos_a_min Nullable(Float64) CODEC(ZSTD(3)),
    mos_b_min Nullable(Float64) CODEC(ZSTD(3)),
    lost_after_last_a Nullable(Int64) CODEC(T64, ZSTD(1)),
    lost_after_last_b Nullable(Int64) CODEC(T64, ZSTD(1)),
    dead_air_a Nullable(Float64) CODEC(ZSTD(3)),
    dead_air_b Nullable(Float64) CODEC(ZSTD(3)),
    first_rtp_after_a Nullable(Int64) CODEC(T64, ZSTD(1)),
    first_rtp_after_b Nullable(Int64) CODEC(T64, ZSTD(1)),
    dscp_rtp_a Nullable(UInt8) CODEC(ZSTD(1)),
    dscp_rtp_b Nullable(UInt8) CODEC(ZSTD(1)),
    mos Nullable(Float64) CODEC(ZSTD(3)),
    one_way LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    encrypted_media Bool CODEC(ZSTD(1)),
    t38 Bool CODEC(ZSTD(1)),
    capture_drops UInt64 CODEC(T64, ZSTD(1)),
    flags Array(LowCardinality(String)) CODEC(ZSTD(1)),

    ladder String CODEC(ZSTD(3)),
    event_times Array(Int64) CODEC(ZSTD(9)),
    event_branches Array(Nullable(String)) CODEC(ZSTD(3)),
    sip_events_omitted UInt32 CODEC(ZSTD(1)),

    `dtmf.time` Array(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(3)),
    `dtmf.side` Array(LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    `dtmf.digit` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `dtmf.duration_ms` Array(Nullable(UInt32)) CODEC(ZSTD(1)),
    `dtmf.source` Array(LowCardinality(String)) CODEC(ZSTD(1)),

    `hold.side` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `hold.since` Array(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(3)),
    `hold.until` Array(Nullable(DateTime64(6, 'UTC'))) CODEC(Delta, ZSTD(3)),

    `streams.stream_id` Array(String) CODEC(ZSTD(3)),
    `streams.ssrc` Array(UInt32) CODEC(NONE),
    `streams.side` Array(LowCardinality(Nullable(String))) CODEC(ZSTD(3)),
    `streams.hop` Array(Nullable(UInt16)) CODEC(ZSTD(3)),
    `streams.branch` Array(Nullable(String)) CODEC(ZSTD(3)),
    `streams.early` Array(Bool) CODEC(ZSTD(3)),
    `streams.shared` Array(Bool) CODEC(ZSTD(3)),
    `streams.matched_by` Array(LowCardinality(Nullable(String))) CODEC(ZSTD(3)),
    `streams.sensor_id` Array(LowCardinality(String)) CODEC(ZSTD(3)),
    `streams.media` Array(LowCardinality(Nullable(String))) CODEC(ZSTD(3)),
    `streams.encrypted` Array(Bool) CODEC(ZSTD(3)),
    `streams.src_ip` Array(LowCardinality(String)) CODEC(ZSTD(3)),
    `streams.src_port` Array(UInt16) CODEC(ZSTD(3)),
    `streams.dst_ip` Array(LowCardinality(String)) CODEC(ZSTD(3)),
    `streams.dst_port` Array(UInt16) CODEC(ZSTD(3)),
    `streams.dscp` Array(UInt8) CODEC(ZSTD(3)),
    `streams.vlan` Array(Nullable(UInt16)) CODEC(ZSTD(3)),
    `streams.codec` Array(LowCardinality(Nullable(String))) CODEC(ZSTD(3)),
    `streams.payload_type` Array(Nullable(UInt8)) CODEC(ZSTD(3)),
    `streams.clock_rate` Array(Nullable(UInt32)) CODEC(ZSTD(3)),
    `streams.ptime_ms` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.first_time` Array(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `streams.last_time` Array(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `streams.packets` Array(UInt64) CODEC(T64, ZSTD(3)),
    `streams.expected` Array(UInt64) CODEC(T64, ZSTD(3)),
    `streams.lost` Array(Int64) CODEC(T64, ZSTD(3)),
    `streams.loss` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.duplicates` Array(UInt64) CODEC(T64, ZSTD(3)),
    `streams.capture_copies` Array(UInt64) CODEC(T64, ZSTD(3)),
    `streams.reordered` Array(UInt64) CODEC(T64, ZSTD(3)),
    `streams.restarts` Array(UInt32) CODEC(T64, ZSTD(3)),
    `streams.jitter_mean_ms` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.jitter_max_ms` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.delta_max_ms` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.loss_runs` Array(Array(UInt32)) CODEC(T64, ZSTD(3)),
    `streams.delay_hist` Array(Array(UInt64)) CODEC(T64, ZSTD(3)),
    `streams.burst_density` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.gap_density` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.lost_after_last` Array(Nullable(Int64)) CODEC(T64, ZSTD(3)),
    `streams.mos` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.mos_min` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.mos_model` Array(LowCardinality(Nullable(String))) CODEC(ZSTD(3)),
    `streams.mos_approximate` Array(Bool) CODEC(ZSTD(3)),
    `streams.mos_f1` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.mos_f2` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.mos_adaptive` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.mos_f1_min` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.mos_f2_min` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.mos_adaptive_min` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.rtcp` Array(Bool) CODEC(ZSTD(3)),
    `streams.rtcp_loss_max` Array(Nullable(Int64)) CODEC(ZSTD(3)),
    `streams.rtcp_fraction_avg` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.rtcp_jitter_avg_ms` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.rtcp_jitter_max_ms` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.rtcp_rtt_avg_ms` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.rtcp_rtt_max_ms` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.rtcp_xr_mos_lq` Array(Nullable(Float64)) CODEC(ZSTD(3)),
    `streams.rtcp_xr_mos_cq` Array(Nullable(Float64)) CODEC(ZSTD(3)),

    expire_at DateTime('UTC') CODEC(Delta, ZSTD(1)),
{_DERIVED}
    {digits.columns()},

    INDEX by_cdr_id cdr_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_call_id call_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_caller caller TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_callee callee TYPE bloom_filter(0.01) GRANULARITY 1,
    {digits.indexes()},
    INDEX by_quality (mos_a, mos_b, loss_a, loss_b, jitter_a_ms, jitter_b_ms) TYPE minmax GRANULARITY 1,
    INDEX by_length (duration, connect_duration, pdd) TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(start)
ORDER BY (account, start, cdr_id)
TTL expire_at
SETTINGS min_bytes_for_wide_part = 2147483648, index_granularity = 2048
"""

_RTP_UNMATCHED: Final = """
CREATE TABLE IF NOT EXISTS rtp_unmatched
(
    account LowCardinality(String) CODEC(ZSTD(1)),
    site LowCardinality(String) CODEC(ZSTD(1)),
    stored_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    stream_id String CODEC(ZSTD(3)),
    cdr_id Nullable(UUID) CODEC(ZSTD(1)),
    call_id Nullable(String) CODEC(ZSTD(1)),
    ssrc UInt32 CODEC(ZSTD(1)),
    side LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    hop Nullable(UInt16) CODEC(ZSTD(1)),
    branch Nullable(String) CODEC(ZSTD(1)),
    early Bool CODEC(ZSTD(1)),
    shared Bool CODEC(ZSTD(1)),
    matched_by LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    sensor_id LowCardinality(String) CODEC(ZSTD(1)),
    media LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    encrypted Bool CODEC(ZSTD(1)),
    src_ip LowCardinality(String) CODEC(ZSTD(1)),
    src_port UInt16 CODEC(ZSTD(1)),
    dst_ip LowCardinality(String) CODEC(ZSTD(1)),
    dst_port UInt16 CODEC(ZSTD(1)),
    dscp UInt8 CODEC(ZSTD(1)),
    vlan Nullable(UInt16) CODEC(ZSTD(1)),
    codec LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    payload_type Nullable(UInt8) CODEC(ZSTD(1)),
    clock_rate Nullable(UInt32) CODEC(ZSTD(1)),
    ptime_ms Nullable(Float64) CODEC(ZSTD(1)),
    first_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    last_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    packets UInt64 CODEC(T64, ZSTD(1)),
    expected UInt64 CODEC(T64, ZSTD(1)),
    lost Int64 CODEC(T64, ZSTD(1)),
    loss Nullable(Float64) CODEC(ZSTD(1)),
    duplicates UInt64 CODEC(T64, ZSTD(1)),
    capture_copies UInt64 CODEC(T64, ZSTD(1)),
    reordered UInt64 CODEC(T64, ZSTD(1)),
    restarts UInt32 CODEC(T64, ZSTD(1)),
    jitter_mean_ms Nullable(Float64) CODEC(ZSTD(1)),
    jitter_max_ms Nullable(Float64) CODEC(ZSTD(1)),
    delta_max_ms Nullable(Float64) CODEC(ZSTD(1)),
    loss_runs Array(UInt32) CODEC(T64, ZSTD(1)),
    delay_hist Array(UInt64) CODEC(T64, ZSTD(1)),
    burst_density Nullable(Float64) CODEC(ZSTD(1)),
    gap_density Nullable(Float64) CODEC(ZSTD(1)),
    lost_after_last Nullable(Int64) CODEC(T64, ZSTD(1)),
    mos Nullable(Float64) CODEC(ZSTD(1)),
    mos_min Nullable(Float64) CODEC(ZSTD(1)),
    mos_model LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    mos_approximate Bool CODEC(ZSTD(1)),
    mos_f1 Nullable(Float64) CODEC(ZSTD(1)),
    mos_f2 Nullable(Float64) CODEC(ZSTD(1)),
    mos_adaptive Nullable(Float64) CODEC(ZSTD(1)),
    mos_f1_min Nullable(Float64) CODEC(ZSTD(1)),
    mos_f2_min Nullable(Float64) CODEC(ZSTD(1)),
    mos_adaptive_min Nullable(Float64) CODEC(ZSTD(1)),
    rtcp Bool CODEC(ZSTD(1)),
    rtcp_loss_max Nullable(Int64) CODEC(ZSTD(1)),
    rtcp_fraction_avg Nullable(Float64) CODEC(ZSTD(1)),
    rtcp_jitter_avg_ms Nullable(Float64) CODEC(ZSTD(1)),
    rtcp_jitter_max_ms Nullable(Float64) CODEC(ZSTD(1)),
    rtcp_rtt_avg_ms Nullable(Float64) CODEC(ZSTD(1)),
    rtcp_rtt_max_ms Nullable(Float64) CODEC(ZSTD(1)),
    rtcp_xr_mos_lq Nullable(Float64) CODEC(ZSTD(1)),
    rtcp_xr_mos_cq Nullable(Float64) CODEC(ZSTD(1)),
    expire_at DateTime('UTC') CODEC(Delta, ZSTD(1)),

    INDEX by_stream_id stream_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(stored_at)
PARTITION BY toDate(first_time)
ORDER BY (account, site, first_time, stream_id)
TTL expire_at
"""

_RTP_WINDOWS: Final = """
CREATE TABLE IF NOT EXISTS rtp_windows
(
    account LowCardinality(String) CODEC(ZSTD(1)),
    site LowCardinality(String) CODEC(ZSTD(1)),
    stored_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    stream_id String CODEC(ZSTD(3)),
    cdr_id Nullable(UUID) CODEC(ZSTD(1)),
    call_id Nullable(String) CODEC(ZSTD(3)),
    side LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    ssrc Nullable(UInt32) CODEC(ZSTD(1)),
    window UInt32 CODEC(T64, ZSTD(1)),
    part UInt32 CODEC(T64, ZSTD(1)),
    start DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    length Float64 CODEC(ZSTD(1)),
    packets UInt64 CODEC(T64, ZSTD(1)),
    expected Int64 CODEC(T64, ZSTD(1)),
    lost Int64 CODEC(T64, ZSTD(1)),
    loss Nullable(Float64) CODEC(ZSTD(1)),
    duplicates UInt64 CODEC(T64, ZSTD(1)),
    reordered UInt64 CODEC(T64, ZSTD(1)),
    jitter_ms Nullable(Float64) CODEC(ZSTD(1)),
    jitter_max_ms Nullable(Float64) CODEC(ZSTD(1)),
    delta_max_ms Nullable(Float64) CODEC(ZSTD(1)),
    codec LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    mos Nullable(Float64) CODEC(ZSTD(1)),
    mos_f1 Nullable(Float64) CODEC(ZSTD(1)),
    mos_f2 Nullable(Float64) CODEC(ZSTD(1)),
    mos_adaptive Nullable(Float64) CODEC(ZSTD(1)),
    expire_at DateTime('UTC') CODEC(Delta, ZSTD(1)),

    INDEX by_cdr_id cdr_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_start start TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(stored_at)
PARTITION BY toDate(start)
ORDER BY (account, stream_id, window, part)
TTL expire_at
"""

_CDR_REJECTED: Final = """
CREATE TABLE IF NOT EXISTS cdr_rejected
(
    cdr_id UUID CODEC(NONE),
    version UInt32 CODEC(ZSTD(1)),
    account LowCardinality(String) CODEC(ZSTD(1)),
    site LowCardinality(String) CODEC(ZSTD(1)),
    sensor_id LowCardinality(String) CODEC(ZSTD(1)),
    start DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    stored_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    call_id String CODEC(ZSTD(1)),
    caller Nullable(String) CODEC(ZSTD(1)),
    caller_domain LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    callee Nullable(String) CODEC(ZSTD(1)),
    callee_domain LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    src_ip LowCardinality(String) CODEC(ZSTD(1)),
    src_port UInt16 CODEC(ZSTD(1)),
    dst_ip LowCardinality(String) CODEC(ZSTD(1)),
    dst_port UInt16 CODEC(ZSTD(1)),
    transport LowCardinality(String) CODEC(ZSTD(1)),
    invite_time Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    ringing_time Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    answer_time Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    bye_time Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    end_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    duration Nullable(Float64) CODEC(ZSTD(1)),
    connect_duration Nullable(Float64) CODEC(ZSTD(1)),
    outcome LowCardinality(String) CODEC(ZSTD(1)),
    response_code Nullable(UInt16) CODEC(ZSTD(1)),
    channels UInt32 CODEC(ZSTD(1)),
    channels_max Nullable(UInt32) CODEC(ZSTD(1)),
    expire_at DateTime('UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(start)
ORDER BY (account, start, cdr_id)
TTL expire_at
"""

_CAPTURE_HEALTH: Final = """
CREATE TABLE IF NOT EXISTS capture_health
(
    account LowCardinality(String) CODEC(ZSTD(1)),
    site LowCardinality(String) CODEC(ZSTD(1)),
    sensor LowCardinality(String) CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    stored_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    interval_ms UInt32 CODEC(ZSTD(1)),
    clock DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    version LowCardinality(String) CODEC(ZSTD(1)),
    packets UInt64 CODEC(T64, ZSTD(1)),
    bytes UInt64 CODEC(T64, ZSTD(1)),
    sip_messages UInt64 CODEC(T64, ZSTD(1)),
    rtp_packets UInt64 CODEC(T64, ZSTD(1)),
    rtcp_packets UInt64 CODEC(T64, ZSTD(1)),
    drops Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    memory_bytes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    cpu_seconds Nullable(Float64) CODEC(ZSTD(1)),
    disk_free_bytes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    spool_bytes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    unsent_bytes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    lag_ms Nullable(Int64) CODEC(T64, ZSTD(1)),
    warnings Array(String) CODEC(ZSTD(1)),
    expire_at DateTime('UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(stored_at)
PARTITION BY toDate(time)
ORDER BY (account, site, sensor, time)
TTL expire_at
"""

FORWARD: Final = (_CDR, _RTP_UNMATCHED, _RTP_WINDOWS, _CDR_REJECTED, _CAPTURE_HEALTH)

BACK: Final = (
    "DROP TABLE IF EXISTS capture_health",
    "DROP TABLE IF EXISTS cdr_rejected",
    "DROP TABLE IF EXISTS rtp_windows",
    "DROP TABLE IF EXISTS rtp_unmatched",
    "DROP TABLE IF EXISTS cdr",
)

DANGEROUS: Final = "going back drops every stored record"
