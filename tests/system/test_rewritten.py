"""The same calls on other wires, and what networks and mirrors do to packets on their way."""

import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from schemas.cdr import CallRecord
from tests.paths import TOOLS
from tests.system import analysed, wire
from tests.system.wire import Frame

CALLS: Final = 6
SECONDS: Final = 8


@dataclass
class Made:
    """A generated capture: its frames, and its records as they are without any change."""

    frames: list[Frame]
    folder: Path
    plain: list[dict[str, Any]]

    def again(self, frames: Iterable[Frame], link_type: int = wire.ETHERNET) -> list[CallRecord]:
        """The calls of other frames."""
        path = wire.write(self.folder / "again.pcap", frames, link_type)
        result = analysed.calls(path)
        assert result.summary.warnings == []
        return sorted(result.calls, key=lambda call: call.start)

    def changed(self, calls: list[CallRecord]) -> set[str]:
        """Fields in which the records differ from those of the capture as it was made."""
        assert len(calls) == len(self.plain) == CALLS
        found = set()
        for call, plain in zip(map(flat, calls), self.plain, strict=True):
            assert call.keys() == plain.keys()
            found |= {re.sub(r"\d+", "*", name) for name, value in call.items() if value != plain[name]}
        return found


def flat(call: CallRecord) -> dict[str, Any]:
    """Every field, those of the streams and SIP events too, under one name each."""
    fields = msgspec.to_builtins(call)
    for name in ("streams", "sip_events"):
        children = sorted(fields.pop(name), key=lambda child: (child.get("ssrc", 0), child.get("time", 0)))
        fields[f"{name}"] = len(children)
        for number, child in enumerate(children):
            fields |= {f"{name}.{number}.{field}": value for field, value in child.items()}
    return dict(fields)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("rewritten")
    path = folder / "calls.pcap"
    options = f"--calls {CALLS} --seconds {SECONDS} --loss 1 --jitter-ms 3 --out {path}".split()
    subprocess.run(
        [sys.executable, str(TOOLS / "gen_calls.py"), *options], check=True, stdout=subprocess.DEVNULL
    )
    calls = sorted(analysed.calls(path).calls, key=lambda call: call.start)
    return Made(wire.read(path), folder, [flat(call) for call in calls])


def is_voice(frame: Frame) -> bool:
    return not frame.sip


def test_written_again_nothing_changes(made: Made) -> None:
    assert made.changed(made.again(made.frames)) == set()


# other wires


def test_a_vlan_tag(made: Made) -> None:
    calls = made.again(wire.with_vlan(frame, 217) for frame in made.frames)
    assert made.changed(calls) == {"vlan", "streams.*.vlan"}
    assert {call.vlan for call in calls} == {217} == {s.vlan for call in calls for s in call.streams}


def test_two_vlan_tags(made: Made) -> None:
    calls = made.again(wire.with_vlan(frame, 30, 217) for frame in made.frames)
    assert made.changed(calls) == {"vlan", "streams.*.vlan"}


def test_linux_cooked(made: Made) -> None:
    assert made.changed(made.again(map(wire.with_sll, made.frames), wire.LINUX_SLL)) == set()


def test_ipv6(made: Made) -> None:
    def text(message: bytes) -> bytes:
        head, _, body = message.partition(b"\r\n\r\n")
        body = re.sub(
            rb"IN IP4 ([\d.]+)",
            lambda found: b"IN IP6 " + longer(found[1].decode()).encode(),
            body,
        )
        head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
        return head + b"\r\n\r\n" + body

    calls = made.again(wire.with_ipv6(frame, text) for frame in made.frames)
    addresses = {"src_ip", "dst_ip", "streams.*.src_ip", "streams.*.dst_ip"}
    addresses |= {"sip_events.*.src_ip", "sip_events.*.dst_ip", "streams.*.stream_id"}
    assert made.changed(calls) == addresses
    for call, plain in zip(calls, made.plain, strict=True):
        assert call.src_ip == longer(plain["src_ip"])
        assert {s.src_ip for s in call.streams} == {longer(plain[f"streams.{n}.src_ip"]) for n in range(2)}


def longer(address: str) -> str:
    return str(ip_address(wire.as_ipv6(ip_address(address).packed)))


@pytest.mark.parametrize("order", [list, lambda parts: parts[::-1], lambda parts: parts + parts[:1]])
def test_sip_in_ip_fragments(order: Callable[[list[Frame]], list[Frame]], made: Made) -> None:
    frames: list[Frame] = []
    for frame in made.frames:
        frames += order(wire.in_fragments(frame, 136)) if frame.sip else [frame]
    assert made.changed(made.again(frames)) == set()


@pytest.mark.parametrize("sizes", [(), (1,), (100, 3, 200), (17,) * 30])
def test_sip_over_tcp_in_segments_of_any_size(sizes: tuple[int, ...], made: Made) -> None:
    tcp, frames = wire.Tcp(), list[Frame]()
    for frame in made.frames:
        frames += tcp.segments(frame, sizes) if frame.sip else [frame]
    assert made.changed(made.again(frames)) == {"transport", "sip_events.*.transport"}


def test_audio_that_was_not_captured(made: Made) -> None:
    path = made.folder / "snapped.pcap"
    wire.write(path, made.frames, snap=lambda frame: 1500 if frame.sip else 54)
    calls = sorted(analysed.calls(path).calls, key=lambda call: call.start)
    assert made.changed(calls) == set()


# networks and mirrors


def test_packets_that_the_network_repeats(made: Made) -> None:
    dice = random.Random(1)
    again = [
        frame.later(dice.choice((200, 3_000, 25_000))).with_id(frame.ip_id ^ 0x5555)
        for frame in made.frames
        if is_voice(frame) and dice.random() < 0.1
    ]
    calls = made.again(made.frames + again)
    assert made.changed(calls) <= {
        "streams.*.duplicates",
        # what came twice arrived twice, so the time between arrivals changes
        "streams.*.delta_max_ms",
        "streams.*.delay_hist",
        "flags",
    }
    assert sum(stream.duplicates for call in calls for stream in call.streams) == len(again)


def test_packets_that_a_mirror_repeats(made: Made) -> None:
    frames = [
        frame.with_id(frame.ip_id or 7) for frame in made.frames
    ]  # 0 is none: such copies are not known
    again = [frame.later(40) for frame in frames]
    calls = made.again(frames + again)
    assert made.changed(calls) == {"streams.*.capture_copies", "flags"}
    assert {flag for call in calls for flag in call.flags} == {"mirrored-rtp"}
    copies = sum(stream.capture_copies for call in calls for stream in call.streams)
    assert copies == sum(map(is_voice, made.frames))


def test_packets_that_overtake_each_other(made: Made) -> None:
    flows: dict[int, list[Frame]] = {}
    for frame in filter(is_voice, made.frames):
        flows.setdefault(frame.ssrc, []).append(frame)
    swapped = [frame for frame in made.frames if frame.sip]
    pairs = 0
    for flow in flows.values():
        for at in range(20, len(flow) - 20, 25):
            one, two = flow[at], flow[at + 1]
            flow[at], flow[at + 1] = one._replace(time_us=two.time_us), two._replace(time_us=one.time_us)
            pairs += 1
        swapped += flow
    calls = made.again(swapped)
    timing = {"jitter_mean_ms", "jitter_max_ms", "delta_max_ms", "delay_hist", "reordered"}
    scores = {f"{name}{end}" for name in ("mos", "mos_f1", "mos_f2", "mos_adaptive") for end in ("", "_min")}
    sides = {f"{name}_{side}" for side in "ab" for name in ("mos", "jitter")}
    allowed = {f"streams.*.{name}" for name in timing | scores}
    allowed |= {"mos", "mos_a", "mos_b", "mos_a_min", "mos_b_min", "jitter_a_ms", "jitter_b_ms"} | sides
    assert made.changed(calls) <= allowed
    before = sum(
        value for plain in made.plain for name, value in plain.items() if name.endswith(".reordered")
    )
    assert sum(s.reordered for call in calls for s in call.streams) == before + pairs


# silence


def without(made: Made, side: str, since_s: float) -> list[CallRecord]:
    """The calls when one side's packets no longer come, so many seconds after the answer."""
    lines = {}
    for plain in made.plain:
        for number in range(2):
            if plain[f"streams.{number}.side"] == side:
                lines[plain[f"streams.{number}.ssrc"]] = plain["answer_time"] + round(since_s * 1e6)
    return made.again(f for f in made.frames if f.sip or f.time_us < lines.get(f.ssrc, f.time_us + 1))


def test_a_side_that_falls_silent(made: Made) -> None:
    for call in without(made, "b", 4.0):
        last = next(stream for stream in call.streams if stream.side == "b").last_time
        gone_s = (call.end_time - last) / 1e6
        assert call.dead_air_b == pytest.approx(gone_s, abs=1e-6)
        assert call.lost_after_last_b == int(gone_s / 0.02) - 1
        assert (call.dead_air_a, call.lost_after_last_a, call.one_way) == (0.0, None, None)
        assert call.mos_b_min == 1.0
        assert call.mos == call.mos_b
        heard_s = (last - (call.first_rtp_time_b or 0)) / 1e6
        good = next(stream for stream in call.streams if stream.side == "b").mos or 0
        assert call.mos_b == pytest.approx((heard_s * good + gone_s) / (heard_s + gone_s), abs=0.01)
        assert "dead-air-b" in call.flags
        assert call.loss_b is not None
        assert call.loss_b < 5  # what did not come after the last packet is not in the loss


def test_a_side_that_is_never_heard(made: Made) -> None:
    for call in without(made, "a", -9.0):
        assert call.one_way == "a"
        assert (call.packets_a, call.loss_a, call.mos_a, call.codec_a) == (None,) * 4
        assert call.dead_air_a == call.connect_duration
        assert call.mos == call.mos_b
        assert (call.mos or 0) > 4.0
        assert len(call.streams) == 1


def test_silence_in_the_middle_is_dead_air_and_loss(made: Made) -> None:
    since = {plain["call_id"]: plain["answer_time"] + 3_000_000 for plain in made.plain}
    lines = {
        plain[f"streams.{n}.ssrc"]: since[plain["call_id"]]
        for plain in made.plain
        for n in range(2)
        if plain[f"streams.{n}.side"] == "a"
    }
    frames = [f for f in made.frames if f.sip or not 0 <= f.time_us - lines.get(f.ssrc, 0) < 2_500_000]
    for call, plain in zip(made.again(frames), made.plain, strict=True):
        assert call.dead_air_a == pytest.approx(2.52, abs=0.03)
        assert call.dead_air_b == 0.0
        (stream,) = (stream for stream in call.streams if stream.side == "a")
        assert stream.loss_runs[9] == 1
        assert 120 <= stream.lost - plain["lost_a"] <= 126
        assert call.mos_a_min == 1.0
        assert call.lost_after_last_a is None
        assert call.one_way is None


def test_the_end_that_was_not_captured(made: Made) -> None:
    cut = min(plain["bye_time"] for plain in made.plain) - 1_000_000
    calls = made.again(frame for frame in made.frames if frame.time_us < cut)
    assert len(calls) == CALLS
    for call in calls:
        assert (call.outcome, call.bye_code, call.end_reason) == ("answered", 1, "capture-end")
        assert (call.bye_time, call.hung_up_by, call.one_way) == (None, None, None)
        assert (call.lost_after_last_a, call.dead_air_a, call.dead_air_b) == (None, 0.0, 0.0)
        assert "end-not-seen" in call.flags
        assert call.end_time <= cut


def test_the_start_that_was_not_captured(made: Made) -> None:
    cut = max(plain["answer_time"] for plain in made.plain) + 1_000_000
    calls = made.again(frame for frame in made.frames if frame.time_us >= cut)
    assert len(calls) == CALLS
    for call, plain in zip(calls, sorted(made.plain, key=lambda each: each["bye_time"]), strict=True):
        assert (call.call_id, call.bye_time, call.bye_code) == (plain["call_id"], plain["bye_time"], 106)
        assert (call.invite_time, call.answer_time, call.duration) == (None, None, None)
        assert (call.caller, call.callee) == (plain["caller"], plain["callee"])
        assert "start-not-seen" in call.flags
