"""The channels stage: what calls take and give back in, who was admitted out."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from eventlog.topics import routing
from schemas.channels import ChannelBatch, ChannelDecision, ChannelEvent
from schemas.clock import END_OF_CAPTURE, NOT_STARTED
from streams.bounds import CHANNEL_EVENTS_MAX
from streams.channels.ledger import Ledger, in_order
from streams.stage import Fact, Input

_SECOND: Final = 1_000_000


class _Waiting(msgspec.Struct, array_like=True):
    """What an account's clocks are, and what lies beyond them."""

    account: str
    marks: dict[str, dict[int, int]]  # by site, by calls partition
    now: int
    events: list[tuple[str, ChannelEvent]]  # site, event


class Account:
    """The ledger of one account, and its clock: the least of all its sites and calls partitions.

    A site is gone when it lies more than `gone_us` (None: never) behind the most advanced one with all its
    partitions; it holds the clock again when it has caught up. What it says of the time between counts from
    now, and is counted (`channel_events_late`).
    """

    def __init__(self, account: str, partitions: int, channels_max: int, gone_us: int | None) -> None:
        self.account, self._partitions, self._gone_us = account, partitions, gone_us
        self.ledger = Ledger(channels_max)
        self.waiting = _Waiting(account, {}, NOT_STARTED, [])
        self.changed = False

    def take(self, batch: ChannelBatch) -> None:
        """Queue a batch's events and take its clock."""
        marks = self.waiting.marks.setdefault(batch.site, dict.fromkeys(range(self._partitions), NOT_STARTED))
        marks[batch.source] = max(marks.get(batch.source, NOT_STARTED), batch.clock_us)
        self.waiting.events += [(batch.site, event) for event in batch.events]
        self.changed = True

    def advance(self, counters: Counter[str]) -> list[Fact]:
        """Apply what lies before the clock, in event-time order."""
        waiting = self.waiting
        now = max(self._clock(), waiting.now)
        events = in_order(waiting.events)
        if len(events) > CHANNEL_EVENTS_MAX:
            counters["channel_clock_forced"] += 1
            now = max(now, events[-CHANNEL_EVENTS_MAX][1].time_us)
        due = [each for each in events if each[1].time_us < now or now >= END_OF_CAPTURE]
        counters["channel_events_late"] += sum(event.time_us < waiting.now for _, event in due)
        waiting.events, waiting.now = events[len(due) :], now
        facts = []
        for site, event in due:
            if event.taken:
                facts.append(self._decide(site, event, counters))
            else:
                self.ledger.give_back(event.cdr_id)
        return facts

    def _clock(self) -> int:
        marks = self.waiting.marks.values()
        latest = max([mark for site in marks for mark in site.values() if mark < END_OF_CAPTURE], default=0)
        gone = NOT_STARTED if self._gone_us is None else latest - self._gone_us
        return min([min(site.values()) for site in marks if max(site.values()) >= gone])

    def _decide(self, site: str, event: ChannelEvent, counters: Counter[str]) -> Fact:
        channel = self.ledger.take(site, event)
        counters["channels_refused"] += not channel.admitted
        decision = ChannelDecision(
            self.account, site, event.cdr_id, event.call_id, channel.admitted, channel.in_use
        )
        key = routing(self.account, site, event.call_id)
        return Fact("channel.decisions", key, event.cdr_id.encode(), decision)


class Channels:
    """One partition of the stage: the accounts that hash to it. `calls` partitions speak to it.

    `counters` has the calls over the limit and what came late; `in_use` the channels taken, by account.
    """

    inputs = ("channels",)

    def __init__(self, calls: int, channels_max: int, gone_s: int = 0) -> None:
        self.counters: Counter[str] = Counter()
        self._accounts: dict[str, Account] = {}
        self._settings = calls, channels_max, gone_s * _SECOND or None

    @property
    def in_use(self) -> dict[str, int]:
        """Channels taken, by account."""
        return {name: account.ledger.in_use for name, account in self._accounts.items()}

    def step(self, inputs: Iterable[Input]) -> list[Fact]:
        """Take the batches, then decide what the clocks allow."""
        touched: dict[str, Account] = {}
        for _, batch in inputs:
            account = touched[batch.account] = self._account(batch.account)
            account.take(batch)
        return [fact for account in touched.values() for fact in account.advance(self.counters)]

    def _account(self, name: str) -> Account:
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account(name, *self._settings)
        return account

    def changes(self) -> dict[bytes, bytes | None]:
        """State changed since the last call, by key; None deletes."""
        changes: dict[bytes, bytes | None] = {}
        for name, account in self._accounts.items():
            if account.changed:
                account.changed = False
                changes[b"account/" + name.encode()] = _encode(account.waiting)
            for cdr_id, value in account.ledger.changes():
                changes[b"channel/" + _encode((name, cdr_id))] = value
        return changes

    def restore(self, state: Mapping[bytes, bytes]) -> None:
        """Take over all that `changes` gave; the stage must be new."""
        channels: dict[str, dict[str, bytes]] = {}
        for key, value in state.items():
            if key.startswith(b"account/"):
                waiting = _waiting(value)
                self._account(waiting.account).waiting = waiting
            else:
                name, cdr_id = _channel_key(key.removeprefix(b"channel/"))
                channels.setdefault(name, {})[cdr_id] = value
        for name, held in channels.items():
            self._account(name).ledger.restore(held)


_encode: Final = msgspec.msgpack.Encoder().encode
_waiting: Final = msgspec.msgpack.Decoder(_Waiting).decode
_channel_key: Final = msgspec.msgpack.Decoder(tuple[str, str]).decode
