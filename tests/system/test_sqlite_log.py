"""The stages over the log in a file give what they give in memory, also when the process starts again."""

from pathlib import Path
from typing import Any

import pytest

from eventlog.sqlite.log import SqliteLog
from tests.paths import CAPTURES
from tests.system.same_records import Way, take

WAYS = [
    Way(seed=1, frames_a_block=300, calls_partitions=2, media_partitions=3, shuffled=True),
    Way(seed=2, frames_a_block=300, calls_partitions=2, media_partitions=1, restarts=True),
]


class RestartedLog(SqliteLog):
    """A log that a new process opens again after every so many steps."""

    steps = 0

    def transaction(self, owner: str) -> Any:
        RestartedLog.steps += 1
        if RestartedLog.steps % 20 == 0 and not self._open_steps:
            subscribers = self._subscribers
            self.close()
            self.__init__(self._path, self._counts)  # type: ignore[misc]
            self._subscribers = subscribers
            self.trim()
        return super().transaction(owner)


@pytest.mark.parametrize("capture", ["sip_rtpstream.pcap", "irontec_sngrep__tests_aaa.pcap"])
@pytest.mark.parametrize("way", WAYS, ids=["shuffled", "restarts"])
def test_records_are_the_same_as_in_memory(
    capture: str, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = take(CAPTURES / capture, Way())
    opened: list[SqliteLog] = []

    def open_log(counts: Any, encode: bool) -> SqliteLog:
        assert not encode
        opened.append(RestartedLog(tmp_path / "log.sqlite", counts))
        return opened[-1]

    monkeypatch.setattr("streams.memory.MemoryLog", open_log)
    found = take(CAPTURES / capture, way)
    assert opened[0].applied_offsets("reader")
    opened[0].close()
    assert expected.calls
    assert found.calls == expected.calls
    assert found.streams == expected.streams
    assert found.registrations == expected.registrations
