"""What a sensor on a wire says of the times in which it could not hear."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.sensor import Batch
from capture.settings import CaptureSettings
from capture.wire import listening
from capture.wire.listening import Listening
from schemas.sip_messages import Dropped, SipBatch
from tests.link import Link, ip, link

FLUSHES = 25


@pytest.fixture
def ends() -> Iterator[Link]:
    with link() as made:
        yield made


def dropped(batches: Iterator[list[Batch]], *, some: bool) -> list[Dropped]:
    """What is said to be lost: by the first flush that says so, or by one that does not."""
    for _ in range(FLUSHES):
        said = [each for batch in next(batches) if isinstance(batch, SipBatch) for each in batch.dropped]
        if bool(said) == some:
            return said
    raise AssertionError


def test_while_an_interface_is_down_nobody_is_blamed_for_silence(
    ends: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "LOOK_S", 0.0)
    with link() as others:
        ip("link", "set", others.near, "down")  # never was up: it excuses nothing
        heard = Listening("acme", "hq", "gw1", [ends.near, others.near], CaptureSettings(ring_mb=2), tmp_path)
        batches = heard.batches()
        next(batches)  # says what passed while it was away
        assert dropped(batches, some=False) == []
        assert heard.trouble == f"{others.near}: down, or without a link"
        ip("link", "set", ends.near, "down")
        (first,) = dropped(batches, some=True)
        (second,) = dropped(batches, some=True)
        assert (first.packets, second.packets) == (0, 0)
        assert first.from_us < first.to_us == second.from_us < second.to_us
        assert ends.near in (heard.trouble or "")
        ip("link", "set", ends.near, "up")
        assert dropped(batches, some=False) == []
        assert heard.sensor.counters["interface_down"] >= 2
        batches.close()  # type: ignore[attr-defined]
        heard.close()
    said = [(record.message, vars(record)["fields"]["interface"]) for record in caplog.records]
    assert ("interface is down", ends.near) in said
