"""Every event of every topic can be printed, whatever is in it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.kafka.events import json_line, readable, text_of
from schemas.files import ids
from tests.schemas.events import events


@pytest.mark.parametrize("topic", sorted(ids()))
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_an_event_is_one_line_that_is_safe_on_a_terminal(topic: str, data: st.DataObject) -> None:
    line = json_line(readable(data.draw(events(topic))))
    assert line.isprintable()
    assert isinstance(json.loads(line), dict)


@given(st.text(), st.binary())
def test_text_comes_back_from_json_as_it_was(text: str, value: bytes) -> None:
    assert json.loads(json_line({"text": text, "data": text_of(value)}))["text"] == text


def test_bytes_that_are_no_text_are_hexadecimal() -> None:
    assert text_of(b"INVITE sip:a\r\n") == "INVITE sip:a\r\n"
    assert text_of(b"\x80\x08") == "0x8008"
    assert text_of(b"\x1b[2J") == "0x1b5b324a"
