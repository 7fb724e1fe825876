"""Runs the dialogs over stories and gathers what came out."""

from collections.abc import Iterable
from typing import Any

from schemas.media_endpoints import CallAnswered, CallEnded, EndpointBatch, EndpointClosed, EndpointOpened
from schemas.sip_messages import SipBatch
from streams.dialogs.call import Call
from streams.dialogs.reducer import Dialogs
from streams.settings import CallSettings
from tests.streams.builder import START_US, CallBuilder, batches


class Outcome:
    """Calls in order of their first change, and all endpoint events, of one run."""

    def __init__(self, settings: CallSettings | None = None) -> None:
        self.dialogs = Dialogs(3, settings or CallSettings())
        self.calls: list[Call] = []
        self.batches: list[EndpointBatch] = []

    def take(self, batch: SipBatch) -> None:
        self.dialogs.apply(batch)
        output = self.dialogs.advance()
        self.batches += output.endpoints
        known = {call.cdr_id for call in self.calls}
        self.calls += [call for call in output.changed if call.cdr_id not in known]

    @property
    def call(self) -> Call:
        """The only call there is."""
        assert len(self.calls) == 1, [call.call_id for call in self.calls]
        return self.calls[0]

    @property
    def events(self) -> list[Any]:
        return [event for batch in self.batches for event in batch.events]

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def ports(self) -> list[tuple[str, str, int, float]]:
        """What happened to endpoints: verb, side, port, second of the story."""
        told = []
        for event in self.events:
            second = (event.time_us - START_US) / 1e6
            if isinstance(event, EndpointOpened):
                told.append(("open", event.owner, event.port, second))
            elif isinstance(event, EndpointClosed):
                told.append(("close", event.owner, event.port, second))
            elif isinstance(event, CallAnswered):
                told.append(("answered", event.branch, 0, second))
            elif isinstance(event, CallEnded):
                told.append(("ended", "", 0, second))
        return told


def run(*calls: CallBuilder, settings: CallSettings | None = None, **more: Any) -> Outcome:
    """Everything the calls say, message by message, then (`until`) a watermark and the end of capture."""
    heard = [each for call in calls for each in call.heard]
    if not more.get("end", True):
        more.setdefault("until", (max(packet.time_us for _, packet in heard) - START_US) / 1e6 + 0.001)
    return run_batches(batches(heard, **more), settings)


def run_batches(given: Iterable[SipBatch], settings: CallSettings | None = None) -> Outcome:
    outcome = Outcome(settings)
    for batch in given:
        outcome.take(batch)
    return outcome


def seconds(time_us: int | None) -> float | None:
    """A call's time as a second of the story."""
    return None if time_us is None else (time_us - START_US) / 1e6
