"""What passed while a sensor was away, and that it lives once."""

from pathlib import Path

import pytest

from capture.errors import CaptureError
from capture.wire.lives import Life, Lives


def test_the_difference_between_two_lives_is_what_was_missed(tmp_path: Path) -> None:
    first = Lives(tmp_path / "state", "acme/hq/gw1")
    assert first.missed(Life("boot", {"eth0": 100})) == 0  # the first there ever was
    first.reached(Life("boot", {"eth0": 150, "eth1": 7}))
    first.close()
    second = Lives(tmp_path / "state", "acme/hq/gw1")
    assert second.missed(Life("boot", {"eth0": 160, "eth1": 10})) == 13
    assert second.missed(Life("boot", {"eth0": 160, "eth2": 5})) == 15  # an interface that was not heard
    assert second.missed(Life("boot", {"eth0": 40})) == 40  # it went down and came up
    assert second.missed(Life("another", {"eth0": 160})) == 160  # the machine did
    second.close()
    other = Lives(tmp_path / "state", "acme/hq/gw2")
    assert other.missed(Life("boot", {"eth0": 160})) == 0
    other.close()


def test_a_note_that_cannot_be_read_is_as_none(tmp_path: Path) -> None:
    lives = Lives(tmp_path, "s")
    lives.reached(Life("boot", {"eth0": 1}))
    (note,) = tmp_path.glob("*.json")
    note.write_bytes(b"{")
    assert lives.missed(Life("boot", {"eth0": 9})) == 0
    lives.close()


def test_a_folder_that_cannot_be_written_any_more_is_said_and_nothing_piles_up(tmp_path: Path) -> None:
    lives = Lives(tmp_path, "s")
    lives.reached(Life("boot", {"eth0": 1}))
    before = sorted(tmp_path.iterdir())
    (note,) = tmp_path.glob("*.json")
    note.with_suffix(".new").mkdir()
    for _ in range(3):
        lives.reached(Life("boot", {"eth0": 2}))
        assert "is not noted" in (lives.trouble or "")
    note.with_suffix(".new").rmdir()
    assert sorted(tmp_path.iterdir()) == before
    lives.reached(Life("boot", {"eth0": 3}))
    assert lives.trouble is None
    assert lives.missed(Life("boot", {"eth0": 5})) == 2
    lives.close()


def test_a_sensor_runs_once(tmp_path: Path) -> None:
    lives = Lives(tmp_path, "acme/hq/gw1")
    with pytest.raises(CaptureError, match="acme/hq/gw1 runs already"):
        Lives(tmp_path, "acme/hq/gw1")
    lives.close()
    Lives(tmp_path, "acme/hq/gw1").close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CaptureError, match="file"):
        Lives(tmp_path / "file" / "state", "s")
