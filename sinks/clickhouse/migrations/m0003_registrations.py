"""Registrations, and what else keeps asking outside of calls; names as in `schemas/registrations.py`."""

from typing import Final

NAME: Final = "registrations"

_REGISTRATIONS: Final = """
CREATE TABLE IF NOT EXISTS registrations
(
    registration_id UUID CODEC(NONE),
    version UInt32 CODEC(T64, ZSTD(1)),
    complete Bool CODEC(ZSTD(1)),
    account LowCardinality(String) CODEC(ZSTD(1)),
    site LowCardinality(String) CODEC(ZSTD(1)),
    sensor_id LowCardinality(String) CODEC(ZSTD(1)),
    first_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    last_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    stored_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    method LowCardinality(String) CODEC(ZSTD(1)),
    call_id String CODEC(ZSTD(3)),

    user Nullable(String) CODEC(ZSTD(3)),
    domain LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    from_user Nullable(String) CODEC(ZSTD(3)),
    from_domain LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    request_uri Nullable(String) CODEC(ZSTD(3)),
    contact Nullable(String) CODEC(ZSTD(3)),
    src_ip LowCardinality(String) CODEC(ZSTD(1)),
    src_port UInt16 CODEC(ZSTD(1)),
    dst_ip LowCardinality(String) CODEC(ZSTD(1)),
    dst_port UInt16 CODEC(ZSTD(1)),
    transport LowCardinality(String) CODEC(ZSTD(1)),
    vlan Nullable(UInt16) CODEC(ZSTD(1)),
    source_changes UInt32 CODEC(ZSTD(1)),
    user_agent LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    server LowCardinality(Nullable(String)) CODEC(ZSTD(1)),

    state LowCardinality(String) CODEC(ZSTD(1)),
    expires_asked Nullable(UInt64) CODEC(T64, ZSTD(1)),
    expires Nullable(UInt64) CODEC(T64, ZSTD(1)),
    registered_since Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    registered_until Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),

    requests UInt64 CODEC(T64, ZSTD(1)),
    retransmissions UInt64 CODEC(T64, ZSTD(1)),
    challenges UInt64 CODEC(T64, ZSTD(1)),
    successes UInt64 CODEC(T64, ZSTD(1)),
    failures UInt64 CODEC(T64, ZSTD(1)),
    unanswered UInt64 CODEC(T64, ZSTD(1)),
    last_code Nullable(UInt16) CODEC(ZSTD(1)),
    last_reason LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    last_success_time Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    last_failure_time Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    last_failure_code Nullable(UInt16) CODEC(ZSTD(1)),
    last_failure_reason LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    codes Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    response_time_avg_ms Nullable(Float64) CODEC(ZSTD(1)),
    response_time_max_ms Nullable(Float64) CODEC(ZSTD(1)),
    flags Array(LowCardinality(String)) CODEC(ZSTD(1)),
    expire_at DateTime('UTC') CODEC(Delta, ZSTD(1)),

    INDEX by_user user TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_call_id call_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(first_time)
ORDER BY (account, first_time, registration_id)
TTL expire_at
"""

FORWARD: Final = (_REGISTRATIONS,)

BACK: Final = ("DROP TABLE IF EXISTS registrations",)

DANGEROUS: Final = "going back drops every stored registration"
