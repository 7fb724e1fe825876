"""What a stream's window rows need to know of it, for a sink that starts in the middle of a stream."""

from typing import Final

NAME: Final = "descriptions"

_DESCRIPTIONS: Final = """
CREATE TABLE IF NOT EXISTS rtp_descriptions
(
    stream_id String CODEC(ZSTD(1)),
    account LowCardinality(String) CODEC(ZSTD(1)),
    site LowCardinality(String) CODEC(ZSTD(1)),
    source UInt32 CODEC(T64, ZSTD(1)),
    cdr_id Nullable(UUID) CODEC(ZSTD(1)),
    call_id Nullable(String) CODEC(ZSTD(1)),
    side LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    ssrc Nullable(UInt32) CODEC(ZSTD(1)),
    payload_types Array(UInt8) CODEC(ZSTD(1)),
    codecs Array(String) CODEC(ZSTD(1)),
    first_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    stored_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    expire_at DateTime('UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(stored_at)
PARTITION BY toDate(expire_at)
ORDER BY (stream_id, account, site, source)
TTL expire_at
SETTINGS ttl_only_drop_parts = 1
"""

FORWARD: Final = (_DESCRIPTIONS,)

BACK: Final = ("DROP TABLE IF EXISTS rtp_descriptions",)

DANGEROUS: Final = ""
