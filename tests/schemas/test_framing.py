"""Events as bytes and back; fastavro and the avro package agree on every byte."""

import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import avro.io
import avro.schema
import fastavro
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.topics import TOPICS
from schemas import files, framing
from schemas.bounds import VALUE_BYTES
from schemas.cdr import UnmatchedStream
from schemas.channels import ChannelDecision
from schemas.clock import END_OF_CAPTURE, NOT_STARTED
from schemas.codecs import codec
from schemas.codecs.generic import to_data, with_names_resolved
from schemas.framing import DecodeError, EncodeError, FramingError, decode, encode
from tests.schemas.events import events, records, same

NAMES = sorted(files.ids())
ONES = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The records are large: a few examples each are many values."""

FEW = settings(ONES, max_examples=4)


@pytest.mark.parametrize("topic", NAMES)
@ONES
@given(data=st.data())
def test_every_event_comes_back_as_it_was(topic: str, data: st.DataObject) -> None:
    event = data.draw(events(topic))
    framed = encode(topic, event)
    assert framed[0] == 0
    assert int.from_bytes(framed[1:5], "big") == files.ids()[topic]
    assert framing.topic_of(framed) == topic
    assert same(decode(framed), event)


def data_of(topic: str, event: Any) -> Any:
    """The event as fastavro takes it."""
    own = codec(topic)
    return to_data(own.to_data(event), with_names_resolved(files.plain_schema(topic)), own.classes)


@pytest.mark.parametrize("topic", NAMES)
@ONES
@given(data=st.data())
def test_fastavro_writes_the_same_bytes(topic: str, data: st.DataObject) -> None:
    event = data.draw(events(topic))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, files.plain_schema(topic), data_of(topic, event))
    assert encode(topic, event)[5:] == out.getvalue()


@pytest.mark.parametrize("topic", NAMES)
@ONES
@given(data=st.data())
def test_the_avro_package_writes_the_same_bytes(topic: str, data: st.DataObject) -> None:
    event = data.draw(events(topic))
    schema = avro.schema.parse(files.schema_text(topic))
    out = io.BytesIO()
    datum = _as_avro(data_of(topic, event), json.loads(files.schema_text(topic)), {})
    avro.io.DatumWriter(schema).write(datum, avro.io.BinaryEncoder(out))
    assert encode(topic, event)[5:] == out.getvalue()


def _as_avro(datum: Any, schema: Any, named: dict[str, Any]) -> Any:
    """Our datum as the avro package wants it: times as datetimes, branches of a union without their name."""
    if isinstance(schema, str):
        schema = named.get(schema, schema)
    if isinstance(schema, list):
        return _of_union(datum, schema, named)
    if not isinstance(schema, dict):
        return datum
    if schema.get("logicalType") == "timestamp-micros":
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=datum)
    if schema["type"] == "array":
        return [_as_avro(item, schema["items"], named) for item in datum]
    if schema["type"] == "record":
        named[schema["name"]] = schema
        return {
            field["name"]: _as_avro(datum[field["name"]], field["type"], named) for field in schema["fields"]
        }
    return datum


def _of_union(datum: Any, schema: list[Any], named: dict[str, Any]) -> Any:
    if datum is None:
        return None
    if isinstance(datum, tuple):
        name, datum = datum
        for branch in schema:
            named[branch["name"]] = branch
        return _as_avro(datum, named[name.removeprefix("offhook.")], named)
    return _as_avro(datum, schema[1], named)


@pytest.mark.parametrize("topic", [topic.name for topic in TOPICS if topic.clock_to])
@FEW
@given(data=st.data(), clock=st.sampled_from([END_OF_CAPTURE, NOT_STARTED]))
def test_every_clock_can_say_that_it_has_not_begun_or_will_never_go_on(
    topic: str, data: st.DataObject, clock: int
) -> None:
    event = data.draw(events(topic))
    fields = {name: getattr(event, name) for name in event.__struct_fields__} | {"clock_us": clock}
    assert decode(encode(topic, type(event)(**fields))).clock_us == clock


@pytest.mark.parametrize("topic", NAMES)
@ONES
@given(data=st.data())
def test_damaged_bytes_are_refused_in_one_line_or_read(topic: str, data: st.DataObject) -> None:
    framed = bytearray(encode(topic, data.draw(events(topic))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(5, len(framed) - 1)) if len(framed) > 5 else 0
        framed[at] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(framed))))
    damaged = bytes(framed[:cut]) + data.draw(st.binary(max_size=4))
    try:
        decode(damaged)
    except FramingError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 400


@pytest.mark.parametrize("topic", NAMES)
@ONES
@given(body=st.binary(max_size=300))
def test_any_bytes_behind_a_good_head_are_refused_in_one_line_or_read(topic: str, body: bytes) -> None:
    try:
        decode(b"\0" + files.ids()[topic].to_bytes(4, "big") + body)
    except DecodeError as error:
        assert str(error).startswith(f"{topic}: ")
        assert "\n" not in str(error)


DECISION = ChannelDecision(account="acme", site="hq", cdr_id="1", call_id="a@b", admitted=True, taken=3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "begins with a zero byte"),
        (b"\0\0\0\0", "begins with a zero byte"),
        (b"\1\0\0\0\1", "begins with a zero byte"),
        (b"\0\0\0\0\0", "no schema has the id 0"),
        (b"\0\xff\xff\xff\xff", "no schema has the id 4294967295"),
        (b"\0" * (VALUE_BYTES + 1), "at most"),
    ],
)
def test_what_is_not_framed_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(FramingError, match=reason):
        decode(data)


def test_bytes_after_the_body_are_refused() -> None:
    framed = encode("channel.decisions", DECISION)
    with pytest.raises(DecodeError, match="1 of 22 bytes are too many"):
        decode(framed + b"\0")


def test_a_length_beyond_the_body_is_refused_without_allocating_it() -> None:
    head = b"\0\0\0\0\x08"
    with pytest.raises(DecodeError, match=r"channel\.decisions"):
        decode(head + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f" + b"acme")


@pytest.mark.parametrize(
    ("topic", "field"),
    [("rtp.packets", "packets"), ("rtp.packets", "present_flows"), ("media.windows", "row_count")],
)
@FEW
@given(data=st.data())
def test_a_batch_that_claims_more_rows_than_allowed_is_refused(
    topic: str, field: str, data: st.DataObject
) -> None:
    datum = data_of(topic, data.draw(events(topic))) | {field: 2**30}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, files.plain_schema(topic), datum)
    with pytest.raises(DecodeError, match="1073741824, not 0 to"):
        decode(b"\0" + files.ids()[topic].to_bytes(4, "big") + out.getvalue())


@pytest.mark.parametrize("topic", NAMES)
def test_a_value_of_another_kind_is_our_defect_and_says_so(topic: str) -> None:
    with pytest.raises(EncodeError, match=topic):
        encode(topic, 17)


def test_a_number_beyond_64_bits_or_half_a_character_does_not_fit() -> None:
    with pytest.raises(EncodeError, match="ChannelDecision"):
        encode("channel.decisions", ChannelDecision("a", "s", "1", "c", True, 2**70))
    with pytest.raises(EncodeError, match="ChannelDecision"):
        encode("channel.decisions", ChannelDecision("a", "s", "1", "\udcff", True, 1))
    with pytest.raises(EncodeError, match="no schema for topic"):
        encode("media.state", b"")


@pytest.mark.parametrize("topic", ["rtp.packets", "media.windows"])
@FEW
@given(data=st.data())
def test_columns_that_come_back_can_be_written_and_lie_in_one_piece(topic: str, data: st.DataObject) -> None:
    event = decode(encode(topic, data.draw(events(topic))))
    holders = [event, event.flows] if topic == "rtp.packets" else [event]
    for holder in holders:
        for name in holder.__struct_fields__:
            column = getattr(holder, name)
            if isinstance(column, np.ndarray):
                assert column.flags.writeable
                assert column.flags.c_contiguous
                assert column.flags.aligned


@FEW
@given(unmatched=records(UnmatchedStream))
def test_what_an_older_release_wrote_is_read_into_todays_record(unmatched: UnmatchedStream) -> None:
    schema = files.plain_schema("rtp.unmatched")
    stream = schema["fields"][-1]["type"]
    stream["fields"] = [field for field in stream["fields"] if field["name"] != "mos_adaptive_min"]
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, data_of("rtp.unmatched", unmatched))
    old = files.Released(106, "rtp.unmatched", "", schema)
    framing._reader.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(framing, "released", lambda: {106: old})
        read = decode(b"\0\0\0\0\x6a" + out.getvalue())
    framing._reader.cache_clear()
    expected = msgspec.structs.replace(unmatched.stream, mos_adaptive_min=None)
    assert read == msgspec.structs.replace(unmatched, stream=expected)


def test_nothing_of_avro_is_loaded_before_the_first_value() -> None:
    program = (
        "import sys, schemas.framing;"
        "print([name for name in ('fastavro', 'avro', 'lz4', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
