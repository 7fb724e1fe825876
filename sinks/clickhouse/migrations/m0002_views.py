"""Views: a row a stream, a row a SIP message, the list's newest versions, and sums by minute."""

from typing import Final

from sinks.clickhouse import derived

NAME: Final = "views"

_EVENT: Final = """Tuple(
        time DateTime64(6, 'UTC'),
        src_ip String,
        src_port UInt16,
        dst_ip String,
        dst_port UInt16,
        transport LowCardinality(String),
        method LowCardinality(String),
        status Nullable(UInt16),
        reason Nullable(String),
        cseq Nullable(UInt64),
        branch Nullable(String),
        hop UInt16,
        retransmission Bool,
        sdp Bool
    )"""

_ITEM: Final = (
    "Array(Tuple(UInt16, UInt16, String, String, Nullable(UInt16), Nullable(String), Nullable(UInt64),"
    " UInt16, Bool, Bool))"
)
_US: Final = "toUnixTimestamp64Micro"

_EVENTS: Final = f"""arrayMap(
        (item, at, branch, endpoints, landmarks) -> CAST(
            (
                fromUnixTimestamp64Micro(landmarks[bitAnd(at, 3) + 1] + bitShiftRight(at, 2), 'UTC'),
                endpoints[item.1 + 1].1, endpoints[item.1 + 1].2,
                endpoints[item.2 + 1].1, endpoints[item.2 + 1].2,
                item.3, item.4, item.5, item.6, item.7,
                if(startsWith(ifNull(branch, ''), '~'), substring(branch, 2), concat('z9hG4bK', branch)),
                item.8, item.9, item.10
            ),
            '{_EVENT.replace("'", "''")}'
        ),
        JSONExtract(ladder, 2, '{_ITEM}'),
        event_times,
        arrayFill(branch -> ifNull(branch != '=', 1), event_branches),
        arrayMap(time -> arrayConcat(
            [(CAST(src_ip, 'String'), src_port), (CAST(dst_ip, 'String'), dst_port)],
            JSONExtract(ladder, 1, 'Array(Tuple(String, UInt16))')
        ), event_times),
        arrayMap(time -> [
            {_US}(start), ifNull({_US}(ringing_time), 0), ifNull({_US}(answer_time), 0), {_US}(end_time)
        ], event_times)
    )"""
"""The inverse of `sinks.clickhouse.ladder.pack`."""

_CALLS: Final = f"""
CREATE OR REPLACE VIEW calls AS
SELECT *, {", ".join(derived.DERIVED)}, {_EVENTS} AS sip_events FROM cdr FINAL
"""

_RTP_STREAMS: Final = """
CREATE OR REPLACE VIEW rtp_streams AS
SELECT
    account, site, cdr_id, call_id, start, caller, callee, outcome,
    streams.stream_id AS stream_id, streams.ssrc AS ssrc, streams.side AS side, streams.hop AS hop,
    streams.branch AS branch, streams.early AS early, streams.shared AS shared,
    streams.matched_by AS matched_by, streams.sensor_id AS sensor_id, streams.media AS media,
    streams.encrypted AS encrypted, streams.src_ip AS src_ip, streams.src_port AS src_port,
    streams.dst_ip AS dst_ip, streams.dst_port AS dst_port, streams.dscp AS dscp, streams.vlan AS vlan,
    streams.codec AS codec, streams.payload_type AS payload_type, streams.clock_rate AS clock_rate,
    streams.ptime_ms AS ptime_ms, streams.first_time AS first_time, streams.last_time AS last_time,
    streams.packets AS packets, streams.expected AS expected, streams.lost AS lost,
    streams.loss AS loss, streams.duplicates AS duplicates, streams.capture_copies AS capture_copies,
    streams.reordered AS reordered, streams.restarts AS restarts,
    streams.jitter_mean_ms AS jitter_mean_ms, streams.jitter_max_ms AS jitter_max_ms,
    streams.delta_max_ms AS delta_max_ms, streams.loss_runs AS loss_runs,
    streams.delay_hist AS delay_hist, streams.burst_density AS burst_density,
    streams.gap_density AS gap_density, streams.lost_after_last AS lost_after_last, streams.mos AS mos,
    streams.mos_min AS mos_min, streams.mos_model AS mos_model,
    streams.mos_approximate AS mos_approximate, streams.mos_f1 AS mos_f1, streams.mos_f2 AS mos_f2,
    streams.mos_adaptive AS mos_adaptive, streams.mos_f1_min AS mos_f1_min,
    streams.mos_f2_min AS mos_f2_min, streams.mos_adaptive_min AS mos_adaptive_min,
    streams.rtcp AS rtcp, streams.rtcp_loss_max AS rtcp_loss_max,
    streams.rtcp_fraction_avg AS rtcp_fraction_avg, streams.rtcp_jitter_avg_ms AS rtcp_jitter_avg_ms,
    streams.rtcp_jitter_max_ms AS rtcp_jitter_max_ms, streams.rtcp_rtt_avg_ms AS rtcp_rtt_avg_ms,
    streams.rtcp_rtt_max_ms AS rtcp_rtt_max_ms, streams.rtcp_xr_mos_lq AS rtcp_xr_mos_lq,
    streams.rtcp_xr_mos_cq AS rtcp_xr_mos_cq
FROM cdr FINAL
ARRAY JOIN streams
"""

_SIP_EVENTS: Final = f"""
CREATE OR REPLACE VIEW sip_events AS
SELECT
    account, site, cdr_id, call_id, start, caller, callee, outcome,
    sip_events.time AS time, sip_events.src_ip AS src_ip, sip_events.src_port AS src_port,
    sip_events.dst_ip AS dst_ip, sip_events.dst_port AS dst_port, sip_events.transport AS transport,
    sip_events.method AS method, sip_events.status AS status, sip_events.reason AS reason,
    sip_events.cseq AS cseq, sip_events.branch AS branch, sip_events.hop AS hop,
    sip_events.retransmission AS retransmission, sip_events.sdp AS sdp
FROM cdr FINAL
ARRAY JOIN {_EVENTS} AS sip_events
"""

_CALLS_BY_MINUTE: Final = """
CREATE OR REPLACE VIEW calls_by_minute AS
SELECT
    account,
    site,
    toStartOfMinute(start) AS minute,
    count() AS calls,
    countIf(outcome = 'answered') AS answered,
    countIf(outcome = 'rejected') AS rejected,
    countIf(outcome = 'cancelled') AS cancelled,
    countIf(outcome = 'redirected') AS redirected,
    countIf(outcome = 'unanswered') AS unanswered,
    countIf(outcome = 'unfinished') AS unfinished,
    countIf(response_code >= 500) AS server_failures,
    sum(connect_duration) AS connect_duration_sum,
    sum(duration) AS duration_sum,
    sum(pdd) AS pdd_sum,
    count(pdd) AS pdd_count,
    sum(mos) AS mos_sum,
    count(mos) AS mos_count,
    min(mos) AS mos_min,
    countIf(mos < 3.6) AS mos_poor,
    countIf(one_way IS NOT NULL) AS one_way,
    sum(packets_a) + sum(packets_b) AS packets,
    sum(lost_a) + sum(lost_b) AS lost
FROM cdr FINAL
GROUP BY account, site, minute
"""

FORWARD: Final = (_CALLS, _RTP_STREAMS, _SIP_EVENTS, _CALLS_BY_MINUTE)

BACK: Final = (
    "DROP VIEW IF EXISTS calls_by_minute",
    "DROP VIEW IF EXISTS sip_events",
    "DROP VIEW IF EXISTS rtp_streams",
    "DROP VIEW IF EXISTS calls",
)

DANGEROUS: Final = ""
