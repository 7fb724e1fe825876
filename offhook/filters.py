"""`--filter`: which rows to show, as a list of terms that all must hold.

A term is `name operator value`: caller=1202*, ip=10.0.0.0/8, code=4xx, mos<3.5, outcome!=answered.
Alternatives are separated by `|`. A value that is not known matches nothing but `!=`.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Final

import msgspec

from offhook.bounds import FILTER_ALTERNATIVES, FILTER_TERMS
from offhook.errors import UsageError
from offhook.rows import MessageRow, WindowRow
from offhook.times import Clock
from schemas.cdr import CallRecord, StreamRecord
from schemas.registrations import Registration
from streams.records import flags
from streams.records.outcome import OUTCOMES
from streams.registrations import state

Test = Callable[[Any], bool]
"""Whether one row is wanted."""

_TERM = re.compile(r"\s*([a-z_-]+)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*", re.DOTALL)
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": lambda known, wanted: known < wanted,
    "<=": lambda known, wanted: known <= wanted,
    ">": lambda known, wanted: known > wanted,
    ">=": lambda known, wanted: known >= wanted,
}


class Term(msgspec.Struct, frozen=True):
    """One condition as written."""

    name: str
    operator: str
    value: str


class Field(msgspec.Struct, frozen=True):
    """What a name stands for in one kind of row.

    `values` are the row's values, of which one must match. `match` makes a test of one written value.
    `order` reads a written value for < and >, and picks the row's value to compare; None: only = and !=.
    """

    values: Callable[[Any], Iterable[Any]]
    match: Callable[[str, Clock], Callable[[Any], bool]]
    order: Callable[[str, Clock], Any] | None = None


def parse(expressions: Iterable[str]) -> list[Term]:
    """The terms of all --filter options; raises UsageError for one that is no term."""
    terms = []
    for text in (text for expression in expressions for text in _split(expression)):
        found = _TERM.fullmatch(text)
        if found is None or not found[3]:
            raise UsageError(f"'{text.strip()}' is no filter; write name=value: caller=1202*, mos<3.5")
        terms.append(Term(found[1].replace("-", "_"), found[2], found[3]))
    if len(terms) > FILTER_TERMS:
        raise UsageError(f"{len(terms)} filter terms; at most {FILTER_TERMS} are allowed")
    return terms


def compile_filter(terms: Sequence[Term], kind: type, clock: Clock) -> Test:
    """A test of rows of one kind; raises UsageError where a name or value does not fit."""
    tests = [_compile(term, kind, clock) for term in terms]
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def knows(kind: type, term: Term) -> bool:
    """Whether rows of that kind have what the term asks for."""
    return term.name in FIELDS[kind]


def _split(expression: str) -> list[str]:
    return [part for part in expression.split(",") if part.strip()]


def _compile(term: Term, kind: type, clock: Clock) -> Test:
    field = FIELDS[kind].get(term.name)
    if field is None:
        known = ", ".join(sorted(FIELDS[kind]))
        raise UsageError(f"no filter '{term.name}' for these rows; there are: {known}")
    values = field.values
    if term.operator in _COMPARE:
        if field.order is None:
            raise UsageError(f"'{term.name}' can be compared by = and != only")
        wanted, compare = field.order(term.value, clock), _COMPARE[term.operator]
        return lambda row: any(value is not None and compare(value, wanted) for value in values(row))
    matches = _alternatives(field, term, clock)
    if term.operator == "=":
        return lambda row: any(value is not None and matches(value) for value in values(row))
    return lambda row: not any(value is not None and matches(value) for value in values(row))


def _alternatives(field: Field, term: Term, clock: Clock) -> Callable[[Any], bool]:
    written = [part.strip() for part in term.value.split("|") if part.strip()]
    if not written or len(written) > FILTER_ALTERNATIVES:
        raise UsageError(f"'{term.name}' takes 1 to {FILTER_ALTERNATIVES} values, separated by |")
    tests = [field.match(part, clock) for part in written]
    return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)


def _pattern(written: str, _clock: Clock) -> Callable[[str], bool]:
    """`1202*` begins with, `*4567` ends with, `*20*` contains, else equal."""
    begins, ends = written.startswith("*"), written.endswith("*")
    core = written.strip("*")
    if "*" in core:
        raise UsageError(f"'{written}': * may stand at the beginning and at the end")
    if begins and ends:
        return lambda value: core in value
    if begins:
        return lambda value: value.endswith(core)
    if ends:
        return lambda value: value.startswith(core)
    return lambda value: value == core


def _number_pattern(written: str, clock: Clock) -> Callable[[str], bool]:
    """As a pattern; a number's leading + counts only where the pattern writes one."""
    test = _pattern(written, clock)
    if written.startswith(("+", "*")):
        return test
    return lambda value: test(value) or (value.startswith("+") and test(value[1:]))


def _word(written: str, _clock: Clock) -> Callable[[str], bool]:
    """Equal without regard to case, - and _ alike; * as in a pattern."""
    test = _pattern(_plain(written), _clock)
    return lambda value: test(_plain(value))


def _plain(word: str) -> str:
    return word.lower().replace("_", "-")


def _network(written: str, _clock: Clock) -> Callable[[str], bool]:
    try:
        network = ip_network(written, strict=False)
    except ValueError:
        raise UsageError(f"'{written}' is no IP address or network; write 10.1.2.3 or 10.0.0.0/8") from None
    known: dict[str, bool] = {}

    def inside(address: str) -> bool:
        if (answer := known.get(address)) is None:
            if len(known) > 65_536:
                known.clear()
            try:
                answer = ip_address(address) in network
            except ValueError:
                answer = False
            known[address] = answer
        return answer

    return inside


def _code(written: str, _clock: Clock) -> Callable[[int], bool]:
    """486, or a class such as 4xx."""
    if re.fullmatch(r"[1-6]xx", written.lower()):
        hundred = int(written[0])
        return lambda code: code // 100 == hundred
    wanted = _whole(written, _clock)
    return lambda code: code == wanted


def _whole(written: str, _clock: Clock) -> int:
    if not written.isdecimal() or len(written) > 12:
        raise UsageError(f"'{written}' is no whole number")
    return int(written)


def _number(written: str, _clock: Clock) -> float:
    try:
        number = float(written)
    except ValueError:
        raise UsageError(f"'{written}' is no number") from None
    if math.isnan(number):
        raise UsageError("nan is no number to compare with")
    return number


def _same_number(written: str, clock: Clock) -> Callable[[float], bool]:
    wanted = _number(written, clock)
    return lambda value: value == wanted


def _time(written: str, clock: Clock) -> int:
    return clock.read(written)


def _in_time(written: str, clock: Clock) -> Callable[[int], bool]:
    """`from..to`, either end may be missing; the end does not belong to it."""
    if ".." not in written:
        raise UsageError(f"time={written}: write time=FROM..TO, or time>=FROM")
    since, until = written.split("..", 1)
    first = clock.read(since.strip()) if since.strip() else None
    last = clock.read(until.strip()) if until.strip() else None
    return lambda time: (first is None or time >= first) and (last is None or time < last)


def _flag_values(call: CallRecord) -> list[str]:
    found = list(call.flags)
    if call.one_way is not None:
        found += ["one-way", f"one-way-{call.one_way}"]
    if call.dead_air_a or call.dead_air_b:
        found.append("dead-air")
    if call.capture_drops:
        found.append("capture-drops")
    fields = {"t38": call.t38, "encrypted": call.encrypted_media, "incomplete": not call.complete}
    return found + [name for name, is_set in fields.items() if is_set]


def _numbers(values: Callable[[Any], Iterable[float | None]]) -> Field:
    return Field(values, _same_number, _number)


def _texts(values: Callable[[Any], Iterable[str | None]]) -> Field:
    return Field(values, _pattern)


def _words(values: Callable[[Any], Iterable[str | None]]) -> Field:
    return Field(values, _word)


def _choices(values: Callable[[Any], Iterable[str | None]], known: Iterable[str]) -> Field:
    """Words of which only these occur; another one is a slip, and would match nothing."""
    words = frozenset(known)

    def match(written: str, clock: Clock) -> Callable[[str], bool]:
        if "*" not in written and _plain(written) not in words:
            raise UsageError(f"'{written}' is none of {', '.join(sorted(words))}")
        return _word(written, clock)

    return Field(values, match)


def _party(values: Callable[[Any], Iterable[str | None]]) -> Field:
    return Field(values, _number_pattern)


def _addresses(values: Callable[[Any], Iterable[str]]) -> Field:
    return Field(values, _network)


def _times(values: Callable[[Any], Iterable[int | None]]) -> Field:
    return Field(values, _in_time, _time)


def _call_addresses(call: CallRecord) -> Iterable[str]:
    yield call.src_ip
    yield call.dst_ip
    yield from call.proxies
    for stream in call.streams:
        yield stream.src_ip
        yield stream.dst_ip


_FLAGS_OF_FIELDS: Final = ("one-way-a", "one-way-b", "dead-air", "incomplete")
_STATES: Final = (
    *(state.REGISTERED, state.UNREGISTERED, state.EXPIRED, state.CHALLENGED),
    *(state.FAILED, state.UNANSWERED, state.ANSWERED),
)

_CALL = {
    "caller": _party(lambda call: (call.caller,)),
    "callee": _party(lambda call: (call.callee,)),
    "number": _party(lambda call: (call.caller, call.callee)),
    "domain": _words(lambda call: (call.caller_domain, call.callee_domain)),
    "ip": _addresses(_call_addresses),
    "src": _addresses(lambda call: (call.src_ip,)),
    "dst": _addresses(lambda call: (call.dst_ip,)),
    "outcome": _choices(lambda call: (call.outcome,), OUTCOMES),
    "code": Field(lambda call: (call.response_code,), _code, _whole),
    "codec": _words(lambda call: (call.codec_a, call.codec_b)),
    "mos": _numbers(lambda call: (call.mos_a, call.mos_b)),
    "loss": _numbers(lambda call: (call.loss_a, call.loss_b)),
    "jitter": _numbers(lambda call: (call.jitter_a_ms, call.jitter_b_ms)),
    "duration": _numbers(lambda call: (call.duration,)),
    "connect_duration": _numbers(lambda call: (call.connect_duration,)),
    "pdd": _numbers(lambda call: (call.pdd,)),
    "time": _times(lambda call: (call.start,)),
    "flags": _choices(_flag_values, {*flags.MEANINGS, *_FLAGS_OF_FIELDS}),
    "call_id": _texts(lambda call: (call.call_id,)),
    "agent": _words(lambda call: (call.user_agent_caller, call.user_agent_callee)),
    "hung_up_by": _choices(lambda call: (call.hung_up_by,), ("caller", "callee")),
}
_STREAM = {
    "ip": _addresses(lambda stream: (stream.src_ip, stream.dst_ip)),
    "src": _addresses(lambda stream: (stream.src_ip,)),
    "dst": _addresses(lambda stream: (stream.dst_ip,)),
    "side": _choices(lambda stream: (stream.side,), ("a", "b")),
    "codec": _words(lambda stream: (stream.codec,)),
    "mos": _numbers(lambda stream: (stream.mos,)),
    "loss": _numbers(lambda stream: (stream.loss,)),
    "jitter": _numbers(lambda stream: (stream.jitter_mean_ms,)),
    "packets": _numbers(lambda stream: (stream.packets,)),
    "duration": _numbers(lambda stream: ((stream.last_time - stream.first_time) / 1e6,)),
    "time": _times(lambda stream: (stream.first_time,)),
    "call_id": _texts(lambda stream: (stream.call_id,)),
    "ssrc": _words(lambda stream: (f"{stream.ssrc:08x}", f"0x{stream.ssrc:08x}")),
}
_WINDOW = {
    "side": _choices(lambda window: (window.side,), ("a", "b")),
    "codec": _words(lambda window: (window.codec,)),
    "mos": _numbers(lambda window: (window.mos,)),
    "loss": _numbers(lambda window: (window.loss,)),
    "jitter": _numbers(lambda window: (window.jitter_ms,)),
    "time": _times(lambda window: (window.start,)),
    "call_id": _texts(lambda window: (window.call_id,)),
    "stream": _texts(lambda window: (window.stream_id,)),
}
_MESSAGE = {
    "caller": _party(lambda message: (message.caller,)),
    "callee": _party(lambda message: (message.callee,)),
    "number": _party(lambda message: (message.caller, message.callee)),
    "ip": _addresses(lambda message: (message.src_ip, message.dst_ip)),
    "src": _addresses(lambda message: (message.src_ip,)),
    "dst": _addresses(lambda message: (message.dst_ip,)),
    "method": _words(lambda message: (message.method,)),
    "code": Field(lambda message: (message.status,), _code, _whole),
    "time": _times(lambda message: (message.time,)),
    "call_id": _texts(lambda message: (message.call_id,)),
    "agent": _words(lambda message: (message.user_agent,)),
}
_REGISTRATION = {
    "user": _party(lambda row: (row.user, row.from_user)),
    "number": _party(lambda row: (row.user, row.from_user)),
    "domain": _words(lambda row: (row.domain, row.from_domain)),
    "contact": _texts(lambda row: (row.contact,)),
    "ip": _addresses(lambda row: (row.src_ip, row.dst_ip)),
    "src": _addresses(lambda row: (row.src_ip,)),
    "dst": _addresses(lambda row: (row.dst_ip,)),
    "method": _words(lambda row: (row.method,)),
    "state": _choices(lambda row: (row.state,), _STATES),
    "code": Field(lambda row: (int(code) for code in row.codes), _code, _whole),
    "agent": _words(lambda row: (row.user_agent, row.server)),
    "requests": _numbers(lambda row: (row.requests,)),
    "failures": _numbers(lambda row: (row.failures,)),
    "unanswered": _numbers(lambda row: (row.unanswered,)),
    "expires": _numbers(lambda row: (row.expires,)),
    "response_time": _numbers(lambda row: (row.response_time_max_ms,)),
    "time": _times(lambda row: (row.first_time,)),
    "call_id": _texts(lambda row: (row.call_id,)),
    "flags": _choices(lambda row: row.flags, state.MEANINGS),
}
FIELDS: Final[dict[type, dict[str, Field]]] = {
    CallRecord: _CALL,
    StreamRecord: _STREAM,
    WindowRow: _WINDOW,
    MessageRow: _MESSAGE,
    Registration: _REGISTRATION,
}
