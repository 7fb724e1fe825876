"""The crash harness in short: parts die at fixed moments under calls that begin and end all the time.

`python -m tests.harness.crash` is the long form: 200 calls in progress, random moments, many rounds.
"""

from tests.harness.crash import line
from tests.harness.rounds import Load, play

SHORT = Load(in_progress=12, arrivals_s=9, call_s=4)


def test_a_worker_the_sink_and_the_broker_die() -> None:
    found = play(1, "kafka", SHORT, kinds=["w0", "sink", "broker"])
    assert found.good, line(found)


def test_the_capture_and_the_store_die_while_a_worker_is_paused() -> None:
    found = play(2, "kafka", SHORT, kinds=["capture", "pause", "clickhouse"])
    assert found.good, line(found)


def test_the_embedded_process_dies() -> None:
    found = play(3, "up", SHORT, kinds=["up", "up"])
    assert found.good, line(found)
