"""One account's channels: which calls hold one, and which found none free.

Events come in event-time order. A call that found no channel holds none, so it keeps nobody else out.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from schemas.channels import ChannelEvent

LEG_US: Final = 10_000_000
"""A leg heard by another sensor within this time of the first is the same call."""

LEG_DIGITS: Final = 6
"""Last digits by which the numbers of two legs are compared; between them prefixes may be added."""

Numbers = tuple[str, str]
Sensor = tuple[str, str]
"""Site, sensor."""


class Channel(msgspec.Struct, gc=False):
    """A call, of one leg or more, that took a channel or (not admitted) asked in vain. Changed in place."""

    taken_us: int
    numbers: Numbers
    sensors: list[Sensor]  # of its legs, all that there were
    legs: list[str]  # cdr_ids in progress, the first names the channel where it is stored
    admitted: bool
    in_use: int  # channels, itself counted, when it asked


class Ledger:
    """The channels of one account. `in_use` of `channels_max` are taken."""

    def __init__(self, channels_max: int) -> None:
        self.channels_max = channels_max
        self.in_use = 0
        self._of_call: dict[str, Channel] = {}
        self._by_numbers: dict[Numbers, list[Channel]] = {}
        self._changed: set[str] = set()

    def take(self, site: str, event: ChannelEvent) -> Channel:
        """A call asks for a channel; the one it shares, or a new one, admitted or not."""
        known = self._of_call.get(event.cdr_id)
        if known is not None:
            return known
        sensor, numbers = (site, event.sensor), _numbers(event)
        channel = self._of_other_sensor(sensor, numbers, event.time_us)
        if channel is None:
            admitted = self.in_use < self.channels_max
            channel = Channel(event.time_us, numbers, [], [], admitted, self.in_use + 1)
            self.in_use += admitted
            self._by_numbers.setdefault(numbers, []).append(channel)
        channel.sensors.append(sensor)
        self._hold(event.cdr_id, channel)
        return channel

    def give_back(self, cdr_id: str) -> None:
        """A call has ended; with the last leg its channel is free."""
        channel = self._of_call.pop(cdr_id, None)
        if channel is None:
            return
        channel.legs.remove(cdr_id)
        self._changed.update((cdr_id, *channel.legs))
        if not channel.legs:
            self.in_use -= channel.admitted
            self._forget(channel)

    def _hold(self, cdr_id: str, channel: Channel) -> None:
        channel.legs.append(cdr_id)
        self._of_call[cdr_id] = channel
        self._changed.update(channel.legs)

    def _of_other_sensor(self, sensor: Sensor, numbers: Numbers, time_us: int) -> Channel | None:
        """The call in progress of which this is another sensor's leg."""
        if not all(numbers):
            return None
        for channel in self._by_numbers.get(numbers, ()):
            if abs(time_us - channel.taken_us) <= LEG_US and sensor not in channel.sensors:
                return channel
        return None

    def _forget(self, channel: Channel) -> None:
        alike = self._by_numbers[channel.numbers]
        alike[:] = [other for other in alike if other is not channel]
        if not alike:
            del self._by_numbers[channel.numbers]

    # --- state ---

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Channels changed since the last call, by the cdr_id of their first leg; None deletes."""
        for cdr_id in sorted(self._changed):
            channel = self._of_call.get(cdr_id)
            first = channel is not None and channel.legs[0] == cdr_id
            yield cdr_id, _encode(channel) if first else None
        self._changed.clear()

    def restore(self, channels: Mapping[str, bytes]) -> None:
        """Take over what `changes` gave; the ledger must be new."""
        for channel in sorted(map(_decode, channels.values()), key=_order):
            self._by_numbers.setdefault(channel.numbers, []).append(channel)
            self._of_call.update(dict.fromkeys(channel.legs, channel))
            self.in_use += channel.admitted


def in_order(events: Iterable[tuple[str, ChannelEvent]]) -> list[tuple[str, ChannelEvent]]:
    """(Site, event) as they are applied: by time, what is given back before what is taken, then by call."""
    return sorted(events, key=lambda each: (each[1].time_us, each[1].taken, each[1].cdr_id))


def _numbers(event: ChannelEvent) -> Numbers:
    return _last_digits(event.caller), _last_digits(event.callee)


def _last_digits(number: str) -> str:
    return "".join(letter for letter in number if letter.isdigit())[-LEG_DIGITS:]


def _order(channel: Channel) -> tuple[int, str]:
    return channel.taken_us, channel.legs[0]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Channel).decode
