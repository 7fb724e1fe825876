"""Rule 3 for registrations: an hour of phones that refresh, fail, fall silent, move and expire."""

import random
import socket
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from schemas.sip_messages import SipPacket
from tests.capture import packets
from tests.capture.writers import Frame, pcap
from tests.streams.builder import START_US
from tests.streams.registrations.phone import Phone
from tests.system.same_records import Outcome, Way, take
from tests.system.test_same_records import ways


def an_hour(seed: int = 1) -> list[SipPacket]:
    """Forty phones and pingers; some end, some are late, some are never answered."""
    rng = random.Random(seed)
    said: list[SipPacket] = []
    for number in range(40):
        method = rng.choice(["REGISTER", "REGISTER", "REGISTER", "OPTIONS", "SUBSCRIBE"])
        phone = Phone(str(1000 + number), method=method, call_id=f"c{number}@phone")
        at, cseq, granted = rng.uniform(0, 900), 1, rng.choice([30, 60, 120])
        for _ in range(rng.randint(1, 25)):
            _ask(phone, at, cseq, granted, rng)
            cseq += 2
            at += granted * rng.choice([0.5, 0.9, 0.9, 0.9, 1.1, 8])
        said += phone.said
    end = max(packet.time_us for packet in said) / 1_000_000 - START_US / 1_000_000
    said += Phone("1999", call_id="last@phone").asks(end, 1).hears(end + 0.1, 1, 200, granted=600).said
    return sorted(said, key=lambda packet: packet.time_us)


def _ask(phone: Phone, at: float, cseq: int, granted: int, rng: random.Random) -> None:
    what = rng.choice(["ok", "ok", "ok", "challenged", "refused", "failed", "silent", "moved"])
    if what == "moved":
        phone.address = (phone.address[0], rng.randint(1025, 60_000))
    phone.asks(at, cseq, expires=granted)
    if what == "silent":
        phone.asks(at + 0.5, cseq, expires=granted)
    elif what in ("challenged", "refused"):
        phone.hears(at + 0.02, cseq, 401, nonce=f"n{cseq}")
        phone.asks(at + 0.04, cseq + 1, expires=granted, nonce=f"n{cseq}")
        status = 200 if what == "challenged" else 401
        phone.hears(at + 0.06, cseq + 1, status, granted=granted, nonce="" if status == 200 else "other")
    else:
        phone.hears(at + 0.03, cseq, 503 if what == "failed" else 200, granted=granted)


@cache
def capture() -> Path:
    folder = Path(mkdtemp(prefix="registrations-"))
    made = folder / "hour.pcap"
    made.write_bytes(pcap(map(_frame, an_hour())))
    return made


def _frame(packet: SipPacket) -> Frame:
    src, dst = (socket.inet_ntoa(ip) for ip in (packet.src_ip, packet.dst_ip))
    return packets.frame(
        packets.udp(packet.raw, (src, packet.src_port), (dst, packet.dst_port)), packet.time_us * 1000
    )


@cache
def plain() -> Outcome:
    return take(capture(), Way())


def assert_same(way: Way) -> None:
    expected, found = plain().registrations, take(capture(), way).registrations
    assert found.keys() == expected.keys()
    for registration_id, row in expected.items():
        assert msgspec.json.decode(found[registration_id]) == msgspec.json.decode(row), way
        assert found[registration_id] == row


def test_the_hour_has_every_state() -> None:
    states = {msgspec.json.decode(row)["state"] for row in plain().registrations.values()}
    assert states >= {"registered", "expired", "failed", "unanswered", "answered"}
    assert len(plain().registrations) > 40


@given(way=ways)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_way(way: Way) -> None:
    assert_same(way)


@pytest.mark.parametrize(
    "way",
    [
        Way(frames_a_block=1, flush_every=1),
        Way(calls_partitions=8),
        Way(frames_a_block=1, flush_every=1, shuffled=True, restarts=True, again=True, calls_partitions=3),
        Way(encode=True, frames_a_block=30, flush_every=2),
    ],
    ids=["one frame a block", "eight partitions", "restarts and again", "encoded"],
)
def test_each_way_by_itself(way: Way) -> None:
    assert_same(way)
