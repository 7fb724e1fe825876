"""The same packets give the same calls, however they are cut, interleaved, saved and restored (rule 3)."""

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.clock import END_OF_CAPTURE
from schemas.sip_messages import SipBatch, SipPacket
from streams.dialogs.reducer import Dialogs
from streams.settings import CallSettings
from tests.streams.builder import ACCOUNT, A, B, CallBuilder, P, describe, us

PATIENT = CallSettings(sensor_gone_s=0)
"""Sensors may be an hour apart: no interleaving makes one of them gone."""

BOUNDED = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

PATHS = [(A, B), (A, P), (P, B)]
WAITS = [0.0, 0.003, 0.009, 0.02, 0.5, 1.99, 3.0, 16.0, 61.0, 400.0]
VERBS = [
    "invite invite invite-again re-invite hold trying ringing early ok ok ok-two ack ack-failure bye bye",
    "bye-b bye-ok bye-ok-b cancel busy busy challenge redirect terminated info refer update options again",
    "again",
]


def say(story: CallBuilder, verb: str, at: float, path: Any, sensor: str) -> None:
    """One message of any kind, wherever in the call."""
    back = (path[1], path[0])
    down: dict[str, Any] = {"path": path, "sensor": sensor}
    up: dict[str, Any] = {"path": back, "sensor": sensor}
    match verb:
        case "invite":
            story.invite(at, **down)
        case "invite-again":
            story.invite(at, cseq=2, **down)
        case "re-invite":
            story.invite(at, cseq=3, to_tag=None, sdp=describe(25000), **down)
        case "hold":
            story.invite(at, cseq=4, to_tag=None, by="b", sdp=describe(30000, direction="sendonly"), **up)
        case "trying":
            story.trying(at, **up)
        case "ringing":
            story.ringing(at, **up)
        case "early":
            story.ringing(at, 183, sdp=describe(31000), to_tag="other", **up)
        case "ok":
            story.ok(at, **up)
        case "ok-two":
            story.ok(at, to_tag="other", **up)
        case "ack":
            story.ack(at, **down)
        case "ack-failure":
            story.ack_failure(at, **down)
        case "bye":
            story.bye(at, **down)
        case "bye-b":
            story.bye(at, by="b", **up)
        case "bye-ok":
            story.bye_ok(at, **up)
        case "bye-ok-b":
            story.bye_ok(at, by="a", **down)
        case "cancel":
            story.cancel(at, **down)
        case "busy" | "challenge" | "redirect" | "terminated":
            status = {"busy": 486, "challenge": 407, "redirect": 302, "terminated": 487}[verb]
            story.response(status, at, **up)
        case "info":
            story.request("INFO", at, cseq=9, to_tag=None, body="5", content_type="application/dtmf", **down)
        case "refer":
            story.response(202, at, to="REFER", cseq=9, **up)
        case "update":
            story.request("UPDATE", at, cseq=5, to_tag=None, sdp=describe(26000), **down)
        case "options":
            story.request("OPTIONS", at, cseq=8, **down)
        case "again" if story.heard:
            story.again(at, sensor=sensor)


Heard = list[tuple[str, SipPacket]]


@st.composite
def stories(draw: st.DrawFn) -> Heard:
    """Up to three calls of which anything may be said at any time, by two sensors."""
    verbs = " ".join(VERBS).split()
    heard: Heard = []
    for number in range(draw(st.integers(1, 3))):
        story = CallBuilder(f"c{number}")
        at = 0.0
        steps = draw(
            st.lists(
                st.tuples(
                    st.sampled_from(verbs),
                    st.sampled_from(WAITS),
                    st.sampled_from(PATHS),
                    st.sampled_from(["s1", "s1", "s2"]),
                ),
                min_size=1,
                max_size=14,
            )
        )
        for verb, wait, path, sensor in steps:
            at += wait
            say(story, verb, at, path, sensor)
        heard += story.heard
    return sorted(heard, key=lambda each: each[1].time_us)


class Result:
    """All that came out, in a form to compare."""

    def __init__(self) -> None:
        self.calls: dict[str, bytes] = {}
        self.events: dict[str, list[Any]] = {}
        self.clocks: dict[str, int] = {}
        self.counters: dict[str, int] = {}

    def take(self, dialogs: Dialogs) -> None:
        output = dialogs.advance()
        for batch in output.endpoints:
            assert batch.clock_us >= self.clocks.get(batch.site, -(2**62))
            self.events.setdefault(batch.site, []).extend(batch.events)
            for event in batch.events:
                assert event.time_us >= self.clocks.get(batch.site, 0)
            self.clocks[batch.site] = batch.clock_us
        for call in output.changed:
            self.calls[call.cdr_id] = msgspec.msgpack.encode(call)
        self.counters = dict(dialogs.counters)

    def of_site(self, site: str) -> tuple[list[bytes], list[Any]]:
        calls = [call for call in self.calls.values() if msgspec.msgpack.decode(call)["site"] == site]
        return sorted(calls), self.events.get(site, [])


def cut(draw: st.DrawFn, heard: Heard, site: str = "hq") -> list[SipBatch]:
    """Each sensor's messages in batches of any size, the sensors' batches in any interleaving."""
    sensors = sorted({sensor for sensor, _ in heard})
    queues: list[list[SipBatch]] = []
    for sensor in sensors:
        mine = [packet for by, packet in heard if by == sensor]
        cuts = sorted({0, len(mine), *draw(st.lists(st.integers(0, len(mine)), max_size=6))})
        queue = [SipBatch(ACCOUNT, site, sensor, us(-1), [])]
        for first, last in pairwise(cuts):
            queue.append(SipBatch(ACCOUNT, site, sensor, mine[last - 1].time_us, mine[first:last]))
        queue.append(SipBatch(ACCOUNT, site, sensor, us(5000), []))
        queues.append(queue)
    begin = [queue.pop(0) for queue in queues]  # all sensors are known before one goes ahead
    middle: list[SipBatch] = []
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        middle.append(queue.pop(0))
    return begin + middle + [SipBatch(ACCOUNT, site, sensor, END_OF_CAPTURE, []) for sensor in sensors]


def one_by_one(heard: Heard, site: str = "hq") -> Result:
    result, dialogs = Result(), Dialogs(0, PATIENT)
    sensors = sorted({sensor for sensor, _ in heard})
    for sensor in sensors:
        dialogs.apply(SipBatch(ACCOUNT, site, sensor, us(-1), []))
    for sensor, packet in heard:
        dialogs.apply(SipBatch(ACCOUNT, site, sensor, packet.time_us, [packet]))
        result.take(dialogs)
    for clock in (us(5000), END_OF_CAPTURE):
        for sensor in sensors:
            dialogs.apply(SipBatch(ACCOUNT, site, sensor, clock, []))
        result.take(dialogs)
    return result


def same(one: Result, two: Result) -> None:
    assert {key: msgspec.msgpack.decode(call) for key, call in one.calls.items()} == {
        key: msgspec.msgpack.decode(call) for key, call in two.calls.items()
    }
    assert one.events == two.events
    assert one.counters == two.counters


@BOUNDED
@given(heard=stories(), data=st.data())
def test_any_cut_gives_the_same_calls_and_endpoints(heard: Heard, data: st.DataObject) -> None:
    result, dialogs = Result(), Dialogs(0, PATIENT)
    for batch in data.draw(st.composite(cut)(heard)):
        dialogs.apply(batch)
        if data.draw(st.booleans()):
            result.take(dialogs)
    result.take(dialogs)
    same(one_by_one(heard), result)


@BOUNDED
@given(heard=stories(), data=st.data())
def test_a_restored_state_goes_on_as_if_nothing_had_happened(heard: Heard, data: st.DataObject) -> None:
    result, dialogs = Result(), Dialogs(0, PATIENT)
    stored: dict[bytes, bytes] = {}
    for batch in data.draw(st.composite(cut)(heard)):
        dialogs.apply(batch)
        if data.draw(st.booleans()):
            result.take(dialogs)
        if data.draw(st.booleans()):
            for key, value in dialogs.changes().items():
                assert value is None or len(value) <= 512 * 1024
                if value is None:
                    del stored[key]
                else:
                    stored[key] = value
            dialogs = Dialogs(0, PATIENT)
            dialogs.restore(stored)
            assert dialogs.changes() == {}
    result.take(dialogs)
    same(one_by_one(heard), result)


@BOUNDED
@given(north=stories(), south=stories(), data=st.data())
def test_sites_do_not_touch_each_other(north: Heard, south: Heard, data: st.DataObject) -> None:
    result, dialogs = Result(), Dialogs(0, PATIENT)
    queues = [data.draw(st.composite(cut)(north, "north")), data.draw(st.composite(cut)(south, "south"))]
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        dialogs.apply(queue.pop(0))
        result.take(dialogs)
    assert result.of_site("north") == one_by_one(north, "north").of_site("north")
    assert result.of_site("south") == one_by_one(south, "south").of_site("south")


@BOUNDED
@given(heard=stories())
def test_every_call_ends_once_more_than_it_goes_on(heard: Heard) -> None:
    """After the end of the capture every call has ended and is closed, and its endpoints with it."""
    result = one_by_one(heard)
    for encoded in result.calls.values():
        call = msgspec.msgpack.decode(encoded)
        assert call["closed"] and call["ended_us"] is not None and call["end_reason"]
        ends = [event for event in result.events["hq"] if event.cdr_id == call["cdr_id"]]
        assert type(ends[-1]).__name__ == "CallEnded"


@BOUNDED
@given(heard=stories(), data=st.data())
def test_nothing_that_anybody_sends_stops_the_stage(heard: Heard, data: st.DataObject) -> None:
    """Messages cut, blown up and overwritten: no exception, and the state can still be saved."""
    broken: Heard = []
    for sensor, packet in heard:
        raw = packet.raw
        at = data.draw(st.integers(0, len(raw)))
        junk = data.draw(st.binary(max_size=12) | st.just(b"9" * 40) | st.just(b"x" * 2000))
        fields = [getattr(packet, name) for name in packet.__struct_fields__]
        fields[-1] = raw[:at] + junk + raw[at + data.draw(st.integers(0, 20)) :]
        broken.append((sensor, SipPacket(*fields)))
    dialogs = Dialogs(0, PATIENT)
    for sensor, packet in broken:
        dialogs.apply(SipBatch(ACCOUNT, "hq", sensor, packet.time_us, [packet]))
        dialogs.advance()
        dialogs.changes()
    same(one_by_one(broken), one_by_one(broken))
