"""What the names of --filter stand for in the store's columns, row kind by row kind.

The counterpart of `offhook.filters.FIELDS`; a test holds both to the same names and the same answers.
"""

from typing import Final

from offhook.queries.conditions import (
    Field,
    code,
    digits_hint,
    in_time,
    network,
    number,
    number_pattern,
    order_number,
    order_time,
    order_whole,
    pattern,
    word,
)
from offhook.rows import WindowRow
from schemas.cdr import CallRecord, StreamRecord
from schemas.registrations import Registration


def _texts(*values: str) -> Field:
    return Field(pattern, values)


def _words(*values: str) -> Field:
    return Field(word, values)


def _party(*values: str) -> Field:
    return Field(number_pattern, values)


def _numbers_of_call(*values: str) -> Field:
    return Field(number_pattern, values, hint=digits_hint)


def _addresses(*values: str) -> Field:
    return Field(network, values)


def _numbers(*values: str) -> Field:
    return Field(number, values, order=order_number)


def _times(*values: str) -> Field:
    return Field(in_time, values, order=order_time)


_SAID: Final = """arrayConcat(
    flags,
    if(one_way IS NULL, [], ['one-way', concat('one-way-', assumeNotNull(one_way))]),
    if(ifNull(dead_air_a, 0) != 0 OR ifNull(dead_air_b, 0) != 0, ['dead-air'], []),
    if(capture_drops != 0, ['capture-drops'], []),
    if(t38, ['t38'], []),
    if(encrypted_media, ['encrypted'], []),
    if(complete, [], ['incomplete'])
)"""
"""The flags of a call and what its other fields say, as `filters._flag_values`."""

CALL: Final = {
    "caller": _numbers_of_call("caller"),
    "callee": _numbers_of_call("callee"),
    "number": _numbers_of_call("caller", "callee"),
    "domain": _words("caller_domain", "callee_domain"),
    "ip": Field(network, ("src_ip", "dst_ip"), ("proxies", "streams.src_ip", "streams.dst_ip")),
    "src": _addresses("src_ip"),
    "dst": _addresses("dst_ip"),
    "outcome": _words("outcome"),
    "code": Field(code, ("response_code",), order=order_whole),
    "codec": _words("codec_a", "codec_b"),
    "mos": _numbers("mos_a", "mos_b"),
    "loss": _numbers("loss_a", "loss_b"),
    "jitter": _numbers("jitter_a_ms", "jitter_b_ms"),
    "duration": _numbers("duration"),
    "connect_duration": _numbers("connect_duration"),
    "pdd": _numbers("pdd"),
    "time": _times("start"),
    "flags": Field(word, arrays=(_SAID,)),
    "call_id": _texts("call_id"),
    "agent": _words("user_agent_caller", "user_agent_callee"),
    "hung_up_by": _words("hung_up_by"),
}

STREAM: Final = {
    "ip": _addresses("src_ip", "dst_ip"),
    "src": _addresses("src_ip"),
    "dst": _addresses("dst_ip"),
    "side": _words("side"),
    "codec": _words("codec"),
    "mos": _numbers("mos"),
    "loss": _numbers("loss"),
    "jitter": _numbers("jitter_mean_ms"),
    "packets": _numbers("packets"),
    "duration": _numbers("((toUnixTimestamp64Micro(last_time) - toUnixTimestamp64Micro(first_time)) / 1e6)"),
    "time": _times("first_time"),
    "call_id": _texts("call_id"),
    "ssrc": _words("lower(leftPad(hex(ssrc), 8, '0'))", "concat('0x', lower(leftPad(hex(ssrc), 8, '0')))"),
}

WINDOW: Final = {
    "side": _words("side"),
    "codec": _words("codec"),
    "mos": _numbers("mos"),
    "loss": _numbers("loss"),
    "jitter": _numbers("jitter_ms"),
    "time": _times("start"),
    "call_id": _texts("call_id"),
    "stream": _texts("stream_id"),
}

REGISTRATION: Final = {
    "user": _party("user", "from_user"),
    "number": _party("user", "from_user"),
    "domain": _words("domain", "from_domain"),
    "contact": _texts("contact"),
    "ip": _addresses("src_ip", "dst_ip"),
    "src": _addresses("src_ip"),
    "dst": _addresses("dst_ip"),
    "method": _words("method"),
    "state": _words("state"),
    "code": Field(code, arrays=("arrayMap(key -> toUInt16(key), mapKeys(codes))",), order=order_whole),
    "agent": _words("user_agent", "server"),
    "requests": _numbers("requests"),
    "failures": _numbers("failures"),
    "unanswered": _numbers("unanswered"),
    "expires": _numbers("expires"),
    "response_time": _numbers("response_time_max_ms"),
    "time": _times("first_time"),
    "call_id": _texts("call_id"),
    "flags": Field(word, arrays=("flags",)),
}

FIELDS: Final[dict[type, dict[str, Field]]] = {
    CallRecord: CALL,
    StreamRecord: STREAM,
    WindowRow: WINDOW,
    Registration: REGISTRATION,
}
"""Messages are not stored; a call keeps its SIP events."""
