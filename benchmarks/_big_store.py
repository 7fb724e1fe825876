"""A store of any number of calls, made by the database itself: 25 days, with children as real calls have."""

from pathlib import Path

from msgspec.structs import replace

from sinks.clickhouse import tables
from sinks.clickhouse.client import Store, open_store
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.writer import Writer
from tests.offhook.fakes import CALL, T0

DAYS = 25

_FILL = """
INSERT INTO cdr SELECT template.* REPLACE (
    generateUUIDv4(n) AS cdr_id,
    at AS start, at AS invite_time,
    at + toIntervalMillisecond(300 + r % 5000) AS ringing_time,
    if(answered, at + toIntervalMillisecond(6000 + r % 9000), NULL) AS answer_time,
    at + toIntervalMillisecond(6000 + if(answered, talk * 1000, 9000)) AS end_time,
    if(answered, end_time, NULL) AS bye_time,
    lower(hex(cityHash64(n, 1))) || '@10.0.0.' || toString(r % 200) AS call_id,
    lower(hex(cityHash64(n, 2))) AS from_tag,
    '1202555' || leftPad(toString(cityHash64(n, 3) % 100000), 5, '0') AS caller,
    '42' || toString(cityHash64(n, 4) % 100000000) AS callee,
    '10.0.' || toString(r % 4) || '.' || toString(cityHash64(n, 5) % 50) AS src_ip,
    '172.16.0.' || toString(cityHash64(n, 6) % 8) AS dst_ip,
    if(answered, 'answered', ['rejected', 'cancelled', 'unanswered'][1 + r % 3]) AS outcome,
    if(answered, 200, [486, 487, 480, 503, 404][1 + r % 5]) AS response_code,
    if(answered, talk, NULL) AS connect_duration,
    talk + 6 AS duration,
    (300 + r % 5000) / 1000 AS pdd,
    if(answered, round(4.41 - pow(cityHash64(n, 7) % 1000 / 1000, 6) * 3.3, 3), NULL) AS mos_a,
    if(answered, round(4.41 - pow(cityHash64(n, 8) % 1000 / 1000, 6) * 3.3, 3), NULL) AS mos_b,
    least(mos_a, mos_b) AS mos,
    if(answered, round(pow(cityHash64(n, 9) % 1000 / 1000, 8) * 9, 4), NULL) AS loss_a,
    if(answered, round(pow(cityHash64(n, 10) % 1000 / 1000, 8) * 9, 4), NULL) AS loss_b,
    if(answered, toUInt64(talk * 50), NULL) AS packets_a,
    if(answered, toUInt64(talk * 50), NULL) AS packets_b,
    if(answered, toInt64(talk * loss_a / 2), NULL) AS lost_a,
    if(answered, toInt64(talk * loss_b / 2), NULL) AS lost_b,
    if(answered, ['PCMU', 'PCMA', 'opus', 'G729'][1 + r % 4], NULL) AS codec_a,
    codec_a AS codec_b,
    if(answered, if(r % 2, 'caller', 'callee'), NULL) AS hung_up_by,
    arrayMap(t -> at + toIntervalMillisecond(t), [0, 5, 300, 6000, 6010, 60000, 60010]) AS `sip_events.time`,
    [toUInt32(cityHash64(n, 11)), toUInt32(cityHash64(n, 12))] AS `streams.ssrc`,
    [hex(cityHash64(n, 13)), hex(cityHash64(n, 14))] AS `streams.stream_id`,
    arrayMap(x -> at + toIntervalMillisecond(6000), [1, 2]) AS `streams.first_time`,
    arrayMap(x -> end_time, [1, 2]) AS `streams.last_time`,
    [mos_a, mos_b] AS `streams.mos`, [loss_a, loss_b] AS `streams.loss`
"""

_FROM = """
) FROM template CROSS JOIN (
    SELECT number + {first:UInt64} AS n, cityHash64(n) AS r, r % 10 < 6 AS answered,
        round(-log((cityHash64(n, 15) % 1000000 + 1) / 1000001) * 120, 3) AS talk,
        fromUnixTimestamp64Micro({begin:Int64} + toInt64(number * 86400000000 / {count:UInt64}), 'UTC') AS at
    FROM numbers({count:UInt64})
) AS made
"""


def make(path: Path, calls: int, *, children: bool = True) -> Store:
    """Fill a new store, a part or more a day; returns it open. Without `children` it is made sooner."""
    store = open_store(str(path), create=True)
    migrate(store)
    client = store.client
    template = CALL if children else replace(CALL, sip_events=[], streams=[])
    Writer(store).insert(tables.CDR, [template])
    client.command("CREATE TABLE template ENGINE = Memory AS SELECT * FROM cdr")
    client.command("TRUNCATE TABLE cdr")
    a_day, midnight = calls // DAYS, T0 - T0 % 86_400_000_000
    fill = _FILL + _FROM if children else _FILL.split("    arrayMap(", maxsplit=1)[0].rstrip(", \n") + _FROM
    for day in range(DAYS):
        client.command(
            fill,
            parameters={"first": day * a_day, "count": a_day, "begin": midnight + day * 86_400_000_000},
        )
    client.command("DROP TABLE template")
    return store
