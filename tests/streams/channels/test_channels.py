"""The limit of channels: who is over it, whatever the partitions, the batches and the restarts."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.channels import ChannelBatch, ChannelDecision, ChannelEvent
from schemas.clock import END_OF_CAPTURE
from streams.channels.channels import Channels
from streams.stage import Input

Call = tuple[int, int]
"""When it takes its channel and when it gives it back, s."""

SECOND = 1_000_000


def event(
    time_s: float,
    cdr_id: str,
    taken: bool = True,
    sensor: str = "s",
    caller: str = "+4930123456",
    callee: str = "0049891234567",
) -> ChannelEvent:
    return ChannelEvent(round(time_s * SECOND), cdr_id, f"{cdr_id}@pbx", sensor, caller, callee, taken)


def batch(clock_s: float, *events: ChannelEvent, source: int = 0, site: str = "hq") -> Input:
    clock = END_OF_CAPTURE if clock_s == END_OF_CAPTURE else round(clock_s * SECOND)
    return Input("channels", ChannelBatch("acme", site, source, clock, list(events)))


def decided(stage: Channels, *inputs: Input) -> dict[str, tuple[bool, int]]:
    facts = stage.step(inputs)
    assert all(fact.topic == "channel.decisions" for fact in facts)
    decisions: list[ChannelDecision] = [fact.value for fact in facts]
    return {decision.cdr_id: (decision.admitted, decision.taken) for decision in decisions}


def over_the_limit(calls: list[Call], limit: int) -> set[int]:
    """By the definition: at each moment, who asks while the channels are taken."""
    moments = [(end, 0, n) for n, (_, end) in enumerate(calls)] + [
        (start, 1, n) for n, (start, _) in enumerate(calls)
    ]
    holding: set[int] = set()
    refused: set[int] = set()
    for _, taking, n in sorted(moments, key=lambda moment: (moment[0], moment[1], f"{moment[2]:03d}")):
        if not taking:
            holding.discard(n)
        elif len(holding) < limit:
            holding.add(n)
        else:
            refused.add(n)
    return refused


def test_a_call_over_the_limit_is_refused_and_holds_no_channel() -> None:
    stage = Channels(1, 2)
    calls = [event(1, "a"), event(2, "b"), event(3, "c"), event(4, "a", taken=False), event(5, "d")]
    assert decided(stage, batch(10, *calls)) == {
        "a": (True, 1),
        "b": (True, 2),
        "c": (False, 3),
        "d": (True, 2),
    }
    assert stage.in_use == {"acme": 2}
    assert stage.counters["channels_refused"] == 1
    ends = [event(11, "c", taken=False), event(12, "b", taken=False), event(12, "d", taken=False)]
    assert decided(stage, batch(20, *ends)) == {}
    assert stage.in_use == {"acme": 0}


def test_nothing_is_decided_before_every_partition_has_spoken() -> None:
    stage = Channels(2, 1)
    assert decided(stage, batch(10, event(5, "late"), source=0)) == {}
    assert decided(stage, batch(4, event(3, "early"), source=1)) == {"early": (True, 1)}
    assert decided(stage, batch(6, source=1)) == {"late": (False, 2)}


def test_a_channel_given_back_at_the_very_time_is_free() -> None:
    stage = Channels(1, 1)
    events = [event(1, "z"), event(2, "z", taken=False), event(2, "a")]
    assert decided(stage, batch(3, *events))["a"] == (True, 1)


@pytest.mark.parametrize(
    ("second", "shared"),
    [
        (event(9, "leg", sensor="t", caller="30123456", callee="9991234567"), True),
        (event(12, "leg", sensor="t"), False),  # more than 10 s later
        (event(9, "leg", sensor="s"), False),  # the same sensor heard two calls
        (event(9, "leg", sensor="t", caller="30123457"), False),
        (event(9, "leg", sensor="t", caller="anonymous", callee=""), False),
    ],
)
def test_a_leg_of_another_sensor_shares_its_calls_channel(second: ChannelEvent, shared: bool) -> None:
    stage = Channels(1, 1)
    assert decided(stage, batch(20, event(1, "first"), second))["leg"] == (
        (True, 1) if shared else (False, 2)
    )
    decided(stage, batch(30, event(21, "first", taken=False)))
    assert stage.in_use == {"acme": int(shared)}
    decided(stage, batch(40, event(31, "leg", taken=False)))
    assert stage.in_use == {"acme": 0}


def test_a_leg_of_a_refused_call_is_refused_too() -> None:
    stage = Channels(1, 1)
    other = event(1, "other", caller="1111111", callee="2222222")
    freed = event(3, "other", taken=False)
    found = decided(stage, batch(9, other, event(2, "first"), freed, event(4, "leg", sensor="t")))
    assert found["first"] == found["leg"] == (False, 2)


def test_a_gone_site_leaves_the_ledgers_clock_and_counts_from_now_when_it_returns() -> None:
    stage = Channels(1, 1, gone_s=30)
    decided(stage, batch(1, site="branch"), batch(1, site="hq"))
    assert decided(stage, batch(25, event(20, "a"), site="hq")) == {}, "the branch is 24 s behind, not gone"
    assert decided(stage, batch(40, site="hq")) == {"a": (True, 1)}
    assert decided(stage, batch(39, event(10, "b", caller="777777"), site="branch")) == {"b": (False, 2)}
    assert stage.counters["channel_events_late"] == 1
    assert decided(stage, batch(60, event(50, "c", caller="888888"), site="hq")) == {}, (
        "the branch holds the clock again"
    )


def test_a_sites_partition_that_lags_holds_the_clock_however_long() -> None:
    stage = Channels(2, 1, gone_s=30)
    decided(stage, batch(1, source=0), batch(1, source=1))
    assert decided(stage, batch(500, event(400, "a"), source=0)) == {}
    assert decided(stage, batch(500, event(3, "b"), source=1)) == {"b": (True, 1), "a": (False, 2)}


def test_the_end_of_a_capture_decides_what_is_left() -> None:
    stage = Channels(1, 1, gone_s=30)
    assert decided(stage, batch(5, event(5, "a"))) == {}
    assert decided(stage, batch(END_OF_CAPTURE)) == {"a": (True, 1)}


calls_of_a_site = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda call: (call[0], sum(call))), max_size=30
)


@given(
    calls=calls_of_a_site,
    limit=st.integers(1, 5),
    partitions=st.integers(1, 4),
    seed=st.integers(0, 2**32),
    restarts=st.booleans(),
)
def test_exactly_those_are_refused_that_asked_while_all_were_taken(
    calls: list[Call], limit: int, partitions: int, seed: int, restarts: bool
) -> None:
    rng = random.Random(seed)
    stage, saved = Channels(partitions, limit), {}
    refused, admitted = set(), set()
    for each in interleaved(calls, partitions, rng):
        for fact in stage.step([each]):
            (admitted if fact.value.admitted else refused).add(int(fact.value.cdr_id))
        for key, value in stage.changes().items():
            if value is None:
                saved.pop(key, None)
            else:
                saved[key] = value
        if restarts and rng.random() < 0.3:
            stage = Channels(partitions, limit)
            stage.restore(saved)
    assert refused == over_the_limit(calls, limit)
    assert refused | admitted == set(range(len(calls)))
    assert stage.in_use in ({"acme": 0}, {})
    assert all(key.startswith(b"account/") for key in saved)


def interleaved(calls: list[Call], partitions: int, rng: random.Random) -> Iterator[Input]:
    """Each partition tells of its calls in order, in batches of its own; whose batch is next is chance."""
    queues: list[list[Input]] = []
    for source in range(partitions):
        events = [
            event(time, f"{n:03d}", taken=taken, caller=f"1{n:06d}")
            for n, times in enumerate(calls)
            if n % partitions == source
            for time, taken in zip(times, (True, False), strict=True)
        ]
        events.sort(key=lambda each: each.time_us)
        inputs, clock = [], 0
        while clock <= 70:
            until = clock + rng.randint(1, 9)
            due = [each for each in events if clock * SECOND <= each.time_us < until * SECOND]
            inputs.append(batch(until, *due, source=source))
            clock = until
        queues.append([*inputs, batch(END_OF_CAPTURE, source=source)])
    while any(queues):
        yield rng.choice([queue for queue in queues if queue]).pop(0)
