"""The catalogue of topics."""

import random
from pathlib import Path

import pytest

from eventlog.topics import BY_NAME, TOPICS, describe, main, markdown, murmur2, partition, routing
from schemas import files

ROOT = Path(__file__).parents[2]

KAFKA_TEST_VECTORS = {  # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "hashed"), KAFKA_TEST_VECTORS.items())
def test_the_hash_is_kafkas(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed % 2**32


@pytest.mark.parametrize(
    ("key", "of_4", "of_100"),
    [
        (b"", 1, 81),
        (b"a", 0, 24),
        (b"ab", 2, 34),
        (b"abcd", 0, 0),
        (b"21", 0, 40),
        (bytes(range(256)), 2, 74),
    ],
)
def test_a_key_goes_where_kafkas_default_partitioner_sends_it(key: bytes, of_4: int, of_100: int) -> None:
    assert partition(key, 4) == of_4
    assert partition(key, 100) == of_100


def test_a_key_of_any_length_has_one_partition_and_all_are_used() -> None:
    source = random.Random(1)
    keys = [source.randbytes(length) for length in range(600)]
    first = [partition(key, 8) for key in keys]
    assert first == [partition(key, 8) for key in keys]
    assert set(first) == set(range(8))
    assert {partition(key, 1) for key in keys} == {0}


def test_parts_of_a_routing_key_are_kept_apart() -> None:
    assert routing("ab", "c") != routing("a", "bc")
    assert routing("acme", b"\xff") == b"acme\0\xff"
    assert routing("\udcff")  # a lone surrogate from bytes that are no UTF-8


def test_every_topic_of_the_catalogue_has_one_schema_and_id_and_the_other_way_round() -> None:
    with_schema = {topic.name for topic in TOPICS if topic.schema is not None}
    assert with_schema == set(files.ids())
    assert len(set(files.ids().values())) == len(with_schema)
    for name in with_schema:
        assert files.schema_path(name).stem == BY_NAME[name].schema
        assert files.schema_path(name).exists()
    assert {path.stem for path in files.FOLDER.glob("*.avsc")} == {
        BY_NAME[name].schema for name in with_schema
    }


def test_only_records_of_calls_and_health_may_leave_for_the_cloud() -> None:
    assert {t.name for t in TOPICS if t.forwardable} == {"cdr", "cdr.rejected", "capture.health"}


def test_stage_state_is_compacted_and_all_else_ends() -> None:
    for topic in TOPICS:
        assert topic.compacted == topic.name.endswith(".state")
        if not topic.compacted and topic.name != "pcap.index":
            assert topic.retention_hours is not None


def test_the_description_has_a_row_for_every_topic() -> None:
    rows = {row.topic: row for row in describe()}
    assert list(rows) == [topic.name for topic in TOPICS]
    assert rows["rtp.packets"].kept == "1 h"
    assert rows["cdr"].kept == "25 d"
    assert rows["sip.messages"].clock == "capture → dialogs"
    assert rows["channel.decisions"].clock == "none"


def test_the_page_of_topics_is_what_the_catalogue_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert (ROOT / "docs" / "topics.md").read_text(encoding="utf-8") == markdown()
    assert main(["--markdown"]) == 0
    assert capsys.readouterr().out == markdown()
