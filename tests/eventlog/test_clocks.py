"""The clock graph."""

from dataclasses import replace

import pytest

from eventlog import clocks
from eventlog.topics import BY_NAME, TOPICS


def test_the_clocks_run_as_the_design_says() -> None:
    waits = {(one, two) for one, _, two in clocks.edges()}
    assert waits == {
        ("capture", "dialogs"),
        ("capture", "media"),
        ("dialogs", "media"),
        ("media", "records"),
        ("dialogs", "records"),
        ("records", "channels"),
    }


def test_a_stage_comes_after_all_it_waits_for() -> None:
    nodes = clocks.order(clocks.edges())
    for one, _, two in clocks.edges():
        assert nodes.index(one) < nodes.index(two)


def test_waiting_for_the_clock_of_decisions_would_close_a_circle() -> None:
    decisions = replace(BY_NAME["channel.decisions"], clock_to=("records",))
    topics = [decisions if topic.name == decisions.name else topic for topic in TOPICS]
    with pytest.raises(clocks.ClockCycleError) as caught:
        clocks.order(clocks.edges(topics))
    assert "channel.decisions" in str(caught.value)
    assert "records waits for channels" in str(caught.value)


def test_a_stage_that_waits_for_itself_is_a_circle() -> None:
    with pytest.raises(clocks.ClockCycleError, match="media waits for media by echo"):
        clocks.order([("media", "echo", "media")])


def test_the_check_prints_the_edges_or_the_circle(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clocks.main() == 0
    assert capsys.readouterr().out.count("\n") == len(clocks.edges())
    monkeypatch.setattr(clocks, "SHARED_STEPS", (("channels", "x", "dialogs"), ("dialogs", "y", "channels")))
    assert clocks.main() == 1
    assert "cycle" in capsys.readouterr().err
